"""Files that are written whole or not at all, and read only if nothing in them has changed.

An ASDF file of rimlens holds one tagged object beside the SHA-256 of all its bytes (with zeros in
the place of the hash).  What the objects are is not known here.
"""

import contextlib
import hashlib
import io
import mmap
import os
import re
import secrets
import warnings
from pathlib import Path

from rimlens.errors import FileFormatError, InputError, OutputExistsError

_HASH_KEY = "sha256"
_NO_HASH = b"0" * 64
_HASH_LINE = re.compile(rb"^sha256: '([0-9a-f]{64})'\r?$", re.MULTILINE)
_END_OF_HEADER = re.compile(rb"\r?\n\.\.\.(\r?\n|$)")


@contextlib.contextmanager
def new_file(path, overwrite=False):
    """Give the path of a temporary file that takes the name `path` when the block ends well.

    Parameters
    ----------
    path : str or path-like
        The file to write.
    overwrite : bool, optional
        Whether an existing file may be replaced.

    Yields
    ------
    pathlib.Path
        A file that does not exist yet, in the same folder.  It is removed if the block raises.

    Raises
    ------
    OutputExistsError
        If the file exists and may not be overwritten.
    InputError
        If the folder does not exist or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with new_file(folder / "note.txt") as temporary:
    ...     _ = temporary.write_text("whole")
    >>> [p.name for p in folder.iterdir()]
    ['note.txt']
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist; make it first")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give the name of a file")
    refuse_existing(path, overwrite)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        yield temporary
        refuse_existing(path, overwrite)
        # Windows flushes only what is open for writing.
        with open(temporary, "r+b") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if isinstance(error, OutputExistsError):
            raise
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def refuse_existing(path, overwrite):
    """Raise OutputExistsError if a file exists and may not be overwritten."""
    if path.exists() and not overwrite:
        raise OutputExistsError(
            f"{path}: exists already; ask to overwrite it or give another name"
        )


def write_asdf(path, key, obj, overwrite=False):
    """Write one object that has a converter to an ASDF file.

    Parameters
    ----------
    path : str or path-like
        The file to write.
    key : str
        The name of the object in the file.
    obj : object
        What to write.
    overwrite : bool, optional
        Whether an existing file may be replaced.

    Raises
    ------
    OutputExistsError
        If the file exists and may not be overwritten.
    InputError
        If the file cannot be written, or the object has values that its schema does not allow.
    """
    import asdf
    from asdf.exceptions import ValidationError

    with new_file(path, overwrite) as temporary:
        try:
            with asdf.config_context() as config:
                config.array_inline_threshold = None
                config.all_array_storage = "internal"
                tree = {_HASH_KEY: _NO_HASH.decode(), key: obj}
                asdf.AsdfFile(tree).write_to(temporary, include_block_index=False)
        except ValidationError as error:
            raise InputError(f"{path}: cannot be written: {_first_line(error)}") from error
        _write_hash(temporary)


def _write_hash(path):
    """Put the hash of a file into its place, without reading the file into memory."""
    with open(path, "r+b") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest().encode()
        with mmap.mmap(file.fileno(), 0) as content:
            start, stop = _HASH_LINE.search(content).span(1)
            content[start:stop] = digest


def checksum(path):
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_asdf(path, key, tag, what):
    """Return one object from an ASDF file that `write_asdf` wrote.

    Parameters
    ----------
    path : str or path-like
        The file to read.
    key : str
        The name of the object in the file.
    tag : str
        The object's tag with the newest version that can be read, ``name-major.minor.patch``.
    what : str
        What the file should be, for the messages: "rimlens weights".

    Returns
    -------
    object
        As the tag's converter makes it.

    Raises
    ------
    FileFormatError
        If the file is missing, is not ASDF, holds something else, comes from a newer version, was
        truncated or altered, or lacks a part.
    """
    import asdf
    from asdf.exceptions import AsdfWarning, ValidationError

    path = Path(path)
    content, end = _content(path, what)
    _check_tag(path, _header_tree(path, content[:end]), key, tag, what)
    _check_hash(path, content, end)
    try:
        with warnings.catch_warnings(), asdf.config_context() as config:
            warnings.simplefilter("error", AsdfWarning)
            config.validate_on_read = True
            with asdf.open(io.BytesIO(content), lazy_load=False, memmap=False) as file:
                return file[key]
    except ValidationError as error:
        raise FileFormatError(f"{path}: is not a file of {what}: {_first_line(error)}") from error
    except (AsdfWarning, ValueError, OSError, RuntimeError, TypeError, KeyError) as error:
        raise FileFormatError(f"{path}: cannot be read: {_first_line(error)}") from error


def read_plain(path, tags, what):
    """Return one object from an ASDF file that `write_asdf` wrote as it stands in the header.

    Neither arrays nor priors are made, so that no array library is needed to describe a file.

    Parameters
    ----------
    path : str or path-like
        The file to read.
    tags : dict of str to str
        By the names that the object may have in the file, the tags: see `read_asdf`.
    what : str
        What the file should be, for the messages.

    Returns
    -------
    key : str
        The name of the object.
    tree : dict
        Plain data; of an array, its shape and the like.

    Raises
    ------
    FileFormatError
        As by `read_asdf`.
    """
    from asdf.util import load_yaml

    path = Path(path)
    content, end = _content(path, what)
    tree = _header_tree(path, content[:end])
    key = next((name for name in tags if name in tree), next(iter(tags)))
    _check_tag(path, tree, key, tags[key], what)
    _check_hash(path, content, end)
    return key, load_yaml(io.BytesIO(content[:end]))[key]


def _content(path, what):
    """Return the bytes of an ASDF file, and how many of them are the header."""
    content = read_bytes(path)
    if not content.startswith(b"#ASDF "):
        raise FileFormatError(f"{path}: is not an ASDF file; a file of {what} is wanted")
    end = _END_OF_HEADER.search(content)
    if end is None:
        raise FileFormatError(f"{path}: is truncated in its header; fetch or write it again")
    return content, end.end()


def read_bytes(path):
    """Return the bytes of a file.

    Parameters
    ----------
    path : pathlib.Path
        The file to read.

    Returns
    -------
    bytes
        All of it.

    Raises
    ------
    FileFormatError
        If there is no such file or it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise FileFormatError(f"{path}: there is no such file") from error
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror or error}") from error


