"""The eight orientations of the square.

The physics has no preferred orientation; a network has.  Training shows it every draw in several
of them, and a solver can average over all eight.
"""

import numpy as np

ORIENTATIONS = range(8)


def oriented_map(values, orientation):
    """Return maps in another orientation.

    Parameters
    ----------
    values : ndarray
        Shape ``(batch, n, n)``.
    orientation : int
        0 to 7: its bits flip the columns, flip the rows, and exchange the axes, in this order.

    Returns
    -------
    ndarray
        Same shape.

    Examples
    --------
    >>> import numpy as np
    >>> oriented_map(np.array([[[1, 2], [3, 4]]]), 4)[0].tolist()
    [[1, 3], [2, 4]]
    """
    values = values[:, :, ::-1] if orientation & 1 else values
    values = values[:, ::-1] if orientation & 2 else values
    return np.ascontiguousarray(values.transpose(0, 2, 1) if orientation & 4 else values)


def restored_map(values, orientation):
    """Undo `oriented_map`."""
    values = values.transpose(0, 2, 1) if orientation & 4 else values
    values = values[:, ::-1] if orientation & 2 else values
    return np.ascontiguousarray(values[:, :, ::-1] if orientation & 1 else values)


def oriented_shear(shear, orientation):
    """Return shears in another orientation; the same call undoes it.

    Parameters
    ----------
    shear : ndarray
        Components along the pixel axes, shape ``(batch, 2)``.
    orientation : int
        As in `oriented_map`.

    Returns
    -------
    ndarray
        Same shape.

    Examples
    --------
    >>> import numpy as np
    >>> oriented_shear(np.array([[0.1, 0.2]]), 4).tolist()
    [[-0.1, 0.2]]
    """
    one_flip = bool(orientation & 1) != bool(orientation & 2)
    sign = [-1 if orientation & 4 else 1, -1 if one_flip else 1]
    return shear * np.array(sign, shear.dtype)
