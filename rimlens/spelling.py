"""What a misspelt name may have meant."""

import difflib


def did_you_mean(name, known):
    """Return a question after the known name that comes closest to one that is not known.

    Parameters
    ----------
    name : str
        What was asked for.
    known : iterable of str
        What there is.

    Returns
    -------
    str
        To be put behind a message; empty where nothing comes close.

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
    return f", did you mean {by_case[close[0]]!r}?" if close else ""
