"""A file with a lens, and a solver that costs nothing, for the tests of the commands."""

import numpy as np
import pytest
from click.testing import CliRunner

from known_lens import known_reconstruction
from rimlens import RIMSolver, cli
from rimlens.errors import InputError


class FakeSolver:
    """Knows the answer, and how often it was asked."""

    def __init__(self):
        self.answer = known_reconstruction()
        self.error = None
        self.seen = []
        self.refined = []

    def reconstruct(self, observation, progress=None, refine=False, method="evidence"):
        self.seen.append(observation)
        self.refined.append(method if refine else None)
        if self.error is not None:
            raise self.error
        self.answer.observation.meta["EXTENSIONS"] = observation.meta.get("EXTENSIONS", "")
        return self.answer


@pytest.fixture
def solver(monkeypatch):
    fake = FakeSolver()
    monkeypatch.setattr(RIMSolver, "from_pretrained", lambda name: fake)
    return fake


@pytest.fixture
def lenses_are_hidden(solver):
    solver.error = InputError("observation: every pixel\nis masked")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the current folder, which holds the file lens.fits."""
    known_reconstruction().observation.write(tmp_path / "lens.fits")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call():
    def invoke(*arguments):
        return CliRunner().invoke(cli.main, [str(a) for a in arguments])

    return invoke


@pytest.fixture
def content():
    """Return a function that reads all files below a folder."""

    def read(folder):
        return {
            str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
            for path in folder.rglob("*")
        }

    return read


@pytest.fixture
def with_bad_pixels(folder):
    from astropy.io import fits

    with fits.open(folder / "lens.fits", mode="update") as hdus:
        hdus["SCI"].data[5, 6:9] = np.nan
