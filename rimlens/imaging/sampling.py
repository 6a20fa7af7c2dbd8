"""Sampling a map at any position."""

from keras import ops


def bilinear(values, grid, x, y):
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
    ny, nx = grid.shape
    batch = ops.shape(values)[0]
    column = ops.clip(x / grid.pixel_scale + (nx + 1) / 2, 0.0, nx + 1.0)
    row = ops.clip(y / grid.pixel_scale + (ny + 1) / 2, 0.0, ny + 1.0)
    left = ops.clip(ops.floor(ops.stop_gradient(column)), 0.0, float(nx))
    low = ops.clip(ops.floor(ops.stop_gradient(row)), 0.0, float(ny))
    # The four corners of every cell lie side by side, so that one gather reads them all.
    padded = ops.pad(values, ((0, 0), (1, 1), (1, 1)))
    corners = ops.stack(
        [padded[:, :-1, :-1], padded[:, :-1, 1:], padded[:, 1:, :-1], padded[:, 1:, 1:]], axis=-1
    )
    corners = ops.reshape(corners, (-1, 4))
    cell = ops.cast(low, "int32") * (nx + 1) + ops.cast(left, "int32")
    offset = ops.arange(batch, dtype="int32") * ((nx + 1) * (ny + 1))
    corners = ops.take(corners, cell + ops.reshape(offset, (-1, 1, 1)), axis=0)
    right, high = column - left, row - low
    lower = corners[..., 0] * (1 - right) + corners[..., 1] * right
    upper = corners[..., 2] * (1 - right) + corners[..., 3] * right
    return lower * (1 - high) + upper * high
