"""The unit of an image as its FITS header spells it."""

import re
import warnings

import astropy.units as u

from rimlens.errors import RimlensWarning
from rimlens.observation.units import unit_of_text

# Names as astropy spells them, found in any case; others are left as they are.
_NAMES = {
    name.upper(): name
    for name in (
        "electron", "count", "photon", "DN", "adu", "MJy", "nJy", "uJy", "Jy", "sr", "arcsec",
        "erg", "cm", "Angstrom", "Hz", "W", "m", "s", "pix", "micron",
    )
}  # fmt: skip
_NAMES |= {
    "ELECTRONS": "electron", "E": "electron", "E-": "electron", "COUNTS": "count", "CTS": "count",
    "PHOTONS": "photon", "SEC": "s", "SECOND": "s", "SECONDS": "s", "CPS": "count/s",
    "PIXEL": "pix", "ANGSTROMS": "Angstrom",
}  # fmt: skip
_WORD = re.compile(r"[A-Za-z]+(?:-(?=[/ ]|$))?")


def header_unit(image, quiet=False):
    """Return the unit of the keyword ``BUNIT``.

    Parameters
    ----------
    image : object
        Has a ``header``; its text names it in the warning.
    quiet : bool, optional
        Whether a unit that is not known is left out without a warning.

    Returns
    -------
    Unit or None
        None if there is none; one that is not known is kept by its name, or is None where `quiet`
        is set.

    Warns
    -----
    RimlensWarning
        If the unit is not known.
    """
    if "BUNIT" not in image.header:
        return None
    text = str(image.header["BUNIT"]).strip()
    if text.upper() in ("UNITLESS", "DIMENSIONLESS", "NONE"):
        return u.dimensionless_unscaled
    for candidate in _spellings(text):
        for form in ("fits", None):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", u.UnitsWarning)
                    return u.Unit(candidate, format=form)
            except (ValueError, TypeError):
                continue
    if quiet:
        return None
    warnings.warn(
        f"{image}: the unit BUNIT = {text!r} is not known and converts to no other; give another "
        "with unit=",
        RimlensWarning,
        stacklevel=4,
    )
    return unit_of_text(text)


def _spellings(text):
    """Return the texts that a unit may be, the likeliest first."""
    renamed = _WORD.sub(lambda word: _NAMES.get(word[0].upper(), word[0]), text)
    # Nothing shines in siemens: an S is a second, and capitals stand for no unit's own spelling.
    seconds = re.sub(r"\bS\b", "s", text)
    return (renamed, seconds) if text == text.upper() else (seconds, renamed, renamed.lower())
