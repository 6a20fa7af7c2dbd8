"""Which keywords of a FITS header describe the exposure."""

import re

from astropy.io import fits

_STRUCTURE = {
    "SIMPLE", "XTENSION", "BITPIX", "NAXIS", "EXTEND", "PCOUNT", "GCOUNT", "GROUPS", "EXTNAME",
    "EXTVER", "EXTLEVEL", "INHERIT", "BUNIT", "BSCALE", "BZERO", "BLANK", "CHECKSUM", "DATASUM",
    "COMMENT", "HISTORY", "CONTINUE", "END", "NEXTEND", "",
}  # fmt: skip
_STRUCTURE_OR_WCS = re.compile(
    r"NAXIS\d+|EXT_\d+"
    r"|(WCSAXES|WCSNAME|RADESYS|EQUINOX|LONPOLE|LATPOLE|MJDREF)[A-Z]?"
    r"|(CRPIX|CRVAL|CDELT|CROTA|CTYPE|CUNIT|CRDER|CSYER)\d+[A-Z]?"
    r"|(CD|PC)\d+_\d+[A-Z]?|(PV|PS)\d+_\d+[A-Z]?"
    r"|[AB]P?_(ORDER|DMAX|\d+_\d+)"
)


def exposure_keywords(*headers):
    """Return what the headers say about the exposure, the later before the earlier.

    Parameters
    ----------
    *headers : astropy.io.fits.Header
        For instance that of the file and that of the image.

    Returns
    -------
    dict
        Without what describes the file, its axes or its WCS, and without comments.

    Examples
    --------
    >>> header = fits.Header({"NAXIS1": 20, "CRVAL1": 150.0, "EXPTIME": 420.0})
    >>> exposure_keywords(header)
    {'EXPTIME': 420.0}
    """
    return {
        card.keyword: card.value
        for header in headers
        for card in header.cards
        if is_exposure_keyword(card.keyword) and not isinstance(card.value, fits.card.Undefined)
    }


def repair(header):
    """Return a header in which every card can be read.

    Some programs write cards that FITS does not allow, such as ``TEMP = nan``; astropy refuses
    each when it is looked at, and with it the file.

    Parameters
    ----------
    header : astropy.io.fits.Header
        From a file.

    Returns
    -------
    astropy.io.fits.Header
        A new header, in which the value of such a card is its text.
    """
    cards = []
    for card in header.cards:
        try:
            # The value is parsed when it is first asked for.
            parsed = fits.Card(card.keyword, card.value, card.comment)
        except (fits.VerifyError, ValueError):
            text = card.image.partition("=")[2].partition("/")[0].strip(" '")
            keyword = re.sub(r"[^A-Z0-9_-]", "_", card.image[:8].strip().upper())
            parsed = fits.Card(keyword, text)
        cards.append(parsed)
    return fits.Header(cards)


def is_exposure_keyword(keyword):
    """Return whether a keyword has no meaning for the structure or the axes of a FITS file."""
    return keyword not in _STRUCTURE and not _STRUCTURE_OR_WCS.fullmatch(keyword)
