"""The files of one snapshot or catalog: all its chunks, opened with errors that name them."""

import contextlib
import re
from pathlib import Path

from rimlens.errors import FileFormatError, InputError

_CHUNK = re.compile(r"(?P<stem>.+)\.(?P<number>\d+)\.(?P<suffix>hdf5|h5)$")
_NAMED = 6  # missing chunks that a message names before it only counts them


@contextlib.contextmanager
def opened(path):
    """Open an HDF5 file to read.

    Parameters
    ----------
    path : str or path-like
        The file.

    Yields
    ------
    h5py.File

    Raises
    ------
    FileFormatError
        If it is missing, truncated or no HDF5 file, or what is read inside the block is damaged.
    InputError
        If h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise InputError(
            "h5py is wanted to read simulations, and is not installed; install rimlens[datasets]"
        ) from error
    path = Path(path)
    if not path.is_file():
        raise FileFormatError(f"{path}: there is no such file")
    try:
        with h5py.File(path) as file:
            yield file
    except FileFormatError:
        raise
    except OSError as error:
        words = "is truncated" if "truncated" in str(error) else "cannot be read as HDF5"
        raise FileFormatError(
            f"{path}: {words} ({' '.join(str(error).split())}); fetch it again"
        ) from error


def chunks_of(path, count):
    """Return the chunks of a snapshot or catalog, by number.

    Parameters
    ----------
    path : path-like
        One of them.
    count : int
        How many there should be.

    Returns
    -------
    dict of int to pathlib.Path
        Those that exist, in rising order.
    list of str
        The names of those that do not.
    """
    path = Path(path)
    match = _CHUNK.fullmatch(path.name)
    if count == 1 or match is None:
        return {0: path}, [f"{count - 1} others"] if count > 1 else []
    names = {i: f"{match['stem']}.{i}.{match['suffix']}" for i in range(count)}
    found = {i: path.with_name(n) for i, n in names.items() if path.with_name(n).is_file()}
    return found, [name for i, name in names.items() if i not in found]


def named(names):
    """Return names as words, the first few of many."""
    words = ", ".join(names[:_NAMED])
    return words if len(names) <= _NAMED else f"{words} and {len(names) - _NAMED} more"


def stem_of(path):
    """Return what the chunks of one snapshot have in common: folder and name without number."""
    path = Path(path)
    match = _CHUNK.fullmatch(path.name)
    return path.with_name(match["stem"] if match else path.name)


def first_file(path, what):
    """Return a file of a snapshot or catalog, of a file or of the folder that holds it.

    Parameters
    ----------
    path : str or path-like
        A file, or a folder with the chunks of one snapshot.
    what : str
        What it is, for the message.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FileFormatError
        If there is none.
    InputError
        If a folder holds several snapshots.
    """
    path = Path(path)
    if not path.is_dir():
        if not path.exists():
            raise FileFormatError(f"{path}: there is no such file or folder; a {what} is wanted")
        return path
    files = sorted(p for p in path.iterdir() if p.suffix in (".hdf5", ".h5"))
    stems = sorted({stem_of(p) for p in files})
    if not files:
        raise FileFormatError(f"{path}: a folder with the HDF5 files of a {what} is wanted")
    if len(stems) > 1:
        raise InputError(
            f"{path}: one {what} is wanted, found {named([s.name for s in stems])}; name a file"
        )
    return files[0]
