"""Building a collection part by part, so that an interruption loses nothing that was written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rimlens.datasets.collection import MapCollection
from rimlens.errors import FileFormatError, InputError
from rimlens.io.files import new_file, refuse_existing
from rimlens.io.metadata import plain
from rimlens.typing import PathLike

_SETTINGS = "settings.json"


def build_collection(
    path: PathLike,
    parts: dict[str, Callable[..., Any]],
    settings: dict[str, Any],
    meta: dict[str, Any] | None = None,
    overwrite: bool = False,
    progress: Callable[..., Any] | None = None,
) -> MapCollection:
    """Write a collection of parts that are made one after the other.

    Every part is kept in the folder ``PATH.parts`` as soon as it is there, and the folder is
    removed when the collection is written.  The same call goes on where an earlier one was
    interrupted.

    Parameters
    ----------
    path : str or path-like
        The ASDF file to write.
    parts : dict of str to callable
        By a name that is a file's, a function without arguments that returns a MapCollection, or
        None if the part has no maps.
    settings : dict
        All that the parts depend on, as plain data: an interrupted build goes on only if it was
        begun with the same.
    meta : dict, optional
        Of the collection; by default that of the first part.
    overwrite : bool, optional
        Whether an existing file may be replaced, and an interrupted build with other settings
        thrown away.
    progress : callable, optional
        Called with the name of a part before it is made.

    Returns
    -------
    MapCollection
        As written, in the order of `parts`.

    Raises
    ------
    OutputExistsError
        If the file exists and may not be overwritten.
    InputError
        If an interrupted build was begun with other settings, no part has a map, or the file
        cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from rimlens.datasets import MapCollection, build_collection
    >>> path = Path(tempfile.mkdtemp()) / "maps.asdf"
    >>> def part():
    ...     return MapCollection(np.ones((2, 8, 8)), 0.05)
    >>> len(build_collection(path, {"first": part, "second": part}, settings={}))
    4
    """
    path = Path(path)
    refuse_existing(path, overwrite)
    folder = path.with_name(path.name + ".parts")
    _begin(folder, plain(settings, "settings"), overwrite)
    made = []
    for name, make in parts.items():
        if progress is not None:
            progress(name)
        part = _part(folder / f"{name}.asdf", make)
        if part is not None:
            made.append(part)
    if not made:
        raise InputError(f"{path}: at least one map is wanted, found none in {len(parts)} parts")
    collection = MapCollection.stack(made)
    if meta is not None:
        collection.meta = plain(meta, "meta")
    collection.write(path, overwrite)
    shutil.rmtree(folder)
    return collection


def _begin(folder, settings, overwrite):
    """Make the folder of parts, or check that what is in it fits."""
    file = folder / _SETTINGS
    if file.exists():
        found = json.loads(file.read_text())
        if found == settings:
            return
        if not overwrite:
            names = sorted(
                name for name in {*found, *settings} if found.get(name) != settings.get(name)
            )
            raise InputError(
                f"{folder}: holds a build that was interrupted and had other settings "
                f"({', '.join(names)}); repeat those, remove the folder, or ask to overwrite"
            )
        shutil.rmtree(folder)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}") from error
    with new_file(file) as temporary:
        temporary.write_text(json.dumps(settings))


def _part(path, make):
    """Return a part from its file, or make it and write the file; one without maps is a note."""
    empty = path.with_suffix(".empty")
    if empty.exists():
        return None
    if path.exists():
        try:
            return MapCollection.read(path)
        except FileFormatError:
            path.unlink()  # by a failing disk: a part is written whole or not at all
    part = make()
    if part is None or not len(part):
        empty.touch()
        return None
    part.write(path)
    return part
