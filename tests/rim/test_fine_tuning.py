"""The fine-tuning follows the gradient of its cost and leaves the trained weights alone."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import ops

from rimlens.errors import InputError, QualityWarning
from rimlens.observation import Observation
from rimlens.rim import Architecture, RIMSolver
from rimlens.rim.fine_tuning import FineTuning
from rimlens.rim.inference import BatchInference
from rimlens.rim.recurrence import RecurrentInferenceMachine
from rimlens.simulation.hst import simulate_observation

ARCHITECTURE = Architecture(
    image_size=32,
    convergence_size=16,
    convergence_scale=2.0,
    source_size=16,
    source_scale=2.0,
    latent_size=8,
    filters=(4, 4),
    vector_units=8,
    steps=2,
)


@pytest.fixture(scope="module")
def machine():
    keras.utils.set_random_seed(1)
    return RecurrentInferenceMachine(ARCHITECTURE)


@pytest.fixture(scope="module")
def inputs():
    observation, _ = simulate_observation(6)
    middle = slice(48, 80)
    image = observation.data[middle, middle]
    scale = 1 / image.max()
    return {
        "image": np.float32(scale * image)[None],
        "sigma": np.float32(scale * observation.sigma[middle, middle])[None],
        "weight": np.ones((1, 32, 32), "float32"),
        "psf": observation.psf[None].astype("float32"),
    }


@pytest.fixture(scope="module")
def first(machine, inputs):
    # One pass, as it is tuned.
    return BatchInference(machine, averaged=False).solve_batch(inputs)


def chi2_of_network(result):
    return result["reduced_chi2"][ARCHITECTURE.steps - 1, 0]


def test_the_gradient_is_that_of_finite_differences(inputs):
    # One call: what later ones read of the likelihood counts as data.
    machine = RecurrentInferenceMachine(replace(ARCHITECTURE, steps=1))
    tuning = FineTuning(machine, None)
    values = [ops.convert_to_numpy(w.value) for w in machine.network.trainable_weights]
    state = BatchInference(machine).network_estimate(inputs)
    target = {name: ops.convert_to_numpy(value) + 0.1 for name, value in state.items()}
    rng = np.random.default_rng(1)
    direction = [rng.normal(size=v.shape).astype("float32") for v in values]
    found = tuning.gradient(values, inputs, target, np.float32(0.5))
    slope = sum(np.sum(ops.convert_to_numpy(g) * d) for g, d in zip(found, direction))
    step, costs = 1e-3, []
    for sign in (1, -1):
        moved = [v + sign * step * d for v, d in zip(values, direction)]
        (cost,) = ops.convert_to_numpy(tuning.cost(moved, inputs, target, 0.5))
        costs.append(cost)
    assert slope == pytest.approx((costs[0] - costs[1]) / (2 * step), rel=0.02)


@pytest.mark.slow
def test_it_fits_better_and_leaves_the_machine_alone(machine, inputs, first):
    before = [ops.convert_to_numpy(w.value).copy() for w in machine.trainable_weights]
    found = FineTuning(machine, None, steps=40, learning_rate=1e-3)(inputs, first)
    assert chi2_of_network(found) < 0.98 * chi2_of_network(first)
    for weight, value in zip(machine.trainable_weights, before):
        np.testing.assert_array_equal(ops.convert_to_numpy(weight.value), value)


@pytest.mark.slow
def test_consolidation_holds_the_weights(machine, inputs, first):
    chi2 = [
        chi2_of_network(FineTuning(machine, None, strength, 20, 1e-3)(inputs, first))
        for strength in (0.0, 1e9)
    ]
    fitted, held = chi2_of_network(first) - np.array(chi2)
    assert fitted > 0
    assert held < 0.5 * fitted


def test_it_ends_at_the_noise(machine, inputs, first):
    noisy = {**inputs, "sigma": 100 * inputs["sigma"]}
    result = BatchInference(machine).solve_batch(noisy)
    calls = []
    found = FineTuning(machine, None)(noisy, result, lambda: calls.append(1))
    assert found is result
    assert len(calls) == 0


def test_a_solver_fine_tunes_and_states_no_errors():
    observation, _ = simulate_observation(6)
    solver = RIMSolver(ARCHITECTURE)
    before = {name: value.copy() for name, value in solver.arrays.items()}
    middle = slice(48, 80)
    seen = Observation(
        observation.data[middle, middle],
        uncertainty=observation.sigma[middle, middle],
        psf=observation.psf,
        wcs=observation.wcs,
    )
    with pytest.warns(QualityWarning):
        found = solver.reconstruct(seen, refine=True, method="ewc")
    assert found.meta["refinement"] == "ewc"
    assert found.errors == {}
    assert found.source.uncertainty is None
    for name, value in solver.arrays.items():
        np.testing.assert_array_equal(value, before[name])
    with pytest.raises(InputError, match="sample"):
        found.sample(3)
