"""Galaxies and stars beside a lens, which a model of the lens does not know, behind a mask.

A smooth lens is subtracted to find them and for nothing else; a model of its light does not belong
here.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.utils.exceptions import AstropyWarning

from rimlens.arguments import positive_angle
from rimlens.errors import InputError
from rimlens.observation.image import mask_array
from rimlens.observation.preparation.lens_center import (
    find_lens_center,
    pixel_position,
    scatter,
    sky_subtracted,
)
from rimlens.observation.preparation.steps import derived
from rimlens.observation.wcs import image_wcs, pixel_scale_of

if TYPE_CHECKING:
    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from astropy.nddata import NDData

# Images of a source that an isothermal lens shows several times lie within two Einstein radii, and
# the centroid of an arc a little closer.
_ARCS = 1.9
# What remains nearer to the lens than this, in arcsec, is of its core.
_LENS_CORE = 0.3
# The Einstein radius where nothing is there to guess it by, in arcsec: what is usual.
_USUAL_RADIUS = 1.2
# Standard deviation in arcsec of the Gaussian under which sources are sought, and the fewest
# pixels of one.
_SMOOTHING, _FEWEST_PIXELS = 0.1, 6
# Of the light of sources that touch, what a peak must have to be one of its own.
_CONTRAST = 0.005
# A source is sought where it is this many times the noise and this fraction of the lens light,
# which is not as smooth as what is subtracted.
_THRESHOLD, _LENS_FRACTION = 3.0, 0.1


def mask_neighbors(
    image: NDData,
    position: tuple[float, float] | SkyCoord | None = None,
    radius: u.Quantity | float | None = None,
    *,
    pixel_scale: u.Quantity | float | None = None,
) -> Any:
    """Mask sources that are neither the lens nor an image of what is lensed.

    A smooth elliptical lens is subtracted, sources are detected and deblended in what remains
    (`photutils.segmentation`), and those that lie farther from the lens than 1.9 Einstein radii
    are masked, out to where they sink into the noise.  Nearer ones are not, for nothing but a
    model tells a satellite from an image of the source: mask a satellite by hand.

    Parameters
    ----------
    image : NDData
        With or without the light of the lens, the lens near the middle.
    position : tuple of float or SkyCoord, optional
        Of the lens, in pixels ``(x, y)`` or on the sky; by default as `find_lens_center` finds it,
        else the middle.
    radius : Quantity or float, optional
        A guess of the Einstein radius, in arcsec if it has no unit; what is too large masks less.
        By default the mean distance of the sources, in which those close to the lens count more:
        for 27 lenses of HST it is 0.7 to 1.65 times the radius of a model, for 23 of them 0.85 to
        1.3 times.
    pixel_scale : Quantity or float, optional
        For an image without WCS, the side of a pixel, in arcsec if it has no unit.

    Returns
    -------
    NDData
        Of the image's class; what was masked stays so.  The line on this step states how many
        sources and pixels were masked.

    Raises
    ------
    InputError
        If there is neither WCS nor pixel scale, or scikit-image is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> from rimlens.observation.preparation.neighbors import mask_neighbors
    >>> y, x = np.mgrid[:100, :100]
    >>> sky = np.random.default_rng(1).normal(0.0, 0.01, (100, 100))
    >>> lens = np.exp(-np.hypot(x - 49.5, y - 49.5) / 6)
    >>> star = np.exp(-((x - 85) ** 2 + (y - 20) ** 2) / 8)
    >>> image = CCDData(sky + lens + star, unit="adu")
    >>> masked = mask_neighbors(image, radius=1.0, pixel_scale=0.05)
    >>> masked.mask[20, 85].item(), masked.mask[40:60, 40:60].any().item()
    (True, False)
    """
    from scipy.ndimage import gaussian_filter

    scale = pixel_scale_of(image_wcs(image.wcs, image.data.shape, pixel_scale))
    center = find_lens_center(image, pixel_scale=scale) if position is None else None
    center = center or pixel_position(position, image)
    light, mask = sky_subtracted(image)
    width = max(_SMOOTHING / scale, 1.0)
    lens = _smooth_lens(light, mask, center, width)
    remaining = gaussian_filter(np.where(mask, 0.0, light - lens), width)
    noise = _noise(remaining, mask, light, width)
    floor = np.hypot(noise, _LENS_FRACTION / _THRESHOLD * lens.clip(0))
    sources = _sources(remaining, _THRESHOLD * floor, mask)
    distances = np.array([_distance(source, remaining, center) for source in sources])
    if radius is None:
        light_of = np.array([remaining[source].sum() for source in sources])
        pixels = _guessed_radius(distances, light_of, scale)
    else:
        pixels = positive_angle(radius, "radius") / scale
    far = distances > _ARCS * pixels
    neighbor = _union([source for source, is_far in zip(sources, far) if is_far], mask.shape)
    kept = _union([source for source, is_far in zip(sources, far) if not is_far], mask.shape)
    grown = _grown(neighbor, kept, remaining > floor, center, _ARCS * pixels)
    facts = {
        "radius": f"{pixels * scale:.3g} arcsec",
        "guessed": radius is None,
        "sources": int(far.sum()),
        "pixels": int(np.count_nonzero(grown & ~mask)),
    }
    masked = mask_array(image.mask, mask.shape) | grown
    return derived(image, "mask_neighbors", facts, mask=masked)


def _noise(smoothed, mask, light, width):
    """Return the noise of a smoothed image: of independent pixels, or more where they are not."""
    from astropy.stats import mad_std

    independent = scatter(light, mask) / (2 * math.sqrt(math.pi) * width)
    return max(independent, float(mad_std(smoothed[~mask]))) if not mask.all() else independent


def _smooth_lens(light, mask, center, width):
    """Return a lens whose light is the same on an ellipse about its center."""
    from astropy.stats import sigma_clipped_stats

    rows, columns = np.indices(light.shape)
    x, y = columns - center[0], rows - center[1]
    elliptical = _elliptical_radius(light, x, y, 4 * width)
    edges = np.arange(0.0, elliptical.max() + width, width)
    ring = np.digitize(elliptical, edges) - 1
    levels, radii = [], []
    for number, start in enumerate(edges):
        values = light[(ring == number) & ~mask]
        if values.size > 3:
            levels.append(sigma_clipped_stats(values, sigma=2.5)[1])
            radii.append(start + width / 2)
    return np.interp(elliptical, radii, levels) if levels else np.zeros(light.shape)


def _elliptical_radius(light, x, y, width):
    """Return the geometric mean of the half axes of the ellipse on which a pixel lies."""
    window = np.exp(-0.5 * (x**2 + y**2) / width**2)
    weight = window * light.clip(0)
    if not weight.sum() > 0:
        return np.hypot(x, y)
    steps = np.stack([x, y])
    second = np.einsum("iab,jab,ab->ij", steps, steps, weight) / weight.sum() + np.eye(2) / 12
    # The window is round: what is inverse to the moments is its own plus that of the light.
    inverse = np.linalg.inv(second) - np.eye(2) / width**2
    values, vectors = np.linalg.eigh(inverse)
    values = np.maximum(values, values.max() / 10) if values.max() > 0 else np.ones(2)
    shape = (vectors * values / math.sqrt(values.prod())) @ vectors.T
    return np.sqrt(np.einsum("iab,ij,jab->ab", steps, shape, steps))


def _sources(image, threshold, mask):
    """Return the pixels of each source, those that touch each other separated."""
    from photutils.segmentation import deblend_sources, detect_sources

    if mask.all():
        return []
    try:
        with warnings.catch_warnings():
            # That nothing is found is no news here.
            warnings.simplefilter("ignore", AstropyWarning)
            found = detect_sources(image, threshold, _FEWEST_PIXELS, mask=mask)
            if found is None:
                return []
            found = deblend_sources(
                image, found, _FEWEST_PIXELS, contrast=_CONTRAST, progress_bar=False
            )
    except ImportError as error:
        raise InputError(
            "scikit-image is wanted to separate sources, and is not installed; install "
            "rimlens[preparation]"
        ) from error
    return [found.data == label for label in found.labels]


def _distance(source, image, center):
    """Return how far the centroid of a source is from the lens, in pixels."""
    rows, columns = np.nonzero(source)
    weight = image[source]
    x, y = (float(np.average(along, weights=weight)) for along in (columns, rows))
    return math.hypot(x - center[0], y - center[1])


def _guessed_radius(distances, light, scale):
    """Return the mean distance of sources, weighted by root light over distance squared."""
    outside = distances > _LENS_CORE / scale
    if not outside.any():
        return _USUAL_RADIUS / scale
    distances, light = distances[outside], light[outside]
    return float(np.average(distances, weights=np.sqrt(light) / distances**2))


def _union(sources, shape):
    return np.any([np.zeros(shape, dtype=bool), *sources], axis=0)


def _grown(neighbor, kept, bright, center, radius):
    """Return sources grown as far as their light goes and a pixel more, but not into the arcs."""
    from scipy.ndimage import binary_dilation, binary_propagation

    rows, columns = np.indices(neighbor.shape)
    near = np.hypot(columns - center[0], rows - center[1]) <= radius
    free = neighbor | ~(near | binary_dilation(kept))
    grown = binary_propagation(neighbor, mask=bright & free | neighbor)
    return binary_dilation(grown, mask=free)
