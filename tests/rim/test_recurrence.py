"""Checks of the recurrence."""

import numpy as np
import pytest
from keras import ops

from map_model import MapModel
from rimlens.imaging import psf_transform
from rimlens.rim import RecurrentInferenceMachine
from rimlens.rim.lens_unknowns import convergence_modes
from tiny_solver import convergence_and_shear


def unrolled(machine, inputs):
    return {k: ops.convert_to_numpy(v) for k, v in machine(inputs).items()}


def test_an_untrained_network_moves_the_lens_by_part_of_the_gauss_newton_step(untrained, inputs):
    machine = untrained.machine
    found = unrolled(machine, inputs)
    start = ops.convert_to_numpy(machine.lens.initial(1)["convergence"])[0]
    # The first call has no gradient, and the second no source whose rays could be bent.
    np.testing.assert_array_equal(
        found["convergence"][:, :2], np.broadcast_to(start, (4, 2, 16, 16))
    )
    assert not np.any(found["shear"][:, :2])
    state = {name: value[:, 1] for name, value in found.items()}
    step = ops.convert_to_numpy(machine.gradient(state, machine.exposure(inputs)).step)
    step = np.exp(-0.5) * step
    change = np.einsum(
        "bm,myx->byx", step[:, :-2], convergence_modes(machine.architecture.convergence_grid)
    )
    # Rounding in single precision.
    np.testing.assert_allclose(found["convergence"][:, 2], start + change, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found["shear"][:, 2], step[:, -2:], rtol=0, atol=1e-6)


def test_an_untrained_network_follows_the_source_s_gradient_with_its_first_gain(untrained, inputs):
    machine = untrained.machine
    found = unrolled(machine, inputs)
    # The first call has no gradient.
    assert not np.any(found["source"][:, 0])
    exposure = machine.exposure(inputs)
    for step in (1, 2):
        state = {name: value[:, step - 1] for name, value in found.items()}
        direction = ops.convert_to_numpy(machine.gradient(state, exposure).maps["source"])
        expected = state["source"] + np.exp(-1) * np.arcsinh(direction)
        # Rounding in single precision.
        np.testing.assert_allclose(found["source"][:, step], expected, rtol=0, atol=1e-5)


def test_states_of_all_steps_come_in_the_shapes_of_the_unknowns(restless, inputs):
    shapes = {k: v.shape for k, v in unrolled(restless.machine, inputs).items()}
    assert shapes == {
        "convergence": (4, 3, 16, 16),
        "shear": (4, 3, 2),
        "source": (4, 3, 32, 32),
    }


def test_fewer_unrolled_steps_are_the_first_of_more(restless, inputs):
    machine = restless.machine
    whole = unrolled(machine, inputs)
    machine.unrolled_steps = 2
    try:
        part = unrolled(machine, inputs)
    finally:
        machine.unrolled_steps = machine.architecture.steps
    for name, values in part.items():
        np.testing.assert_array_equal(values, whole[name][:, :2])


def test_every_input_has_a_part_in_the_answer(restless, inputs):
    found = unrolled(restless.machine, inputs)
    changes = {
        "image": inputs["image"][:, ::-1],
        "sigma": 1.5 * inputs["sigma"],
        "weight": 1 - (1 - inputs["weight"]) * (np.arange(64) < 32),
        "psf": inputs["psf"].transpose(0, 2, 1) ** 2,
    }
    for name, value in changes.items():
        changed = unrolled(restless.machine, {**inputs, name: np.float32(value)})
        assert np.abs(changed["convergence"] - found["convergence"]).max() > 1e-4, name


def test_a_machine_is_rebuilt_from_its_configuration(untrained):
    machine = untrained.machine
    again = RecurrentInferenceMachine.from_config(machine.get_config())
    assert again.architecture == machine.architecture
    assert [w.path for w in again.weights] == [w.path for w in machine.weights]


def test_the_image_that_is_answered_is_the_chi_square_after_every_step(restless, inputs):
    machine = restless.machine
    machine.answers_image = True
    try:
        found = unrolled(machine, inputs)
    finally:
        machine.answers_image = False
    a = machine.architecture
    model = MapModel(a.image_grid, a.convergence_grid, a.source_grid)
    transform = psf_transform(inputs["psf"], a.image_grid.shape)
    for step in range(a.steps):
        kappa, shear = convergence_and_shear(
            found["convergence"][:, step], found["shear"][:, step]
        )
        image = model(kappa, shear, found["source"][:, step], transform, inputs["psf"].shape[1:])
        residual = (inputs["image"] - ops.convert_to_numpy(image)) / inputs["sigma"]
        expected = [np.mean(r[w > 0] ** 2) for r, w in zip(residual, inputs["weight"])]
        # Rounding in single precision.
        np.testing.assert_allclose(found["image"][:, step], expected, rtol=1e-4)


@pytest.mark.parametrize("image", [False, True])
def test_steps_that_are_computed_again_change_no_answer(restless, inputs, image):
    machine = restless.machine
    machine.answers_image = image
    expected = unrolled(machine, inputs)
    machine.recompute = True
    try:
        found = unrolled(machine, inputs)
    finally:
        machine.recompute = machine.answers_image = False
    for name, value in expected.items():
        # Guards against derivatives that TensorFlow does not take where it computes again: the
        # same sums, in single precision.
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-6)
