"""The pixels of an image in coordinates on the sky."""

from dataclasses import dataclass

import numpy as np

from rimlens.errors import InputError
from rimlens.imaging.grid import Grid


@dataclass(frozen=True)
class SkyGrid:
    """The pixels of an image, in arcsec towards west and north from its middle.

    Parameters
    ----------
    pixels : Grid
        Along the pixel axes.
    axes : ndarray
        What takes these to west and north, shape ``(2, 2)``.

    Examples
    --------
    North is along the rows: the first pixel of a row is the southernmost.

    >>> from rimlens.imaging import Grid
    >>> SkyGrid(Grid((1, 3), 0.5), np.array([[0.0, -1.0], [1.0, 0.0]])).y
    array([[-0.5,  0. ,  0.5]])
    """

    pixels: Grid
    axes: np.ndarray

    @property
    def shape(self):
        """Rows and columns, ``(ny, nx)``."""
        return self.pixels.shape

    @property
    def pixel_scale(self):
        """Side of a pixel."""
        return self.pixels.pixel_scale

    @property
    def x(self):
        """Coordinate of every pixel towards west, shape ``(ny, nx)``."""
        return self.axes[0, 0] * self.pixels.x + self.axes[0, 1] * self.pixels.y

    @property
    def y(self):
        """Coordinate of every pixel towards north, shape ``(ny, nx)``."""
        return self.axes[1, 0] * self.pixels.x + self.axes[1, 1] * self.pixels.y

    @property
    def x_axis(self):
        """There is none: a lens that is a map needs one."""
        raise InputError(
            "lens: a map lies along the pixel axes, and here west and north are not along them; "
            'give frame="pixel" and models in the pixel frame'
        )

    y_axis = x_axis

    def refined(self, factor):
        """Return the grid of sub-pixels, ``factor`` a side in every pixel of this one."""
        return SkyGrid(self.pixels.refined(factor), self.axes)
