"""Observations as FITS files."""

import json
import math
import re

import numpy as np
from astropy.io import fits

from rimlens.observation.keywords import is_exposure_keyword
from rimlens.observation.units import unit_text

_PLAIN_KEYWORD = re.compile(r"[A-Z0-9_-]{1,8}")
_META = "META"


def write(observation, path, overwrite=False):
    """Write an observation; `Observation.write` describes the file."""
    from rimlens.io.files import new_file

    header = observation.wcs.to_header(relax=True)
    image = header.copy()
    if observation.unit is not None:
        image["BUNIT"] = unit_text(observation.unit)
    primary = fits.PrimaryHDU()
    rest = {}
    for key, value in observation.meta.items():
        value = value.item() if isinstance(value, np.generic) else value
        if header_holds(key, value):
            primary.header[key] = value
        else:
            rest[str(key)] = value
    hdus = [
        primary,
        fits.ImageHDU(observation.data, image, name="SCI"),
        fits.ImageHDU(observation.sigma, image, name="ERR"),
        fits.ImageHDU(observation.mask.astype("uint8"), header, name="DQ"),
        fits.ImageHDU(observation.psf, name="PSF"),
    ]
    if rest:
        rows = [json.dumps([key, value], default=_plain) for key, value in rest.items()]
        width = max(len(row) for row in rows)
        column = fits.Column("JSON", f"{width}A", array=np.array(rows, dtype=f"U{width}"))
        hdus.append(fits.BinTableHDU.from_columns([column], name=_META))
    with new_file(path, overwrite) as temporary:
        fits.HDUList(hdus).writeto(temporary, checksum=True)


def read_meta(hdus):
    """Return the metadata that `write` kept in a table, an empty dict if there is none."""
    if _META not in hdus or hdus[_META].header.get("TTYPE1") != "JSON":
        return {}
    return dict(json.loads(row) for row in hdus[_META].data["JSON"])


def header_holds(key, value):
    """Return whether a FITS header gives back a value under a key as it is.

    Parameters
    ----------
    key : str
        A keyword; those of structure and WCS are not for metadata.
    value : object
        Text, a number or a truth.

    Returns
    -------
    bool
    """
    if not (isinstance(key, str) and _PLAIN_KEYWORD.fullmatch(key) and is_exposure_keyword(key)):
        return False
    if isinstance(value, str):
        return value.isascii() and value.isprintable() and value == value.rstrip()
    return isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value))


def _plain(value):
    """Return what JSON has no form for as a list or as text."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return str(value)