def _header_tree(path, header):
    """Return the tree in a header, its objects with their tags."""
    import yaml
    from asdf.util import load_yaml

    try:
        tree = load_yaml(io.BytesIO(header), tagged=True)
    except (yaml.YAMLError, ValueError, OSError, TypeError) as error:
        raise _damaged(path) from error
    if not isinstance(tree, dict):
        raise _damaged(path)
    return tree


def _damaged(path):
    return FileFormatError(
        f"{path}: its header cannot be read: the file is damaged; fetch or write it again"
    )


def _check_tag(path, tree, key, tag, what):
    """Refuse a file that holds something else, or a version that is not known."""
    from asdf.tagged import Tagged, get_tag

    tagged = tree.get(key)
    found = get_tag(tagged) if isinstance(tagged, Tagged) else None
    name, _, version = tag.rpartition("-")
    if found is None or found.rpartition("-")[0] != name:
        raise FileFormatError(
            f"{path}: is an ASDF file without {what}: an object {key!r} with the tag {tag} is "
            f"wanted, found {f'the tag {found}' if found else sorted(map(str, tree))}"
        )
    found_version = found.rpartition("-")[2]
    try:
        newer = _numbers(found_version) > _numbers(version)
    except ValueError:
        raise _damaged(path) from None
    if newer:
        raise FileFormatError(
            f"{path}: has format version {found_version}, newer than {version}, the newest that "
            "this rimlens reads; update rimlens"
        )


def _numbers(version):
    return tuple(int(number) for number in version.split("."))


def _check_hash(path, content, header_length):
    """Refuse a file whose bytes are not those that were written."""
    match = _HASH_LINE.search(content, 0, header_length)
    if match is not None:
        start, stop = match.span(1)
        digest = hashlib.sha256(content[:start] + _NO_HASH + content[stop:])
        if digest.hexdigest().encode() == match[1]:
            return
    raise FileFormatError(
        f"{path}: its content does not agree with its checksum: the file was truncated or "
        "altered; fetch or write it again"
    )


def _first_line(error):
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
