r"""What convergence maps of a population look like: a Gaussian prior over their logarithm.

The logarithm of a convergence map is written in the principal components of the logarithms of many
maps,

.. math::
    \ln \kappa(\theta) = \mu(\theta) + \sum_m u_m B_m(\theta), \qquad u_m \sim N(0, 1)

weighted with :math:`e^{\mu}`, because it is the mass that deflects.  A power law is linear in this
form whatever its radius, slope and ellipticity, so that a few dozen components give the deflection
to some thousandths of a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from rimlens.errors import InputError

# Relative, of a map that is projected: no mode is fitted to what is smaller.
_MAP_ERROR = 0.001


@dataclass(frozen=True, eq=False)
class LensPopulation:
    """Mean and principal components of the logarithms of convergence maps, and their shears.

    Parameters
    ----------
    mean : ndarray
        Of the logarithm of the convergence, shape ``(ny, nx)``.
    modes : ndarray
        Its principal components, each times its standard deviation, shape ``(m, ny, nx)``.
    shear_scatter : float
        Standard deviation of a component of the external shear.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> masses = rng.uniform(1.0, 2.0, (50, 1, 1))
    >>> population = LensPopulation.from_maps(masses * np.ones((4, 4)), np.zeros((50, 2)), 1)
    >>> u = population.project(np.full((4, 4), 1.5))
    >>> population.convergence(u).round(3)[0, 0].item()
    1.5
    """

    mean: np.ndarray
    modes: np.ndarray
    shear_scatter: float

    @classmethod
    def from_maps(cls, convergence: np.ndarray, shear: np.ndarray, count: int) -> LensPopulation:
        """Measure a population.

        Parameters
        ----------
        convergence : ndarray
            Positive maps, shape ``(n, ny, nx)``.
        shear : ndarray
            Shape ``(n, 2)``.
        count : int
            How many principal components are kept; fewer than maps.

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
        logarithm = np.log(convergence)
        mean = logarithm.mean(axis=0)
        root = _root_weight(mean)
        scaled = ((logarithm - mean) * root).reshape(n, -1)
        variance, vectors = scipy.linalg.eigh(
            scaled.T @ scaled / n, subset_by_index=[ny * nx - count, ny * nx - 1]
        )
        variance, vectors = variance[::-1], vectors[:, ::-1]
        modes = (vectors * np.sqrt(np.maximum(variance, 0.0))).T.reshape(count, ny, nx) / root
        scatter = float(np.sqrt(np.mean(np.square(shear))))
        return cls(mean, modes, scatter)

    def project(self, convergence: np.ndarray) -> np.ndarray:
        """Return the most likely coefficients of a map that is known to 0.1 per cent, ``(m,)``."""
        root = _root_weight(self.mean)
        modes = (self.modes * root).reshape(len(self.modes), -1)
        change = ((np.log(convergence) - self.mean) * root).ravel()
        normal = modes @ modes.T
        normal[np.diag_indices_from(normal)] += _MAP_ERROR**2 * np.sum(root**2)
        return np.linalg.solve(normal, modes @ change)

    def convergence(self, coefficients: np.ndarray) -> np.ndarray:
        """Return the maps of coefficients of shape ``(..., m)``."""
        return np.exp(self.mean + np.tensordot(coefficients, self.modes, axes=1))


def _root_weight(mean):
    return np.exp(0.5 * (mean - mean.max()))
