r"""What convergence maps of a population look like: a power law, and what few have beside it.

The convergence is written as that of a power law, times what it leaves,

.. math::
    \ln \kappa(\theta) = \ln \kappa_\mathrm{PL}(\theta; p) + \sum_m v_m B_m(\theta), \qquad
    p = \bar p + L z, \qquad z_i, v_m \sim N(0, 1)

with the parameters :math:`p` of `rimlens.posterior.power_law`, and the principal components
:math:`B_m` of the logarithms of many maps over the power laws that fit them best, weighted with
the mass, because it is the mass that deflects.  Most lenses of a population need no more than
the power law; principal components of whole maps would let all of them look like the few that
have a subhalo.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg

from rimlens.errors import InputError
from rimlens.imaging import Grid
from rimlens.posterior.power_law import PARAMETERS, power_law

# Relative error of a map that is known: nothing is fitted to what is smaller.
MAP_ERROR = 0.001
# Standard deviation of the parameters about a first guess where a power law is fitted.
_WIDE = 3.0
_ITERATIONS = 30
# Of a first guess.
_SMALL_CORE = -1.5
SMOOTH = len(PARAMETERS)


@dataclass(frozen=True, eq=False)
class LensPopulation:
    """Power laws, principal components of what they leave, and shears.

    Parameters
    ----------
    grid : Grid
        Of the maps.
    mean, root : ndarray
        Mean of the parameters of the power laws, shape ``(11,)``, and the lower triangular factor
        of their covariance, shape ``(11, 11)``.
    modes : ndarray
        Principal components of the logarithm of the convergence over a power law, each times its
        standard deviation, shape ``(m, ny, nx)``.
    shear_scatter : float
        Standard deviation of a component of the external shear.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import Grid
    >>> from rimlens.posterior import LensPopulation
    >>> grid, rng = Grid((16, 16), 2.0), np.random.default_rng(1)
    >>> radii = rng.uniform(6.0, 9.0, (50, 1, 1))
    >>> maps = 0.5 * radii / np.hypot(grid.x, grid.y)
    >>> population = LensPopulation.from_maps(maps, np.zeros((50, 2)), 2, grid)
    >>> found = population.convergence(population.project(maps[0]))
    >>> bool(np.all(abs(found / maps[0] - 1) < 0.02))
    True
    """

    grid: Grid
    mean: np.ndarray
    root: np.ndarray
    modes: np.ndarray
    shear_scatter: float

    @classmethod
    def from_maps(
        cls, convergence: np.ndarray, shear: np.ndarray, count: int, grid: Grid
    ) -> LensPopulation:
        """Measure a population.

        Parameters
        ----------
        convergence : ndarray
            Positive maps, shape ``(n, ny, nx)``.
        shear : ndarray
            Shape ``(n, 2)``.
        count : int
            How many principal components are kept; fewer than maps.
        grid : Grid
            Of the maps.

        Returns
        -------
        LensPopulation

        Raises
        ------
        InputError
            If a convergence is not positive, or there are too few maps.
        """
        convergence = np.asarray(convergence, dtype=float)
        if not np.all(convergence > 0):
            raise InputError("convergence: positive values are wanted, found others")
        n, ny, nx = convergence.shape
        if not 0 < count < min(n, ny * nx):
            raise InputError(
                f"count: fewer components than the {n} maps are wanted, found {count}"
            )
        parameters = np.array([_fitted(kappa, grid) for kappa in convergence])
        mean = parameters.mean(axis=0)
        covariance = np.cov(parameters.T)
        # A parameter that is the same in all maps still has to have a root.
        covariance[np.diag_indices_from(covariance)] += 1e-8
        left = np.log(convergence) - np.log([power_law(p, grid)[0] for p in parameters])
        root_weight = _root_weight(np.log(convergence).mean(axis=0))
        scaled = (left * root_weight).reshape(n, -1)
        variance, vectors = scipy.linalg.eigh(
            scaled.T @ scaled / n, subset_by_index=[ny * nx - count, ny * nx - 1]
        )
        variance, vectors = variance[::-1], vectors[:, ::-1]
        modes = (vectors * np.sqrt(np.maximum(variance, 0.0))).T.reshape(count, ny, nx)
        scatter = float(np.sqrt(np.mean(np.square(shear))))
        return cls(grid, mean, np.linalg.cholesky(covariance), modes / root_weight, scatter)

    @property
    def size(self) -> int:
        """How many variables there are: those of the power law, then of the components."""
        return SMOOTH + len(self.modes)

    @property
    def smooth(self) -> LensPopulation:
        """The population of the power laws alone."""
        return replace(self, modes=self.modes[:0])

    def project(self, convergence: np.ndarray, error: float = MAP_ERROR) -> np.ndarray:
        """Return the most likely variables of a map.

        Parameters
        ----------
        convergence : ndarray
            Shape ``(ny, nx)``.
        error : float, optional
            Its relative error.

        Returns
        -------
        ndarray
            Shape ``(size,)``.
        """
        z = np.linalg.solve(self.root, _guess(convergence, self.grid) - self.mean)
        start = np.concatenate([z, np.zeros(len(self.modes))])
        return _least_squares(np.log(convergence), start, self.derivatives, error)

    def convergence(self, u: np.ndarray) -> np.ndarray:
        """Return the map of variables of shape ``(size,)``."""
        return self.derivatives(u)[0]

    def derivatives(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the map of variables, and its derivatives by them.

        Parameters
        ----------
        u : ndarray
            Shape ``(size,)``.

        Returns
        -------
        convergence : ndarray
            Shape ``(ny, nx)``.
        derivatives : ndarray
            Shape ``(size, ny, nx)``.
        """
        smooth, slopes = power_law(self.mean + self.root @ u[:SMOOTH], self.grid)
        factor = np.exp(np.tensordot(u[SMOOTH:], self.modes, axes=1))
        kappa = smooth * factor
        of_smooth = np.tensordot(self.root.T, slopes * factor, axes=1)
        return kappa, np.concatenate([of_smooth, kappa * self.modes])


