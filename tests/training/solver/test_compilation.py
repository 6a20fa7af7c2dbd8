"""Checks of what a machine is compiled with: optimizer, course of the learning rate, loss."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import ops

from rimlens.rim import RecurrentInferenceMachine
from rimlens.training.recipes.loss import LossWeights
from rimlens.training.recipes.solver import OPTIMIZERS, SCHEDULES, Recipe
from rimlens.training.solver.compilation import CLASSES, compile_machine, learning_rate_schedule
from rimlens.training.solver.loss import losses
from rimlens.training.solver.scoring import averaged_arrays


def test_every_optimizer_of_a_recipe_is_one_of_keras():
    assert set(CLASSES) == set(OPTIMIZERS)
    for name in OPTIMIZERS:
        assert type(keras.optimizers.get(name)) is CLASSES[name]


@pytest.mark.parametrize("course", SCHEDULES)
def test_the_learning_rate_rises_in_a_line(course):
    rate = learning_rate_schedule(0.4, 100, 10, course)
    expected = 0.4 * (0.05 + 0.95 * np.arange(10) / 10)
    # Single precision.
    np.testing.assert_allclose([float(rate(i)) for i in range(10)], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("course", "expected"),
    [
        ("cosine", lambda part: 0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * part))),
        ("exponential", lambda part: 0.01**part),
        ("constant", np.ones_like),
    ],
)
def test_the_learning_rate_then_follows_its_course(course, expected):
    rate = learning_rate_schedule(0.4, 100, 10, course)
    updates = np.arange(10, 101)
    found = [float(rate(i)) for i in updates]
    # Single precision.
    np.testing.assert_allclose(found, 0.4 * expected((updates - 10) / 90.0), rtol=1e-4)


@pytest.mark.parametrize("course", SCHEDULES)
def test_a_course_needs_no_rise(course):
    assert float(learning_rate_schedule(0.4, 100, 0, course)(0)) == pytest.approx(0.4)


def test_a_schedule_survives_its_configuration():
    rate = learning_rate_schedule(0.4, 100, 10, "exponential")
    again = type(rate).from_config(rate.get_config())
    assert [float(again(i)) for i in (3, 50)] == [float(rate(i)) for i in (3, 50)]


@pytest.fixture
def machine(architecture):
    keras.utils.set_random_seed(2)
    return RecurrentInferenceMachine(architecture)


def test_the_averaged_weights_are_the_exponential_average_of_those_after_each_update(machine):
    compile_machine(machine, Recipe("a", averaging=0.75, warmup=1), 1e-2, 100)
    rng = np.random.default_rng(4)
    weights = machine.trainable_weights
    average = None
    for _ in range(4):
        gradients = [rng.normal(size=w.shape).astype("float32") for w in weights]
        machine.optimizer.apply([ops.convert_to_tensor(g) for g in gradients])
        now = [ops.convert_to_numpy(w.value) for w in weights]
        average = now if average is None else [0.75 * a + 0.25 * w for a, w in zip(average, now)]
    found = averaged_arrays(machine)
    for weight, expected, last in zip(weights, average, now, strict=True):
        # Rounding in single precision.
        np.testing.assert_allclose(found[weight.path], expected, rtol=1e-4, atol=1e-7)
        assert np.any(found[weight.path] != last)
        # To look at them changes nothing.
        np.testing.assert_array_equal(ops.convert_to_numpy(weight.value), last)


def test_without_averaging_the_weights_are_the_last(machine):
    compile_machine(machine, Recipe("a"), 1e-2, 100)
    found = averaged_arrays(machine)
    for weight in machine.trainable_weights:
        np.testing.assert_array_equal(found[weight.path], ops.convert_to_numpy(weight.value))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_clips_and_follows_the_recipe(machine, name):
    recipe = replace(Recipe("a"), optimizer=name, gradient_norm=0.5, warmup=0)
    compile_machine(machine, recipe, 1e-3, 100)
    assert machine.optimizer.global_clipnorm == 0.5
    # Single precision.
    assert float(machine.optimizer.learning_rate) == pytest.approx(1e-3)


@pytest.mark.parametrize("stated", [{}, {"source": 1.0, "image": 0.2}], ids=repr)
def test_the_parts_of_the_loss_count_what_the_recipe_says(machine, stated):
    compile_machine(machine, Recipe("a", loss=LossWeights(**stated)), 1e-3, 100)
    assert machine.answers_image == ("image" in stated)
    rng = np.random.default_rng(6)
    shapes = {"convergence": (16, 16), "shear": (2,), "source": (32, 32)}
    shapes |= {"image": ()} if "image" in stated else {}
    true = {name: rng.random((2, *shape)).astype("float32") for name, shape in shapes.items()}
    found = {name: rng.random((2, 3, *shape)) + 1 for name, shape in shapes.items()}
    found = {name: value.astype("float32") for name, value in found.items()}
    parts = losses(machine)
    weights = LossWeights().of_parts | stated
    expected = sum(weights[name] * float(parts[name](true[name], found[name])) for name in shapes)
    # Rounding in single precision.
    assert float(machine.compute_loss(None, true, found)) == pytest.approx(expected, rel=1e-5)
