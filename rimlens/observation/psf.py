"""Point-spread functions: what is accepted, and how they are binned and trimmed.

The center of a stamp is its geometric center: the middle pixel for an odd size, the point between
the two middle pixels for an even one.
"""

from __future__ import annotations

import warnings

import numpy as np
from astropy.wcs import WCS, WcsError
from astropy.wcs.utils import proj_plane_pixel_area

from rimlens.arguments import without_mask
from rimlens.errors import InputError, RimlensWarning

# A stamp may be larger than the image (real ones are) if it is not much larger and if what lies
# beyond the size of the image is a faint wing.
OVERSIZE = 1.5
WING_TOLERANCE = 0.01
# A point-spread function that is farther off moves the source by more than its own error.
CENTER_TOLERANCE = 0.5
# Pixel scales in headers round to a few digits, and those of pixels that are not square differ.
SCALE_TOLERANCE = 0.03
# Half a pixel's shift by cubic convolution (Keys 1981, IEEE Trans. ASSP 29, 1153): of the short
# kernels it is one that does not widen what it shifts, the second moment being zero.
_HALF_PIXEL = np.array([-1.0, 9.0, 9.0, -1.0]) / 16.0


def checked_stamp(psf):
    """Return a point-spread function as finite numbers on two axes, with a positive sum.

    Parameters
    ----------
    psf : array_like
        A stamp of any size and pixel scale.

    Returns
    -------
    ndarray
        A copy, not normalized.

    Raises
    ------
    InputError
        If it is missing, masked somewhere, not finite, not two-dimensional, or without positive
        sum.
    """
    if psf is None:
        raise InputError(
            "psf: the observation has no point-spread function; give one at the pixel scale of "
            "the image"
        )
    psf = without_mask(psf, "psf")
    try:
        psf = np.array(psf, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"psf: an array of numbers is wanted: {error}") from error
    if psf.ndim != 2 or psf.size == 0:
        raise InputError(f"psf: two axes are wanted, found the shape {psf.shape}")
    bad = np.count_nonzero(~np.isfinite(psf))
    if bad:
        raise InputError(f"psf: {bad} of {psf.size} pixels are NaN or infinite; repair it first")
    if (total := psf.sum()) <= 0:
        raise InputError(
            f"psf: a positive sum is wanted, found {total:.4g}; is this the point-spread function?"
        )
    return psf


def normalize_psf(psf, image_shape):
    """Check a point-spread function and return it with a sum of 1.

    Parameters
    ----------
    psf : array_like
        Stamp at the pixel scale of the image, of odd or even size.
    image_shape : tuple of int
        ``(ny, nx)`` of the image.

    Returns
    -------
    ndarray
        Shape ``(ky, kx)``.

    Raises
    ------
    InputError
        If it is missing, masked somewhere, not finite, not two-dimensional, without positive sum
        or too large.

    Warns
    -----
    RimlensWarning
        If its core is more than half a pixel off the center of the stamp.
    """
    psf = checked_stamp(psf)
    if not _fits(psf, image_shape):
        raise InputError(
            f"psf: the stamp of {psf.shape} is larger than the image of {image_shape}; trim it "
            "about its center"
        )
    offset = _core(psf) - (np.array(psf.shape) - 1) / 2
    if np.hypot(*offset) > CENTER_TOLERANCE:
        warnings.warn(
            f"psf: its core lies {offset[1]:+.2f} columns and {offset[0]:+.2f} rows off the "
            "center of its stamp and will move the image by as much; center it first",
            RimlensWarning,
            stacklevel=3,
        )
    total = psf.sum()
    # A sum of 1 to rounding stays as it is, so that a file gives back what was written.
    return psf if abs(total - 1) < 1e-12 else psf / total


def bin_psf(psf, factor):
    """Return the point-spread function of pixels `factor` times as large, about the same center.

    Parameters
    ----------
    psf : ndarray
        Shape ``(ky, kx)``.
    factor : int
        Pixels a side that become one.

    Returns
    -------
    ndarray
        Sum 1. Its size is odd where it can be. Where the size is odd and the factor even no pixels
        are symmetric about the center, and the stamp is first moved by half a pixel.
    """
    for axis in (0, 1):
        psf = np.apply_along_axis(_binned_row, axis, psf, factor)
    return psf / psf.sum()