def _fitted(convergence, grid):
    """Return the parameters of the power law that fits a map."""
    first = _guess(convergence, grid)

    def near(change):
        kappa, slopes = power_law(first + _WIDE * change, grid)
        return kappa, _WIDE * slopes

    found = _least_squares(np.log(convergence), np.zeros(SMOOTH), near, MAP_ERROR)
    return first + _WIDE * found


def _guess(convergence, grid):
    """Return the parameters of a round power law that is near a map."""
    log_kappa = np.log(convergence)
    r = np.maximum(grid.radius, grid.pixel_scale)
    root = _root_weight(log_kappa)
    design = np.stack([np.ones(r.size), np.log(r).ravel()], axis=1) * root.reshape(-1, 1)
    constant, power = np.linalg.lstsq(design, (log_kappa * root).ravel(), rcond=None)[0]
    gamma = float(np.clip(1 - power, 1.1, 2.9))
    log_radius = (constant - np.log(0.5 * (3 - gamma))) / (gamma - 1)
    found = np.zeros(SMOOTH)
    found[0], found[1] = log_radius, np.log((gamma - 1) / (3 - gamma))
    found[PARAMETERS.index("core")] = _SMALL_CORE
    return found


def _least_squares(log_kappa, u, derivatives, error):
    """Return the unit normal variables whose map fits best: Levenberg (1944), Marquardt (1963)."""
    root = _root_weight(log_kappa) / error

    def evaluated(u):
        kappa, slopes = derivatives(u)
        residual = ((log_kappa - np.log(kappa)) * root).ravel()
        change = (slopes / kappa * root).reshape(len(u), -1)
        return residual @ residual + u @ u, residual, change

    (value, residual, change), damping = evaluated(u), 1e-3
    for _ in range(_ITERATIONS):
        normal = change @ change.T
        normal[np.diag_indices_from(normal)] *= 1 + damping
        normal[np.diag_indices_from(normal)] += 1.0
        tried = u + np.linalg.solve(normal, change @ residual - u)
        with np.errstate(all="ignore"):
            found = evaluated(tried)
        if found[0] < value:
            gained = value - found[0]
            u, (value, residual, change), damping = tried, found, damping / 5
            if gained < 1e-4 * value:
                break
        else:
            damping *= 10
    return u


def _root_weight(log_kappa):
    """Return the root of the mass of pixels, which is what deflects."""
    return np.exp(0.5 * (log_kappa - log_kappa.max()))
