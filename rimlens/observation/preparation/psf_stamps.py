"""A point-spread function on the pixels of an image, from a file, a model or a width.

What is measured from stars in the image does not belong here.
"""

from __future__ import annotations

import math
import numbers
import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u

from rimlens.arguments import finite_numbers, positive_angle
from rimlens.errors import InputError, RimlensWarning
from rimlens.observation.axes import sky_axes
from rimlens.observation.preparation.stamp_grid import odd_size, resampled_stamp, sized_stamp
from rimlens.observation.psf import (
    SCALE_TOLERANCE,
    bin_psf,
    checked_stamp,
    normalize_psf,
    stated_pixels,
)
from rimlens.observation.wcs import image_wcs, pixel_scale_of

if TYPE_CHECKING:
    from astropy.modeling import Model
    from astropy.nddata import NDData
    from astropy.wcs import WCS

    from rimlens.typing import ArrayLike, PathLike

# Half the side of the stamp of a Gaussian in full widths at half maximum: six standard deviations.
_GAUSSIAN_REACH = 2.5
# Axes that agree to this angle are not turned: over 50 pixels, less than a tenth of one.
_SAME_ANGLE = np.deg2rad(0.1)
# By which programs of HST and JWST state where the rows of a stamp point, in degrees from north to
# east.
_POSITION_ANGLES = ("ORIENTAT", "PA_APER")
# Models of photutils that are averages over pixels already.
_AVERAGED = (
    "CircularGaussianPRF",
    "CircularGaussianSigmaPRF",
    "GaussianPRF",
    "GriddedPSFModel",
    "ImagePSF",
)


def psf_stamp(
    what: u.Quantity | float | Model | PathLike | ArrayLike,
    image: NDData,
    size: int | None = None,
    *,
    extension: str | int | None = None,
    position_angle: u.Quantity | float | None = None,
    pixel_scale: u.Quantity | float | None = None,
) -> np.ndarray:
    """Return a point-spread function on the pixels of an image.

    Parameters
    ----------
    what : Quantity, float, Model, path-like or array_like
        One of

        - the full width at half maximum of a Gaussian, an angle (a text such as ``"0.1arcsec"``
          too) or a number of pixels;
        - a model of `photutils.psf` or `astropy.modeling`, in pixels of the image, about its own
          ``x_0`` and ``y_0`` (or ``x_mean`` and ``y_mean``); it is averaged over the pixels,
          unless it is an average already (photutils' PRF models and ePSFs);
        - a FITS file, ``"psf.fits"`` or ``"psf.fits[EXT]"``.  Where its header states other
          pixels (``PIXELSCL``, ``PIXSCALE``, a WCS, ``OVERSAMP``) or another orientation (a WCS,
          ``ORIENTAT`` or ``PA_APER``) than the image's, it is resampled;
        - a stamp at the pixel scale and orientation of the image.
    image : NDData
        A `CCDData` or an `Observation`, for instance.
    size : int, optional
        Odd number of pixels a side.  By default all of the stamp, the box of the model, or five
        times the width of the Gaussian, and not more than the image has.
    extension : str or int, optional
        Of a file; by default ``PSF``, else its first image.
    position_angle : Quantity or float, optional
        Of the stamp's y axis, from north to east, in degrees if it has no unit; for a file whose
        header does not state it.
    pixel_scale : Quantity or float, optional
        For an image without WCS, the side of a pixel, in arcsec if it has no unit.

    Returns
    -------
    ndarray
        Shape ``(size, size)``, sum 1, the center on the middle pixel.

    Raises
    ------
    FileFormatError
        If the file is missing, is not FITS or is damaged.
    InputError
        If there is no such extension, if the stamp holds NaN or has no positive sum, if the size
        is not odd, or if an angle is given for an image without WCS and pixel scale.

    Warns
    -----
    RimlensWarning
        If the core is more than half a pixel off the center, or if the pixels of a file are larger
        than the image's, so that what it gives is too wide.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> from rimlens.observation.preparation.psf_stamps import psf_stamp
    >>> image = CCDData(np.zeros((50, 50)), unit="electron / s")
    >>> stamp = psf_stamp(2.5, image)
    >>> stamp.shape, round(float(stamp.max()), 3)
    ((13, 13), 0.131)
    """
    from astropy.modeling import Model

    if size is not None:
        size = odd_size(size)
    what = _width_of_text(what)
    if isinstance(what, Model):
        stamp = _from_model(what, image, size)
    elif isinstance(what, (str, os.PathLike)):
        stamp = _from_file(what, extension, image, size, position_angle, pixel_scale)
    elif _is_number(what):
        stamp = _gaussian(what, image, size, pixel_scale)
    else:
        stamp = _with_odd_size(checked_stamp(what), size, image)
    return normalize_psf(stamp, image.data.shape)


def _width_of_text(what):
    """Return the width that a text states, or what was given where it is a file or no text."""
    if not isinstance(what, str) or os.path.exists(what):
        return what
    try:
        return u.Quantity(what)
    except (TypeError, ValueError):
        return what


def _is_number(what):
    return isinstance(what, numbers.Real) or (isinstance(what, u.Quantity) and what.isscalar)


def _largest(image):
    """Return the largest odd size that an image has room for."""
    shorter = min(image.data.shape)
    return shorter - (shorter % 2 == 0)


def _image_scale(image, pixel_scale):
    return pixel_scale_of(image_wcs(image.wcs, image.data.shape, pixel_scale))


