"""Which pixels of a frame show the blank sky, and which show nothing at all."""

from __future__ import annotations

import numpy as np

# What cutout services write where they have no data.
_SENTINELS = (-99.0, -999.0, -9999.0)
# No pixel of an image holds as much; flags of missing data do.
_HUGE = 1e8
# This many zeros side by side at the edge are no chance.
_EMPTY = 4
# A source, for the purpose of looking beside it, is this many times the scatter above the sky,
# on this many pixels, and reaches this many pixels beyond them.
_SIGMAS, _PIXELS, _MARGIN = 1.5, 5, 4
# With less of the frame left, sources fill it.
_LEAST_BLANK = 0.1


def empty_pixels(data):
    """Return where an image holds no data: NaN, flags of missing data, borders of exact zeros.

    Parameters
    ----------
    data : ndarray
        Shape ``(ny, nx)``.

    Returns
    -------
    ndarray of bool
        Zeros count where four or more of them hang together and touch the edge.
    """
    from scipy import ndimage

    with np.errstate(invalid="ignore"):
        empty = ~np.isfinite(data) | np.isin(data, _SENTINELS) | (np.abs(data) >= _HUGE)
    pieces, count = ndimage.label((data == 0) | empty)
    edge = np.unique(np.concatenate([pieces[[0, -1]].ravel(), pieces[:, [0, -1]].ravel()]))
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    border = [piece for piece in edge if piece and sizes[piece] >= _EMPTY]
    return empty | np.isin(pieces, border)


def blank_pixels(data, mask):
    """Return which pixels show the sky and no source.

    Sources are found in the image smoothed by a Gaussian of 1.5 pixels, in which the wings of
    galaxies stand out; a margin is left around them.  Where they fill the frame, its border is
    the best there is.

    Parameters
    ----------
    data : ndarray
        Shape ``(ny, nx)``.
    mask : ndarray of bool
        Pixels that are not to be used.

    Returns
    -------
    blank : ndarray of bool
        Not empty unless `mask` is full.
    border : bool
        Whether the border of the frame had to do.
    """
    from astropy.stats import sigma_clipped_stats
    from photutils.segmentation import detect_sources
    from scipy import ndimage

    used = ~mask
    share = ndimage.gaussian_filter(used.astype(float), 1.5)
    smooth = ndimage.gaussian_filter(np.where(used, data, 0.0), 1.5) / np.maximum(share, 1e-3)
    sources = np.zeros(data.shape, dtype=bool)
    for _ in range(3):
        if np.count_nonzero(used & ~sources) < _LEAST_BLANK * np.count_nonzero(used):
            break
        _, level, scatter = sigma_clipped_stats(smooth[used & ~sources], sigma=2.5, maxiters=10)
        if not scatter > 0:
            break
        found = _quietly(detect_sources, smooth, level + _SIGMAS * scatter, _PIXELS, mask=mask)
        sources = np.zeros_like(sources) if found is None else found.data > 0
        sources = ndimage.binary_dilation(sources, iterations=_MARGIN)
    blank = used & ~sources
    if np.count_nonzero(blank) >= _LEAST_BLANK * np.count_nonzero(used):
        return blank, False
    return _border(used), True


def _quietly(function, *arguments, **options):
    """Call a function of photutils, which warns where it finds nothing."""
    import warnings

    from photutils.utils.exceptions import NoDetectionsWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDetectionsWarning)
        return function(*arguments, **options)


def _border(used):
    """Return what is in use of the outermost tenth of the frame, or all if that is nothing."""
    height, width = (max(1, n // 10) for n in used.shape)
    border = used.copy()
    border[height:-height, width:-width] = False
    return border if border.any() else used
