"""The array library that is not in use, for what compares the two."""

import os
import sys
from importlib.util import find_spec

from rimlens.backend import name

_OTHER = {"tensorflow": "jax", "jax": "tensorflow"}


def other():
    """Return the array library that is installed and not in use.

    Returns
    -------
    str or None
        None if only one is installed.

    Examples
    --------
    >>> from rimlens import backend
    >>> from rimlens.backend.other import other
    >>> other() in ("tensorflow", "jax", None) and other() != backend.name()
    True
    """
    found = _OTHER[name()]
    return found if find_spec(found) is not None else None


def environment(library):
    """Return environment variables for a process that computes with another array library.

    Parameters
    ----------
    library : str
        As from `other`.

    Returns
    -------
    dict of str
        Those of this process, changed: JAX computes in double precision where it is asked to, as
        TensorFlow does, and the process finds the modules that this one finds.

    Examples
    --------
    >>> from rimlens.backend.other import environment
    >>> environment("jax")["KERAS_BACKEND"]
    'jax'
    """
    return {
        **os.environ,
        "KERAS_BACKEND": library,
        "JAX_ENABLE_X64": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
