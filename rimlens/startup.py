"""The import of the array library, which takes most of the time in which a process starts."""

import gc
import os
import sys
import tempfile
from contextlib import contextmanager


def load_array_library():
    """Import the array library without a word from it, and without pauses for garbage.

    A library must not touch its process in this way; a command owns its own, and so does the
    process that is started to work for it.

    Examples
    --------
    >>> load_array_library()
    """
    if "rimlens.backend" in sys.modules:
        return
    enabled = gc.isenabled()
    # What an import makes stays; to search it for garbage again and again takes a fifth of the
    # time.
    gc.disable()
    try:
        with _held_back():
            import rimlens.backend  # noqa: F401
        gc.freeze()
    finally:
        if enabled:
            gc.enable()


def start_worker(variables):
    """Begin a process that was started to work: set its environment, then load the library.

    Parameters
    ----------
    variables : dict of str to str
        Environment variables, which the array library reads when it is imported or first used.
    """
    os.environ.update(variables)
    load_array_library()


@contextmanager
def _held_back():
    """Hold back what is written to standard error; if the import fails it may say why.

    TensorFlow's compiled code writes log lines before any setting of its own can stop them.
    """
    try:
        standard_error = os.dup(2)
    except OSError:
        # A program without standard error has nothing to hold back.
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except ImportError:
            held.seek(0)
            os.write(standard_error, held.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
