"""Fetching one file over HTTP: resumed where it stopped, tried again, and checked for its length.

`astropy.utils.data.download_file` has the cache, but not the resumption that large files need.
"""

import http.client
import os
import re
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from rimlens.errors import FileFormatError, InputError

_TRIES = 5
_WAIT = 1.0  # seconds before the second try, twice as many before each one after
_TIMEOUT = 60.0  # seconds without a byte
_BLOCK = 1 << 20
# What a server may recover from.
_PASSING = (408, 429, 500, 502, 503, 504)


class _SameSite(urllib.request.HTTPRedirectHandler):
    """Follows redirections, and sends a key only to the site that it is for."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is not None and _site(newurl) != _site(req.full_url):
            new.headers.pop("Api-key", None)
        return new


def open_url(address, headers=None):
    """Open an address.

    Parameters
    ----------
    address : str
        With http or https.
    headers : dict, optional
        Of the request.

    Returns
    -------
    http.client.HTTPResponse

    Raises
    ------
    InputError
        If the server refuses the key, has nothing there, or cannot be reached.
    """
    if urlsplit(address).scheme not in ("http", "https"):
        raise InputError(f"{address}: an address with https is wanted")
    opener = urllib.request.build_opener(_SameSite)
    try:
        return opener.open(
            urllib.request.Request(address, headers=headers or {}), timeout=_TIMEOUT
        )
    except urllib.error.HTTPError as error:
        words = {
            401: "the key is refused; see the profile at the simulation's site",
            403: "the key is refused; see the profile at the simulation's site",
            404: "there is nothing at this address",
        }.get(error.code, f"the server says {error.code} {error.reason}")
        raise InputError(f"{address}: {words}") from error
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise InputError(f"{address}: cannot be reached: {reason}") from error


def fetch(address, path, headers=None, progress=None):
    """Fetch a file; what an earlier call has of it in ``PATH.part`` is not fetched again.

    Parameters
    ----------
    address : str
        With http or https.
    path : pathlib.Path
        The file to write, in a folder that exists; it appears whole or not at all.
    headers : dict, optional
        Of the request.
    progress : callable, optional
        Called with the bytes that are there and those of the whole, None if that is not known.

    Raises
    ------
    InputError
        As by `open_url`.
    FileFormatError
        If it has not the length that the server announces, after several tries.
    """
    part = path.with_name(path.name + ".part")
    have, total = 0, None
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_WAIT * 2 ** (attempt - 1))
        try:
            have, total = _append(address, part, headers or {}, progress)
        except InputError as error:
            code = getattr(error.__cause__, "code", None)
            if attempt == _TRIES - 1 or not (code is None or code in _PASSING):
                raise
            continue
        if have == total:
            os.replace(part, path)
            return
    raise FileFormatError(
        f"{path}: {'all' if total is None else total} bytes are wanted, found {have} after "
        f"{_TRIES} tries; the same call goes on from there"
    )


def _append(address, part, headers, progress):
    """Append to a file what is missing of it.

    Returns
    -------
    have : int
        Bytes that are there now.
    total : int or None
        Bytes of the whole; None if that is not known, because the server does not state it and the
        transfer broke off, or because the file was of another one and is gone.
    """
    have = part.stat().st_size if part.exists() else 0
    if have:
        headers = {**headers, "Range": f"bytes={have}-"}
    try:
        response = open_url(address, headers)
    except InputError as error:
        if not have or getattr(error.__cause__, "code", None) != 416:
            raise
        # Nothing lies beyond what is there: it is whole, or of another file.
        total = _whole(error.__cause__.headers.get("Content-Range", ""), None)
        return (have, total) if total == have else _begin_anew(part)
    with response:
        if response.status == 206:
            total = _whole(response.headers.get("Content-Range", ""), have)
            if total is None:
                return _begin_anew(part)
        else:
            # The server sends everything.
            length = response.headers.get("Content-Length")
            have, total = 0, None if length is None else int(length)
        with open(part, "r+b" if have else "wb") as file:
            file.seek(have)
            try:
                while block := response.read(_BLOCK):
                    file.write(block)
                    if progress is not None:
                        progress(file.tell(), total)
            except (http.client.HTTPException, OSError):
                return file.tell(), total  # what came is kept
            return file.tell(), file.tell() if total is None else total


def _begin_anew(part):
    part.unlink()
    return 0, None


def _whole(content_range, first):
    """Return the length of the whole file from ``Content-Range``, None if it is of another part.

    Parameters
    ----------
    content_range : str
        As ``"bytes 100-199/200"``, or ``"bytes */200"``.
    first : int or None
        The first byte that was asked for; None where there is none.
    """
    match = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+)", content_range.strip())
    if match is None or (first is not None and match[1] != str(first)):
        return None
    return int(match[2])


def _site(address):
    """Return the part of a host's name that its owner has."""
    return (urlsplit(address).hostname or "").split(".")[-2:]
