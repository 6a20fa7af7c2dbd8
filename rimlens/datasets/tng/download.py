"""Fetching files through TNG's web interface, with the user's key.

The interface (https://www.tng-project.org/data/docs/api) answers with JSON that lists the
addresses of files, and sends those whose request has the key in the header ``api-key``.
"""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rimlens.datasets.http import fetch, open_url
from rimlens.errors import FileFormatError, InputError
from rimlens.typing import PathLike

URL = "https://www.tng-project.org/api"
# What maps are made of: a cutout with nothing else is a small part of a whole one.
_FIELDS = {
    "gas": "Coordinates,Masses",
    "dm": "Coordinates",
    "stars": "Coordinates,Masses",
    "bhs": "Coordinates,Masses",
}


def download(
    simulation: str,
    snapshot: int,
    folder: PathLike,
    halos: Sequence[int] = (),
    groups: bool = False,
    offsets: bool = False,
    chunks: bool = False,
    key: str | None = None,
    url: str = URL,
    progress: Callable[..., Any] | None = None,
) -> list[Path]:
    """Fetch files of a simulation of TNG; what is there already is not fetched again.

    A file that was interrupted goes on where it stopped, and takes its name when it is whole.

    Parameters
    ----------
    simulation : str
        As ``"TNG100-1"``.
    snapshot : int
        Its number; 99 is redshift 0.
    folder : str or path-like
        Where to put the files; it is made.
    halos : sequence of int, optional
        Numbers of FoF groups, whose cutouts are fetched with all that maps are made of.
    groups, offsets, chunks : bool, optional
        Whether to fetch the group catalog, the file of offsets, all chunks of the snapshot.
    key : str
        The user's own key, from the profile at the simulation's site.
    url : str, optional
        Where the interface is.
    progress : callable, optional
        Called with the number of files, the number that are done, and the name of the next.

    Returns
    -------
    list of pathlib.Path
        The files, in the order of the arguments.

    Raises
    ------
    InputError
        If there is no key, it is refused, there is no such file, or nothing is asked for.
    FileFormatError
        If a file does not have the length that was announced, after several tries.

    Examples
    --------
    >>> from rimlens.datasets.tng import download
    >>> download("TNG100-1", 99, "cutouts", halos=[17, 25], key="...")  # doctest: +SKIP
    """
    if not key:
        raise InputError(
            "key: the API key of your profile at www.tng-project.org is wanted, found none; set "
            "the environment variable TNG_API_KEY"
        )
    base = f"{url.rstrip('/')}/{simulation}"
    _check_known(f"{base}/snapshots/{snapshot}/", simulation, snapshot, key)
    wanted = {}
    for halo in halos:
        fields = "&".join(f"{name}={columns}" for name, columns in _FIELDS.items())
        address = f"{base}/snapshots/{snapshot}/halos/{int(halo)}/cutout.hdf5?{fields}"
        wanted[f"{simulation}_{snapshot:03d}_halo_{int(halo)}.hdf5"] = address
    for asked, listing in ((groups, "groupcat"), (chunks, "snapshot")):
        if asked:
            wanted.update(_listed(f"{base}/files/{listing}-{snapshot}/", key))
    if offsets:
        name = f"offsets.{snapshot}.hdf5"
        wanted[name] = f"{base}/files/{name}"
    if not wanted:
        raise InputError(
            "halos, groups, offsets, chunks: something to fetch is wanted, found none"
        )
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}") from error
    for done, (name, address) in enumerate(wanted.items()):
        if progress is not None:
            progress(len(wanted), done, name)
        if not (folder / name).exists():
            fetch(address, folder / name, {"api-key": key})
    return [folder / name for name in wanted]


def _check_known(address, simulation, snapshot, key):
    """Refuse a simulation or a snapshot that is not there, before any file is fetched."""
    try:
        _json(address, key)
    except InputError as error:
        if not isinstance(error.__cause__, urllib.error.HTTPError) or error.__cause__.code != 404:
            raise
        raise InputError(
            f"{simulation}: a simulation of TNG with a snapshot {snapshot} is wanted, as "
            f"'TNG100-1' and 99; there is nothing at {address}"
        ) from error


def _listed(address, key):
    """Return the files in a listing, as addresses by name."""
    found = _json(address, key)
    files = found.get("files") if isinstance(found, dict) else None
    if not files:
        raise FileFormatError(f"{address}: a list 'files' is wanted, found {str(found)[:200]}")
    return {file.rstrip("/").rsplit("/", 1)[-1].partition("?")[0]: file for file in files}


def _json(address, key):
    with open_url(address, {"api-key": key}) as response:
        content = response.read()
    try:
        return json.loads(content)
    except ValueError as error:
        raise FileFormatError(
            f"{address}: JSON is wanted, found {content[:80]!r}; is this the address of the "
            "interface?"
        ) from error
