"""Sampling a map at any position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keras import ops

from rimlens import backend
from rimlens.typing import Tensor

if TYPE_CHECKING:
    from rimlens.imaging.grid import Grid

# Rows and columns of zeros that surround a map before cubic interpolation.
_BORDER = 3


def bilinear(values: Tensor, grid: Grid, x: Tensor, y: Tensor) -> Tensor:
    """Interpolate maps bilinearly; they are zero outside.

    A map is surrounded by a border of zeros one pixel wide, into which it falls off linearly, so
    that the result is continuous and its gradient finite everywhere.

    Parameters
    ----------
    values : tensor
        The maps, shape ``(batch, ny, nx)``.
    grid : Grid
        Where the values of a map stand.
    x, y : tensor
        Positions in the unit of the grid, shape ``(batch, my, mx)``.

    Returns
    -------
    tensor
        Shape ``(batch, my, mx)``.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import Grid, bilinear
    >>> maps = np.array([[[0.0, 1.0], [2.0, 3.0]]], "float32")
    >>> at = np.zeros((1, 1, 1), "float32")
    >>> float(bilinear(maps, Grid((2, 2)), at, at)[0, 0, 0])
    1.5
    """
    return BilinearSampling(grid, x, y)(values)


class BilinearSampling:
    """Bilinear interpolation at positions that stay: a linear operator on maps, and its adjoint.

    Parameters
    ----------
    grid : Grid
        Where the values of a map stand.
    x, y : tensor
        Positions in the unit of the grid, shape ``(batch, my, mx)``.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import Grid
    >>> from rimlens.imaging.sampling import BilinearSampling
    >>> at = np.full((1, 1, 1), 0.25, "float32")
    >>> sampling = BilinearSampling(Grid((2, 2)), at, at)
    >>> np.asarray(sampling.adjoint(np.ones((1, 1, 1), "float32")))
    array([[[0.0625, 0.1875],
            [0.1875, 0.5625]]], dtype=float32)
    """

    def __init__(self, grid, x, y):
        self._grid = grid
        ny, nx = grid.shape
        column, row = _pixels(grid, x, y, 1)
        inside = ops.clip(column, 0.0, nx + 1.0), ops.clip(row, 0.0, ny + 1.0)
        left = ops.clip(ops.floor(ops.stop_gradient(inside[0])), 0.0, float(nx))
        low = ops.clip(ops.floor(ops.stop_gradient(inside[1])), 0.0, float(ny))
        self._cell = ops.cast(low, "int32"), ops.cast(left, "int32")
        self._right, self._high = inside[0] - left, inside[1] - low
        self._positions = (column, inside[0]), (row, inside[1])

    def __call__(self, values):
        """Return maps at the positions.

        Parameters
        ----------
        values : tensor
            Shape ``(batch, ny, nx)``.

        Returns
        -------
        tensor
            Shape ``(batch, my, mx)``; differentiable with respect to the positions too.
        """
        return self._value(*self._corners(values))

    def with_slopes(self, values):
        """Return maps and their derivatives with respect to x and y at the positions.

        Parameters
        ----------
        values : tensor
            Shape ``(batch, ny, nx)``.

        Returns
        -------
        value, slopes : tensor, tuple of tensor
            Each of shape ``(batch, my, mx)``.
        """
        corners = first, right, upper, last = self._corners(values)
        slopes = (
            _mixed(right - first, last - upper, self._high),
            _mixed(upper - first, last - right, self._right),
        )
        # Beyond the border a position moves nothing.
        pixels_per_unit = (
            ops.cast(ops.equal(position, clipped), ops.dtype(position)) / self._grid.pixel_scale
            for position, clipped in self._positions
        )
        return self._value(*corners), tuple(a * b for a, b in zip(slopes, pixels_per_unit))

    def adjoint(self, values):
        """Return maps into which values at the positions are spread.

        Parameters
        ----------
        values : tensor
            Shape ``(batch, my, mx)``.

        Returns
        -------
        tensor
            Shape ``(batch, ny, nx)``.
        """
        ny, nx = self._grid.shape
        upper = self._high * values
        lower = values - upper
        lower_right, upper_right = self._right * lower, self._right * upper
        parts = lower - lower_right, lower_right, upper - upper_right, upper_right
        padded = backend.sum_into_corners(parts, *self._cell, (ny + 2, nx + 2))
        return padded[:, 1:-1, 1:-1]

    def _corners(self, values):
        padded = ops.pad(values, ((0, 0), (1, 1), (1, 1)))
        return backend.corners(padded, *self._cell)

    def _value(self, first, right, upper, last):
        return _mixed(
            _mixed(first, right, self._right), _mixed(upper, last, self._right), self._high
        )


def _mixed(a, b, share):
    return a + share * (b - a)


def bicubic(values: dict[str, Tensor], grid: Grid, x: Tensor, y: Tensor) -> Tensor:
    r"""Interpolate maps by cubic convolution; they are zero outside.

    With weights of the four nearest pixels along either axis, for a position :math:`u` between the
    second and the third,

    .. math::

        \left( -\tfrac{u}{2} + u^2 - \tfrac{u^3}{2},\; 1 - \tfrac52 u^2 + \tfrac32 u^3,\;
        \tfrac{u}{2} + 2 u^2 - \tfrac32 u^3,\; -\tfrac{u^2}{2} + \tfrac{u^3}{2} \right)

    (Keys 1981, IEEE Trans. ASSP 29, 1153, eq. 19).  The result and its gradient are continuous,
    and quadratics are met exactly; a map falls off to zero over two pixels around it.

    Parameters
    ----------
    values, grid, x, y
        As in `bilinear`.

    Returns
    -------
    tensor
        Shape ``(batch, my, mx)``.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import Grid, bicubic
    >>> grid = Grid((6, 6))
    >>> maps = (grid.x**2)[None].astype("float32")
    >>> at = np.zeros((1, 1, 1), "float32")
    >>> float(bicubic(maps, grid, at, at)[0, 0, 0])
    0.0
    """
    ny, nx = grid.shape
    column, row = _pixels(grid, x, y, _BORDER)
    column = ops.clip(column, 1.0, nx + 4.0)
    row = ops.clip(row, 1.0, ny + 4.0)
    left = ops.clip(ops.floor(ops.stop_gradient(column)), 1.0, nx + 3.0)
    low = ops.clip(ops.floor(ops.stop_gradient(row)), 1.0, ny + 3.0)
    padded = ops.pad(values, ((0, 0), (_BORDER, _BORDER), (_BORDER, _BORDER)))
    shape = ny + 2 * _BORDER, nx + 2 * _BORDER
    first = _flat_index(low - 1, left - 1, shape)
    padded = ops.reshape(padded, (-1,))
    weights = _cubic_weights(column - left)
    total = 0.0
    for i, weight_y in enumerate(_cubic_weights(row - low)):
        line = sum(
            weight_x * ops.take(padded, first + (i * shape[1] + j), axis=0)
            for j, weight_x in enumerate(weights)
        )
        total = total + weight_y * line
    return total


def _pixels(grid, x, y, border):
    """Return positions as columns and rows of a map with a border."""
    ny, nx = grid.shape
    center_x, center_y = grid.center
    column = x / grid.pixel_scale + ((nx - 1) / 2 + border - center_x / grid.pixel_scale)
    row = y / grid.pixel_scale + ((ny - 1) / 2 + border - center_y / grid.pixel_scale)
    return column, row


def _flat_index(row, column, shape):
    """Return indices into a flattened batch of maps of one shape."""
    image = ops.arange(ops.shape(row)[0], dtype="int32") * (shape[0] * shape[1])
    cell = ops.cast(row, "int32") * shape[1] + ops.cast(column, "int32")
    return cell + ops.reshape(image, (-1, 1, 1))


def _cubic_weights(u):
    return (
        u * (-0.5 + u * (1.0 - 0.5 * u)),
        1.0 + u * u * (1.5 * u - 2.5),
        u * (0.5 + u * (2.0 - 1.5 * u)),
        u * u * (0.5 * u - 0.5),
    )
