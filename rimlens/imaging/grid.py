"""Pixel grids.

A grid is pixel centres in (row, column) = (y, x) order, measured along the pixel axes.  Only the
WCS of an observation knows the sky.
"""

from dataclasses import dataclass

import numpy as np

from rimlens.errors import InputError


@dataclass(frozen=True)
class Grid:
    """A regular grid of square pixels.

    Parameters
    ----------
    shape : tuple of int
        ``(ny, nx)``.
    pixel_scale : float
        Side of a pixel, in the unit of the coordinates (arcsec, or pixels of the image).
    center : tuple of float, optional
        ``(x, y)`` of the grid's centre, in the unit of the coordinates; the origin by default.

    Raises
    ------
    InputError
        If the shape or the pixel scale is not positive, or the centre is no pair of numbers.

    Examples
    --------
    >>> Grid((2, 3), 0.5).x[0]
    array([-0.5,  0. ,  0.5])
    >>> Grid((2, 3), 0.5, center=(1.0, 0.0)).x[0]
    array([0.5, 1. , 1.5])
    """

    shape: tuple
    pixel_scale: float = 1.0
    center: tuple = (0.0, 0.0)

    def __post_init__(self):
        """Check the shape, the pixel scale and the centre."""
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 2 or min(shape) < 1:
            raise InputError(f"shape: a pair of positive integers is wanted, found {self.shape}")
        if not (np.isfinite(self.pixel_scale) and self.pixel_scale > 0):
            raise InputError(
                f"pixel_scale: a positive finite number is wanted, found {self.pixel_scale}"
            )
        try:
            center = tuple(float(c) for c in self.center)
        except (TypeError, ValueError):
            center = ()
        if len(center) != 2 or not np.all(np.isfinite(center)):
            raise InputError(f"center: a pair of finite numbers is wanted, found {self.center}")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "center", center)

    @property
    def x_axis(self):
        """Coordinates of the columns, shape ``(nx,)``."""
        return self.center[0] + self._steps(self.shape[1])

    @property
    def y_axis(self):
        """Coordinates of the rows, shape ``(ny,)``."""
        return self.center[1] + self._steps(self.shape[0])

    @property
    def x(self):
        """Columns' coordinates of every pixel centre, shape ``(ny, nx)``."""
        return np.broadcast_to(self.x_axis, self.shape)

    @property
    def y(self):
        """Rows' coordinates of every pixel centre, shape ``(ny, nx)``."""
        return np.broadcast_to(self.y_axis[:, None], self.shape)

    @property
    def radius(self):
        """Distance of every pixel centre from the grid's centre, shape ``(ny, nx)``."""
        return np.hypot(self.x - self.center[0], self.y - self.center[1])

    def refined(self, factor):
        """Return the grid of sub-pixels, ``factor`` a side in every pixel of this one.

        Parameters
        ----------
        factor : int
            At least 1.

        Returns
        -------
        Grid

        Examples
        --------
        >>> Grid((4, 5), 0.2).refined(2)
        Grid(shape=(8, 10), pixel_scale=0.1, center=(0.0, 0.0))
        """
        shape = tuple(n * factor for n in self.shape)
        return Grid(shape, self.pixel_scale / factor, self.center)

    def _steps(self, n):
        return (np.arange(n) - (n - 1) / 2) * self.pixel_scale
