"""Checks of the loss, against plain numpy."""

import numpy as np
import pytest

from rimlens.errors import InputError
from rimlens.imaging import Grid
from rimlens.reconstruction import einstein_radius
from rimlens.rim import Architecture, RecurrentInferenceMachine
from rimlens.training.recipes.loss import LossWeights
from rimlens.training.solver.loss import (
    RING_UNIT,
    RING_WEIGHT,
    RING_WEIGHT_LINEAR,
    ImageLoss,
    VectorLoss,
    losses,
)

GRID = Grid((32, 32), 2.0)
MACHINE = RecurrentInferenceMachine(
    Architecture(64, 32, 2.0, 32, latent_size=16, filters=(4, 4), vector_units=4)
)


@pytest.fixture
def rng():
    return np.random.default_rng(9)


def value_of(name, true, found, linear=False, **weights):
    value = losses(MACHINE, linear, LossWeights(**weights))[name](
        np.float32(true), np.float32(found)
    )
    return float(value)


def isothermal(theta_E):
    return np.log10(0.5 * theta_E / np.hypot(GRID.radius, 1.0))


def test_convergence_loss_is_the_weighted_mean_square_and_that_of_the_mass_inside_the_ring(rng):
    true = isothermal(15.0) + 0.1 * rng.normal(size=(2, 32, 32))
    found = true[:, None] + 0.2 * rng.normal(size=(2, 3, 32, 32))
    weight = np.sqrt(10.0**true)
    weight /= weight.mean(axis=(1, 2), keepdims=True)
    expected = np.mean(weight[:, None] * (found - true[:, None]) ** 2)
    ring = np.zeros((2, 3))
    for i in range(2):
        total = 0.0
        # From two and a half pixels to nine tenths of the half field.
        for radius in np.geomspace(5.0, 0.9 * np.hypot(31, 1), 24):
            inside = np.clip((radius - GRID.radius) / 2.0 + 0.5, 0, 1)
            mean_true = np.log10(np.average(10.0 ** true[i], weights=inside))
            near = np.exp(-((mean_true / 0.04) ** 2)) + 1e-6
            for k in range(3):
                mean = np.log10(np.average(10.0 ** found[i, k], weights=inside))
                ring[i, k] += near * (mean - mean_true) ** 2
            total += near
        ring[i] /= total
    expected += RING_WEIGHT * ring.mean()
    # Rounding in single precision.
    assert value_of("convergence", true, found) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("factor", [0.8, 1.0002, 1.05])
def test_in_fine_tuning_the_ring_is_charged_by_its_absolute_error(factor):
    true = isothermal(15.0)
    error = abs(np.log10(factor))
    expected = error**2 + RING_WEIGHT_LINEAR * (np.hypot(error, RING_UNIT) - RING_UNIT)
    found = value_of("convergence", true[None], (true + np.log10(factor))[None, None], linear=True)
    # Rounding in single precision: the mean convergence is known to 1e-7.
    assert found == pytest.approx(expected, rel=1e-3, abs=2e-8)


@pytest.mark.parametrize("factor", [0.8, 0.95, 1.05, 1.25])
def test_a_lens_of_another_mass_is_charged_for_its_ring(factor):
    true = isothermal(15.0)
    found = true + np.log10(factor)
    weighted = np.log10(factor) ** 2
    # Every mean convergence is off by the same factor; rounding in single precision.
    expected = (1 + RING_WEIGHT) * weighted
    assert value_of("convergence", true[None], found[None, None]) == pytest.approx(
        expected, rel=1e-3
    )


def test_mass_outside_the_ring_is_not_charged_as_mass_inside_it():
    true = isothermal(12.0)
    radius = einstein_radius(10**true, GRID.pixel_scale)
    far = np.where(GRID.radius > radius + 8, 0.3, 0.0)
    near = np.where(GRID.radius < radius - 4, 0.3, 0.0)

    def ring_part(change):
        loss = value_of("convergence", true[None], (true + change)[None, None])
        weight = np.sqrt(10**true)
        return loss - np.mean(weight / weight.mean() * change**2)

    # The circles that count lie within a tenth of the Einstein radius.
    assert ring_part(far) < 1e-2 * ring_part(near)


