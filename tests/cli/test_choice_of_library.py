"""Checks of the command where the array library that was chosen cannot be used."""

import os
import subprocess
import sys

import pytest

from known_lens import known_reconstruction

# Stands in for an environment without some libraries.
WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
sys.argv[0] = "rimlens"
from rimlens.cli import main
main()
"""


@pytest.fixture(scope="module")
def lens(tmp_path_factory):
    path = tmp_path_factory.mktemp("choice") / "lens.fits"
    known_reconstruction().observation.write(path)
    return path


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize(
    ("chosen", "missing", "wanted"),
    [
        ("jax", ["jax"], ": JAX is not installed: pip install rimlens[jax], or set "
         "KERAS_BACKEND=tensorflow"),
        ("jax", ["jax", "tensorflow"], ": JAX is not installed: pip install rimlens[jax]"),
        (None, ["tensorflow"], "KERAS_BACKEND='tensorflow': TensorFlow is not installed: pip "
         "install tensorflow, or set KERAS_BACKEND=jax"),
        ("tensroflow", [], ": tensorflow or jax is wanted, did you mean 'tensorflow'?"),
        ("JAX", [], "KERAS_BACKEND='JAX': tensorflow or jax is wanted, did you mean 'jax'?"),
        ("torch", [], "KERAS_BACKEND='torch': tensorflow or jax is wanted"),
    ],
)  # fmt: skip
def test_it_is_one_line_with_what_to_do(lens, chosen, missing, wanted, several):
    if "jax" not in missing and missing:
        pytest.importorskip("jax")
    environment = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    if chosen is not None:
        environment["KERAS_BACKEND"] = chosen
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(missing=set(missing)), "reconstruct", lens]
        + (["--resume", "-o", f"{chosen}{len(missing)}"] if several else []),
        cwd=lens.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: KERAS_BACKEND=")
    assert line.endswith(wanted)
    assert done.stdout == ""
