"""The galaxy in the middle of a stamp, and what to do with those beside it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from rimlens.datasets.cosmos.noise import correlated_noise, filtered_deviation
from rimlens.errors import InputError

if TYPE_CHECKING:
    from rimlens.datasets.cosmos.catalog import RealGalaxy

# Pixels; about the width of a star, which is best for seeing one.
_SMOOTHING = 1.5
# Deviations above the sky, and pixels, that an object has at least.
_SIGNIFICANCE = 3.0
_LEAST_PIXELS = 5
# Deviations that a neighbor's peak has at least: what is fainter may be noise on the galaxy.
_PEAK = 6.0
# The galaxy is looked for within this part of the stamp's side from its middle.
_SEARCH = 0.15
# Pixels that a neighbor is wider than it is seen.
_GROWTH = 3
FILLS = ("noise", "zero", "keep")


class NoCentralObjectError(InputError):
    """A stamp with nothing to be seen in its middle."""


@dataclass(frozen=True, eq=False)
class Isolated:
    """A galaxy without its neighbors.

    Parameters
    ----------
    image : ndarray
        Without sky, shape ``(ny, nx)``.
    footprint : ndarray of bool
        Where the galaxy is seen.
    neighbors : int
        How many were removed, or seen if they are kept.
    """

    image: np.ndarray
    footprint: np.ndarray
    neighbors: int


def isolate(galaxy: RealGalaxy, correlation: np.ndarray, fill: str = "noise") -> Isolated:
    """Find the galaxy in the middle of its stamp and remove the others.

    Objects are what rises by three deviations above the sky after smoothing by 1.5 pixels, in at
    least five connected pixels (`photutils.segmentation.detect_sources`).  The central one is that
    of the middle pixel, or the nearest within 15 per cent of the stamp's side.  Others are
    neighbors if they rise by six deviations; widened by three pixels, but not into the central
    one, they are replaced.  What touches the galaxy is taken for a part of it: clumps and arms
    cannot be distinguished from neighbors in one band.

    Parameters
    ----------
    galaxy : RealGalaxy
        The stamp.
    correlation : ndarray
        Of its noise (`noise_correlation`).
    fill : {"noise", "zero", "keep"}, optional
        What stands in the neighbors' place: noise of the stamp's variance and correlation, drawn
        with the galaxy's number as the seed; zero, the sky; or the neighbors themselves.

    Returns
    -------
    Isolated

    Raises
    ------
    NoCentralObjectError
        If there is no object in the middle.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.datasets.cosmos import RealGalaxy, isolate
    >>> y, x = np.mgrid[-24:24, -24:24]
    >>> two = np.exp(-(x**2 + y**2) / 8) + np.exp(-((x - 16) ** 2 + y**2) / 8)
    >>> stamp = RealGalaxy(7, two, np.ones((3, 3)) / 9, 0.03, 0.0, 4e-4)
    >>> alone = isolate(stamp, np.array([[1.0]]), fill="zero")
    >>> alone.neighbors, round(float(alone.image.sum() / two.sum()), 2)
    (1, 0.5)
    """
    if fill not in FILLS:
        raise InputError(f"neighbors: one of {', '.join(FILLS)} is wanted, found {fill!r}")
    image = galaxy.image - galaxy.noise_mean
    sigma = np.sqrt(galaxy.noise_variance)
    smooth, deviation = _smoothed(image, sigma, correlation)
    labels = _objects(smooth, _SIGNIFICANCE * deviation)
    central = _central_label(labels)
    footprint = labels == central
    bright = np.unique(labels[(smooth > _PEAK * deviation) & (labels > 0)])
    others = np.isin(labels, bright[bright != central])
    count = len(bright) - (central in bright)
    if count and fill != "keep":
        covered = ndimage.binary_dilation(others, iterations=_GROWTH) & ~footprint
        if fill == "noise":
            rng = np.random.default_rng(galaxy.ident)
            replacement = sigma * correlated_noise(image.shape, correlation, rng)
        else:
            replacement = 0.0
        image = np.where(covered, replacement, image)
    return Isolated(image, footprint, count)


def _smoothed(image, sigma, correlation):
    """Return a smoother image, and the deviation of its noise."""
    point = np.zeros((33, 33))
    point[16, 16] = 1.0
    smooth, kernel = (
        ndimage.gaussian_filter(values, _SMOOTHING, mode="constant") for values in (image, point)
    )
    return smooth, sigma * filtered_deviation(kernel, correlation)


def _objects(smooth, threshold):
    """Return which object every pixel belongs to, 0 for none."""
    from photutils.segmentation import detect_sources
    from photutils.utils.exceptions import NoDetectionsWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDetectionsWarning)
        found = detect_sources(smooth, threshold, _LEAST_PIXELS)
    return np.zeros(smooth.shape, dtype=int) if found is None else found.data


def _central_label(labels):
    ny, nx = labels.shape
    y, x = np.nonzero(labels)
    distance = np.hypot(y - (ny - 1) / 2, x - (nx - 1) / 2)
    if not distance.size or distance.min() > max(1.0, _SEARCH * min(labels.shape)):
        raise NoCentralObjectError("image: an object in its middle is wanted, found none")
    nearest = distance.argmin()
    return labels[y[nearest], x[nearest]]
