"""Pixel grids.

A grid is pixel centers in (row, column) = (y, x) order, measured along the pixel axes.  Only the
WCS of an observation knows the sky.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u

from rimlens.arguments import finite_numbers, positive_angle
from rimlens.errors import InputError


@dataclass(frozen=True)
class Grid:
    """A regular grid of square pixels.

    Parameters
    ----------
    shape : tuple of int
        ``(ny, nx)``.
    pixel_scale : Quantity or float
        Side of a pixel, an angle; kept as a number of arcsec, which a bare number is.  Grids that
        count in pixels of the image have bare numbers.
    center : Quantity or pair of float, optional
        ``(x, y)`` of the grid's center, likewise; the origin by default.

    Raises
    ------
    InputError
        If the shape is no pair of positive integers, the pixel scale no positive angle, or the
        center no pair of angles.

    Examples
    --------
    >>> Grid((2, 3), 0.5).x[0]
    array([-0.5,  0. ,  0.5])
    >>> Grid((2, 3), 0.5, center=(1.0, 0.0)).x[0]
    array([0.5, 1. , 1.5])
    >>> from astropy import units as u
    >>> Grid((2, 3), 50 * u.mas)
    Grid(shape=(2, 3), pixel_scale=0.05, center=(0.0, 0.0))
    """

    shape: tuple
    pixel_scale: float = 1.0
    center: tuple = (0.0, 0.0)

    def __post_init__(self):
        """Check the shape, the pixel scale and the center."""
        shape = _integers(self.shape)
        if len(shape) != 2 or min(shape) < 1:
            raise InputError(f"shape: a pair of positive integers is wanted, found {self.shape}")
        center = finite_numbers(self.center, "center", u.arcsec)
        if center.shape != (2,):
            raise InputError(f"center: a pair of finite numbers is wanted, found {self.center}")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "pixel_scale", positive_angle(self.pixel_scale, "pixel_scale"))
        object.__setattr__(self, "center", tuple(center.tolist()))

    @property
    def x_axis(self) -> Any:
        """Coordinates of the columns, shape ``(nx,)``."""
        return self.center[0] + self._steps(self.shape[1])

    @property
    def y_axis(self) -> Any:
        """Coordinates of the rows, shape ``(ny,)``."""
        return self.center[1] + self._steps(self.shape[0])

    @property
    def x(self) -> Any:
        """Columns' coordinates of every pixel center, shape ``(ny, nx)``."""
        return np.broadcast_to(self.x_axis, self.shape)

    @property
    def y(self) -> Any:
        """Rows' coordinates of every pixel center, shape ``(ny, nx)``."""
        return np.broadcast_to(self.y_axis[:, None], self.shape)

    @property
    def radius(self) -> Any:
        """Distance of every pixel center from the grid's center, shape ``(ny, nx)``."""
        return np.hypot(self.x - self.center[0], self.y - self.center[1])

    def refined(self, factor: int) -> Grid:
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


def _integers(shape):
    try:
        return tuple(operator.index(n) for n in shape)
    except TypeError:
        return ()
