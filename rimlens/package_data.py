"""Files in the package that are asked for by name: weights and recipes."""

from importlib import resources
from pathlib import Path

from rimlens.errors import FileFormatError
from rimlens.spelling import did_you_mean


def shipped_files(folder):
    """Return the files in a folder of the package's data by their names.

    Parameters
    ----------
    folder : str
        ``"weights"``, ``"vae"`` or ``"recipes"``.

    Returns
    -------
    dict of str to Path
        Names in alphabetical order.

    Examples
    --------
    >>> from rimlens.package_data import shipped_files
    >>> list(shipped_files("weights"))
    ['analytic', 'default', 'epl']
    """
    files = (resources.files("rimlens") / "data" / folder).iterdir()
    return {path.stem: path for path in sorted(Path(str(file)) for file in files)}


def find(name_or_path, folder, kind, others=None):
    """Return the file that a user means by a name or a path.

    Parameters
    ----------
    name_or_path : str or path-like
        A name in the folder, or any file.
    folder : str
        As for `shipped`.
    kind : str
        What to call the file in an error.
    others : dict of str to Path, optional
        More files by name; the package's come first.

    Returns
    -------
    Path

    Raises
    ------
    FileFormatError
        If there is no such file.
    """
    known = {**(others or {}), **shipped_files(folder)}
    path = Path(known.get(str(name_or_path), name_or_path))
    if not path.is_file():
        raise FileFormatError(
            f"{name_or_path}: no such {kind}; give a file or one of {list(known)}"
            f"{did_you_mean(name_or_path, [*known, *_beside(path)])}"
        )
    return path


def _beside(path):
    """Return the files with the suffix of a path in its folder, named as the path is."""
    try:
        found = [item.name for item in path.parent.iterdir() if item.suffix == path.suffix]
    except OSError:
        return []
    return [str(path.with_name(name)) for name in found] if path.suffix else []
