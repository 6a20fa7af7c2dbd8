"""Computing with the other array library, in a process of its own."""

import importlib
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from rimlens.backend.other import environment, other
from rimlens.testing.checks import ConformanceError, expect

_RUN = "import sys; from rimlens.testing.cross_backend import main; main(*sys.argv[1:])"
# Ample for an import and one evaluation on a busy machine.
_SECONDS = 600


def compute_with_other_backend(function, given, required=None):
    """Return what a function gives with the other array library.

    Parameters
    ----------
    function : callable
        ``function(cls, arguments, where)`` of a module of this subpackage; returns arrays.
    given : tuple
        A class, what it is to be called with, and where the model or prior is evaluated.
    required : bool, optional
        Whether it is an error that there is no other library, or that the class is not found
        under its module's name.

    Returns
    -------
    dict of ndarray or None
        None if it cannot be computed and is not required.
    """
    library = other()
    reason = "the other array library is not installed" if library is None else _hidden(given[0])
    if reason:
        expect(not required, f"cannot be checked: {reason}")
        return None
    with tempfile.TemporaryDirectory() as folder:
        question, answer = Path(folder) / "question.pickle", Path(folder) / "answer.npz"
        question.write_bytes(pickle.dumps((function, given)))
        done = subprocess.run(
            [sys.executable, "-c", _RUN, str(question), str(answer)],
            env=environment(library),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no message"]
            raise ConformanceError(f"on {library}, found: {lines[-1]}")
        with np.load(answer) as arrays:
            return dict(arrays)


def main(question, answer):
    """Compute what a file asks for, and write it to another.

    Parameters
    ----------
    question, answer : str
        Paths; the question was made by `compute_with_other_backend`, in a folder of its own.
    """
    function, given = pickle.loads(Path(question).read_bytes())
    np.savez(answer, **function(*given))


def _hidden(cls):
    """Return why another process cannot find a class, or nothing."""
    try:
        found = importlib.import_module(cls.__module__)
        for name in cls.__qualname__.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError):
        found = None
    if found is cls and cls.__module__ != "__main__":
        return ""
    return f"{cls.__name__} is not found as {cls.__module__}.{cls.__qualname__}"
