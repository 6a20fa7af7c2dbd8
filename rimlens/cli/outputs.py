"""The files that a command writes: refused before the work, moved to their place after it."""

import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path

from rimlens.errors import InputError, OutputExistsError

_FITS = re.compile(r"(\.(fits?|fts))?(\.(gz|bz2|xz|z|fz))?$", re.IGNORECASE)
_EXTENSION = re.compile(r"\[[^\[\]]*\]$")


def output_stem(path):
    """Return the name, without suffix, of what is made from an input file.

    It is longer than the input's own, so that no output can take the input's place.

    Parameters
    ----------
    path : str or path-like
        The input, with or without an extension in brackets.

    Returns
    -------
    str

    Examples
    --------
    >>> output_stem("data/lens.fits.gz")
    'lens_rimlens'
    >>> output_stem("lens.fits[SCI]")
    'lens_rimlens'
    """
    return _FITS.sub("", file_of(path).name, count=1) + "_rimlens"


@contextmanager
def new_outputs(folder, names, overwrite=False, inputs=()):
    """Give a temporary folder whose files move to `folder` together when the block ends well.

    Parameters
    ----------
    folder : str or path-like
        Where the files shall be; it is made, if need be, when they are there.
    names : sequence of str
        The names of all files that the block may write.  One that it does not write is removed if
        it is there from an earlier run, whose results it belongs to.
    overwrite : bool, optional
        Whether existing files may be replaced.
    inputs : sequence of str or path-like, optional
        Files that are never replaced, nor are those that they name in front of brackets; what is
        not the name of a file is ignored.

    Yields
    ------
    pathlib.Path
        The temporary folder.

    Raises
    ------
    OutputExistsError
        Before the block is entered, if one of the files exists and may not be overwritten.
    InputError
        Before the block is entered, if `folder` is no folder or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "results"
    >>> with new_outputs(folder, ["a.txt"]) as temporary:
    ...     _ = (temporary / "a.txt").write_text("whole")
    >>> [path.name for path in folder.iterdir()]
    ['a.txt']
    """
    folder = Path(folder)
    paths = [folder / name for name in names]
    refuse_existing(paths, overwrite, inputs)
    with _temporary_folder(folder) as temporary:
        yield Path(temporary)
        # Another program may have written them since.
        refuse_existing(paths, overwrite)
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            written = Path(temporary) / path.name
            if written.exists():
                os.replace(written, path)
            else:
                path.unlink(missing_ok=True)


def refuse_unwritable(folder):
    """Raise `InputError` if a folder can neither be written in nor made.

    Parameters
    ----------
    folder : str or path-like
        Where files shall be; it need not exist.

    Examples
    --------
    >>> import tempfile
    >>> refuse_unwritable(Path(tempfile.mkdtemp()) / "results")
    """
    with _temporary_folder(Path(folder)):
        pass


def _temporary_folder(folder):
    """Return a temporary folder on the same disk as one that may not exist yet."""
    existing = next(p for p in (folder, *folder.absolute().parents) if os.path.lexists(p))
    if not existing.is_dir():
        raise InputError(f"{existing}: is not a folder; choose another")
    try:
        return tempfile.TemporaryDirectory(prefix=".rimlens-", dir=existing)
    except OSError as error:
        raise InputError(
            f"{existing}: cannot be written in: {error.strerror}; choose another folder"
        ) from error


def refuse_existing(paths, overwrite, inputs=()):
    """Raise an error if outputs exist and may not be overwritten, or would replace an input.

    Parameters
    ----------
    paths : sequence of path
        The outputs.
    overwrite : bool
        Whether they may be overwritten.
    inputs : sequence of str or path-like, optional
        As for `new_outputs`.

    Raises
    ------
    OutputExistsError
        With the first of them.
    InputError
        If one is a folder.
    """
    inputs = [file_of(item) for item in inputs]
    for path in paths:
        if path.is_dir():
            raise InputError(f"{path}: is a folder, where a file shall be written; move it away")
        if any(path.exists() and item.exists() and path.samefile(item) for item in inputs):
            raise OutputExistsError(
                f"{path}: is an input and would be overwritten; choose another folder with -o"
            )
    found = [path for path in paths if os.path.lexists(path)]
    if found and not overwrite:
        others = f" (and {len(found) - 1} more of the outputs)" if len(found) > 1 else ""
        raise OutputExistsError(
            f"{found[0]}: exists already{others}; give --overwrite to replace it, or choose "
            "another folder with -o"
        )


def file_of(path):
    """Return the file that a path names, without an extension in brackets.

    Parameters
    ----------
    path : str or path-like
        With or without an extension.

    Returns
    -------
    Path

    Examples
    --------
    >>> file_of("lens.fits[SCI]").name
    'lens.fits'
    """
    path = Path(path)
    return path if path.exists() else Path(_EXTENSION.sub("", os.fspath(path)))
