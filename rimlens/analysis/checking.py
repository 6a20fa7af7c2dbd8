"""What all measures ask of the maps that they compare."""

import numpy as np

from rimlens.errors import InputError


def checked_maps(found, true):
    """Return two maps, or two stacks of them, as arrays of one shape.

    Parameters
    ----------
    found, true : array_like
        Shape ``(ny, nx)`` or ``(n, ny, nx)``.

    Returns
    -------
    list of ndarray
        Both, in double precision.

    Raises
    ------
    InputError
        If the maps have not one such shape, or are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.analysis.checking import checked_maps
    >>> found, true = checked_maps(np.zeros((4, 4), int), np.ones((4, 4)))
    >>> found.dtype
    dtype('float64')
    """
    maps = [checked_map(found, "found"), checked_map(true, "true")]
    if maps[0].shape != maps[1].shape:
        raise InputError(
            f"found, true: one shape is wanted, found {maps[0].shape} and {maps[1].shape}"
        )
    return maps


def checked_map(values, name):
    """Return a map, or a stack of them, as an array.

    Parameters
    ----------
    values : array_like
        Shape ``(ny, nx)`` or ``(n, ny, nx)``.
    name : str
        What to call it in an error.

    Returns
    -------
    ndarray
        In double precision.

    Raises
    ------
    InputError
        If the shape is another one, or a value is not finite.
    """
    try:
        values = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"{name}: maps of numbers are wanted") from None
    if values.ndim not in (2, 3) or min(values.shape[-2:], default=0) < 2:
        raise InputError(
            f"{name}: maps (ny, nx) or (n, ny, nx) are wanted, found shape {values.shape}"
        )
    if not np.all(np.isfinite(values)):
        raise InputError(f"{name}: finite values are wanted, found others")
    return values
