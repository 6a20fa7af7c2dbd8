r"""The lens as a vector of unit normal variables, :math:`u \mapsto \beta(\theta; u)`.

Lengths are in pixels of the image.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops

from rimlens import backend
from rimlens.imaging import ConvergenceDeflection
from rimlens.posterior.population import MAP_ERROR, SMOOTH

if TYPE_CHECKING:
    from rimlens.imaging import Grid
    from rimlens.posterior.population import LensPopulation
    from rimlens.prior import Prior


# Standard deviation of the place of a source about that of the first answer, in pixels.
DISPLACEMENT = 3.0


class LensVariables(ABC):
    """A lens whose prior is a unit normal distribution.

    Attributes
    ----------
    size : int
        How many variables there are.
    """

    size: int

    @property
    def smooth(self) -> LensVariables:
        """The lens without what few lenses have; its variables are the first of all."""
        return self

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
    """The power law of a convergence map, an external shear, and what few lenses have beside.

    Parameters
    ----------
    population : LensPopulation
        What maps look like.
    image_grid : Grid
        Of the image.
    """

    def __init__(self, population: LensPopulation, image_grid: Grid) -> None:
        self.population = population
        self.size = population.size + 2
        self._x, self._y = image_grid.x, image_grid.y
        self._deflection = ConvergenceDeflection(population.grid, image_grid)
        self._image_grid = image_grid

    @cached_property
    def smooth(self):
        """The power laws and the shear alone."""
        return MapVariables(self.population.smooth, self._image_grid)

    def start(self, convergence: np.ndarray, shear: np.ndarray, error: float = MAP_ERROR) -> Any:
        """Return the variables of a map, known to a relative error, and a shear."""
        scaled = np.asarray(shear, dtype=float) / self.population.shear_scatter
        of_map = self.population.project(convergence, error)
        return np.concatenate([of_map[:SMOOTH], scaled, of_map[SMOOTH:]])

    def deflection(self, u):
        """Return the deflection of the image's pixels."""
        of_map, shear = self._parts(u)
        alpha_x, alpha_y = self._of_maps(self.population.convergence(of_map)[None])
        shear_x, shear_y = _shear(shear, self._x, self._y)
        return alpha_x[0] + shear_x, alpha_y[0] + shear_y

    def jacobian(self, u):
        """Return its derivatives by the variables."""
        of_map, _ = self._parts(u)
        _, derivatives = self.population.derivatives(of_map)
        of_maps = self._of_maps(derivatives)
        units = self.population.shear_scatter * np.eye(2)
        of_shear = zip(*(_shear(unit, self._x, self._y) for unit in units))
        return tuple(
            np.concatenate([maps[:SMOOTH], shears, maps[SMOOTH:]])
            for maps, shears in zip(of_maps, of_shear)
        )

    def physical(self, u):
        """Return the map and the shear."""
        of_map, shear = self._parts(u)
        return {"convergence": self.population.convergence(of_map), "shear": shear}

    def _parts(self, u):
        """Return the variables of the map, and the shear."""
        shear = u[SMOOTH : SMOOTH + 2] * self.population.shear_scatter
        return np.concatenate([u[:SMOOTH], u[SMOOTH + 2 :]]), shear

    def _of_maps(self, maps):
        found = self._deflection(ops.convert_to_tensor(maps.astype("float32")))
        return [ops.convert_to_numpy(component).astype(float) for component in found]


class LatentVariables(LensVariables):
    """The latent vector of a convergence map, an external shear, and the place of the source.

    A prior over sources knows them near the middle of its grid.  A constant deflection, which no
    image shows, brings the source there.

    Parameters
    ----------
    prior : rimlens.prior.VAEPrior
        Over convergence maps.
    shear_scatter : float
        Standard deviation of a component of the shear.
    image_grid : Grid
        Of the image.
    """

    def __init__(self, prior: Any, shear_scatter: float, image_grid: Grid) -> None:
        self.prior, self.shear_scatter = prior, shear_scatter
        (self._latent,) = prior.variables["vector"]
        (self._name,) = prior.model.parameters
        self.size = self._latent + 4
        self._x, self._y = image_grid.x, image_grid.y
        deflection = ConvergenceDeflection(prior.model.grid, image_grid)

        def of_map(vector):
            return ops.stack(deflection(self._map(vector)), axis=1)

        self._deflected = backend.jit_compile(of_map)
        self._differentiated = backend.jit_compile(lambda v: backend.jacobian(of_map, v))

    def start(self, convergence: np.ndarray, shear: np.ndarray) -> np.ndarray:
        """Return the variables of the decoded map nearest to one, and of a shear."""
        maps = ops.convert_to_tensor(np.asarray(convergence, dtype="float32")[None])
        vector = ops.convert_to_numpy(self.prior.unconstrain({self._name: maps})["vector"])[0]
        return np.concatenate([vector, np.asarray(shear) / self.shear_scatter, np.zeros(2)])

    def displacement(self, u: np.ndarray) -> np.ndarray:
        """Return the constant deflection."""
        return DISPLACEMENT * u[-2:]

    def deflection(self, u):
        """Return the deflection of the image's pixels."""
        found = ops.convert_to_numpy(self._deflected(_vector(u[: self._latent])))[0].astype(float)
        added = zip(_shear(self._shear(u), self._x, self._y), self.displacement(u))
        return tuple(of_map + shear + c for of_map, (shear, c) in zip(found, added))

    def jacobian(self, u):
        """Return its derivatives by the variables."""
        maps = ops.convert_to_numpy(self._differentiated(_vector(u[: self._latent])))[0]
        shears = [_shear(unit, self._x, self._y) for unit in self.shear_scatter * np.eye(2)]
        ones = DISPLACEMENT * np.ones_like(self._x)
        constants = [(ones, 0 * ones), (0 * ones, ones)]
        return tuple(
            np.concatenate([maps[:, i], [c[i] for c in (*shears, *constants)]]).astype(float)
            for i in (0, 1)
        )

    def physical(self, u):
        """Return the map and the shear."""
        found = ops.convert_to_numpy(self._map(_vector(u[: self._latent])))[0]
        return {"convergence": found.astype(float), "shear": self._shear(u)}

    def _map(self, vector):
        return self.prior.constrain({"vector": vector})[self._name]

    def _shear(self, u):
        return u[self._latent : self._latent + 2] * self.shear_scatter


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
