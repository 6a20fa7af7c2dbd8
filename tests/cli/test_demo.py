"""Checks of `rimlens demo`: it goes the way of `rimlens reconstruct`."""

import pytest

from known_lens import known_reconstruction
from rimlens import Observation
from rimlens.simulation import hst

TRUTH = {"theta_E": 0.612, "shear": (0.031, -0.042)}
FILES = {"demo_lens.fits"} | {f"demo_lens_rimlens.{s}" for s in ("asdf", "fits", "png")}


@pytest.fixture
def simulation(monkeypatch):
    observation = known_reconstruction().observation
    monkeypatch.setattr(hst, "simulate_observation", lambda seed: (observation, TRUTH))
    return observation


def test_the_image_is_written_and_that_file_is_reconstructed(tmp_path, solver, simulation, call):
    result = call("demo", "-o", tmp_path)
    assert result.exit_code == 0, result.output
    assert {path.name for path in tmp_path.iterdir()} == FILES
    written = Observation.read(tmp_path / "demo_lens.fits")
    (seen,) = solver.seen
    assert seen is not simulation
    assert (seen.data == written.data).all()


def test_truth_stands_beside_the_result(tmp_path, solver, simulation, call):
    out = call("demo", "-o", tmp_path).stdout
    (line,) = (line for line in out.splitlines() if line.startswith("Einstein radius"))
    assert "0.612 arcsec" in line
    assert f"{solver.answer.einstein_radius.value:.3f} arcsec" in line


@pytest.mark.parametrize("name", sorted(FILES))
def test_each_file_that_exists_is_refused_before_the_work(
    tmp_path, solver, simulation, call, content, name
):
    (tmp_path / name).write_text("precious")
    before = content(tmp_path)
    assert call("demo", "-o", tmp_path).exit_code == 2
    assert solver.seen == []
    assert content(tmp_path) == before
    assert call("demo", "-o", tmp_path, "--overwrite").exit_code == 0


def test_a_failure_writes_nothing(tmp_path, lenses_are_hidden, simulation, call, content):
    assert call("demo", "-o", tmp_path / "new").exit_code == 2
    assert content(tmp_path) == {}
