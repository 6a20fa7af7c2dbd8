"""The point-spread function of a stamp: its width, and its change to a given one."""

from __future__ import annotations

import numpy as np

from rimlens.errors import InputError

# Part of the largest power of a point-spread function below which it is not divided by.
_REGULARIZATION = 1e-4


def center_psf(psf: np.ndarray) -> np.ndarray:
    """Return the largest part of a point-spread function with odd sides, its peak in the middle.

    Parameters
    ----------
    psf : ndarray
        Shape ``(ky, kx)``.

    Returns
    -------
    ndarray
        Square, of sum one.

    Examples
    --------
    >>> import numpy as np
    >>> center_psf(np.pad([[0, 1, 0], [1, 4, 1], [0, 1, 0]], ((0, 1), (1, 2)))).shape
    (3, 3)
    """
    peak = np.unravel_index(np.argmax(psf), psf.shape)
    reach = min(min(p, n - 1 - p) for p, n in zip(peak, psf.shape))
    middle = psf[tuple(slice(p - reach, p + reach + 1) for p in peak)]
    return middle / middle.sum()


def homogenize(image: np.ndarray, psf: np.ndarray, fwhm: float) -> tuple[np.ndarray, np.ndarray]:
    r"""Give an image a Gaussian point-spread function.

    The image is convolved with

    .. math::
        K = \mathcal{F}^{-1} \left[ \frac{T S^*}{|S|^2 + \lambda \max |S|^2} \right]

    where :math:`S` and :math:`T` are the transforms of its point-spread function and of the
    Gaussian, and :math:`\lambda = 10^{-4}` (`photutils.psf_matching.make_wiener_kernel`).

    Parameters
    ----------
    image : ndarray
        Shape ``(ny, nx)``, dark outside.
    psf : ndarray
        Its point-spread function, square, odd sides.
    fwhm : float
        Full width at half maximum of the Gaussian in pixels.

    Returns
    -------
    image, psf : ndarray
        The image and what has become of its point-spread function.

    Raises
    ------
    InputError
        If the Gaussian is narrower than the point-spread function.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[-15:16, -15:16]
    >>> narrow = np.exp(-(x**2 + y**2) / 4)
    >>> image, psf = homogenize(narrow, narrow / narrow.sum(), 6.0)
    >>> wide = np.exp(-4 * np.log(2) * (x**2 + y**2) / 36)
    >>> bool(np.abs(psf / psf.max() - wide).max() < 0.01)
    True
    """
    from astropy.convolution import convolve_fft
    from photutils.psf_matching import make_wiener_kernel

    from rimlens.imaging import equivalent_fwhm

    width = equivalent_fwhm(psf)
    if fwhm < width:
        raise InputError(
            f"psf_fwhm: at least the {width:.3g} pixels of the stamp's own PSF are wanted, found "
            f"{fwhm:.3g}"
        )
    reach = max(len(psf) // 2, int(np.ceil(2 * fwhm)))
    psf = np.pad(psf, reach - len(psf) // 2)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    target = np.exp(-4 * np.log(2) * (x**2 + y**2) / fwhm**2)
    kernel = make_wiener_kernel(psf, target / target.sum(), regularization=_REGULARIZATION)
    matched = (
        convolve_fft(values, kernel, boundary="fill", fill_value=0.0, allow_huge=True)
        for values in (image, psf)
    )
    return tuple(matched)
