"""The public samples of real galaxies, from Zenodo.

Record 3242143 holds the galaxies brighter than 23.5 mag and 25.2 mag in F814W (Mandelbaum et al.
2012, MNRAS 420, 1518; Leauthaud et al. 2007, ApJS 172, 219), some 4 GB each.  The checksum that an
archive must have is the one in the record itself.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rimlens.datasets.http import fetch, open_url
from rimlens.errors import FileFormatError, InputError
from rimlens.typing import PathLike

RECORD = "https://zenodo.org/api/records/3242143"
SAMPLES = ("23.5", "25.2")


def download_cosmos(
    folder: PathLike,
    sample: str = "23.5",
    record: str | None = None,
    keep_archive: bool = False,
    progress: Callable[..., Any] | None = None,
) -> Path:
    """Fetch and unpack a public sample.

    What was fetched before an interruption is kept: the same call goes on from there.

    Parameters
    ----------
    folder : str or path-like
        Where the folder of the sample shall be.
    sample : {"23.5", "25.2"}, optional
        The limiting magnitude.
    record : str, optional
        Address of another record than Zenodo's, in its form.
    keep_archive : bool, optional
        Whether the archive stays when it has been unpacked.
    progress : callable, optional
        Called with the bytes that are there and those of the archive.

    Returns
    -------
    pathlib.Path
        The folder of the sample, as `CosmosCatalog` takes it; nothing is fetched if it is there.

    Raises
    ------
    InputError
        If there is no such sample, the server cannot be reached, or the folder cannot be written.
    FileFormatError
        If the server breaks off, the archive has another checksum, or it would unpack outside of
        its folder.

    Examples
    --------
    >>> download_cosmos("data", "23.5")  # doctest: +SKIP
    PosixPath('data/COSMOS_23.5_training_sample')
    """
    if sample not in SAMPLES:
        raise InputError(f"sample: one of {', '.join(SAMPLES)} is wanted, found {sample!r}")
    folder = Path(folder)
    name = f"COSMOS_{sample}_training_sample"
    if (folder / name).is_dir():
        return folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}") from error
    archive = folder / f"{name}.tar.gz"
    address, md5 = _entry(record or RECORD, archive.name)
    if not archive.exists():
        fetch(address, archive, progress=progress)
    _checked(archive, md5)
    _unpack(archive, folder / name)
    if not keep_archive:
        archive.unlink()
    return folder / name


def _checked(path, wanted):
    """Refuse and remove a file that has not the checksum that is wanted."""
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != wanted:
        path.unlink()
        raise FileFormatError(
            f"{path}: the checksum {wanted} is wanted, found {found}; the file has been removed: "
            "fetch it again"
        )


def _entry(record, name):
    """Return address and checksum of a file in a record."""
    with open_url(record) as answer:
        content = answer.read()
    try:
        (entry,) = (e for e in json.loads(content)["files"] if e["key"] == name)
        kind, _, md5 = entry["checksum"].partition(":")
        address = entry["links"]["self"]
    except (ValueError, KeyError, TypeError) as error:
        raise FileFormatError(
            f"{record}: a record with a file {name} and its checksum is wanted, found another"
        ) from error
    if kind != "md5" or len(md5) != 32:
        raise FileFormatError(
            f"{record}: an md5 checksum of {name} is wanted, found {entry['checksum']}"
        )
    return address, md5


def _unpack(archive, target):
    """Unpack the one folder of an archive, which appears whole or not at all."""
    temporary = target.with_name(f".{target.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        with tarfile.open(archive) as tar:
            # Refuses members that would lie outside, links that lead there, and devices.
            tar.extractall(temporary, filter="data")
        if not (temporary / target.name).is_dir():
            raise FileFormatError(f"{archive}: a folder {target.name} is wanted in it, found none")
        (temporary / target.name).replace(target)
    except tarfile.TarError as error:
        raise FileFormatError(f"{archive}: cannot be unpacked: {error}") from error
    except (EOFError, OSError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise InputError(f"{archive}: cannot be unpacked: {error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
