"""Checks of the preconditioners, against plain numpy, and of the gradients that they take."""

import numpy as np
import pytest
from keras import ops

from rimlens.imaging import chi2, convolve
from rimlens.rim import Architecture, RecurrentInferenceMachine
from rimlens.rim.architecture import PRECONDITIONERS
from rimlens.rim.gradient import map_descent
from rimlens.rim.preconditioner import preconditioner
from tiny_solver import tiny_architecture

RNG = np.random.default_rng(4)
GRADIENTS = [
    {name: RNG.normal(size=(2, 3, 3)).astype("float32") for name in ("convergence", "source")}
    for _ in range(4)
]
NONE = {name: np.zeros((2, 3, 3), "float32") for name in ("convergence", "source")}


def adam(gradients, mean_decay, decay):
    mean = square = 0.0
    for t, g in enumerate(gradients):
        mean = mean_decay * mean + (1 - mean_decay) * g
        square = decay * square + (1 - decay) * g**2
        corrected = np.sqrt(square / (1 - decay ** (t + 1)))
        yield mean / (1 - mean_decay ** (t + 1)) / (corrected + 1e-8)


@pytest.mark.parametrize("first_guess", [True, False])
@pytest.mark.parametrize(("name", "decays"), [("adam", (0.9, 0.99)), ("rmsprop", (0.0, 0.9))])
def test_running_means_are_those_of_the_gradients_alone(name, decays, first_guess):
    divide = preconditioner(name, first_guess)
    states = divide.initial(NONE)
    if first_guess:
        found, states = divide(NONE, states)
        assert not any(np.any(ops.convert_to_numpy(v)) for v in found.values())
    expected = {key: list(adam([g[key] for g in GRADIENTS], *decays)) for key in NONE}
    for t, gradient in enumerate(GRADIENTS):
        found, states = divide(gradient, states)
        for key, values in found.items():
            # Rounding in single precision.
            np.testing.assert_allclose(
                ops.convert_to_numpy(values), expected[key][t], rtol=1e-4, atol=1e-5
            )


@pytest.mark.parametrize("name", ["gauss_newton", "none", "arcsinh", "tanh"])
def test_others_have_no_states(name):
    change = {"arcsinh": np.arcsinh, "tanh": np.tanh}.get(name, np.asarray)
    alone = preconditioner(name)
    found, states = alone(GRADIENTS[0], alone.initial(NONE))
    assert states == []
    for key, values in found.items():
        np.testing.assert_allclose(
            ops.convert_to_numpy(values), change(GRADIENTS[0][key]), rtol=1e-5, atol=1e-6
        )


def test_the_descent_of_maps_is_that_of_half_the_chi_square(restless, inputs):
    machine = restless.machine
    state = {n: ops.convert_to_numpy(v)[:, -1] for n, v in machine(inputs).items()}
    exposure = machine.exposure(inputs)
    descent = map_descent(machine.lens, machine.source, state, exposure)

    def half_chi2(state):
        beta = machine.lens.ray_trace(state)
        lensed = machine.source.brightness(state, *beta)
        return 0.5 * ops.convert_to_numpy(chi2(convolve(lensed, *exposure[3:]), *exposure[:3]))

    for name, values in descent.items():
        values = ops.convert_to_numpy(values)
        length = np.sqrt(np.sum(values**2, axis=(1, 2), keepdims=True))
        # A step that changes the chi-square by a part of it: single precision, small curvature.
        size = 2e-3 * half_chi2(state)[:, None, None] / length
        ahead, behind = (
            half_chi2({**state, name: state[name] + sign * size * values / length})
            for sign in (1, -1)
        )
        slope = (ahead - behind) / (2 * size[:, 0, 0])
        np.testing.assert_allclose(slope, -length[:, 0, 0], rtol=0.05)


@pytest.mark.parametrize("name", PRECONDITIONERS)
@pytest.mark.parametrize("first_guess", [True, False])
def test_every_preconditioner_leads_the_recurrence_and_its_states_go_along(
    name, first_guess, inputs
):
    a = tiny_architecture(steps=3).to_dict()
    machine = RecurrentInferenceMachine(
        Architecture(**a, preconditioner=name, first_guess=first_guess)
    )
    found = machine(inputs)
    assert all(np.all(np.isfinite(ops.convert_to_numpy(v))) for v in found.values())
    _, memory = machine.initial(4)
    expected = len(machine.network.units) + (5 if name in ("adam", "rmsprop") else 0)
    assert len(memory) == expected
    # Without a gradient an untrained network finds no source at its first call.
    assert np.any(ops.convert_to_numpy(found["source"])[:, 0]) != first_guess
