"""Tables that commands print: rows of words in columns."""


def in_columns(rows):
    """Return rows of words as lines, in columns as wide as their widest word.

    Parameters
    ----------
    rows : sequence of sequence of str
        Of one length.

    Returns
    -------
    str

    Examples
    --------
    >>> print(in_columns([("name", "size"), ("default", "6.8 MB")]))
    name     size
    default  6.8 MB
    """
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip() for row in rows
    )
