"""What the commands report while they work; all of it goes to standard error.

How much that is, is said once for all commands by the options that `add_options` gives them.
"""

import itertools
import logging
import sys
import warnings
from contextlib import contextmanager
from dataclasses import dataclass

import click
from tqdm import tqdm

from rimlens.errors import RimlensWarning

_log = logging.getLogger("rimlens.cli")
_LOGGER = logging.getLogger("rimlens")
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


@dataclass
class _Manner:
    """How much is reported: what was given on the command line, around the subcommand."""

    verbose: int = 0
    quiet: bool = False

    @property
    def level(self):
        """The lowest level of what is logged."""
        return logging.ERROR if self.quiet else _LEVELS[min(self.verbose, len(_LEVELS) - 1)]


class _Lines(logging.Handler):
    """Writes a line for each record, above a progress bar."""

    def emit(self, record):
        tqdm.write(self.format(record), file=sys.stderr)


def add_options(command):
    """Give ``-v`` and ``-q`` to a command and to all below it; once, however often it is called.

    Parameters
    ----------
    command : click.Command
        It is changed.

    Returns
    -------
    click.Command
        The same.
    """
    if not any(parameter.name == "verbose" for parameter in command.params):
        command.params += [
            click.Option(
                ["-v", "--verbose"],
                count=True,
                expose_value=False,
                callback=_set_manner,
                help="Report what is done; twice reports more.",
            ),
            click.Option(
                ["-q", "--quiet"],
                is_flag=True,
                expose_value=False,
                callback=_set_manner,
                help="Show neither warnings nor progress.",
            ),
        ]
    for subcommand in getattr(command, "commands", {}).values():
        add_options(subcommand)
    return command


def _set_manner(context, parameter, value):
    manner = context.find_root().ensure_object(_Manner)
    if parameter.name == "quiet":
        manner.quiet |= value
    else:
        manner.verbose += value
    if manner.quiet and manner.verbose:
        raise click.UsageError("-v and -q: one of them is wanted, found both.", context)
    if context.parent is not None:
        _LOGGER.setLevel(manner.level)


def _manner():
    """Return what was given on the command line; the default outside of a command."""
    context = click.get_current_context(silent=True)
    return _Manner() if context is None else context.find_root().ensure_object(_Manner)


def quiet():
    """Return whether neither warnings nor progress are wanted.

    Returns
    -------
    bool

    Examples
    --------
    >>> quiet()
    False
    """
    return _manner().quiet


@contextmanager
def reporting():
    """Show log records and warnings as lines; what was changed for that is changed back.

    Examples
    --------
    >>> import logging
    >>> with reporting():
    ...     logging.getLogger("rimlens").debug("not shown, unless -vv was given")
    """
    level, handler = _LOGGER.level, _Lines()
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(_manner().level)
    try:
        with plain_warnings():
            yield
    finally:
        _LOGGER.removeHandler(handler)
        _LOGGER.setLevel(level)


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
            if quiet():
                return
            if issubclass(category, RimlensWarning):
                tqdm.write(f"Warning: {' '.join(str(message).split())}", file=sys.stderr)
            else:
                show_other(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield


def note(words):
    """Write a line, unless it is quiet.

    Parameters
    ----------
    words : str
        The line.
    """
    if not quiet():
        tqdm.write(words, file=sys.stderr)


@contextmanager
def progress(total, lines=True):
    """Show a progress bar on a terminal, and a line a step elsewhere.

    Parameters
    ----------
    total : int
        The number of steps.
    lines : bool, optional
        Whether to write lines where there is no terminal; where not, they are logged alone.

    Yields
    ------
    callable
        To be called with a few words at the start of each step.

    Examples
    --------
    >>> with progress(2, lines=False) as step:
    ...     step("reading")
    ...     step("writing")
    """
    layout = "{desc:<20}|{bar:30}| {n_fmt}/{total_fmt} [{elapsed}]"
    with tqdm(total=total, disable=quiet() or None, leave=False, bar_format=layout) as bar:
        number = itertools.count(1)

        def step(words):
            if bar.disable and lines:
                note(f"{next(number)}/{total} {words}")
            else:
                _log.info("%s", words)
            bar.set_description_str(words, refresh=False)
            bar.update()
            bar.refresh()

        yield step


@contextmanager
def bytes_progress():
    """Show a progress bar of bytes on a terminal, and a line a tenth elsewhere.

    Yields
    ------
    callable
        To be called with the bytes that are there and their total, None where it is not known.

    Examples
    --------
    >>> with bytes_progress() as show:
    ...     show(0, None)
    """
    with tqdm(unit="B", unit_scale=True, disable=quiet() or None, leave=False) as bar:
        told_tenths = 0

        def show(there, total):
            nonlocal told_tenths
            tenths = 10 * there // total if total else 0
            if bar.disable and tenths > told_tenths:
                note(f"{10 * tenths} % of {total / 1e6:.0f} MB")
                told_tenths = tenths
            bar.total = total
            bar.update(there - bar.n)

        yield show
