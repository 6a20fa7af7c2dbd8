"""The public samples of real galaxies, from Zenodo.

Record 3242143 holds the galaxies brighter than 23.5 mag and 25.2 mag in F814W (Mandelbaum et al.
2012, MNRAS 420, 1518; Leauthaud et al. 2007, ApJS 172, 219), some 4 GB each.  The checksum that an
archive must have is the one in the record itself.
"""

import hashlib
import json
import shutil
import tarfile
import urllib.request
from http.client import HTTPException
from pathlib import Path

from rimlens.errors import FileFormatError, InputError

RECORD = "https://zenodo.org/api/records/3242143"
SAMPLES = ("23.5", "25.2")
_BLOCK = 2**20
_TIMEOUT = 60  # seconds without a byte


def download_cosmos(folder, sample="23.5", record=RECORD, keep_archive=False, progress=None):
    """Fetch and unpack a public sample.

    What was fetched before an interruption is kept: the same call goes on from there.

    Parameters
    ----------
    folder : str or path-like
        Where the folder of the sample shall be.
    sample : {"23.5", "25.2"}, optional
        The limiting magnitude.
    record : str, optional
        Address of the record, in the form of Zenodo's interface.
    keep_archive : bool, optional
        Whether the archive stays when it has been unpacked.
    progress : callable, optional
        Called with the number of bytes that are there and of all.

    Returns
    -------
    pathlib.Path
        The folder of the sample, as `CosmosCatalog` takes it; nothing is fetched if it is there.

    Raises
    ------
    InputError
        If there is no such sample, or the folder cannot be written.
    FileFormatError
        If the server does not answer or breaks off, the archive has another checksum, or it would
        unpack outside of its folder.

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
    entry = _entry(record, archive.name)
    if not archive.exists():
        fetch(entry["url"], archive, entry["size"], entry["md5"], progress)
    _unpack(archive, folder / name)
    if not keep_archive:
        archive.unlink()
    return folder / name


def fetch(url, path, size, md5, progress=None):
    """Fetch a file of known size and checksum.

    Parameters
    ----------
    url : str
        Its address.
    path : pathlib.Path
        Where it shall be; until it is whole and right, it is beside it with the suffix ``.part``.
    size : int
        Its bytes.
    md5 : str
        Its checksum, as hexadecimal digits.
    progress : callable, optional
        Called with the number of bytes that are there and of all.

    Raises
    ------
    FileFormatError
        If the server does not answer or breaks off, or the checksum is another.
    InputError
        If the file cannot be written.
    """
    part = path.with_name(path.name + ".part")
    there = part.stat().st_size if part.exists() else 0
    if there > size:
        part.unlink()
        there = 0
    if there < size:
        _append(url, part, there, size, progress)
    digest = hashlib.md5(usedforsecurity=False)
    with open(part, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    if digest.hexdigest() != md5:
        part.unlink()
        raise FileFormatError(
            f"{url}: the checksum {md5} is wanted, found {digest.hexdigest()}; what was fetched "
            "has been removed: fetch it again"
        )
    part.replace(path)


def _append(url, part, there, size, progress):
    """Fetch what is missing of a file, or all of it if the server gives no parts."""
    headers = {"Range": f"bytes={there}-"} if there else {}
    with _opened(url, headers) as answer:
        if there and answer.status != 206:
            there = 0
        try:
            with open(part, "ab" if there else "wb") as file:
                while block := _block(answer, url):
                    file.write(block)
                    there += len(block)
                    if progress is not None:
                        progress(there, size)
        except OSError as error:
            if isinstance(error, FileFormatError):
                raise
            raise InputError(f"{part}: cannot be written: {error.strerror or error}") from error
    if there != size:
        raise FileFormatError(
            f"{url}: {size} bytes are wanted, found {there}; the same call goes on from there"
        )


def _block(answer, url):
    try:
        return answer.read(_BLOCK)
    except (OSError, HTTPException) as error:
        raise FileFormatError(
            f"{url}: broke off: {error}; the same call goes on from there"
        ) from error


def _entry(record, name):
    """Return address, size and checksum of a file in a record."""
    with _opened(record) as answer:
        content = _block_of_all(answer, record)
    try:
        (entry,) = (e for e in json.loads(content)["files"] if e["key"] == name)
        kind, _, md5 = entry["checksum"].partition(":")
        found = {"url": entry["links"]["self"], "size": int(entry["size"]), "md5": md5}
    except (ValueError, KeyError, TypeError) as error:
        raise FileFormatError(
            f"{record}: a record with a file {name}, its size and its checksum is wanted, found "
            "another"
        ) from error
    if kind != "md5" or len(md5) != 32:
        raise FileFormatError(
            f"{record}: an md5 checksum of {name} is wanted, found {entry['checksum']}"
        )
    return found


def _block_of_all(answer, url):
    content = b""
    while block := _block(answer, url):
        content += block
    return content


def _opened(url, headers=None):
    if not url.startswith(("https://", "http://")):
        raise InputError(f"url: an address of the web is wanted, found {url}")
    try:
        return urllib.request.urlopen(
            urllib.request.Request(url, headers=headers or {}), timeout=_TIMEOUT
        )
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise FileFormatError(f"{url}: cannot be fetched: {reason}; try again later") from error


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
