"""Which pixels of a frame show the blank sky, and which show nothing at all."""

from __future__ import annotations

import numpy as np

# What cutout services write where they have no data.
_SENTINELS = (-99.0, -999.0, -9999.0)
# No pixel of an image holds as much; flags of missing data do.
_HUGE = 1e8
# This many zeros side by side at the edge are no chance.
_EMPTY = 4
# A source, for the purpose of looking beside it, stands this many times the scatter above the sky
# on this many pixels of the smoothed image, and reaches this many pixels beyond them.  A lower
# threshold would take peaks of the noise for sources, and the rest of the sky would be too dark.
_SIGMAS, _PIXELS, _MARGIN = 3.0, 5, 4
# Gaussians, in pixels, with which the image is smoothed: small sources, and wings of galaxies.
_SCALES = (1.5, 4.0)
# Differences this many smoothing lengths apart are independent.
_LAG = 3.0
_ITERATIONS = 5
# The sky scatters this much more than its pixels this far apart, at most; noise of neighbors is
# correlated where an image was resampled.
_LARGEST_SPREAD, _NEAR = 2.0, 3
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

    Sources are found in the image smoothed by Gaussians of 1.5 and of 4 pixels, in which the
    wings of galaxies stand out; a margin is left around them.  Where they fill the frame, its
    border is the best there is.

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
        Whether the border of the frame, a tenth of it wide, had to do.
    """
    from scipy import ndimage

    used = ~mask
    sources = np.zeros(data.shape, dtype=bool)
    for scale in _SCALES:
        share = ndimage.gaussian_filter(used.astype(float), scale)
        smooth = ndimage.gaussian_filter(np.where(used, data, 0.0), scale)
        smooth /= np.maximum(share, 1e-3)
        sources |= _sources(smooth, used, round(_LAG * scale))
    sources = ndimage.binary_dilation(sources, iterations=_MARGIN)
    blank = used & ~sources
    if np.count_nonzero(blank) >= _LEAST_BLANK * np.count_nonzero(used):
        values = data[blank]
        spread = np.median(np.abs(values - np.median(values))) / 0.6745
        # Where light fills the frame there is no flat sky, but a slope everywhere.
        if spread <= _LARGEST_SPREAD * _scatter(data, blank, _NEAR):
            return blank, False
    return _border(used), True


def _sources(smooth, used, lag):
    """Return what stands above the sky, whose level and scatter are measured beside it."""
    from astropy.stats import sigma_clipped_stats
    from photutils.segmentation import detect_sources

    sources = np.zeros(used.shape, dtype=bool)
    for _ in range(_ITERATIONS):
        sky = used & ~sources
        if np.count_nonzero(sky) < _LEAST_BLANK * np.count_nonzero(used):
            break
        mean, median, _ = sigma_clipped_stats(smooth[sky], sigma=2.5, maxiters=10)
        scatter = _scatter(smooth, sky, lag)
        if not scatter > 0:
            break
        threshold = 2.5 * median - 1.5 * mean + _SIGMAS * scatter
        found = _quietly(detect_sources, smooth, threshold, _PIXELS, mask=~used)
        sources = np.zeros(used.shape, dtype=bool) if found is None else found.data > 0
    return sources


def _scatter(smooth, sky, lag):
    """Return the scatter of the sky, in which the slopes of wings do not count."""
    steps = []
    for axis in (0, 1):
        first, second = (np.moveaxis(a, axis, 0) for a in (smooth, sky))
        both = second[lag:] & second[:-lag]
        steps.append((first[lag:] - first[:-lag])[both])
    steps = np.concatenate(steps)
    # The median of the difference of two normal deviates is 0.954 times their standard deviation.
    return float(np.median(np.abs(steps - np.median(steps)))) / 0.954 if steps.size else 0.0


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
