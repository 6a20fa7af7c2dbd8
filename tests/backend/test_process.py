"""Checks that the package leaves the process as it found it."""

import ast
import threading
from pathlib import Path

import numpy as np
from keras import ops

import rimlens
from rimlens import backend

SOURCES = sorted(Path(rimlens.__file__).parent.rglob("*.py"))


def test_no_thread_outlives_a_batch_that_the_cores_shared():
    before = set(threading.enumerate())
    doubled = backend.batchwise(lambda x: 2.0 * x)
    values = np.arange(12.0, dtype="float32").reshape(6, 2)
    for _ in range(2):  # compiled, and then shared
        found = ops.convert_to_numpy(doubled(ops.convert_to_tensor(values)))
        np.testing.assert_array_equal(found, 2.0 * values)
    left = [t for t in set(threading.enumerate()) - before if t.name.startswith("rimlens")]
    assert left == []


def names_used(path):
    """Yield every attribute and import of a module, as ``module.attribute``."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_only_commands_and_workers_change_their_process():
    """A library sets no variable, collects no garbage and redirects no file descriptor."""
    forbidden = {"gc.disable", "gc.freeze", "os.dup2", "os._exit", "os.environ.update"}
    for path in SOURCES:
        used = set(names_used(path))
        name = path.relative_to(SOURCES[0].parent).as_posix()
        if name != "startup.py" and not name.startswith("cli/"):
            assert not used & forbidden, name
        takes_over = {"rimlens.startup.load_array_library", "rimlens.startup.start_worker"} & used
        # The writer of simulations hands the function to the processes that it starts.
        if takes_over and name != "training/simulations/writing.py":
            assert name.startswith("cli/"), name
