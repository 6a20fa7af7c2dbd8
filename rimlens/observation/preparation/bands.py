"""Images of other bands and instruments on one pixel grid, with the noise that comes of it.

An image is resampled once; where the grids agree it is left alone.  Whole pixels are binned
without resampling by `Observation.binned`, which keeps their noise independent.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.nddata import NDData, StdDevUncertainty
from astropy.wcs import WCS, Sip
from astropy.wcs.utils import pixel_to_pixel

from rimlens.errors import InputError
from rimlens.observation.image import mask_array
from rimlens.observation.noise import standard_deviation
from rimlens.observation.preparation.steps import derived
from rimlens.observation.units import linear_unit
from rimlens.observation.wcs import grid_wcs, image_wcs, pixel_scale_of
from rimlens.spelling import check_known

if TYPE_CHECKING:
    from collections.abc import Sequence

# How far, in new pixels, the weights of a method reach from side to side (reproject's Gaussian
# ends after two pixels).
_REACH = {"adaptive": 4.0, "exact": 1.0}
# Of the weight of a new pixel, what may come from masked ones, which hold their neighbors' values.
_MASKED_WEIGHT = 0.01
# Grids whose pixels agree to this are one, in pixels.
_SAME_GRID = 1e-3


def to_grid(
    image: NDData,
    target: NDData | WCS,
    method: str = "adaptive",
    *,
    surface_brightness: bool | None = None,
) -> Any:
    r"""Return an image on the pixels of another.

    A new pixel is a weighted mean, :math:`y_j = \sum_i w_{ij} x_i` with :math:`\sum_i w_{ij} = 1`,
    times the ratio of the pixels' areas where the image holds flux.  Its variance is
    :math:`\sum_i w_{ij}^2 \sigma_i^2` with the same weights.  New pixels share old ones, so that
    their noise is correlated: by how much neighbors are stands in the line on this step, and
    a chi-square that takes them as independent is wrong by as much.

    Parameters
    ----------
    image : NDData
        With a WCS; a `CCDData` or an `Observation`, for instance.  Its noise is taken to be
        independent.
    target : NDData or WCS
        Whose pixels it shall have; a WCS needs an ``array_shape``.
    method : {"adaptive", "exact"}, optional
        A Gaussian of 1.3 pixels of the coarser grid as weight (`reproject.reproject_adaptive`;
        DeForest 2004, Solar Phys. 219, 3), which neither shifts nor aliases, or the areas in
        which pixels overlap (`reproject.reproject_exact`), which blurs less and is slower.
    surface_brightness : bool, optional
        Whether the values are per solid angle and stay as they are, or flux per pixel, whose sum
        stays.  By default, flux unless the unit is one per solid angle ("MJy / sr").

    Returns
    -------
    NDData
        Of the image's class, with the target's WCS and shape.  Pixels beyond the image, or with
        more than 1 % of their weight from masked pixels, are masked.  The noise is a
        `~astropy.nddata.StdDevUncertainty`.  A point-spread function is resampled as the image
        is, so that it has its orientation, scale and blur.

    Raises
    ------
    InputError
        If there is no WCS, if the images do not overlap, or if the method is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> from rimlens.observation.preparation.bands import to_grid
    >>> from rimlens.observation.wcs import tangent_wcs
    >>> coarse = CCDData(np.ones((30, 30)), unit="adu", wcs=tangent_wcs((30, 30), 0.1))
    >>> fine = to_grid(coarse, tangent_wcs((40, 40), 0.05))
    >>> round(float(fine.data[20, 20]), 6)
    0.25
    """
    check_known([method], _REACH, "method", "methods")
    wcs = image_wcs(image.wcs, image.data.shape)
    target_wcs, shape = _grid(target)
    if _same_grid(wcs, image.data.shape, target_wcs, shape):
        return derived(image, "to_grid", {"grid": "the image's own"})
    ratio = pixel_scale_of(target_wcs) / pixel_scale_of(wcs)
    if surface_brightness is None:
        surface_brightness = _per_solid_angle(image.unit)
    factor = 1.0 if surface_brightness else ratio**2
    mask = mask_array(image.mask, image.data.shape) | ~np.isfinite(image.data)
    values = np.stack([_filled(np.asarray(image.data, dtype=float), mask), mask])
    data, masked = _resampled(values, wcs, target_wcs, shape, method)
    hidden = ~(masked <= _MASKED_WEIGHT)
    if hidden.all():
        raise InputError(
            "target: no pixel of it lies on pixels of the image that are in use; do both WCS show "
            "the same field?"
        )
    facts: dict[str, Any] = {"method": method, "pixel_scale_ratio": float(ratio), "factor": factor}
    parts = {
        "data": np.where(hidden, 0.0, data * factor), "mask": hidden, "wcs": target_wcs,
    }  # fmt: skip
    if image.uncertainty is not None:
        sigma, without = standard_deviation(image.uncertainty, image.unit, image.data.shape)
        sigma = np.where(mask | without | ~np.isfinite(sigma), 0.0, sigma)
        noise, correlation = _noise(sigma, wcs, target_wcs, shape, method)
        # A masked pixel has the noise of no pixel.
        parts["uncertainty"] = StdDevUncertainty(np.where(hidden, np.nan, noise * factor))
        facts["correlation_of_neighbors"] = _median(correlation[~hidden])
    if getattr(image, "psf", None) is not None:
        parts["psf"] = _stamp(image.psf, wcs, target_wcs, shape, method)
    return derived(image, "to_grid", facts, **parts)


def match_bands(
    images: Sequence[NDData], target: NDData | WCS | None = None, method: str = "adaptive"
) -> list:
    """Return images of several bands on one pixel grid.

    Parameters
    ----------
    images : sequence of NDData
        As for `to_grid`.
    target : NDData or WCS, optional
        Whose pixels they shall have; by default those of the image with the largest pixels, for
        to these nothing is interpolated.
    method : {"adaptive", "exact"}, optional
        As for `to_grid`.

    Returns
    -------
    list of NDData
        In the order of `images`; what has that grid already is left alone.

    Raises
    ------
    InputError
        If there are no images, and as for `to_grid`.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> from rimlens.observation.wcs import tangent_wcs
    >>> bands = [
    ...     CCDData(np.ones((n, n)), unit="MJy / sr", wcs=tangent_wcs((n, n), 3 / n))
    ...     for n in (60, 30)
    ... ]
    >>> [band.shape for band in match_bands(bands)]
    [(30, 30), (30, 30)]
    """
    images = list(images)
    if not images:
        raise InputError("images: at least one image is wanted, found none")
    if target is None:
        target = max(images, key=lambda i: pixel_scale_of(image_wcs(i.wcs, i.data.shape)))
    return [to_grid(image, target, method) for image in images]


def _grid(target):
    """Return WCS and shape of the pixels of an image, or of a WCS that has a shape."""
    if isinstance(target, NDData):
        return image_wcs(target.wcs, target.data.shape, name="target"), target.data.shape
    shape = getattr(target, "array_shape", None)
    if not isinstance(target, WCS) or shape is None:
        raise InputError(
            f"target: an image with a WCS, or a WCS with array_shape, is wanted, found {target!r}"
        )
    return image_wcs(target, tuple(shape), name="target"), tuple(shape)


def _same_grid(wcs, shape, target_wcs, target_shape):
    if shape != target_shape:
        return False
    corners = np.array([(x, y) for x in (0, shape[1] - 1) for y in (0, shape[0] - 1)], float).T
    return np.abs(pixel_to_pixel(wcs, target_wcs, *corners) - corners).max() < _SAME_GRID


def _per_solid_angle(unit):
    unit = linear_unit(unit)
    if unit is None:
        return False
    base = unit.decompose()
    return any(b == u.rad and power == -2 for b, power in zip(base.bases, base.powers))


def _filled(data, mask):
    """Return data with the value of the nearest pixel in use where they are masked."""
    from scipy.ndimage import distance_transform_edt

    if mask.all():
        raise InputError("image: every pixel is masked or NaN; at least one must count")
    nearest = distance_transform_edt(mask, return_distances=False, return_indices=True)
    return data[tuple(nearest)]


def _resampled(values, wcs, target_wcs, shape, method):
    """Return images, shape ``(n, ny, nx)``, on other pixels; NaN where they do not reach."""
    from reproject import reproject_adaptive, reproject_exact

    function = {"adaptive": reproject_adaptive, "exact": reproject_exact}[method]
    if np.linalg.det(_steps(wcs, target_wcs, shape)) < 0:
        # The adaptive weights of reproject 0.21 lose 2 % of the flux of a star where larger pixels
        # are mirror images of the old ones.
        values, wcs = values[..., ::-1], _mirrored(wcs, values.shape[-1])
    shape_out = (len(values), *shape)
    return function((values, wcs), target_wcs, shape_out=shape_out, return_footprint=False)


def _steps(wcs, target_wcs, shape):
    """Return what takes a step ``(x, y)`` in new pixels, in their middle, to one in old pixels."""
    y, x = ((n - 1) / 2 for n in shape)
    points = np.array([(x - 0.5, y), (x + 0.5, y), (x, y - 0.5), (x, y + 0.5)]).T
    old = np.array(pixel_to_pixel(target_wcs, wcs, *points))
    return np.stack([old[:, 1] - old[:, 0], old[:, 3] - old[:, 2]], axis=1)


def _mirrored(wcs, columns):
    """Return the WCS of an image whose columns come in the opposite order."""
    new = WCS(naxis=2)
    for name in ("ctype", "cunit", "crval", "radesys", "equinox", "lonpole", "latpole"):
        setattr(new.wcs, name, getattr(wcs.wcs, name))
    new.wcs.set_pv(wcs.wcs.get_pv())
    new.wcs.pc, new.wcs.cdelt = wcs.pixel_scale_matrix @ np.diag([-1.0, 1.0]), [1.0, 1.0]
    new.wcs.crpix = columns + 1 - wcs.wcs.crpix[0], wcs.wcs.crpix[1]
    if wcs.sip is not None:
        # Odd powers of x change their sign, and so does the distortion along x.
        along_x, along_y = (
            [
                None if c is None else sign * c * (-1.0) ** np.arange(len(c))[:, None]
                for c in coefficients
            ]
            for sign, coefficients in (
                (-1, (wcs.sip.a, wcs.sip.ap)),
                (1, (wcs.sip.b, wcs.sip.bp)),
            )
        )
        crpix = columns + 1 - wcs.sip.crpix[0], wcs.sip.crpix[1]
        new.sip = Sip(along_x[0], along_y[0], along_x[1], along_y[1], crpix)
    new.wcs.set()
    return new


def _noise(sigma, wcs, target_wcs, shape, method):
    """Return the noise of new pixels, and its correlation with the next in row and column.

    Of a comb of pixels, each with its own noise and so far apart that no new pixel reaches two of
    them, a new pixel shows one weight times one noise.  The squares of what all shifts of the comb
    show are the terms of its variance; products of neighbors are those of their covariance.
    """
    spacing = _comb_spacing(wcs, target_wcs, shape, method)
    variance = np.zeros(shape)
    covariance = np.zeros((2, *shape))
    for row in range(spacing[0]):
        combs = np.zeros((spacing[1], *sigma.shape))
        for column in range(spacing[1]):
            teeth = np.s_[row :: spacing[0], column :: spacing[1]]
            combs[column][teeth] = sigma[teeth]
        for shown in _resampled(combs, wcs, target_wcs, shape, method):
            variance += shown**2
            covariance[0, :-1] += shown[:-1] * shown[1:]
            covariance[1, :, :-1] += shown[:, :-1] * shown[:, 1:]
    noise = np.sqrt(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        rows = covariance[0, :-1] / (noise[:-1] * noise[1:])
        columns = covariance[1, :, :-1] / (noise[:, :-1] * noise[:, 1:])
    correlation = np.full((2, *shape), np.nan)
    correlation[0, :-1], correlation[1, :, :-1] = rows, columns
    return noise, np.mean(correlation, axis=0)


def _comb_spacing(wcs, target_wcs, shape, method):
    """Return how many old pixels, in rows and columns, two neighboring new pixels reach over."""
    steps = np.abs(_steps(wcs, target_wcs, shape))
    # Weights are never narrower than old pixels; one more pixel for the neighbor.
    width = np.maximum((_REACH[method] * steps).sum(axis=1), _REACH[method] * math.sqrt(2))
    reach = np.ceil(width + steps.max(axis=1)).astype(int) + 2
    return int(reach[1]), int(reach[0])


def _stamp(psf, wcs, target_wcs, shape, method):
    """Return a point-spread function, resampled as an image about the middle of the new grid."""
    middle = [(n - 1) / 2 for n in shape[::-1]]
    place = [float(p) for p in pixel_to_pixel(target_wcs, wcs, *middle)]
    ratio = pixel_scale_of(target_wcs) / pixel_scale_of(wcs)
    largest = min(shape) - (min(shape) % 2 == 0)
    blur = 2 * math.ceil(2 / min(ratio, 1.0))
    size = min(2 * math.ceil(min(psf.shape) / ratio / 2) + 1 + blur, largest)
    # Zeros as far as corners of the new stamp reach.
    room = (
        math.ceil(
            max(0.0, ratio * (size + 2 * _REACH[method]) * math.sqrt(2) - min(psf.shape)) / 2
        )
        + 4
    )
    padded = np.pad(psf, room)
    own = grid_wcs(wcs, place, 1.0, padded.shape)
    new = grid_wcs(target_wcs, middle, 1.0, (size, size))
    stamp = _resampled(padded[None], own, new, (size, size), method)[0]
    return stamp / stamp.sum()


def _median(values):
    found = values[np.isfinite(values)]
    return float(np.median(found)) if found.size else math.nan
