r"""The lens as a vector of unit normal variables, :math:`u \mapsto \beta(\theta; u)`.

Lengths are in pixels of the image.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np
from keras import ops

from rimlens import backend
from rimlens.imaging import ConvergenceDeflection

if TYPE_CHECKING:
    from rimlens.imaging import Grid
    from rimlens.posterior.population import LensPopulation
    from rimlens.prior import Prior


class LensVariables(ABC):
    """A lens whose prior is a unit normal distribution.

    Attributes
    ----------
    size : int
        How many variables there are.
    """

    size: int

    @abstractmethod
    def deflection(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the deflection of the image's pixels, two arrays of shape ``(ny, nx)``."""

    @abstractmethod
    def jacobian(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return its derivatives by the variables, two of shape ``(size, ny, nx)``."""

    @abstractmethod
    def physical(self, u: np.ndarray) -> dict:
        """Return ``convergence`` ``(ny, nx)``, ``shear`` ``(2,)`` and, of a model, ``lens``."""


class MapVariables(LensVariables):
    """A convergence map in the modes of a population, and an external shear.

    Parameters
    ----------
    population : LensPopulation
        Its maps are on `grid`.
    image_grid, grid : Grid
        Of the image and of the maps.
    """

    def __init__(self, population: LensPopulation, image_grid: Grid, grid: Grid) -> None:
        self.population = population
        self.size = len(population.modes) + 2
        self._x, self._y = image_grid.x, image_grid.y
        self._deflection = ConvergenceDeflection(grid, image_grid)

    def start(self, convergence: np.ndarray, shear: np.ndarray) -> np.ndarray:
        """Return the variables of a map and a shear."""
        scaled = np.asarray(shear, dtype=float) / self.population.shear_scatter
        return np.concatenate([self.population.project(convergence), scaled])

    def deflection(self, u):
        """Return the deflection of the image's pixels."""
        alpha_x, alpha_y = self._of_maps(self.population.convergence(u[:-2])[None])
        shear_x, shear_y = _shear(u[-2:] * self.population.shear_scatter, self._x, self._y)
        return alpha_x[0] + shear_x, alpha_y[0] + shear_y

    def jacobian(self, u):
        """Return its derivatives by the variables."""
        convergence = self.population.convergence(u[:-2])
        of_maps = self._of_maps(convergence * self.population.modes)
        units = self.population.shear_scatter * np.eye(2)
        of_shear = zip(*(_shear(unit, self._x, self._y) for unit in units))
        return tuple(np.concatenate(parts) for parts in zip(of_maps, of_shear))

    def physical(self, u):
        """Return the map and the shear."""
        return {
            "convergence": self.population.convergence(u[:-2]),
            "shear": u[-2:] * self.population.shear_scatter,
        }

    def _of_maps(self, maps):
        found = self._deflection(ops.convert_to_tensor(maps.astype("float32")))
        return [ops.convert_to_numpy(component).astype(float) for component in found]


class ModelVariables(LensVariables):
    """The free parameters of a lens model.

    Parameters
    ----------
    prior : rimlens.prior.Prior
        Over the parameters; its unconstrained variables are unit normal.
    image_grid, grid : Grid
        Of the image and of convergence maps.
    """

    def __init__(self, prior: Prior, image_grid: Grid, grid: Grid) -> None:
        self.prior = prior
        (self.size,) = prior.variables["vector"]
        self._on_image = prior.model.on_grid(image_grid)
        self._x, self._y = (
            ops.convert_to_tensor(v[None].astype("float32")) for v in (grid.x, grid.y)
        )
        self._deflected = backend.jit_compile(self._deflection)
        self._differentiated = backend.jit_compile(self._jacobian)

    def deflection(self, u):
        """Return the deflection of the image's pixels."""
        found = ops.convert_to_numpy(self._deflected(_vector(u)))[0].astype(float)
        return found[0], found[1]

    def jacobian(self, u):
        """Return its derivatives by the variables."""
        found = ops.convert_to_numpy(self._differentiated(_vector(u)))[0].astype(float)
        return found[:, 0], found[:, 1]

    def physical(self, u):
        """Return the parameters, the convergence on the grid of maps, and the shear."""
        values = self.prior.constrain({"vector": _vector(u)})
        convergence = self.prior.model.tensor_convergence(self._x, self._y, values)
        shear = self.prior.model.external_shear(values)
        values = {name: ops.convert_to_numpy(value)[0] for name, value in values.items()}
        return {
            "convergence": ops.convert_to_numpy(convergence)[0].astype(float),
            "shear": ops.convert_to_numpy(shear)[0].astype(float),
            "lens": values,
        }

    def _deflection(self, vector):
        return ops.stack(self._on_image(self.prior.constrain({"vector": vector})), axis=1)

    def _jacobian(self, vector):
        return backend.jacobian(self._deflection, vector)


def _vector(u):
    return ops.convert_to_tensor(np.asarray(u, dtype="float32")[None])


def _shear(shear, x, y):
    """Return the deflection of a shear (Schneider, Ehlers & Falco 1992, eq. 5.8)."""
    gamma1, gamma2 = shear
    return gamma1 * x + gamma2 * y, gamma2 * x - gamma1 * y
