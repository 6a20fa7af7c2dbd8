r"""Fields of any pixel scale: cropping, tapering, padding and resampling of images.

Images hold surface brightness, which resampling leaves alone: where pixels of the side
:math:`\delta` have the values :math:`s_i`, the flux is :math:`\delta^2 \sum s_i` before and after.
"""

from __future__ import annotations

import math

import numpy as np

# Pixels of zeros, on the coarser of the two grids, that the kernel of the resampling may reach.
_MARGIN = 6
# A ratio of pixel scales this close to one needs no resampling.
_SAME = 1e-6


def taper(image: np.ndarray, fraction: float) -> np.ndarray:
    """Let an image fall to zero at its edges, by a raised cosine.

    Parameters
    ----------
    image : ndarray
        Shape ``(ny, nx)``.
    fraction : float
        Part of either side, at each of its ends, over which it falls; from 0 to 0.5.

    Returns
    -------
    ndarray
        Shape ``(ny, nx)``.

    Examples
    --------
    >>> import numpy as np
    >>> taper(np.ones((1, 9)), 0.0)[0, :3]
    array([1., 1., 1.])
    >>> taper(np.ones((9, 9)), 0.25)[4, :4]
    array([0. , 0.5, 1. , 1. ])
    """
    from scipy.signal.windows import tukey

    if fraction == 0.0:
        return image
    window_y, window_x = (tukey(n, 2 * fraction) if n > 2 else np.ones(n) for n in image.shape)
    return image * window_y[:, None] * window_x


def crop(image: np.ndarray, size: float) -> np.ndarray:
    """Cut an image to at most `size` pixels a side, evenly at both ends.

    Parameters
    ----------
    image : ndarray
        Shape ``(ny, nx)``.
    size : float
        Longest side in pixels.

    Returns
    -------
    ndarray
        With the same center.

    Examples
    --------
    >>> import numpy as np
    >>> crop(np.zeros((12, 5)), 9.0).shape
    (8, 5)
    """
    cuts = (max(0, math.ceil((n - size) / 2)) for n in image.shape)
    return image[tuple(slice(cut, n - cut) for cut, n in zip(cuts, image.shape))]


def resample(
    image: np.ndarray, pixel_scale: float, new_scale: float, shape: tuple[int, ...]
) -> np.ndarray:
    """Bring an image, dark outside, to another grid with the same center.

    Where the pixel scale changes, a Gaussian of 1.3 pixels of the coarser grid is the kernel of a
    weighted mean (`reproject.reproject_adaptive`; DeForest 2004, Solar Phys. 219, 3), which
    neither aliases nor shifts; it widens the point-spread function, which is to be resampled
    likewise.  At the same scale values are left alone, and where an odd side becomes even the
    center moves by half a pixel.

    Parameters
    ----------
    image : ndarray
        Surface brightness, shape ``(ny, nx)``.
    pixel_scale, new_scale : float
        Of the image and of the result, in one unit.
    shape : tuple of int
        Of the result.

    Returns
    -------
    ndarray
        Surface brightness, of the shape that is wanted.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[-31.5:32, -31.5:32]
    >>> galaxy = np.exp(-(x**2 + y**2) / 72)
    >>> found = resample(galaxy, 0.03, 0.05, (40, 40))
    >>> bool(abs(found.sum() * 0.05**2 / (galaxy.sum() * 0.03**2) - 1) < 1e-3)
    True
    """
    if abs(new_scale / pixel_scale - 1) < _SAME:
        return _centered(image, shape)
    from reproject import reproject_adaptive

    margin = _MARGIN * max(new_scale / pixel_scale, 1.0)
    # Sides keep their parity, and with it the center its place.
    padded = tuple(
        n + 2 * max(0, math.ceil((m * new_scale / pixel_scale - n) / 2 + margin))
        for n, m in zip(image.shape, shape)
    )
    return reproject_adaptive(
        (_centered(image, padded), _linear_wcs(padded, pixel_scale)),
        _linear_wcs(shape, new_scale),
        shape_out=shape,
        return_footprint=False,
    )


def _centered(image, shape):
    """Return an image of another shape, cut or with zeros around."""
    result = np.zeros(shape, dtype=image.dtype)
    here, there = [], []
    for n, m in zip(image.shape, shape):
        first, length = (n - m) // 2, min(n, m)
        here.append(slice(max(first, 0), max(first, 0) + length))
        there.append(slice(max(-first, 0), max(-first, 0) + length))
    result[tuple(there)] = image[tuple(here)]
    return result


def _linear_wcs(shape, pixel_scale):
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.crpix = [(n + 1) / 2 for n in reversed(shape)]
    wcs.wcs.cdelt = [pixel_scale, pixel_scale]
    return wcs
