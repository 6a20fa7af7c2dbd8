"""Checks of the scores on held-back simulations."""

from dataclasses import replace

import numpy as np
import pytest
from keras import ops

from rimlens.reconstruction import einstein_radius
from rimlens.rim import RIMSolver
from rimlens.rim.constants import CONSTANTS
from rimlens.training.solver.compilation import compile_machine
from rimlens.training.solver.scoring import SEED, HeldBackScores, score, summary
from rimlens.training.solver.training_set import inputs_and_targets


@pytest.fixture(scope="module")
def scores(untrained, simulator):
    return score(untrained, simulator, 12, seed=8)


def test_every_lens_has_its_scores(scores):
    assert scores["reduced_chi2"].shape == (3 + CONSTANTS.refinement_steps, 12)
    for name in ("theta_E", "theta_E_true", "log10_kappa_rms", "shear_rms", "source_error"):
        assert scores[name].shape == (12,)
        assert np.all(np.isfinite(scores[name]))
    assert len(np.unique(scores["theta_E_true"])) == 12


def test_the_scores_are_those_of_the_solver_on_the_simulators_lenses(untrained, simulator, scores):
    batch = simulator.draw(10, np.random.default_rng([8, 2]))
    inputs, _ = inputs_and_targets(batch, untrained.machine)
    found = untrained.inference.solve_batch(inputs)
    scale = untrained.architecture.convergence_scale
    expected = [einstein_radius(kappa, scale) for kappa in found["convergence"]]
    np.testing.assert_allclose(scores["theta_E"][:10], expected, rtol=1e-4)
    np.testing.assert_allclose(scores["reduced_chi2"][:, :10], found["reduced_chi2"], rtol=1e-3)


def test_one_seed_gives_one_score(untrained, simulator, scores):
    again = score(untrained, simulator, 12, seed=8)
    np.testing.assert_array_equal(again["theta_E_true"], scores["theta_E_true"])


def test_only_lenses_inside_the_domain_count(untrained, simulator):
    found = score(untrained, simulator, 5, seed=8, theta_E_domain=(14.0, 17.0))
    assert len(found["theta_E"]) == 5
    assert found["theta_E_true"].min() >= 14.0
    assert found["theta_E_true"].max() <= 17.0


def test_a_summary_holds_the_medians(scores):
    found = summary(scores)
    error = np.abs(scores["theta_E"] / scores["theta_E_true"] - 1)
    # Rounded to the digits that are stored.
    assert found["lenses"] == 12
    assert found["theta_E_median_absolute_error"] == pytest.approx(np.median(error), abs=1e-5)
    assert found["theta_E_fraction_within_10_percent"] == pytest.approx(
        np.mean(error < 0.1), abs=1e-4
    )
    np.testing.assert_allclose(
        found["reduced_chi2_median_per_step"], np.median(scores["reduced_chi2"], axis=1), atol=1e-4
    )


def test_a_map_without_a_ring_counts_as_infinitely_wrong(scores):
    some = {**scores, "theta_E": np.where(np.arange(12) < 7, np.nan, scores["theta_E_true"])}
    found = summary(some)
    assert found["theta_E_median_absolute_error"] == np.inf
    assert found["theta_E_fraction_within_5_percent"] == pytest.approx(5 / 12, abs=1e-4)


def test_a_training_is_scored_after_every_so_many_epochs(recipe, architecture, simulator):
    recipe = replace(recipe, score_every=2)
    model = RIMSolver(architecture).machine
    compile_machine(model, recipe, 1e-3, 100)
    solver = RIMSolver(architecture)
    callback = HeldBackScores(solver, simulator, recipe)
    callback.set_model(model)
    logs = {"loss": 1.0}
    callback.on_epoch_end(0, logs)
    assert logs == {"loss": 1.0}
    callback.on_epoch_end(1, logs)
    expected = summary(
        score(solver, simulator, recipe.held_back, recipe.seed + SEED, recipe.theta_E_domain)
    )
    assert logs == {
        "loss": 1.0,
        "val_reduced_chi2": expected["reduced_chi2_median_per_step"][-1],
        "val_theta_E_error": expected["theta_E_median_absolute_error"],
    }
    # The scored arrays are the machine's.
    for weight in model.trainable_weights:
        np.testing.assert_array_equal(
            solver.arrays[weight.path], ops.convert_to_numpy(weight.value)
        )
