"""The error scale is the factor that stated errors lack, and is stored with the weights."""

from types import SimpleNamespace

import numpy as np
import pytest

from rimlens import RIMSolver
from rimlens.errors import InputError, OutputExistsError
from rimlens.imaging import Grid
from rimlens.training.solver import calibrate, error_scale, read_recipe
from rimlens.training.solver.error_scale import measure_error_scale, numbers_of, standardized

GRID = Grid((32, 32))
SOLVER = SimpleNamespace(
    machine=SimpleNamespace(lens=SimpleNamespace(grid=GRID), source=SimpleNamespace(grid=GRID)),
    population=None,
)
STATED = np.array([0.02, 0.05, 0.1])


def maps(numbers):
    """Return power laws and flat sources of ln(radius), slope and flux, shape ``(n, 3)``."""
    log_radius, slope, flux = np.moveaxis(np.reshape(numbers, (-1, 3, 1, 1)), 1, 0)
    convergence = 0.5 * (3 - slope) * (GRID.radius / np.exp(log_radius)) ** (1 - slope)
    return {"convergence": convergence, "source": flux / GRID.x.size * np.ones_like(convergence)}


def test_the_numbers_are_those_of_the_maps():
    wanted = np.array([[2.4, 2.0, 3.0], [2.3, 1.8, 5.0]])
    found = numbers_of(maps(wanted), SOLVER, GRID)
    # The pixels in the middle of a power law are not those of its mean over them.
    np.testing.assert_allclose(found["radius"], wanted[:, 0], atol=0.03)
    np.testing.assert_allclose(found["slope"], wanted[:, 1], atol=0.02)
    np.testing.assert_allclose(found["flux"], wanted[:, 2], rtol=1e-12)
    finer = Grid((32, 32), 0.5)
    np.testing.assert_allclose(
        numbers_of(maps(wanted), SOLVER, finer)["flux"], wanted[:, 2] / 4, rtol=1e-12
    )


def test_a_number_that_draws_do_not_have_is_never_within_its_errors():
    draws = np.random.default_rng(1).normal(size=100)
    assert standardized(draws, 1.0) < 3
    assert standardized(draws, np.nan) == np.inf
    assert standardized(np.where(np.arange(100) < 60, np.nan, draws), 1.0) == np.inf


@pytest.mark.parametrize("understated", [1.0, 2.5])
def test_the_factor_is_that_by_which_errors_are_understated(monkeypatch, understated):
    rng = np.random.default_rng(7)
    middle = np.array([2.0, 2.0, 3.0])

    def refined(*_):
        found = middle + understated * STATED * rng.standard_normal(3)
        answer = SimpleNamespace(
            draws=lambda n, rng: maps(found + STATED * rng.standard_normal((n, 3))),
            source_grid=GRID,
            exposure=SimpleNamespace(signal_to_noise=rng.uniform(40, 60)),
        )
        return answer, maps(middle)

    monkeypatch.setattr(error_scale, "Refinement", lambda *_: None)
    monkeypatch.setattr(error_scale, "simulator_of", lambda _: SimpleNamespace(draw=lambda *_: {}))
    monkeypatch.setattr(error_scale, "_refined", refined)
    monkeypatch.setattr(error_scale, "DRAWS", 30)
    pairs = measure_error_scale(SOLVER, read_recipe("epl"), 80, 1, ranges=((40, 60),))
    ((ratio, factor),) = pairs
    assert ratio == pytest.approx(50, abs=2)
    # Of 240 numbers 68 per cent are known to 3, which is 6 per cent of the factor.
    assert factor == pytest.approx(understated, rel=0.18)


def test_calibrated_weights_have_the_scale_and_nothing_else_changed(monkeypatch, tmp_path):
    pairs = [[15.0, 1.25], [40.0, 1.5]]
    monkeypatch.setattr(error_scale, "measure_error_scale", lambda *_, **__: pairs)
    found = calibrate("analytic", tmp_path / "new.asdf", lenses=20, seed=3, progress=False)
    before = RIMSolver.from_pretrained("analytic")
    assert found.error_scale.pairs.tolist() == pairs
    assert found.weights.refinement["error_scale_simulations"] == 20
    assert found.weights.refinement["error_scale_seed"] == 3
    assert before.error_scale(40.0) != 1.5
    for name, values in before.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], values)
    assert found.weights.scores == before.weights.scores
    # A solver of maps keeps the error that its own steps expect.
    found = calibrate("default", tmp_path / "maps.asdf", lenses=20, progress=False)
    before = RIMSolver.from_pretrained("default")
    kept = "error_covariance_factor"
    assert found.weights.refinement[kept] == before.weights.refinement[kept]
    assert (tmp_path / "maps.asdf").stat().st_size < 7_000_000


def test_weights_that_exist_are_kept(tmp_path):
    path = tmp_path / "new.asdf"
    path.write_text("precious")
    with pytest.raises(OutputExistsError, match="new.asdf"):
        calibrate("analytic", path, progress=False)
    assert path.read_text() == "precious"


def test_too_few_simulations_are_refused():
    with pytest.raises(InputError, match="lenses: at least 10 in a range are wanted, found 3"):
        measure_error_scale(SOLVER, read_recipe("epl"), 3, 1)


@pytest.mark.slow
def test_the_shipped_models_state_errors_that_hold():
    solver = RIMSolver.from_pretrained("analytic")
    recipe = read_recipe("analytic")
    ((_, factor),) = measure_error_scale(solver, recipe, 12, 8, ranges=((30, 50),))
    # 36 numbers of 12 lenses know it to a fifth.
    assert 0.5 < factor < 2.0
