"""The images in FITS files: each file is read once, and one that is damaged is refused."""

import io
import os
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning
from astropy.wcs import WCS, FITSFixedWarning, WcsError

from rimlens.errors import FileFormatError
from rimlens.observation.keywords import repair

_BLOCK = 2880
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x1f\x9d")


@dataclass(frozen=True)
class FITSImage:
    """An image extension: where it stands and what it holds."""

    path: Path
    index: int
    name: str
    version: int
    header: fits.Header
    values: np.ndarray
    wcs: WCS | None
    wcs_error: str = ""

    def __str__(self):
        return f"{self.path}[{self.name or self.index}]"


class FITSImages:
    """The FITS files in use, each read once."""

    def __init__(self):
        self._images = {}
        self._primary = {}
        self._meta = {}

    def images(self, path):
        """Return the images of a file in its order; tables and empty extensions are left out."""
        if path not in self._images:
            self._load(path)
        return self._images[path]

    def primary_header(self, path):
        """Return the header of a file."""
        return self._primary[path]

    def stored_meta(self, path):
        """Return the metadata that rimlens kept in a file, an empty dict if there is none."""
        return self._meta[path]

    def _load(self, path):
        from rimlens.observation.writing import read_meta

        _check_start(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # A file that ends early is no more than a warning to astropy.
            warnings.filterwarnings("error", ".*truncated", AstropyUserWarning)
            try:
                with (
                    _opened(path) as file,
                    fits.open(file, memmap=False, lazy_load_hdus=False) as hdus,
                ):
                    _check_end(file, hdus, os.path.getsize(path))
                    self._primary[path] = repair(hdus[0].header)
                    self._meta[path] = read_meta(hdus)
                    self._images[path] = [
                        _load_image(path, index, hdu, hdus)
                        for index, hdu in enumerate(hdus)
                        if hdu.is_image and hdu.data is not None
                    ]
            except Exception as error:  # astropy raises many kinds for a broken file
                raise FileFormatError(
                    f"{path}: is damaged or truncated: {_first_line(error)}; fetch or write it "
                    "again"
                ) from error


def _load_image(path, index, hdu, hdus):
    # A copy: its bytes are in the machine's order and it does not keep the file open.
    values = np.array(hdu.data, dtype=float)
    while values.ndim > 2 and values.shape[0] == 1:
        values = values[0]
    header = repair(hdu.header)
    wcs, error = _celestial(header, hdus)
    return FITSImage(path, index, hdu.name.upper(), hdu.ver, header, values, wcs, error)


def _celestial(header, hdus):
    """Return the celestial WCS of a header or None, and what is wrong with the header if None."""
    message = ""
    # With more axes than two, astropy takes no distortions.
    for naxis in (None, 2):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FITSFixedWarning)
                wcs = WCS(header, hdus, naxis=naxis)
            if wcs.has_celestial:
                return wcs, ""
        except (WcsError, ValueError, KeyError, AssertionError) as error:
            message = message or f"astropy says of its WCS: {_first_line(error)}"
    return None, message


@contextmanager
def _opened(path):
    """Open a file; where its last block of 2880 bytes is not filled, as astropy wants it."""
    with open(path, "rb") as file:
        missing = -os.path.getsize(path) % _BLOCK
        filled = missing and file.read(6) == b"SIMPLE"
        file.seek(0)
        yield io.BytesIO(file.read() + bytes(missing)) if filled else file


def _check_start(path):
    try:
        with open(path, "rb") as file:
            start = file.read(80)
    except FileNotFoundError as error:
        raise FileFormatError(f"{path}: there is no such file") from error
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not start:
        raise FileFormatError(f"{path}: is empty; a FITS file is wanted")
    if not start.startswith((b"SIMPLE  =", *_COMPRESSED)):
        raise FileFormatError(f"{path}: is not a FITS file")


def _check_end(file, hdus, size):
    """Refuse a file that ends within a header, which astropy leaves out, or within data."""
    last = hdus[-1].fileinfo()
    file.seek(0)
    if file.read(6) == b"SIMPLE":
        if last["datLoc"] + hdus[-1].size > size:
            raise ValueError("the data of the last extension are not whole")
        file.seek(last["datLoc"] + last["datSpan"])
        if file.read(8) == b"XTENSION":
            raise ValueError("the header of the last extension is not whole")


def _first_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
