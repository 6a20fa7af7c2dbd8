"""Maps of a strong gravitational lens and of its source, from one image.

The three names that a script needs stand here.  Each is imported when it is first asked for, so
that importing the package is quick and loads no array library; all else is in the subpackages.
"""

from importlib import import_module

_HOMES = {
    "Observation": "rimlens.observation",
    "RIMSolver": "rimlens.rim",
    "Reconstruction": "rimlens.reconstruction",
}

__all__ = ["Observation", "RIMSolver", "Reconstruction", "__version__"]


def __getattr__(name):
    """Import what is first asked for (PEP 562)."""
    if name == "__version__":
        value = import_module("importlib.metadata").version("rimlens")
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(
            f"module 'rimlens' has no attribute {name!r}; it offers {', '.join(__all__)}"
        )
    globals()[name] = value
    return value


def __dir__():
    """List the public names, imported or not."""
    return sorted({*globals(), *__all__})
