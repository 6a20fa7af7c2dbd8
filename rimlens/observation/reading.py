"""Finding image, noise, mask and point-spread function in FITS files."""

import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning
from astropy.wcs import WCS, FITSFixedWarning, WcsError

from rimlens.errors import FileFormatError, InputError, RimlensWarning
from rimlens.observation.keywords import exposure_keywords
from rimlens.observation.noise import UNCERTAINTIES
from rimlens.observation.units import unit_of_text
from rimlens.observation.wcs import arcsec

# The usual names of extensions, the preferred first, and what a noise map of that name holds.
_NAMES = {
    "data": ("SCI", "LENSSUB"),
    "uncertainty": {
        "ERR": "std",
        "WHT": "ivar",
        "VAR": "var",
        "IVAR": "ivar",
        "RMS": "std",
        "ERROR": "std",
        "SIGMA": "std",
        "NOISE": "std",
        "NOISE_MAP": "std",
        "VARIANCE": "var",
        "INVVAR": "ivar",
        "WEIGHT": "ivar",
        "UNCERT": "std",
    },
    "mask": ("DQ", "MASK"),
    "psf": ("PSF", "PSFIMAGE"),
}
_AUXILIARY = {*_NAMES["uncertainty"], *_NAMES["mask"], *_NAMES["psf"]}
_WHAT = {
    "data": "image",
    "uncertainty": "noise map",
    "mask": "mask",
    "psf": "point-spread function",
}
# Where CCDData.write says what its extension UNCERT holds.
_UTYPES = {kind.__name__: name for name, kind in UNCERTAINTIES.items()}
_BRACKETS = re.compile(r"(?P<path>.+)\[(?P<extension>[^\[\]]+)\]")
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x1f\x9d")


@dataclass(frozen=True)
class _Image:
    """An image extension: where it stands and what it holds."""

    path: Path
    index: int
    name: str
    version: int
    header: fits.Header
    values: np.ndarray
    wcs: WCS | None

    def __str__(self):
        return f"{self.path}[{self.name or self.index}]"


def read(cls, path, *, data, uncertainty, mask, psf, uncertainty_type, pixel_scale, unit):
    """Read an observation; `Observation.read` describes the parameters."""
    if uncertainty_type is not None and uncertainty_type not in UNCERTAINTIES:
        raise InputError(
            f"uncertainty_type: one of {', '.join(UNCERTAINTIES)} is wanted, found "
            f"{uncertainty_type!r}"
        )
    path, extension = _split(path)
    files = _Files()
    image = _find(files, path, "data", extension if data is None else data)
    noise = _find(files, image.path, "uncertainty", uncertainty, image)
    flags = _find(files, image.path, "mask", mask, image)
    stamp = _find(files, image.path, "psf", psf, image)
    for other, what in ((noise, "noise map"), (flags, "mask")):
        if other is not None and other.values.shape != image.values.shape:
            raise InputError(
                f"{other}: the {what} has the shape {other.values.shape}, but the image {image} "
                f"has {image.values.shape}; both must agree"
            )
    file_unit = None if unit is not None else _unit(image)
    kind = UNCERTAINTIES[uncertainty_type or _uncertainty_type(noise)]
    wcs = image.wcs
    if wcs is None:
        pixel_scale = _stated_scale(image) if pixel_scale is None else pixel_scale
        warnings.warn(
            f"{image}: has no celestial WCS; north is taken to be up, the centre of the image to "
            f"be at right ascension and declination 0, and a pixel to be {arcsec(pixel_scale):g} "
            "arcsec wide",
            RimlensWarning,
            stacklevel=3,
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            observation = cls(
                image.values,
                uncertainty=kind(
                    noise.values, unit=None if file_unit is None else _unit(noise, quiet=True)
                ),
                psf=stamp.values,
                wcs=wcs,
                mask=None if flags is None else flags.values != 0,
                unit=file_unit if unit is None else unit,
                meta=exposure_keywords(files.primary_header(image.path), image.header)
                | files.stored_meta(image.path),
                pixel_scale=pixel_scale,
            )
        except InputError as error:
            raise InputError(f"{image}: {error}") from error
    for warning in caught:
        warnings.warn(f"{image}: {warning.message}", warning.category, stacklevel=3)
    return observation


class _Files:
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
        return self._primary[path]

    def stored_meta(self, path):
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
                    open(path, "rb") as file,
                    fits.open(file, memmap=False, lazy_load_hdus=False) as hdus,
                ):
                    _check_end(file, hdus)
                    self._primary[path] = hdus[0].header.copy()
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
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            wcs = WCS(hdu.header, hdus)
        wcs = wcs if wcs.has_celestial else None
    except (WcsError, ValueError, KeyError, AssertionError):
        wcs = None
    return _Image(path, index, hdu.name.upper(), hdu.ver, hdu.header.copy(), values, wcs)


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


def _check_end(file, hdus):
    """Refuse a file that ends within a header, which astropy leaves out without a word."""
    last = hdus[-1].fileinfo()
    file.seek(0)
    if file.read(6) == b"SIMPLE":
        file.seek(last["datLoc"] + last["datSpan"])
        if file.read(8) == b"XTENSION":
            raise ValueError("the header of the last extension is not whole")


