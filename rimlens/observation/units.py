"""Units of surface brightness: which are accepted, and how files hold them."""

import warnings

from astropy import units as u

from rimlens.errors import InputError


def linear_unit(unit, name="unit"):
    """Return a unit in which brightness adds up.

    Parameters
    ----------
    unit : Unit, str or None
        Units that astropy does not know (``astropy.units.UnrecognizedUnit``) are kept as they are.
    name : str, optional
        The argument, for the messages.

    Returns
    -------
    Unit or None

    Raises
    ------
    InputError
        If it is no unit, or a logarithmic one such as magnitudes.

    Examples
    --------
    >>> linear_unit("electron / s")
    Unit("electron / s")
    >>> linear_unit("mag(AB)")
    Traceback (most recent call last):
        ...
    rimlens.errors.InputError: unit: a linear unit is wanted, found mag(AB); convert the data first
    """
    if unit is None:
        return None
    try:
        unit = u.Unit(unit)
    except (ValueError, TypeError) as error:
        raise InputError(f"{name}: an astropy unit is wanted, found {unit!r}: {error}") from error
    if not isinstance(unit, u.UnitBase) or u.dex in unit.decompose().bases:
        raise InputError(f"{name}: a linear unit is wanted, found {unit}; convert the data first")
    return unit


def unit_text(unit):
    """Return the text by which a file holds a unit: that of FITS if there is one.

    Parameters
    ----------
    unit : Unit
        Any.

    Returns
    -------
    str
        `unit_of_text` gives the unit back.

    Raises
    ------
    InputError
        If no text gives it back.

    Examples
    --------
    >>> from astropy import units as u
    >>> unit_text(u.MJy / u.sr), unit_text(u.electron / u.s)
    ('MJy sr-1', 'electron / s')
    """
    for text in _texts(unit):
        if unit_of_text(text) == unit:
            return text
    raise InputError(
        f"unit: {unit!r} cannot be written so that it is read again; convert to a unit of astropy"
    )


def unit_of_text(text):
    """Return the unit of a text; one that astropy does not know as an unrecognized unit.

    Parameters
    ----------
    text : str
        As `unit_text` gives it.

    Returns
    -------
    Unit
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", u.UnitsWarning)
        return u.Unit(text, parse_strict="silent")


def known_unit(unit):
    """Return a unit that ASDF gives back, where a name that no one knows has become a unit.

    Parameters
    ----------
    unit : Unit or None
        As it was read.

    Returns
    -------
    Unit or None
        As it was written.
    """
    if unit is None:
        return None
    found = unit_of_text(unit.to_string())
    return found if isinstance(found, u.UnrecognizedUnit) else unit


def _texts(unit):
    """Yield what a unit may be written as."""
    for one, form in ((unit, "fits"), (unit, "generic"), (unit.decompose(), "generic")):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", u.UnitsWarning)
                yield one.to_string(form)
        except ValueError:
            continue
