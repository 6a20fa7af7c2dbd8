"""Weights that are fetched by name: where they are, and how it is known that they are whole.

A registry is a TOML file with a table for each name: ``url``, ``sha256``, ``size`` in bytes and a
``description`` in one line.  The package has one, and anybody may write another.  Files go to
astropy's download cache; a note beside it keeps their names, so that
`~rimlens.io.pretrained.Pretrained.from_pretrained` finds them without the registry and without a
network.  What is in the files is read by `rimlens.io.weights`.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import tomllib
import urllib.error
import warnings
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

from rimlens.errors import FileFormatError, InputError
from rimlens.io.files import checksum, new_file, read_bytes
from rimlens.package_data import find, shipped_files
from rimlens.spelling import check_known, did_you_mean
from rimlens.typing import PathLike

_PACKAGE = "rimlens"
_NOTES = "weights"
_ENTRIES = ("url", "sha256", "size", "description")
# A name becomes that of a file, and is typed on a command line.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ADDRESS = re.compile(r"(https?|file)://.+")
# The folders of the package whose files are weights.
_FOLDERS = ("weights", "vae")


@dataclass(frozen=True)
class RegistryEntry:
    """Weights that can be fetched.

    Parameters
    ----------
    name : str
        The word by which they are asked for: letters, digits, ``.``, ``_`` and ``-``.
    url : str
        Where the file is, with ``https``, ``http`` or ``file``.
    sha256 : str
        Hash of the file, 64 hexadecimal digits.
    size : int
        Bytes.
    description : str
        What the weights are, in one line.

    Raises
    ------
    InputError
        If one of them is something else.
    """

    name: str
    url: str
    sha256: str
    size: int
    description: str

    def __post_init__(self):
        """Check what a file says."""
        wanted = {
            "name": (_NAME, "letters, digits, '.', '_' and '-'"),
            "url": (_ADDRESS, "an address with https, http or file"),
            "sha256": (_SHA256, "64 hexadecimal digits in lower case"),
            "description": (re.compile(r".+"), "a line of text"),
        }
        for field, (pattern, words) in wanted.items():
            value = getattr(self, field)
            if not isinstance(value, str) or not pattern.fullmatch(value):
                raise InputError(f"{self.name}: {field}: {words} is wanted, found {value!r}")
        if isinstance(self.size, bool) or not isinstance(self.size, int) or self.size < 1:
            raise InputError(
                f"{self.name}: size: a positive number of bytes is wanted, found {self.size!r}"
            )


def read_registry(file_or_url: PathLike | None = None) -> dict[str, RegistryEntry]:
    """Read a registry of weights.

    Parameters
    ----------
    file_or_url : str or path, optional
        A TOML file or its address; by default the registry in the package.

    Returns
    -------
    dict of str to RegistryEntry
        By name, in alphabetical order.

    Raises
    ------
    FileFormatError
        If there is no such file, or it is no registry.
    InputError
        If the address cannot be reached.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "registry.toml"
    >>> _ = path.write_text(f'''
    ... [hst-64]
    ... url = "https://example.org/hst-64.asdf"
    ... sha256 = "{64 * "0"}"
    ... size = 3000000
    ... description = "Galaxy-scale lenses of HST"
    ... ''')
    >>> read_registry(path)["hst-64"].size
    3000000
    """
    if file_or_url is None:
        file_or_url = Path(str(resources.files("rimlens") / "data" / "registry.toml"))
    if _ADDRESS.fullmatch(str(file_or_url)):
        # It may have grown since the last time.
        content = read_bytes(_download(str(file_or_url), cache=False))
    else:
        content = read_bytes(Path(file_or_url))
    try:
        tables = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{file_or_url}: is not a TOML file: {error}") from error
    entries = {}
    for name in sorted(tables):
        try:
            entries[name] = _entry(name, tables[name])
        except InputError as error:
            raise FileFormatError(f"{file_or_url}: {error}") from error
    return entries


def fetch_weights(name: str, registry: PathLike | None = None) -> Path:
    """Download weights, check them, and keep them for later.

    What was fetched before is checked and not fetched again, unless the registry states another
    checksum by now.

    Parameters
    ----------
    name : str
        A name in the registry.
    registry : str or path, optional
        As for `read_registry`.

    Returns
    -------
    Path
        The file in astropy's download cache.

    Raises
    ------
    InputError
        If there is no such name, the package has weights of this name, the address cannot be
        reached, or the cache cannot be written.
    FileFormatError
        If what came is not what the registry states, or the registry cannot be read.

    Examples
    --------
    >>> fetch_weights("hst-64", registry="registry.toml")  # doctest: +SKIP
    """
    entries = read_registry(registry)
    if name not in entries:
        there = f"it has {list(entries)}" if entries else "it has none"
        hint = did_you_mean(name, entries)
        raise InputError(
            f"{name}: the registry{f' {registry}' if registry else ''} has no such weights; "
            f"{there}{hint}"
        )
    if any(name in shipped_files(folder) for folder in _FOLDERS):
        raise InputError(f"{name}: the package has weights of this name; nothing is to be fetched")
    entry = entries[name]
    path = _download(entry.url, cache=True)
    if checksum(path) != entry.sha256:
        # The file at the address may be a newer one than that in the cache.
        path = _download(entry.url, cache="update")
    found = checksum(path)
    if found != entry.sha256:
        _forget(entry.url)
        raise FileFormatError(
            f"{name}: the checksum {entry.sha256} is wanted, found {found} in what "
            f"{entry.url} gives; nothing is kept"
        )
    note = _notes() / f"{name}.json"
    note.parent.mkdir(parents=True, exist_ok=True)
    with new_file(note, overwrite=True) as temporary:
        temporary.write_text(json.dumps(asdict(entry), indent=1))
    return path


def fetched_weights() -> dict[str, Path]:
    """Return the weights that were fetched and are still in astropy's download cache.

    Returns
    -------
    dict of str to Path
        By name, in alphabetical order.

    Examples
    --------
    >>> all(path.is_file() for path in fetched_weights().values())
    True
    """
    notes = sorted(_notes().glob("*.json")) if _notes().is_dir() else []
    if not notes:
        return {}
    from astropy.utils.data import cache_contents

    there = cache_contents(_PACKAGE, on_missing="ignore")
    found = {}
    for note in notes:
        # A note that was damaged, or whose file was removed with the cache, names nothing.
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            found[note.stem] = Path(there[json.loads(note.read_text())["url"]])
    return found


def find_weights(name_or_path: PathLike, folder: str = "weights", called: str = "weights") -> Path:
    """Return the file of weights that a user means by a name or a path.

    Parameters
    ----------
    name_or_path : str or path
        A name of weights in the package or of fetched ones, or any file.
    folder : str, optional
        The folder of the package's data, as for `rimlens.package_data.shipped_files`.
    called : str, optional
        What to call the file in an error.

    Returns
    -------
    Path

    Raises
    ------
    FileFormatError
        If there is no such file.

    Examples
    --------
    >>> find_weights("default").name
    'default.asdf'
    """
    if str(name_or_path) in shipped_files(folder):
        return find(name_or_path, folder, called)
    return find(name_or_path, folder, called, fetched_weights())


def _entry(name, table):
    if not isinstance(table, dict):
        raise InputError(f"{name}: a table is wanted, found {table!r}")
    check_known(table, _ENTRIES, name)
    missing = [field for field in _ENTRIES if field not in table]
    if missing:
        raise InputError(f"{name}: the entries {list(_ENTRIES)} are wanted, {missing} are missing")
    return RegistryEntry(name, **table)


def _notes():
    """Return the folder of the names of what was fetched; it need not exist."""
    from astropy.config.paths import get_cache_dir_path

    return Path(get_cache_dir_path(_PACKAGE, ensure_exists=False)) / _NOTES


def _download(address, cache):
    """Return the path of a file from an address, through astropy's cache."""
    from astropy.utils.data import CacheMissingWarning, download_file

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", CacheMissingWarning)
            path = download_file(address, cache=cache, pkgname=_PACKAGE, show_progress=False)
    except CacheMissingWarning as error:
        raise InputError(f"{address}: cannot be kept: {error}") from error
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
            raise InputError(f"{address}: the server says {error.code} {error.reason}") from error
        reason = getattr(error, "reason", None) or error
        raise InputError(f"{address}: cannot be fetched: {reason}; is there a network?") from error
    return Path(path)


def _forget(address):
    from astropy.utils.data import clear_download_cache

    clear_download_cache(address, pkgname=_PACKAGE)
