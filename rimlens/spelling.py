"""What a misspelt name may have meant."""

import difflib
import inspect
import re
from dataclasses import fields

from rimlens.errors import InputError


def did_you_mean(name, known, mark=",", otherwise=""):
    """Return a question after the known name that comes closest to one that is not known.

    Parameters
    ----------
    name : str
        What was asked for.
    known : iterable of str
        What there is.
    mark : str, optional
        The punctuation before the question.
    otherwise : str, optional
        What stands in its place where nothing comes close.

    Returns
    -------
    str
        To be put behind a message.

    Examples
    --------
    >>> from rimlens.spelling import did_you_mean
    >>> did_you_mean("defualt", ["analytic", "default"])
    ", did you mean 'default'?"
    >>> did_you_mean("nonsense", ["analytic", "default"])
    ''
    """
    by_case = {str(k).lower(): str(k) for k in known}
    close = difflib.get_close_matches(str(name).lower(), by_case, n=1)
    return f"{mark} did you mean {by_case[close[0]]!r}?" if close else otherwise


def check_known(names, known, where, what="entries"):
    """Raise `InputError` if names are not among those that are known.

    Parameters
    ----------
    names : iterable of str
        What was given.
    known : iterable of str
        What can be given.
    where : str
        What to call it in an error.
    what : str, optional
        What the names are names of.

    Raises
    ------
    InputError
        With all names that are not known, and what the first of them may have meant.

    Examples
    --------
    >>> from rimlens.spelling import check_known
    >>> check_known(["mena"], ["mean"], "psfs")
    Traceback (most recent call last):
    rimlens.errors.InputError: psfs: unknown entries ['mena']; known are ['mean'], did you mean ...
    """
    known = set(known)
    unknown = sorted(set(names) - known)
    if unknown:
        hint = did_you_mean(unknown[0], known)
        raise InputError(f"{where}: unknown {what} {unknown}; known are {sorted(known)}{hint}")


def meant_argument(error, function):
    """Return what an argument that a function does not take may have meant.

    Parameters
    ----------
    error : Exception
        What the call raised.
    function : callable
        What was called.

    Returns
    -------
    str
        To be put behind the error's message; empty if the error is another one.

    Examples
    --------
    >>> from rimlens.spelling import meant_argument
    >>> def noise(mean, sigma=0.0):
    ...     return mean
    >>> try:
    ...     noise(maen=1.0)
    ... except TypeError as error:
    ...     meant_argument(error, noise)
    ", did you mean 'mean'?"
    """
    found = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    return did_you_mean(found[1], inspect.signature(function).parameters) if found else ""


def check_entries(cls, values, origin):
    """Raise `InputError` for what is no table of a dataclass's entries, or lacks the name.

    Parameters
    ----------
    cls : type
        A dataclass.
    values : dict
        The table.
    origin : str
        What to call it in an error.
    """
    if not isinstance(values, dict):
        raise InputError(f"{origin}: a table is wanted, found {values!r}")
    known = {f.name for f in fields(cls)}
    check_known(values, known, origin)
    if "name" in known and "name" not in values:
        raise InputError(f"{origin}: the entry 'name' is missing")
