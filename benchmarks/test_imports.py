"""How long the package takes to import, and to list a hundred plugins: fresh processes."""

import subprocess
import sys

import pytest

CODE = {
    "import rimlens": "import rimlens",
    "from rimlens import Observation": "from rimlens import Observation",
    "list the plugins": "from rimlens import plugins; plugins.available('lens')",
    "python alone": "",
}


@pytest.mark.parametrize("what", CODE)
def test_start(benchmark, what):
    """Time a process that does one thing and ends."""
    benchmark.pedantic(
        subprocess.run,
        args=([sys.executable, "-c", CODE[what]],),
        kwargs={"check": True},
        rounds=5,
    )
