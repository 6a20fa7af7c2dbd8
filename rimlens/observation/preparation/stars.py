"""The point-spread function of a frame from the stars in it.

Which sources are stars is decided here, and an effective point-spread function (Anderson & King
2000, PASP 112, 1360) built of them; functions that come from files do not belong here.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy.utils.exceptions import AstropyWarning

from rimlens.arguments import finite_numbers
from rimlens.errors import InputError, RimlensWarning
from rimlens.observation.image import mask_array
from rimlens.observation.preparation.stamp_grid import odd_size

if TYPE_CHECKING:
    from astropy.nddata import NDData
    from astropy.table import Table

# A source is found at this many times the noise of a smoothed frame, and a star is one whose
# brightest pixel is this many times the noise.
_DETECTION, _STAR_PEAK = 5.0, 20.0
# Stars are round, and as wide as each other to this fraction.
_ELLIPTICITY, _SAME_WIDTH = 0.2, 0.1
# Stars are the narrowest sources of one width: a group of this fraction of the largest suffices.
_SHARED = 0.2
# No source with this fraction of its light lies within a star's stamp; fainter ones are masked.
_COMPANION = 0.1
# Of a stamp, what may be masked.
_MASKED = 0.1
# The brightest stars suffice.
_MOST_STARS = 100
# Stars that the result fits worse than this many times the scatter of the others are left out.
_OUTLIER = 4.0
# What differs by more of its light than noise tells, in the root of the mean square, is not all
# of one shape.
_EXCESS = 0.03
# With fewer the noise of single stars is in the result.
_FEW_STARS = 4
_ADVICE = (
    "give the point-spread function as a file, or the width of a Gaussian at half maximum "
    "(psf_stamp)"
)


@dataclass(frozen=True)
class StarPSF:
    """A point-spread function and the stars that it was made of.

    Parameters
    ----------
    psf : ndarray
        Shape ``(size, size)``, sum 1, its center on the middle pixel.
    stars : Table
        ``x`` and ``y`` in pixels from 0, ``flux`` in the unit of the frame, ``fwhm`` in pixels,
        and ``residual``: the fraction of a star's light, in the root of the mean square, by which
        it differs from the point-spread function; its noise is part of that.
    """

    psf: np.ndarray
    stars: Table

    def __repr__(self):
        width = np.median(self.stars["fwhm"])
        return f"<StarPSF: {len(self.stars)} stars, {width:.2f} pixels wide>"


def psf_from_stars(
    frame: NDData,
    size: int = 25,
    *,
    fwhm: float | None = None,
    saturation: float | None = None,
) -> np.ndarray:
    """Return the point-spread function of a frame from its stars.

    Parameters
    ----------
    frame, size, fwhm, saturation
        As for `measure_star_psf`.

    Returns
    -------
    ndarray
        Shape ``(size, size)``, sum 1, its center on the middle pixel.

    Raises
    ------
    InputError
        As by `measure_star_psf`.
    """
    return measure_star_psf(frame, size, fwhm=fwhm, saturation=saturation).psf


def measure_star_psf(
    frame: NDData,
    size: int = 25,
    *,
    fwhm: float | None = None,
    saturation: float | None = None,
) -> StarPSF:
    """Return the point-spread function of a frame, and the stars that it was made of.

    Stars are round, alone in their stamps, neither masked nor saturated, and of one width: the
    smallest that several sources share.  What else lies in their stamps is masked.

    Parameters
    ----------
    frame : NDData
        Wide enough for some stars, without cosmic rays or with these masked.
    size : int, optional
        Odd number of pixels a side of the stamp.
    fwhm : float, optional
        Full width at half maximum of the stars in pixels, to 20 %; by default it is found.
    saturation : float, optional
        Value from which a pixel is saturated, in the unit of the frame; by default that of the
        keyword ``SATURATE``, if there is one.

    Returns
    -------
    StarPSF

    Raises
    ------
    InputError
        If there are no stars.

    Warns
    -----
    RimlensWarning
        If there are fewer than four stars, so that their noise is in the result, or if they are
        not of one shape.

    Examples
    --------
    >>> measured = measure_star_psf(frame, 25)  # doctest: +SKIP
    >>> observation = Observation.from_nddata(cutout, psf=measured.psf)  # doctest: +SKIP
    """
    from astropy.stats import mad_std

    size = odd_size(size)
    if saturation is None:
        saturation = (frame.meta or {}).get("SATURATE")
    light, mask, noise = _background_free(frame, size)
    sources = _sources(light, mask, noise)
    stars = _select(sources, light, mask, noise, size, fwhm, saturation, frame)
    for last in (False, True):
        cutouts = [_cutout(light, mask, noise, sources, star, size) for star in stars]
        model, fitted = _effective(cutouts, size)
        stars["x"], stars["y"] = zip(*(star.center for star in fitted))
        stars["flux"] = [star.flux for star in fitted]
        compared = [_residual(star, model, noise) for star in fitted]
        stars["residual"], stars["noise"] = zip(*compared)
        usual = np.median(stars["residual"])
        spread = max(mad_std(stars["residual"]), 0.1 * usual)
        good = stars["residual"] <= usual + _OUTLIER * spread
        if last or good.all():
            break
        stars = stars[good]
    if len(stars) < _FEW_STARS:
        warnings.warn(
            f"the point-spread function is made of {len(stars)} star(s), whose noise is in it; a "
            "wider frame or a file has less",
            RimlensWarning,
            stacklevel=2,
        )
    excess = math.sqrt(max(0.0, np.median(stars["residual"] ** 2 - stars["noise"] ** 2)))
    if excess > _EXCESS:
        warnings.warn(
            f"the {len(stars)} sources taken for stars differ from each other by "
            f"{100 * excess:.2g} % of their light: they may be galaxies, or the point-spread "
            "function varies; give fwhm, a smaller frame, or a file",
            RimlensWarning,
            stacklevel=2,
        )
    along = np.arange(size) - size // 2
    psf = model.evaluate(*np.meshgrid(along, along), 1.0, 0.0, 0.0)
    return StarPSF(psf / psf.sum(), stars["x", "y", "flux", "fwhm", "residual"])


def _background_free(frame, size):
    """Return a frame less its background, where it is masked, and its noise."""
    from photutils.background import Background2D

    data = np.asarray(frame.data, dtype=float)
    mask = mask_array(frame.mask, data.shape) | ~np.isfinite(data)
    if min(data.shape) < size + 10 or mask.all():
        raise InputError(
            f"frame: {data.shape} pixels, {np.count_nonzero(~mask)} of them in use, have no room "
            f"for stars in stamps of {size}; {_ADVICE}"
        )
    box = tuple(min(max(4 * size, 50), n) for n in data.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        background = Background2D(
            np.where(mask, 0.0, data), box, mask=mask, filter_size=3, exclude_percentile=80.0
        )
    light = np.where(mask, 0.0, data - background.background)
    return light, mask, float(background.background_rms_median)


def _sources(light, mask, noise):
    """Return a segmentation of the frame, None if nothing is in it."""
    from photutils.segmentation import detect_sources
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(light, 1.0)
    # Of independent pixels under a Gaussian of one pixel.
    threshold = _DETECTION * noise / (2 * math.sqrt(math.pi))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        return detect_sources(smooth, threshold, 5, mask=mask)


def _select(sources, light, mask, noise, size, fwhm, saturation, frame):
    """Return a table of the stars among the sources."""
    from astropy.table import Table
    from photutils.segmentation import SourceCatalog

    if sources is None:
        raise InputError(f"frame: no source was found in {light.shape} pixels; {_ADVICE}")
    catalog = SourceCatalog(light, sources, mask=mask)
    x, y = np.atleast_1d(catalog.x_centroid), np.atleast_1d(catalog.y_centroid)
    flux, peak = np.atleast_1d(catalog.segment_flux), np.atleast_1d(catalog.max_value)
    ellipticity = np.atleast_1d(catalog.ellipticity)
    bright = (peak > _STAR_PEAK * noise) & (np.nan_to_num(ellipticity, nan=1.0) < _ELLIPTICITY)
    half = size // 2
    inside = np.all([x > half + 1, x < light.shape[1] - half - 2], axis=0)
    inside &= np.all([y > half + 1, y < light.shape[0] - half - 2], axis=0)
    alone = _alone(x, y, flux, half)
    clean = np.array([_clean(light, mask, a, b, half, frame, saturation) if i else False
                      for a, b, i in zip(x, y, inside)])  # fmt: skip
    usable = np.flatnonzero(bright & inside & alone & clean)
    usable = usable[np.argsort(-flux[usable])][: 3 * _MOST_STARS]
    widths = _widths(light, mask, x[usable], y[usable])
    stars = usable[_of_one_width(widths, fwhm)]
    if not stars.size:
        raise InputError(
            f"frame: none of {len(x)} sources is a star that is bright, round, alone and not "
            f"saturated{f', {fwhm:g} pixels wide' if fwhm else ''}; {_ADVICE}"
        )
    width_of = dict(zip(usable.tolist(), widths))
    rows = [(x[s], y[s], flux[s], width_of[s], catalog.labels[s]) for s in stars.tolist()]
    names = ("x", "y", "flux", "fwhm", "label")
    return Table(rows=rows[:_MOST_STARS], names=names)


def _alone(x, y, flux, half):
    """Return which sources have no bright one within their stamps."""
    near = np.maximum(abs(x[:, None] - x), abs(y[:, None] - y)) <= half
    np.fill_diagonal(near, False)
    return ~np.any(near & (flux > _COMPANION * flux[:, None]), axis=1)


def _clean(light, mask, x, y, half, frame, saturation):
    """Return whether the core of a source is in use and not saturated, and most of its stamp."""
    row, column = round(float(y)), round(float(x))
    core = np.s_[row - 2 : row + 3, column - 2 : column + 3]
    stamp = np.s_[row - half : row + half + 1, column - half : column + half + 1]
    if mask[core].any() or mask[stamp].mean() > _MASKED:
        return False
    return saturation is None or np.asarray(frame.data)[core].max() < float(saturation)


def _widths(light, mask, x, y):
    """Return the full widths at half maximum of Gaussians, fitted to the cores of sources."""
    from photutils.psf import fit_fwhm

    if not len(x):
        return np.zeros(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        positions = list(zip(x, y))
        found = fit_fwhm(light, xypos=positions, fwhm=2.5, fit_shape=7, mask=mask)
    return np.asarray(found, dtype=float)


def _of_one_width(widths, fwhm):
    """Return which widths are those of stars: the given one, else the least that several share."""
    if fwhm is not None:
        wanted = float(finite_numbers(fwhm, "fwhm"))
        widths_near = widths[abs(widths / wanted - 1) < 2 * _SAME_WIDTH]
        center = np.median(widths_near) if widths_near.size else wanted
    else:
        # Cosmic rays and hot pixels are narrower than a pixel.
        known = np.sort(widths[np.isfinite(widths) & (widths > 1.0)])
        if not known.size:
            return np.zeros(len(widths), dtype=bool)
        counts = np.array([np.sum(abs(known / (w * (1 + _SAME_WIDTH / 2)) - 1) < _SAME_WIDTH)
                           for w in known])  # fmt: skip
        start = known[np.argmax(counts >= _SHARED * counts.max())] * (1 + _SAME_WIDTH / 2)
        center = np.median(known[abs(known / start - 1) < _SAME_WIDTH])
    return abs(widths / center - 1) < _SAME_WIDTH


def _cutout(light, mask, noise, sources, star, size):
    """Return a star without the light around it, what else lies in its stamp without weight."""
    from photutils.psf import EPSFStar

    # A few pixels more, of which the outermost say how bright the sky is there.
    half = size // 2 + 2
    row, column = round(float(star["y"])), round(float(star["x"]))
    rows, columns = (
        np.clip(np.arange(c - half - 2, c + half + 3), 0, n - 1)
        for c, n in zip((row, column), light.shape)
    )
    window = np.ix_(rows, columns)
    other = (sources.data[window] != 0) & (sources.data[window] != star["label"])
    hidden = mask[window] | other
    ring = np.ones(hidden.shape, dtype=bool)
    ring[3:-3, 3:-3] = False
    sky = np.median(light[window][ring & ~hidden]) if (ring & ~hidden).any() else 0.0
    inner = np.s_[2:-2, 2:-2]
    data = np.where(hidden, 0.0, light[window] - sky)[inner]
    weights = np.where(hidden, 0.0, 1 / noise)[inner]
    corner = column - half, row - half
    center = float(star["x"]) - corner[0], float(star["y"]) - corner[1]
    return EPSFStar(data, weights=weights, cutout_center=center, origin=corner)


def _effective(cutouts, size):
    """Return the effective point-spread function of stars, and the stars with their centers."""
    from photutils.psf import EPSFBuilder, EPSFStars

    # Few stars do not sample the phases of a pixel.
    oversampling = 1 if len(cutouts) < _FEW_STARS else 2
    builder = EPSFBuilder(
        oversampling=oversampling,
        maxiters=5,
        progress_bar=False,
        smoothing_kernel="quartic" if oversampling > 1 else None,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        result = builder(EPSFStars(cutouts))
    return result.epsf, result.fitted_stars.all_good_stars


def _residual(star, model, noise):
    """Return the fraction of its light by which a star differs from a model, and its noise."""
    rows, columns = np.indices(star.data.shape)
    x, y = star.cutout_center
    shape = model.evaluate(columns, rows, 1.0, x, y)
    used = star.weights > 0
    flux = np.sum(star.data[used] * shape[used]) / np.sum(shape[used] ** 2)
    difference = star.data[used] - flux * shape[used]
    light = math.sqrt(np.sum(star.data[used] ** 2))
    return math.sqrt(np.sum(difference**2)) / light, noise * math.sqrt(used.sum()) / light
