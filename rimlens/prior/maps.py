"""What the priors over the map of a pixelated lens or source share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from keras import ops

from rimlens.errors import InputError
from rimlens.lens.pixelated import PixelatedConvergence
from rimlens.prior.prior import Prior
from rimlens.source.pixelated import PixelatedSource

# Lower convergences are raised to this: the variable is the logarithm.
FAINTEST = 1e-6


class MapPrior(Prior):
    """A prior over the map of a pixelated convergence or source.

    The variable is the map itself for a source, its decimal logarithm for a convergence.  An
    author gives ``draws(n, rng)``.

    Parameters
    ----------
    model : PixelatedConvergence or PixelatedSource
        A single model: its grid counts, its map does not.

    Attributes
    ----------
    grid : Grid
        That of the model.

    Raises
    ------
    InputError
        If the model is another one.
    """

    # What an author's class is over.
    models: tuple[type, ...] = (PixelatedConvergence, PixelatedSource)

    def __init__(self, model: PixelatedConvergence | PixelatedSource) -> None:
        super().__init__(model)
        if not isinstance(model, self.models):
            names = " or a ".join(cls.__name__ for cls in self.models)
            raise InputError(
                f"{type(self).__name__}: model: a {names} is wanted, found {type(model).__name__}"
            )
        self.grid = model.grid
        self.variables = {"map": self.grid.shape}
        (self.name,) = model.parameters

    @property
    def is_convergence(self) -> Any:
        """Whether the map is a convergence."""
        return isinstance(self.model, PixelatedConvergence)

    def initial(self, n: int) -> dict[str, np.ndarray]:
        """Return the variables where a recurrence starts.

        Parameters
        ----------
        n : int
            Size of the batch.

        Returns
        -------
        dict of ndarray
            Of a source zeros; of a convergence an isothermal sphere with an Einstein radius of an
            eighth of the field and a core of a pixel.
        """
        start = super().initial(n)
        if self.is_convergence:
            theta_E = min(self.grid.shape) * self.grid.pixel_scale / 8
            start["map"][:] = isothermal_variable(self.grid, theta_E, self.grid.pixel_scale)
        return start

    def transform(self, u):
        """Return the map of the variable."""
        value = u["map"]
        return {self.name: ops.exp(math.log(10.0) * value) if self.is_convergence else value}

    def inverse(self, values):
        """Return the variable of the map."""
        value = values[self.name]
        if self.is_convergence:
            value = ops.log(ops.maximum(value, FAINTEST)) / math.log(10.0)
        return {"map": value}


def isothermal_variable(grid, theta_E, core):
    """Return the variable of the convergence of an isothermal sphere.

    Parameters
    ----------
    grid : Grid
        Of the map.
    theta_E, core : float
        Einstein radius without a core, and the core radius, in the unit of the grid.

    Returns
    -------
    ndarray
        Decimal logarithm of the convergence, float32, shape ``grid.shape``.
    """
    return np.log10(0.5 * theta_E / np.hypot(grid.radius, core)).astype("float32")
