"""Where a search begins: the first answer, and the most likely lenses of other radii.

Which images are of the same part of a source is a combinatorial question, and a search that steps
downhill from a wrong answer to it never arrives.  A hundred times the noise leaves only that
question, and few modes of the source, so that many starts can be tried for the price of one step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import ndimage

from rimlens.posterior.source_field import Spectrum, rows_and_columns

# Radii that are tried, in units of the first answer's.
RADII = (0.8, 0.9, 1.0, 1.1, 1.2)
# Standard deviation, in pixels of the source, of the Gaussian that smooths an image traced back.
SMOOTHING = 3.0
ITERATIONS = 6


@dataclass(frozen=True)
class Start:
    """Lens variables, the brightness of a source, and its spectrum if one is known."""

    u: np.ndarray
    brightness: Callable
    spectrum: Spectrum | None = None

    @classmethod
    def of_map(cls, u, source, grid):
        """Return the start at a map of the source on a grid."""
        return cls(u, partial(interpolated, source, grid))

    @classmethod
    def after(cls, at):
        """Return the start that goes on from an evaluation."""
        return cls(at.u, partial(at.state.field.brightness, at.source), at.state.spectrum)


def likely_starts(exposure, lens, u, source_grid):
    """Return the most likely lenses with the radius of a first answer and with others.

    Parameters
    ----------
    exposure : Exposure
        The image; traced back it is the source of a start.
    lens : LensVariables
        What is inferred of the lens.
    u : ndarray
        The first answer.
    source_grid : Grid
        Where the source is looked for.

    Returns
    -------
    list of Start
    """
    first, _ = _mean_deflection(exposure, lens, u)
    starts = []
    for ratio in RADII:
        other = most_likely(exposure, lens, ratio * first)
        rays = exposure.trace(lens, other)
        source = ndimage.gaussian_filter(traced_back(exposure, rays, source_grid), SMOOTHING)
        starts.append(Start.of_map(other, source, source_grid))
    return starts


def most_likely(exposure, lens, deflection):
    """Return the most likely variables of a lens whose radial deflection has a given mean.

    Parameters
    ----------
    exposure : Exposure
        The mean is over its pixels.
    lens : LensVariables
        What is inferred of the lens.
    deflection : float
        In pixels of the image.

    Returns
    -------
    ndarray
        Those nearest to the mean of the prior, shape ``(size,)``.
    """
    u = np.zeros(lens.size)
    for _ in range(ITERATIONS):
        found, change = _mean_deflection(exposure, lens, u)
        u = change * (deflection - found + change @ u) / (change @ change)
    return u


def _mean_deflection(exposure, lens, u):
    """Return the mean radial deflection, and its derivatives by the variables."""
    grid = exposure.grid
    along_x, along_y = (v / np.maximum(grid.radius, 1e-9) / grid.x.size for v in (grid.x, grid.y))
    alpha_x, alpha_y = lens.deflection(u)
    of_x, of_y = lens.jacobian(u)
    change = np.tensordot(of_x, along_x, 2) + np.tensordot(of_y, along_y, 2)
    return np.sum(alpha_x * along_x + alpha_y * along_y), change


def interpolated(source, grid, x, y):
    """Return a map of a source on a grid at source positions, bilinearly; zero beyond it."""
    where = rows_and_columns(grid, x, y)
    return ndimage.map_coordinates(source, where, order=1, mode="constant")


def traced_back(exposure, rays, grid):
    """Return the mean brightness of the pixels whose rays end in each pixel of the source.

    Parameters
    ----------
    exposure : Exposure
        The image.
    rays : tuple of ndarray
        Source positions of its pixels.
    grid : Grid
        Of the source.

    Returns
    -------
    ndarray
        Shape of the grid; zero where no ray ends.
    """
    ny, nx = grid.shape
    row, column = (np.round(v).astype(int) for v in rows_and_columns(grid, *rays))
    inside = exposure.used & (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
    where = row[inside] * nx + column[inside]
    total = np.bincount(where, exposure.image[inside], ny * nx)
    hits = np.bincount(where, minlength=ny * nx)
    return (total / np.maximum(hits, 1)).reshape(ny, nx)
