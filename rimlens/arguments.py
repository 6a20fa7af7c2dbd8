"""Numbers as users give them: with units, with masks of their own, or as no numbers at all.

``numpy.asarray`` forgets the masks of numpy's masked arrays and of astropy's ``Masked``, drops
units, and makes a number of a text; whatever takes numbers of users looks here first.
"""

import numpy as np
from astropy import units as u
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


def numbers(values, name, unit=""):
    """Return numbers in a unit.

    Parameters
    ----------
    values : Quantity or array_like
        Bare numbers are in `unit` already.
    name : str
        The argument, for the messages.
    unit : Unit or str, optional
        Of the result; by default pure numbers are wanted.

    Returns
    -------
    ndarray of float
        A new array; it may hold NaN and infinity.

    Raises
    ------
    InputError
        If they have another kind of unit, one is masked, or they are no numbers.

    Examples
    --------
    >>> from astropy import units as u
    >>> numbers([50, 60] * u.mas, "pixel_scale", u.arcsec)
    array([0.05, 0.06])
    >>> numbers("1", "theta_E")
    Traceback (most recent call last):
        ...
    rimlens.errors.InputError: theta_E: numbers are wanted, found '1'
    """
    values = without_mask(values, name)
    if isinstance(values, (list, tuple)) and any(isinstance(v, u.Quantity) for v in values):
        values = _joined(values, name)
    if isinstance(values, u.Quantity):
        try:
            values = values.to_value(unit)
        except u.UnitConversionError:
            wanted = f"a unit like {unit} is wanted" if unit else "pure numbers are wanted"
            raise InputError(f"{name}: {wanted}, found the unit {values.unit}") from None
    try:
        found = np.asarray(values)
        if found.dtype.kind in "USMm":
            raise TypeError
        return np.array(found, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"{name}: numbers are wanted, found {values!r}") from None


def finite_numbers(values, name, unit=""):
    """Return finite numbers in a unit; arguments as for `numbers`.

    Raises
    ------
    InputError
        As `numbers`, and if one is NaN or infinite.
    """
    found = numbers(values, name, unit)
    bad = np.count_nonzero(~np.isfinite(found))
    if bad:
        raise InputError(
            f"{name}: finite numbers are wanted, found {bad} of {found.size} that are NaN or "
            "infinite"
        )
    return found


def positive_angle(value, name):
    """Return one positive angle in arcsec.

    Parameters
    ----------
    value : Quantity or float
        A bare number is in arcsec.
    name : str
        The argument, for the message.

    Returns
    -------
    float

    Raises
    ------
    InputError
        If it is none.

    Examples
    --------
    >>> from astropy import units as u
    >>> positive_angle(0.05 * u.kpc, "pixel_scale")
    Traceback (most recent call last):
        ...
    rimlens.errors.InputError: pixel_scale: a unit like arcsec is wanted, found the unit kpc
    """
    found = numbers(value, name, u.arcsec)
    if found.shape or not (np.isfinite(found) and found > 0):
        raise InputError(f"{name}: one positive angle is wanted, found {value!r}")
    return float(found)


def _joined(values, name):
    """Return a sequence of Quantities as one of them."""
    try:
        return u.Quantity(values)
    except (TypeError, u.UnitConversionError):
        raise InputError(
            f"{name}: numbers of one kind of unit are wanted, found {values!r}"
        ) from None
