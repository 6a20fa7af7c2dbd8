"""What the commands tell while they work; all of it goes to standard error."""

import itertools
import sys
import warnings
from contextlib import contextmanager

from tqdm import tqdm

from rimlens.errors import RimlensWarning


@contextmanager
def plain_warnings():
    """Show the warnings of rimlens as one line each.

    Examples
    --------
    >>> import warnings
    >>> from rimlens.errors import RimlensWarning
    >>> with plain_warnings():
    ...     warnings.warn("3 pixels are masked", RimlensWarning)
    """
    with warnings.catch_warnings():
        warnings.simplefilter("always", RimlensWarning)
        show_other = warnings.showwarning

        def show(message, category, filename, lineno, file=None, line=None):
            if issubclass(category, RimlensWarning):
                tqdm.write(f"Warning: {' '.join(str(message).split())}", file=sys.stderr)
            else:
                show_other(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield


@contextmanager
def progress(total, lines=False):
    """Show a progress bar on a terminal.

    Parameters
    ----------
    total : int
        The number of steps.
    lines : bool, optional
        Whether to write a line a step where there is no terminal.

    Yields
    ------
    callable
        To be called with a few words at the start of each step.

    Examples
    --------
    >>> with progress(2) as step:
    ...     step("reading")
    ...     step("writing")
    """
    layout = "{desc:<20}|{bar:30}| {n_fmt}/{total_fmt} [{elapsed}]"
    with tqdm(total=total, disable=None, leave=False, bar_format=layout) as bar:
        number = itertools.count(1)

        def step(words):
            if lines and bar.disable:
                print(f"{next(number)}/{total} {words}", file=sys.stderr, flush=True)
            bar.set_description_str(words, refresh=False)
            bar.update()
            bar.refresh()

        yield step
