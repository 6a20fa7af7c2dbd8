"""A source given by a map."""

from rimlens.errors import InputError
from rimlens.imaging import Grid, bilinear
from rimlens.parameter import BRIGHTNESS, Parameter
from rimlens.source.source import Source


class PixelatedSource(Source):
    """A map of surface brightness, interpolated bilinearly.

    Outside its field the source is dark: the map falls off linearly over one pixel around it.

    Parameters
    ----------
    grid : Grid
        Where the values of the map stand, with the pixel scale in arcsec.
    brightness_map : array or Quantity
        Surface brightness in any unit, shape ``grid.shape``.

    Raises
    ------
    InputError
        If `grid` is not a grid, or as for any source.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import Grid
    >>> from rimlens.source import PixelatedSource
    >>> source = PixelatedSource(Grid((2, 2), 0.1), brightness_map=[[0.0, 1.0], [2.0, 3.0]])
    >>> source.surface_brightness(0.0, 0.0), source.surface_brightness(9.0, 0.0)
    (1.5, 0.0)
    """

    def __init__(self, grid, **values):
        self.grid = checked_grid(self, grid)
        self.parameters = {
            "brightness_map": Parameter(BRIGHTNESS, "map of brightness", shape=grid.shape)
        }
        super().__init__(**values)

    @property
    def configuration(self):
        """The grid."""
        return {"grid": self.grid}

    def brightness(self, x, y, p):
        """Return the surface brightness."""
        return bilinear(p.brightness_map, self.grid, x, y)


def checked_grid(model, grid):
    """Return the grid of a model, or raise `InputError` if it is none."""
    if not isinstance(grid, Grid):
        raise InputError(
            f"{type(model).__name__}: grid: a rimlens.imaging.Grid is wanted, found {grid!r}"
        )
    return grid
