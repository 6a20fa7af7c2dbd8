"""Which extension of which file is the image, the noise map, the mask or the PSF."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from rimlens.errors import InputError

# The usual names of extensions, the preferred first, and what a noise map of that name holds.
NAMES = {
    # An image without the light of the lens is what is wanted, where there is one.
    "data": ("LENSSUB", "LENS_SUB", "LENSSUBTRACTED", "LENS_SUBTRACTED", "SUBTRACTED", "SCI"),
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
# Images that are none of these: contexts of drizzling, parts of a variance, numbers of samples.
_OTHER = {"CTX", "CON", "VAR_POISSON", "VAR_RNOISE", "VAR_FLAT", "SAMP", "TIME", "AREA", "FLAG"}
_AUXILIARY = {*NAMES["uncertainty"], *NAMES["mask"], *NAMES["psf"], *_OTHER}
_WHAT = {
    "data": "image",
    "uncertainty": "noise map",
    "mask": "mask",
    "psf": "point-spread function",
}
_BRACKETS = re.compile(r"(?P<path>.+)\[(?P<extension>[^\[\]]+)\]")


def find_image(files, path, role, wanted, image=None, optional=False):
    """Return the image that plays a role.

    Parameters
    ----------
    files : rimlens.observation.fits_images.FITSImages
        The files in use.
    path : pathlib.Path
        Where to look.
    role : {"data", "uncertainty", "mask", "psf"}
        What the image is for.
    wanted : str, int, (str, int) or path-like, optional
        The name, the number, or the name and version of an extension, or another file.
    image : rimlens.observation.fits_images.FITSImage, optional
        The data; what goes with it has its prefix and its version.
    optional : bool, optional
        Whether None is returned where nothing is found, as it always is for a mask.

    Returns
    -------
    rimlens.observation.fits_images.FITSImage or None

    Raises
    ------
    rimlens.errors.InputError
        If there is none.
    """
    if wanted is None:
        return _search(files.images(path), path, role, image, optional=optional)
    if isinstance(wanted, tuple) and len(wanted) == 2 and isinstance(wanted[0], str):
        return _versioned(files.images(path), path, role, *wanted)
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
    other, extension = split_path(wanted)
    if isinstance(wanted, str) and not other.exists() and not _looks_like_a_path(wanted):
        return _checked(files, path, role, wanted, image)
    if extension is not None:
        return _checked(files, other, role, extension, image)
    return _search(files.images(other), other, role, None, sole=True)


def _search(images, path, role, image, sole=False, optional=False):
    """Return the image with the usual name for a role, else the first one where that is safe."""
    names = NAMES[role]
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
    if (role == "mask" or optional) and not sole:
        return None
    raise InputError(
        f"{path}: has no {_WHAT[role]}: {listed(images)}; looked for {', '.join(names)}; "
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
            f"{path}: has no image extension {wanted!r} ({role}): {listed(images)}; name one of "
            "these"
        )
    version = image.version if image is not None else 1
    return _two_axes(next((found for found in same if found.version == version), same[0]), role)


def _versioned(images, path, role, name, version):
    """Return the extension with a name and a version."""
    for found in images:
        if found.name == name.strip().upper() and found.version == version:
            return _two_axes(found, role)
    raise InputError(
        f"{path}: has no image extension {(name, version)!r} ({role}): {listed(images)}; name one "
        "of these"
    )


def _two_axes(found, role):
    if found.values.ndim != 2:
        raise InputError(
            f"{found}: the {_WHAT[role]} must have two axes, found {found.values.shape}; "
            "name another extension or write one plane to a file"
        )
    return found


def is_auxiliary(name):
    """Return whether an extension of this name holds no image of the sky."""
    return _base(name) in _AUXILIARY


def split_path(path):
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


def listed(images):
    """Return a phrase with the images of a file, by number, name and, where needed, version."""
    if not images:
        return "it has no images"
    names = [found.name for found in images]
    return "its images are " + ", ".join(
        f"{found.index} ({found.name}{f', {found.version}' * (names.count(found.name) > 1)})"
        if found.name
        else str(found.index)
        for found in images
    )
