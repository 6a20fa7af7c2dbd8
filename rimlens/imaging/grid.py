"""Pixel grids.

A grid is pixel centres in (row, column) = (y, x) order, measured from the grid's centre along the
pixel axes.  Only the WCS of an observation knows the sky.
"""

from dataclasses import dataclass

import numpy as np

from rimlens.errors import InputError


@dataclass(frozen=True)
class Grid:
    """A regular grid of square pixels centred on the origin.

    Parameters
    ----------
    shape : tuple of int
        ``(ny, nx)``.
    pixel_scale : float
        Side of a pixel, in the unit of the coordinates (arcsec, or pixels of the image).

    Raises
    ------
    InputError
        If the shape or the pixel scale is not positive.

    Examples
    --------
    >>> Grid((2, 3), 0.5).x[0]
    array([-0.5,  0. ,  0.5])
    """

    shape: tuple
    pixel_scale: float = 1.0

    def __post_init__(self):
        """Check the shape and the pixel scale."""
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 2 or min(shape) < 1:
            raise InputError(f"shape: a pair of positive integers is wanted, found {self.shape}")
        if not (np.isfinite(self.pixel_scale) and self.pixel_scale > 0):
            raise InputError(
                f"pixel_scale: a positive finite number is wanted, found {self.pixel_scale}"
            )
        object.__setattr__(self, "shape", shape)

    @property
    def x(self):
        """Columns' coordinates of every pixel centre, shape ``(ny, nx)``."""
        return np.broadcast_to(self._axis(1), self.shape)

    @property
    def y(self):
        """Rows' coordinates of every pixel centre, shape ``(ny, nx)``."""
        return np.broadcast_to(self._axis(0)[:, None], self.shape)

    @property
    def radius(self):
        """Distance of every pixel centre from the grid's centre, shape ``(ny, nx)``."""
        return np.hypot(self.x, self.y)

    def _axis(self, axis):
        n = self.shape[axis]
        return (np.arange(n) - (n - 1) / 2) * self.pixel_scale