def _find(files, path, role, wanted, image=None):
    """Return the image that plays a role; None if it is a mask that is not wanted explicitly."""
    if wanted is None:
        return _search(files.images(path), path, role, image)
    if isinstance(wanted, (int, np.integer)) and not isinstance(wanted, bool):
        return _checked(files, path, role, int(wanted), image)
    if not isinstance(wanted, (str, os.PathLike)):
        raise InputError(
            f"{role}: the name or number of an extension or the path of a file is wanted, found "
            f"{wanted!r}"
        )
    if isinstance(wanted, str):
        if any(wanted.upper() == found.name for found in files.images(path)):
            return _checked(files, path, role, wanted, image)
        if wanted.isdecimal():
            return _checked(files, path, role, int(wanted), image)
    other, extension = _split(wanted)
    if isinstance(wanted, str) and not other.exists() and not _looks_like_a_path(wanted):
        return _checked(files, path, role, wanted, image)
    if extension is not None:
        return _checked(files, other, role, extension, image)
    return _search(files.images(other), other, role, None, sole=True)


def _search(images, path, role, image, sole=False):
    """Return the image with the usual name for a role, else the first one where that is safe."""
    names = _NAMES[role]
    prefix = image.name.rpartition("_")[0] + "_" if image is not None and "_" in image.name else ""
    for name in (*(prefix + n for n in names if prefix), *names):
        same = [found for found in images if found.name == name]
        if same:
            version = image.version if image is not None else 1
            return _two_axes(
                next((found for found in same if found.version == version), same[0]), role
            )
    if role == "data" or sole:
        for found in images:
            if found.values.ndim == 2 and (sole or _base(found.name) not in _AUXILIARY):
                return found
    if role == "mask" and not sole:
        return None
    raise InputError(
        f"{path}: has no {_WHAT[role]}: {_listed(images)}; looked for {', '.join(names)}; "
        f"name its extension or its file with {role}="
    )


def _checked(files, path, role, wanted, image):
    """Return the extension with a name or number."""
    images = files.images(path)
    if isinstance(wanted, str) and wanted.strip().isdecimal():
        wanted = int(wanted)
    if isinstance(wanted, int):
        same = [found for found in images if found.index == wanted]
    else:
        name = wanted.strip().upper()
        same = [found for found in images if found.name == name]
    if not same:
        raise InputError(
            f"{path}: has no image extension {wanted!r} ({role}): {_listed(images)}; name one of "
            "these"
        )
    version = image.version if image is not None else 1
    return _two_axes(next((found for found in same if found.version == version), same[0]), role)


def _two_axes(found, role):
    if found.values.ndim != 2:
        raise InputError(
            f"{found}: the {_WHAT[role]} must have two axes, found {found.values.shape}; "
            "name another extension or write one plane to a file"
        )
    return found


def _split(path):
    """Return a path and the extension that it names in brackets, or None."""
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(f"path: the path of a FITS file is wanted, found {path!r}")
    match = _BRACKETS.fullmatch(os.fspath(path))
    if match and not Path(path).exists():
        return Path(match["path"]), match["extension"]
    return Path(path), None


def _looks_like_a_path(text):
    return os.sep in text or bool(re.search(r"\.(fits?|fts|fz|gz|bz2)\b", text, re.IGNORECASE))


def _base(name):
    return name if name in _AUXILIARY else name.rpartition("_")[2]


def _listed(images):
    if not images:
        return "it has no images"
    return "its images are " + ", ".join(
        f"{found.index} ({found.name})" if found.name else str(found.index) for found in images
    )


def _uncertainty_type(noise):
    """Return what a noise map holds: after its header, its name, or the name of its file."""
    stated = _UTYPES.get(str(noise.header.get("UTYPE", "")).strip())
    if stated:
        return stated
    kinds = _NAMES["uncertainty"]
    by_name = kinds.get(noise.name) or kinds.get(noise.name.rpartition("_")[2])
    if by_name:
        return by_name
    words = re.split(r"[^A-Z]+", noise.path.name.upper())
    return next((kinds[word] for word in reversed(words) if word in kinds), "std")


def _stated_scale(image):
    """Return the pixel scale of the keyword PIXSCALE, in arcsec, for an image without WCS."""
    scale = image.header.get("PIXSCALE")
    if isinstance(scale, (int, float)) and not isinstance(scale, bool) and scale > 0:
        return float(scale)
    raise InputError(
        f"{image}: has no celestial WCS and no pixel scale; give the side of a pixel with "
        "pixel_scale, for instance pixel_scale=0.05 for arcsec"
    )


def _unit(image, quiet=False):
    """Return the unit of the keyword BUNIT, None if there is none.

    One that is not known is kept by its name, or is None where `quiet` is set.
    """
    if "BUNIT" not in image.header:
        return None
    text = str(image.header["BUNIT"]).strip()
    if text.upper() in ("UNITLESS", "DIMENSIONLESS", "NONE"):
        return u.dimensionless_unscaled
    plain = re.sub(r"\b(electron|count|photon)s\b", r"\1", text.lower())
    plain = re.sub(r"\b(cps)\b", "count/s", re.sub(r"\be-?(?=/|$| )", "electron", plain))
    plain = re.sub(r"/\s*sec(onds?)?\b", "/s", re.sub(r"\bdn\b", "DN", plain))
    for candidate, form in ((text, "fits"), (text, None), (plain, None)):
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


def _first_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