def _gaussian(fwhm, image, size, pixel_scale):
    from photutils.psf import CircularGaussianPRF

    if isinstance(fwhm, u.Quantity) and fwhm.unit != u.pix and fwhm.unit.physical_type == "angle":
        pixels = positive_angle(fwhm, "what") / _image_scale(image, pixel_scale)
    else:
        plain = fwhm / u.pix if isinstance(fwhm, u.Quantity) and fwhm.unit == u.pix else fwhm
        pixels = float(finite_numbers(plain, "what"))
    if pixels <= 0:
        raise InputError(f"what: a positive width at half maximum is wanted, found {fwhm}")
    if size is None:
        size = min(2 * math.ceil(_GAUSSIAN_REACH * pixels - 0.5) + 1, _largest(image))
    along = np.arange(size) - (size - 1) / 2
    return CircularGaussianPRF(fwhm=pixels)(*np.meshgrid(along, along))


def _from_model(model, image, size):
    if model.n_inputs != 2 or model.n_outputs != 1:
        raise InputError(
            f"what: a model of two coordinates is wanted, found {type(model).__name__}"
        )
    if size is None:
        size = min(_model_size(model), _largest(image))
    names = next(
        (n for n in (("x_0", "y_0"), ("x_mean", "y_mean")) if n[0] in model.param_names), ()
    )
    x0, y0 = (float(getattr(model, name).value) for name in names) if names else (0.0, 0.0)
    count = 1 if type(model).__name__ in _AVERAGED else 10
    # Of a function that is smooth within a pixel, ten points a side give the mean to rounding.
    nodes, weights = np.polynomial.legendre.leggauss(count)
    along = (np.arange(size)[:, None] - (size - 1) / 2 + nodes / 2).ravel()
    values = model(*np.meshgrid(x0 + along, y0 + along)).reshape(size, count, size, count)
    return checked_stamp(np.einsum("iajb,a,b->ij", values, weights, weights))


def _model_size(model):
    try:
        box = model.bounding_box
    except NotImplementedError:
        raise InputError(
            f"size: the model {type(model).__name__} has no bounding box; give the size of the "
            "stamp in pixels"
        ) from None
    low, high = box.bounding_box()[0]
    return 2 * math.ceil((high - low) / 2 - 0.5) + 1


def _from_file(path, extension, image, size, position_angle, pixel_scale):
    from rimlens.observation.reading import read_stamp

    found = read_stamp(path, extension)
    try:
        stamp = checked_stamp(found.values)
        matrix = _to_stamp(found, image, position_angle, pixel_scale)
    except InputError as error:
        raise InputError(f"{found}: {error}") from error
    ratio = math.sqrt(abs(np.linalg.det(matrix)))
    if ratio < 1 - SCALE_TOLERANCE:
        warnings.warn(
            f"{found}: its pixels are {1 / ratio:.3g} times as wide as those of the image "
            "and blur it by as much; use one with finer pixels",
            RimlensWarning,
            stacklevel=4,
        )
    factor = round(ratio)
    if factor >= 1 and np.allclose(matrix, factor * np.eye(2), atol=SCALE_TOLERANCE * ratio):
        binned = bin_psf(stamp, factor) if factor > 1 else stamp
        return _with_odd_size(binned, size, image)
    if size is None:
        # The corners of a stamp that is turned are cut off.
        size = min(2 * int((min(stamp.shape) - ratio) / (2 * ratio)) + 1, _largest(image))
    return resampled_stamp(stamp, matrix, size)


def _with_odd_size(stamp, size, image):
    """Return a stamp of the image's pixels about one of them, moved by half of one if even."""
    if any(n % 2 == 0 for n in stamp.shape):
        own = min(stamp.shape)
        return resampled_stamp(
            stamp, np.eye(2), size or min(own - (own % 2 == 0), _largest(image))
        )
    if size is None and len(set(stamp.shape)) > 1:
        size = min(*stamp.shape, _largest(image))
    return stamp if size is None else sized_stamp(stamp, size)


def _to_stamp(found, image, position_angle, pixel_scale):
    """Return what takes a step in pixels of the image to one in pixels of a stamp in a file."""
    if image.wcs is None and pixel_scale is None:
        # What is stated by a factor needs no scale.
        keyword, value, ratio = stated_pixels(found.header, 1.0)
        if keyword != "nothing" and not keyword.startswith("OVERSAMP"):
            image_wcs(None, image.data.shape, None)
    else:
        ratio = stated_pixels(found.header, _image_scale(image, pixel_scale))[2]
    if abs(ratio - 1) < SCALE_TOLERANCE:
        ratio = 1.0
    stamp_axes = _stamp_axes(found, position_angle)
    if stamp_axes is None or image.wcs is None:
        return ratio * np.eye(2)
    turn = stamp_axes.T @ _axes(image.wcs, image.data.shape)
    angle = math.atan2(turn[1, 0], turn[0, 0])
    if np.linalg.det(turn) > 0 and abs(angle) < _SAME_ANGLE:
        turn = np.eye(2)
    return ratio * turn


def _axes(wcs: WCS, shape: tuple[int, ...]) -> Any:
    return sky_axes(wcs, ((shape[1] - 1) / 2, (shape[0] - 1) / 2))


def _stamp_axes(found, position_angle):
    """Return which way the axes of a stamp point on the sky, None if nothing says so."""
    if position_angle is not None:
        angle = float(finite_numbers(position_angle, "position_angle", u.deg))
    elif found.wcs is not None:
        return _axes(found.wcs, found.values.shape)
    else:
        stated = (found.header.get(keyword) for keyword in _POSITION_ANGLES)
        angle = next((float(a) for a in stated if isinstance(a, (int, float))), None)
        if angle is None:
            return None
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    # East is to the left of north in a stamp that has a position angle and no WCS.
    return np.array([[cosine, -sine], [sine, cosine]])
