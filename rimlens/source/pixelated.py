"""A source given by a map."""

from __future__ import annotations

from typing import Any

from rimlens.errors import InputError
from rimlens.imaging import Grid, bicubic, bilinear
from rimlens.models.parameter import BRIGHTNESS, Parameter
from rimlens.source.source import Source

_INTERPOLATIONS = {"bilinear": bilinear, "bicubic": bicubic}


class PixelatedSource(Source):
    """A map of surface brightness, interpolated.

    Outside its field the source is dark: the map falls off over one pixel around it (bilinear) or
    two (bicubic).

    Parameters
    ----------
    grid : Grid
        Where the values of the map stand, with the pixel scale in arcsec.
    interpolation : str, optional
        ``"bilinear"`` (default), or ``"bicubic"``, whose gradient is continuous
        (`rimlens.imaging.bicubic`).
    brightness_map : array or Quantity
        Surface brightness in any unit, shape ``grid.shape``.

    Raises
    ------
    InputError
        If `grid` is not a grid, the interpolation is unknown, or as for any source.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import Grid
    >>> from rimlens.source import PixelatedSource
    >>> source = PixelatedSource(Grid((2, 2), 0.1), brightness_map=[[0.0, 1.0], [2.0, 3.0]])
    >>> source.surface_brightness(0.0, 0.0), source.surface_brightness(9.0, 0.0)
    (1.5, 0.0)
    """

    def __init__(self, grid: Grid, interpolation: str = "bilinear", **values: Any) -> None:
        self.grid = check_grid(self, grid)
        if interpolation not in _INTERPOLATIONS:
            raise InputError(
                f"PixelatedSource: interpolation: one of {', '.join(_INTERPOLATIONS)} is wanted, "
                f"found {interpolation!r}"
            )
        self.interpolation = interpolation
        self.parameters = {
            "brightness_map": Parameter(BRIGHTNESS, "map of brightness", shape=grid.shape)
        }
        super().__init__(**values)

    @property
    def configuration(self) -> Any:
        """The grid and the interpolation."""
        return {"grid": self.grid, "interpolation": self.interpolation}

    def brightness(self, x, y, p):
        """Return the surface brightness."""
        return _INTERPOLATIONS[self.interpolation](p.brightness_map, self.grid, x, y)


def check_grid(model, grid):
    """Return the grid of a model, or raise `InputError` if it is none."""
    if not isinstance(grid, Grid):
        raise InputError(
            f"{type(model).__name__}: grid: a rimlens.imaging.Grid is wanted, found {grid!r}"
        )
    return grid
