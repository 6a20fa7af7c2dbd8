"""Importing a library that talks while it is imported, and makes very many objects."""

import gc
import os
import tempfile
from contextlib import contextmanager


@contextmanager
def quiet_import():
    """Hold back what is written to standard error while a library is imported.

    TensorFlow's compiled code writes log lines before any setting of its own can stop them.  If
    the import fails they are let through: they may say why.

    Examples
    --------
    >>> from rimlens.backend.quiet import quiet_import
    >>> with quiet_import():
    ...     import json
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
        except BaseException:
            held.seek(0)
            os.write(standard_error, held.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)


@contextmanager
def uncollected():
    """Pause the garbage collector.

    What an import makes stays; to search it for garbage again and again takes a fifth of the time.

    Examples
    --------
    >>> import gc
    >>> from rimlens.backend.quiet import uncollected
    >>> with uncollected():
    ...     gc.isenabled()
    False
    >>> gc.isenabled()
    True
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
