"""Metadata as plain data: text, numbers, booleans, None, lists and dictionaries."""

import numbers
from collections.abc import Mapping

import numpy as np

from rimlens.errors import InputError


def plain(value, where):
    """Return metadata as plain data, which files give back unchanged.

    Parameters
    ----------
    value : object
        Metadata; numpy's numbers and arrays and tuples are turned into Python's.
    where : str
        What it is, for the message.

    Returns
    -------
    object
        Plain data.

    Raises
    ------
    InputError
        If there is something else in it.

    Examples
    --------
    >>> plain({"binning": np.int64(2), "ring": (5, 25.0)}, "domain")
    {'binning': 2, 'ring': [5, 25.0]}
    """
    return _plain(value, where, _refuse)


def readable(value):
    """Return metadata as plain data, with the text of whatever else is in it.

    Parameters
    ----------
    value : object
        Metadata, for instance a FITS header.

    Returns
    -------
    object
        Plain data.

    Examples
    --------
    >>> import astropy.units as u
    >>> readable({"EXPTIME": 420 * u.s})
    {'EXPTIME': '420.0 s'}
    """
    return _plain(value, "", lambda other, where: str(other))


def _refuse(value, where):
    raise InputError(
        f"{where}: text, numbers, lists and dictionaries are wanted, found {value!r} "
        f"({type(value).__name__})"
    )


def _plain(value, where, other):
    if isinstance(value, Mapping):
        result = {}
        for key, item in value.items():
            key = str(key) if isinstance(key, str) else other(key, f"a key of {where}")
            result[key] = _plain(item, f"{where}.{key}", other)
        return result
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{where}[{i}]", other) for i, item in enumerate(value)]
    if type(value) is np.ndarray:
        return _plain(value.tolist(), where, other)
    if value is None or isinstance(value, str):
        return value if value is None else str(value)
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    # ASDF has no larger literal.
    if isinstance(value, numbers.Integral) and abs(int(value)) < 2**63 - 1:
        return int(value)
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral):
        return float(value)
    return other(value, where)
