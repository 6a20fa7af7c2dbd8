"""Arrays that bring a mask of their own: numpy's masked arrays and astropy's ``Masked``.

``numpy.asarray`` forgets the masks of both; whatever takes arrays of users looks here first.
"""

import numpy as np
from astropy.utils.masked import Masked

from rimlens.errors import InputError


def unmasked(values, name):
    """Return values without their mask, and the mask.

    Parameters
    ----------
    values : object
        For instance an array, a Quantity, a masked array, or a Masked Quantity.
    name : str
        The argument, for the message.

    Returns
    -------
    values : object
        As given, without the mask.
    hidden : ndarray of bool
        True where a value is masked, of a shape that broadcasts with `values`.

    Raises
    ------
    InputError
        If there is nothing but a mask (``numpy.ma.masked``).

    Examples
    --------
    >>> import numpy as np
    >>> values, hidden = unmasked(np.ma.MaskedArray([1.0, 2.0], mask=[False, True]), "data")
    >>> values, hidden
    (array([1., 2.]), array([False,  True]))
    """
    if values is np.ma.masked:
        raise InputError(f"{name}: numbers are wanted, found a masked value")
    if isinstance(values, np.ma.MaskedArray):
        # The columns of astropy's tables, which are masked arrays, have another `data`.
        return np.ma.getdata(values), np.ma.getmaskarray(values)
    if isinstance(values, Masked):
        return values.unmasked, np.asarray(values.mask)
    return values, np.zeros((), dtype=bool)


def without_mask(values, name):
    """Return values of which none is masked, without their mask.

    Parameters
    ----------
    values : object
        As for `unmasked`.
    name : str
        The argument, for the message.

    Returns
    -------
    object
        As given, without the mask.

    Raises
    ------
    InputError
        If a value is masked.

    Examples
    --------
    >>> without_mask(np.ma.MaskedArray([1.0, 2.0], mask=[False, True]), "psf")
    Traceback (most recent call last):
        ...
    rimlens.errors.InputError: psf: 1 of 2 values are masked; repair them first
    """
    plain, hidden = unmasked(values, name)
    if hidden.any():
        raise InputError(
            f"{name}: {np.count_nonzero(hidden)} of {hidden.size} values are masked; repair them "
            "first"
        )
    return plain
