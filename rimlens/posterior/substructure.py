r"""Where an image wants more mass than a smooth lens has: a subhalo, its significance, its mass.

A subhalo is a pseudo-Jaffe sphere (Keeton 2001, arXiv:astro-ph/0102341), which deflects by

.. math::
    \alpha(r) = b \, \frac{r + a - \sqrt{r^2 + a^2}}{r}, \qquad
    \kappa(r) = \frac{b}{2} \left( \frac{1}{r} - \frac{1}{\sqrt{r^2 + a^2}} \right), \qquad
    M = \pi a b \, \Sigma_{cr}

and whose tidal radius is :math:`a = \sqrt{b \, \theta_E}` in a lens of the Einstein radius
:math:`\theta_E` (Metcalf & Madau 2001, ApJ 563, 9).  To first order the image changes by
:math:`b` times a pattern, of which only counts what neither the source nor the smooth lens
explains: so every place of a grid has a most likely strength and a standard deviation without a
search (as in Koopmans 2005, MNRAS 363, 1136, for corrections of the potential).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from rimlens.posterior.lenses import LensVariables

# Distance between places that are looked at, and how far they lie from bright arcs at most, in
# pixels of the image.
SPACING = 2
NEAR = 6.0
# Places whose patterns are in memory at once.
BATCH = 100
# The strength b that is tried everywhere, in pixels of the image.
STRENGTH = 1.0
# Where a subhalo changes the image by less, in units of the most that one does, none is seen.
UNSEEN = 0.01
# A subhalo is searched for where its strength is so many standard deviations above zero, and kept
# where it still is.
SIGNIFICANT = 5.0
# Standard deviations about the most significant place, in pixels, and of ln b.
PLACE_SCATTER, STRENGTH_SCATTER = 3.0, 1.0
# A search begins at most so many places that lie so far apart, in pixels, and are at least so
# significant in units of the most significant one; the first order underestimates what is strong.
PLACES, APART, NEARLY = 3, 4.0, 0.7
UNDERESTIMATED = 2.0
# No strength is smaller, in pixels.
WEAKEST = 0.02


@dataclass(frozen=True, eq=False)
class SubhaloScan:
    """The strengths of a subhalo at many places.

    Parameters
    ----------
    x, y : ndarray
        The places, in pixels of the image, shape ``(n,)``.
    strength, error : ndarray
        Most likely strength at each, and its standard deviation.
    einstein_radius : float
        Of the smooth lens.
    """

    x: np.ndarray
    y: np.ndarray
    strength: np.ndarray
    error: np.ndarray
    einstein_radius: float

    @property
    def significance(self) -> np.ndarray:
        """Strength in standard deviations."""
        return self.strength / self.error

    def peaks(self) -> list[int]:
        """Return the numbers of the most significant places that lie apart."""
        chosen: list[int] = []
        significance = self.significance
        for i in np.argsort(-significance):
            if significance[i] < max(SIGNIFICANT, NEARLY * significance.max()):
                break
            distances = [np.hypot(self.x[i] - self.x[k], self.y[i] - self.y[k]) for k in chosen]
            if all(distance > APART for distance in distances):
                chosen.append(int(i))
            if len(chosen) == PLACES:
                break
        return chosen


def scan(posterior, at, einstein_radius):
    """Look for a subhalo wherever the arcs are bright.

    Parameters
    ----------
    posterior : MarginalPosterior
        Of a smooth lens.
    at : Evaluation
        Its maximum, with derivatives.
    einstein_radius : float
        In pixels of the image.

    Returns
    -------
    SubhaloScan
        Without places, if no arcs are bright.
    """
    x, y = _places(posterior, at)
    tidal = np.sqrt(STRENGTH * einstein_radius)
    grid = posterior.exposure.grid
    scores, information = [np.zeros(0)], [np.zeros(0)]
    for first in range(0, len(x), BATCH):
        some = slice(first, first + BATCH)
        offsets = (v - w[some, None, None] for v, w in ((grid.x, x), (grid.y, y)))
        found = posterior.score(at, *deflection(*offsets, STRENGTH, tidal))
        scores.append(found[0])
        information.append(found[1])
    score, information = np.concatenate(scores), np.concatenate(information)
    seen = information > UNSEEN * np.max(information, initial=0.0)
    score, information = score[seen], information[seen]
    strength, error = STRENGTH * score / information, STRENGTH / np.sqrt(information)
    return SubhaloScan(x[seen], y[seen], strength, error, einstein_radius)


def deflection(x, y, strength, tidal):
    """Return the deflection at positions relative to a subhalo, two arrays."""
    r = np.maximum(np.hypot(x, y), 1e-9)
    ratio = strength * (r + tidal - np.hypot(r, tidal)) / r**2
    return ratio * x, ratio * y


def mean_convergence(grid, center, strength, tidal):
    r"""Return the convergence of a subhalo, averaged over every pixel of a grid.

    The integral of the inverse of :math:`R = \sqrt{x^2 + y^2 + a^2}` over a rectangle is that of
    :math:`x \ln (y + R) + y \ln (x + R) - a \arctan (x y / a R)` at its corners.
    """
    (ny, nx), side = grid.shape, grid.pixel_scale
    x = grid.x[0, 0] - center[0] + side * (np.arange(nx + 1) - 0.5)
    y = (grid.y[0, 0] - center[1] + side * (np.arange(ny + 1) - 0.5))[:, None]

    def mean(a):
        distance = np.maximum(np.sqrt(x**2 + y**2 + a**2), 1e-9)
        corners = x * np.arcsinh(y / np.maximum(np.hypot(x, a), 1e-9))
        corners = corners + y * np.arcsinh(x / np.maximum(np.hypot(y, a), 1e-9))
        corners -= a * np.arctan(x * y / (max(a, 1e-9) * distance))
        return np.diff(np.diff(corners, axis=0), axis=1) / side**2

    return 0.5 * strength * (mean(0.0) - mean(tidal))


class PerturbedVariables(LensVariables):
    """A smooth lens and a subhalo, whose place and strength are variables too.

    Parameters
    ----------
    smooth : LensVariables
        The lens without it.
    found : SubhaloScan
        Of the smooth lens.
    place : int
        The place of the scan about which the subhalo is searched for.
    grid, image_grid : Grid
        Of convergence maps and of the image.
    """

    def __init__(self, smooth, found, place, grid, image_grid):
        self._smooth = smooth
        self.size = smooth.size + 3
        self._place = np.array([found.x[place], found.y[place]])
        self._strength = UNDERESTIMATED * max(found.strength[place], WEAKEST)
        self._einstein_radius = found.einstein_radius
        self._grid, self._image_grid = grid, image_grid

    @property
    def smooth(self):
        """The lens without the subhalo."""
        return self._smooth

    def subhalo(self, u):
        """Return place, strength and tidal radius of the subhalo, in pixels of the image."""
        own = u[self._smooth.size :]
        strength = self._strength * np.exp(STRENGTH_SCATTER * own[2])
        tidal = np.sqrt(strength * self._einstein_radius)
        return self._place + PLACE_SCATTER * own[:2], strength, tidal

    def strength_error(self, at):
        """Return the relative error of the strength at an evaluation with derivatives."""
        covariance = np.linalg.inv(at.curvature + np.eye(self.size))
        return STRENGTH_SCATTER * np.sqrt(covariance[-1, -1])

    def deflection(self, u):
        """Return the deflection of the image's pixels."""
        of_lens = self._smooth.deflection(u[: self._smooth.size])
        return tuple(a + b for a, b in zip(of_lens, self._of_subhalo(u)))

    def jacobian(self, u):
        """Return its derivatives by the variables; those by the subhalo's are differences."""
        n, step = self._smooth.size, 1e-3
        columns = []
        for unit in np.eye(self.size)[n:]:
            ahead, behind = self._of_subhalo(u + step * unit), self._of_subhalo(u - step * unit)
            columns.append([(a - b) / (2 * step) for a, b in zip(ahead, behind)])
        of_lens = self._smooth.jacobian(u[:n])
        return tuple(np.concatenate([a, b]) for a, b in zip(of_lens, map(np.array, zip(*columns))))

    def physical(self, u):
        """Return the convergence with the subhalo, the shear, and the subhalo as a `DPIE`'s."""
        found = self._smooth.physical(u[: self._smooth.size])
        (x, y), strength, tidal = self.subhalo(u)
        subhalo = {"theta_E": strength, "r_cut": tidal, "center_x": x, "center_y": y}
        convergence = found["convergence"] + self.subhalo_map(u)
        return {**found, "convergence": convergence, "subhalo": subhalo}

    def subhalo_map(self, u):
        """Return the convergence of the subhalo alone, averaged over the pixels of the map."""
        return mean_convergence(self._grid, *self.subhalo(u))

    def _of_subhalo(self, u):
        (x, y), strength, tidal = self.subhalo(u)
        return deflection(self._image_grid.x - x, self._image_grid.y - y, strength, tidal)


def _places(posterior, at):
    """Return the places near bright arcs."""
    exposure = posterior.exposure
    model = at.state.field.brightness(at.source, *at.rays)
    bright = exposure.used & (model > 2 * exposure.sigma)
    if not bright.any():
        return np.zeros(0), np.zeros(0)
    near = ndimage.distance_transform_edt(~bright) <= NEAR
    rows, columns = np.nonzero(near)
    grid = exposure.grid
    taken = (rows % SPACING == 0) & (columns % SPACING == 0)
    return grid.x[rows[taken], columns[taken]], grid.y[rows[taken], columns[taken]]
