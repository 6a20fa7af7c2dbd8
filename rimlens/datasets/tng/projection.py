"""Lines of sight: along an axis of the simulation, or any other direction."""

import numpy as np

from rimlens.errors import InputError

_AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}


def projection_name(projection):
    """Return a projection as a word: an axis, or the components of a direction.

    Parameters
    ----------
    projection : str or sequence of float
        ``"x"``, ``"y"``, ``"z"``, or a direction, as three numbers or as text with commas.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If it is none.

    Examples
    --------
    >>> projection_name("z"), projection_name([0, 0.5, 1])
    ('z', '0,0.5,1')
    """
    if isinstance(projection, str) and projection.strip().lower() in _AXES:
        return projection.strip().lower()
    return ",".join(f"{component:g}" for component in _direction(projection))


def sky_axes(projection):
    """Return the two directions of a map, seen along a projection.

    Parameters
    ----------
    projection : str or sequence of float
        As for `projection_name`.

    Returns
    -------
    ndarray
        Unit vectors of the map's x and y, shape ``(2, 3)``; they and the line of sight are
        right-handed, and along z the map has the x and y of the simulation.

    Examples
    --------
    >>> sky_axes("z")
    array([[1., 0., 0.],
           [0., 1., 0.]])
    >>> sky_axes("x")
    array([[0., 1., 0.],
           [0., 0., 1.]])
    """
    axis = projection.strip().lower() if isinstance(projection, str) else None
    if axis in _AXES:
        third = "xyz".index(axis)
        return np.roll(np.eye(3), -third - 1, axis=0)[:2]
    direction = _direction(projection)
    direction = direction / np.linalg.norm(direction)
    # Any vector that is not along the direction makes the first axis.
    other = np.eye(3)[np.argmin(np.abs(direction))]
    first = np.cross(other, direction)
    first /= np.linalg.norm(first)
    return np.array([first, np.cross(direction, first)])


def _direction(projection):
    try:
        parts = projection.split(",") if isinstance(projection, str) else projection
        direction = np.array([float(part) for part in parts])
    except (TypeError, ValueError):
        direction = np.zeros(0)
    if direction.shape != (3,) or not np.all(np.isfinite(direction)) or not np.any(direction):
        raise InputError(
            f"projections: x, y, z or a direction such as '1,0.5,0' is wanted, found "
            f"{projection!r}"
        )
    return direction