def stamp_at_scale(psf, header, pixel_scale):
    """Return a point-spread function from a file at the pixel scale of its image.

    Programs that compute point-spread functions (STPSF, TinyTim) write them with finer pixels than
    the detector's and say so in the header: by ``PIXELSCL``, ``PIXSCALE`` or a WCS, or by the
    factor ``OVERSAMP``.

    Parameters
    ----------
    psf : ndarray
        Shape ``(ky, kx)``.
    header : astropy.io.fits.Header
        Of the stamp.
    pixel_scale : float
        Of the image, in arcsec.

    Returns
    -------
    ndarray
        Binned about its center where the header states finer pixels.

    Raises
    ------
    InputError
        If the pixels of the image are no whole number of the stamp's a side.

    Warns
    -----
    RimlensWarning
        If it was binned.
    """
    keyword, value, ratio = stated_pixels(header, pixel_scale)
    factor = round(ratio)
    if abs(ratio - 1) < SCALE_TOLERANCE or psf.ndim != 2:
        return psf
    if factor < 1 or abs(ratio / factor - 1) > SCALE_TOLERANCE:
        raise InputError(
            f"its header states {keyword} = {value:g}, by which a pixel of the image is "
            f"{ratio:.3g} of its pixels wide; a whole number is wanted: resample it to "
            f"{pixel_scale:g} arcsec"
        )
    warnings.warn(
        f"psf: its header states {keyword} = {value:g}; it was binned by {factor} to the pixels "
        f"of the image, {pixel_scale:g} arcsec",
        RimlensWarning,
        stacklevel=2,
    )
    return bin_psf(psf, factor)


def stated_pixels(header, pixel_scale):
    """Return what states a stamp's pixels, its value, and how many fit in one of the image.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Of the stamp.
    pixel_scale : float
        Of the image, in arcsec.

    Returns
    -------
    keyword : str
        For a message; ``"nothing"`` if nothing states them.
    value : float
        Its value.
    ratio : float
        Side of a pixel of the image in pixels of the stamp, 1 if nothing states them.
    """
    for keyword in ("PIXELSCL", "PIXSCALE"):
        value = header.get(keyword)
        if _is_positive(value):
            return keyword, value, pixel_scale / value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            wcs = WCS(header, naxis=2)
            if wcs.has_celestial:
                value = float(proj_plane_pixel_area(wcs)) ** 0.5 * 3600
                return "a WCS with pixels", value, pixel_scale / value
        except (WcsError, ValueError, KeyError, MemoryError):
            pass
    for keyword in ("OVERSAMP", "OVERSAMPLE", "OVERSAMPLING"):
        value = header.get(keyword)
        if _is_positive(value):
            return keyword, value, float(value)
    return "nothing", 1.0, 1.0


def _is_positive(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < np.inf


def trim_psf(psf, image_shape):
    """Return the point-spread function, trimmed to an image for which it is too large."""
    if _fits(psf, image_shape):
        return psf
    trimmed = _trimmed(psf, image_shape)
    return trimmed / trimmed.sum()


def equivalent_fwhm(psf: np.ndarray) -> float:
    r"""Return the full width at half maximum of the Gaussian with the same noise-equivalent area.

    The area is :math:`1 / \sum p^2 = 4 \pi \sigma^2` (King 1983, PASP 95, 163), which is well
    defined where a half-maximum contour is not: in an undersampled point-spread function.

    Parameters
    ----------
    psf : ndarray
        A stamp, shape ``(ky, kx)``; it need not be normalized.

    Returns
    -------
    float
        In pixels.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[-10:11, -10:11]
    >>> round(equivalent_fwhm(np.exp(-(x**2 + y**2) / 8)), 2)
    4.71
    """
    psf = np.asarray(psf, dtype=float)
    area = psf.sum() ** 2 / (psf**2).sum()
    return float(np.sqrt(8 * np.log(2)) * np.sqrt(area / (4 * np.pi)))


def _binned_row(row, factor):
    if factor % 2 == 0 and row.size % 2 == 1:
        row = np.convolve(row, _HALF_PIXEL)
    blocks = -(-row.size // factor)
    # Only with as many pixels to the left as to the right does the center stay.
    odd = factor % 2 == 0 or row.size % 2 == 1
    blocks += (blocks % 2 == 1) != odd
    return np.pad(row, (blocks * factor - row.size) // 2).reshape(blocks, factor).sum(axis=1)


def _trimmed(psf, image_shape):
    cuts = (max(0, -(-(k - n) // 2)) for k, n in zip(psf.shape, image_shape))
    return psf[tuple(slice(cut, k - cut) for cut, k in zip(cuts, psf.shape))]


def _fits(psf, image_shape):
    if all(k <= n for k, n in zip(psf.shape, image_shape)):
        return True
    if any(k > OVERSIZE * n for k, n in zip(psf.shape, image_shape)):
        return False
    return abs(psf.sum() - _trimmed(psf, image_shape).sum()) <= WING_TOLERANCE * psf.sum()


def _core(psf):
    """Return ``(row, column)`` of the centroid of what is brighter than half the peak."""
    core = np.where(psf >= 0.5 * psf.max(), psf, 0.0)
    rows, columns = np.indices(psf.shape)
    return np.array([(rows * core).sum(), (columns * core).sum()]) / core.sum()
