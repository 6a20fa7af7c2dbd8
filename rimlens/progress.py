"""How long work is seen to go on: a bar on a terminal, plain lines elsewhere."""

import sys
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def counted(total, what, shown=True):
    """Show a bar on a terminal, and a line about every tenth elsewhere; on standard error.

    Parameters
    ----------
    total : int
        How many there are.
    what : str
        What they are.
    shown : bool, optional
        Whether anything is shown.

    Yields
    ------
    callable
        To be called with the number of those that are done since the last call.

    Examples
    --------
    >>> from rimlens.progress import counted
    >>> with counted(2, "lenses", shown=False) as count:
    ...     count(1)
    ...     count(1)
    """
    with tqdm(total=total, desc=what, disable=None if shown else True) as bar:
        done = 0

        def count(number):
            nonlocal done
            before, done = done, done + number
            bar.update(number)
            if shown and bar.disable and 10 * done // total > 10 * before // total:
                tqdm.write(f"{what}: {done} of {total}", file=sys.stderr)

        yield count


def keras_verbosity(shown=True):
    """Return how `keras.Model.fit` is to show its progress on standard output.

    Keras moves the cursor back to draw its bar, and colors it, wherever the bar goes.

    Parameters
    ----------
    shown : bool, optional
        Whether anything is shown.

    Returns
    -------
    str or int
        Keras's own choice on a terminal and in a notebook, a line an epoch elsewhere, or nothing.

    Examples
    --------
    >>> from rimlens.progress import keras_verbosity
    >>> keras_verbosity(False)
    0
    """
    if not shown:
        return 0
    in_notebook = "ipykernel" in sys.modules
    return "auto" if in_notebook or sys.stdout.isatty() else 2
