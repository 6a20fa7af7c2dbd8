"""Whether the array library that was chosen can be used; reported before anything is imported."""

import sys
from importlib.util import find_spec

from rimlens.errors import InputError
from rimlens.spelling import did_you_mean

# Every library that serves, its own name, and what installs it.
_LIBRARIES = {
    "tensorflow": ("TensorFlow", "tensorflow"),
    "jax": ("JAX", "rimlens[jax]"),
}


def refuse_unusable(name):
    """Raise an error that says what to do if an array library cannot be used.

    Parameters
    ----------
    name : str or None
        The value of the environment variable ``KERAS_BACKEND``; TensorFlow where there is none.

    Raises
    ------
    InputError
        If the name is another than that of TensorFlow or JAX, or the library is not installed.

    Examples
    --------
    >>> refuse_unusable("tensorflow")
    """
    if "keras" in sys.modules:
        # Keras has found its library, which need not be the one of the variable.
        return
    name = name or "tensorflow"
    if name not in _LIBRARIES:
        raise InputError(
            f"KERAS_BACKEND={name!r}: {' or '.join(_LIBRARIES)} is wanted"
            f"{did_you_mean(name, _LIBRARIES)}"
        )
    if _installed(name):
        return
    title, package = _LIBRARIES[name]
    others = [other for other in _LIBRARIES if other != name and _installed(other)]
    instead = f", or set KERAS_BACKEND={others[0]}" if others else ""
    raise InputError(
        f"KERAS_BACKEND={name!r}: {title} is not installed: pip install {package}{instead}"
    )


def _installed(name):
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False
