"""Checks of the command as it is called from a shell."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from known_lens import sky
from rimlens import Observation, RIMSolver
from rimlens.cli import main
from rimlens.io import Weights, write_weights
from rimlens.rim.constants import CONSTANTS, DESCRIPTION
from tiny_solver import tiny_architecture

RUN = "import sys; from rimlens.cli import main; sys.argv[0] = 'rimlens'; main()"
# The arguments after the code stand where those of the command do.
COMMAND = [sys.executable, "-c", RUN]
NOISE = 0.05


def run(folder, *arguments):
    # This is a user's environment: nothing asks the array library to be quiet.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a lens and with the weights of a tiny, untrained solver."""
    folder = tmp_path_factory.mktemp("command")
    y, x = np.mgrid[-32:32, -32:32] + 0.5
    noise = NOISE * np.random.default_rng(3).normal(size=(64, 64))
    Observation(
        np.exp(-0.5 * ((np.hypot(x, y) - 18) / 2) ** 2) + noise,
        uncertainty=np.full((64, 64), NOISE),
        psf=np.exp(-0.5 * (np.hypot(*np.mgrid[-4:5, -4:5]) / 1.0) ** 2),
        wcs=sky((64, 64)),
        unit="electron / s",
    ).write(folder / "lens.fits")
    architecture = tiny_architecture(steps=2)
    described = {name: {} for name in ("domain", "recipe", "versions", "training", "scores")}
    described |= {**DESCRIPTION, "constants": CONSTANTS.to_dict()}
    arrays = RIMSolver(architecture).arrays
    write_weights(
        folder / "tiny.asdf",
        Weights(
            name="tiny", architecture=architecture.to_dict(), seed=0, arrays=arrays, **described
        ),
    )
    return folder


def test_json_is_all_that_is_printed(folder):
    done = run(
        folder, "reconstruct", "lens.fits", "--weights", "tiny.asdf", "-o", "json", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "log lines of the array library"
    found = json.loads(done.stdout)
    assert found["quality"] == "good"
    assert found["theta_E"] == pytest.approx(0.9, rel=0.1)
    assert len(done.stdout.splitlines()) == 1
    assert len(list((folder / "json").iterdir())) == 3


def test_several_lenses_are_told_in_lines(folder):
    shutil.copy(folder / "lens.fits", folder / "again.fits")
    files = ("lens.fits", "again.fits")
    done = run(folder, "reconstruct", *files, "--weights", "tiny.asdf", "-o", "two", "--strict")
    assert done.returncode == 0, done.stderr
    assert done.stderr == "1/2 lens.fits\n2/2 again.fits\n"
    assert len(list((folder / "two").iterdir())) == 7
    (folder / "again.fits").unlink()


def test_the_array_library_is_told_to_be_quiet_by_the_command_alone(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "")
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    main(["-V"], standalone_mode=False)
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3"


def test_bad_input_ends_with_status_2_and_one_line(folder):
    before = sorted(folder.rglob("*"))
    done = run(folder, "reconstruct", "tiny.asdf", "--weights", "tiny.asdf")
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert "tiny.asdf" in line
    assert sorted(folder.rglob("*")) == before


def test_help_imports_no_heavy_library(folder):
    code = (
        "import sys\nfrom rimlens.cli import main\nmain(['--help'], standalone_mode=False)\n"
        "print(sorted({'keras', 'tensorflow', 'matplotlib', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    for name in ("reconstruct", "demo", "train"):
        assert name in done.stdout
    assert done.stdout.endswith("[]\n")