def test_shear_loss_is_the_mean_square_of_every_step(rng):
    true, found = rng.normal(size=(2, 2)), rng.normal(size=(2, 3, 2))
    expected = np.mean((found - true[:, None]) ** 2)
    # Rounding in single precision.
    assert value_of("shear", true, found) == pytest.approx(expected, rel=1e-5)


def test_source_loss_is_relative_to_the_source(rng):
    true, found = rng.random((2, 4, 5)), rng.random((2, 3, 4, 5))
    true[1] *= 100
    error = np.mean((found - true[:, None]) ** 2, axis=(1, 2, 3))
    expected = np.mean(error / (np.mean(true**2, axis=(1, 2)) + 1e-3))
    # Rounding in single precision.
    assert value_of("source", true, found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["convergence", "shear", "source"])
def test_the_truth_at_every_step_has_no_loss_and_each_unknown_has_a_weight(rng, name):
    true = rng.normal(size=(2, 2) if name == "shear" else (2, 32, 32))
    # Rounding of the means inside circles.
    assert value_of(name, true, np.stack([true] * 3, axis=1)) == pytest.approx(0, abs=1e-10)
    assert LossWeights().of_parts[name] > 0


def test_vector_loss_is_the_mean_logarithm_of_one_and_the_square_in_its_unit(rng):
    true, found = rng.normal(size=(3, 5)), rng.normal(size=(3, 4, 5))
    expected = np.mean(np.log1p(((found - true[:, None]) / 0.1) ** 2))
    # Rounding in single precision.
    assert float(VectorLoss()(np.float32(true), np.float32(found))) == pytest.approx(
        expected, rel=1e-5
    )


@pytest.mark.parametrize(
    ("steps", "weights"),
    [("linear", [1, 2, 3]), ("quadratic", [1, 4, 9]), ("last", [0, 0, 1]), ("uniform", [1, 1, 1])],
)
@pytest.mark.parametrize("name", ["convergence", "shear", "source"])
def test_steps_count_as_they_are_told_to(rng, steps, weights, name):
    shape = {"convergence": (32, 32), "shear": (2,), "source": (32, 32)}[name]
    true = 0.3 * rng.normal(size=(2, *shape))
    found = true[:, None] + 0.1 * rng.normal(size=(2, 3, *shape))
    each = [value_of(name, true, found[:, k : k + 1]) for k in range(3)]
    # Rounding in single precision.
    assert value_of(name, true, found, steps=steps) == pytest.approx(
        np.average(each, weights=weights), rel=1e-5
    )


@pytest.mark.parametrize(
    ("pixels", "power"), [("uniform", 0), ("sqrt", 0.5), ("linear", 1), ("quadratic", 2)]
)
def test_pixels_count_with_a_power_of_the_true_convergence(rng, pixels, power):
    true = isothermal(15.0)[None]
    # The error is one of a pixel outside the circles near the ring, so that it is the map's alone.
    found = true[:, None].copy()
    found[..., 0, 0] += 0.3
    weight = 10.0 ** (power * true[0])
    expected = 0.3**2 * weight[0, 0] / weight.mean() / weight.size
    # Rounding in single precision.
    assert value_of("convergence", true, found, pixels=pixels) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (
            {"steps": "quadric"},
            "loss: steps: one of .* found 'quadric', did you mean 'quadratic'?",
        ),
        ({"pixels": "cubic"}, "loss: pixels: one of .* is wanted, found 'cubic'"),
        ({"shear": -1.0}, "loss: shear: a weight of at least 0 is wanted, found -1.0"),
        ({"source": "much"}, "loss: source: a weight of at least 0 is wanted, found 'much'"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(entries, message):
    with pytest.raises(InputError, match=message):
        LossWeights(**entries)


def test_image_loss_is_the_mean_logarithm_of_one_and_the_chi_square(rng):
    chi2 = 10 ** rng.uniform(-1, 4, size=(3, 5))
    found = float(ImageLoss()(np.zeros(3, "float32"), np.float32(chi2)))
    # Rounding in single precision.
    assert found == pytest.approx(np.mean(np.log(1 + chi2)), rel=1e-5)


def test_the_image_counts_where_the_machine_answers_it():
    assert "image" not in losses(MACHINE)
    MACHINE.answers_image = True
    try:
        assert isinstance(losses(MACHINE)["image"], ImageLoss)
    finally:
        MACHINE.answers_image = False
