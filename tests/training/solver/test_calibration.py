"""Checks of the error that the refinement expects of a network."""

from types import SimpleNamespace

import numpy as np
import pytest
from keras import ops

from rimlens.rim import Architecture
from rimlens.rim.lens_unknowns import ParametricLens, PixelatedLens
from rimlens.rim.source_unknowns import ParametricSource, PixelatedSource
from rimlens.training.solver.calibration import factor, measure_error_covariance
from tiny_solver import LENS, SOURCE

ARCHITECTURE = Architecture(64, 32, 2.0, 48, 1.0, latent_size=16, filters=(4,))


def test_factor_is_that_of_the_covariance_whatever_a_few_failures_say():
    rng = np.random.default_rng(1)
    wanted = np.array([[4.0, -0.9], [-0.9, 0.25]])
    errors = rng.multivariate_normal([0, 0], wanted, size=20000)
    found = factor(errors, np.zeros(2))
    assert np.allclose(found, np.tril(found))
    # Cutting off at three deviations takes 1 % of the variance; 20000 draws know it to 1 %.
    np.testing.assert_allclose(found @ found.T, wanted, rtol=0.05)
    errors[:40] = 1e3
    with_failures = factor(errors, np.zeros(2))
    np.testing.assert_allclose(with_failures @ with_failures.T, wanted, rtol=0.1)


def test_what_never_errs_is_not_taken_for_known():
    errors = np.zeros((50, 3))
    np.testing.assert_allclose(factor(errors, np.full(3, 0.2)), 0.2 * np.eye(3))


def test_projected_differences_are_the_steps_that_were_taken():
    lens = PixelatedLens(ARCHITECTURE)
    state = lens.initial(2)
    step = 0.1 * np.random.default_rng(2).normal(size=(2, 16)).astype("float32")
    target = lens.apply_step(state, ops.convert_to_tensor(step))
    state, target = (
        {name: ops.convert_to_numpy(value) for name, value in values.items()}
        for values in (state, target)
    )
    np.testing.assert_allclose(lens.project_difference(state, target), step, atol=2e-4)


class Biased:
    """A solver whose estimate is off by known steps, in place of one with a network."""

    def __init__(self, lens, source, equivariant, errors, simulator):
        self.machine = SimpleNamespace(lens=lens, source=source, equivariant=equivariant)
        self.inference = self
        self.errors, self.simulator = iter(errors), simulator

    def network_estimate(self, inputs):
        state = self.simulator.truth
        step = ops.convert_to_tensor(np.float32(np.stack([next(self.errors) for _ in range(10)])))
        n = len(self.machine.lens.expected_error)
        lens, source = self.machine.lens, self.machine.source
        return {**lens.apply_step(state, step[:, :n]), **source.apply_step(state, step[:, n:])}


class Repeating:
    """A simulator of one lens; it notes the truth."""

    def __init__(self, lens, source):
        self.lens, self.source = lens, source
        self.truth = {**lens.initial(10), **source.initial(10)}

    def draw(self, n, rng):
        ones = np.ones((n, 64, 64), "float32")
        return {"image": ones, "sigma": ones, "weight": ones, "psf": ones[:, :9, :9]}


def measured(lens, source, equivariant, errors, monkeypatch):
    """Return the covariance that is found where a solver makes known errors."""
    simulator = Repeating(lens, source)
    truth = {name: ops.convert_to_numpy(value) for name, value in simulator.truth.items()}
    for unknowns in (lens, source):
        own = {name: truth[name] for name in unknowns.names}
        monkeypatch.setattr(unknowns, "target", lambda batch, peak, own=own: own)
    solver = Biased(lens, source, equivariant, errors, simulator)
    found = measure_error_covariance(solver, simulator, len(errors), seed=1)
    return found @ found.T


def test_errors_of_models_are_those_that_were_made(monkeypatch):
    lens, source = ParametricLens(ARCHITECTURE, LENS), ParametricSource(ARCHITECTURE, SOURCE)
    m = lens.vector_size + source.vector_size
    mixing = np.eye(m) + 0.5 * np.eye(m, k=1)
    errors = np.random.default_rng(3).normal(size=(2000, m)) @ mixing
    found = measured(lens, source, False, errors, monkeypatch)
    # 2000 draws, less one per cent that is cut off.
    np.testing.assert_allclose(found, mixing.T @ mixing, atol=0.12)


def test_errors_of_maps_have_no_orientation(monkeypatch):
    lens, source = PixelatedLens(ARCHITECTURE), PixelatedSource(ARCHITECTURE)
    rng = np.random.default_rng(4)
    errors = 0.01 * rng.normal(size=(100, 16))
    # These lie all in one direction: shear along the diagonals, and centers to the right.
    errors[:, 14:] = 0.3 * rng.normal(size=(100, 1)) * [0.5, 1.0]
    errors[:, 4:6] = 0.3 * rng.normal(size=(100, 1)) * [1.0, 0.0]
    found = measured(lens, source, True, errors, monkeypatch)
    scale = np.sqrt(np.outer(found.diagonal(), found.diagonal()))
    correlation = found / scale
    assert abs(correlation[14, 15]) < 1e-3
    assert abs(correlation[4, 5]) < 1e-3
    # Left, right, up and down are alike; a shear along the axes and one between them need not be.
    assert found[4, 4] == pytest.approx(found[5, 5], rel=1e-3)
    assert found[15, 15] > 2 * found[14, 14]
