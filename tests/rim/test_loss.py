"""Laws of the loss, against plain numpy."""

import numpy as np
import pytest

from rimlens.rim.loss import WEIGHTS, losses


@pytest.fixture
def rng():
    return np.random.default_rng(9)


def test_convergence_loss_is_the_weighted_mean_square_of_every_step(rng):
    true, found = rng.normal(size=(2, 4, 5)), rng.normal(size=(2, 3, 4, 5))
    weight = np.sqrt(10.0**true)
    weight /= weight.mean(axis=(1, 2), keepdims=True)
    expected = np.mean(weight[:, None] * (found - true[:, None]) ** 2)
    value = losses()["convergence"](true.astype("float32"), found.astype("float32"))
    assert float(value) == pytest.approx(expected, rel=1e-5)  # rounding in single precision


def test_shear_loss_is_the_mean_square_of_every_step(rng):
    true, found = rng.normal(size=(2, 2)), rng.normal(size=(2, 3, 2))
    value = losses()["shear"](true.astype("float32"), found.astype("float32"))
    expected = np.mean((found - true[:, None]) ** 2)
    assert float(value) == pytest.approx(expected, rel=1e-5)  # rounding in single precision


def test_source_loss_is_relative_to_the_source(rng):
    true, found = rng.random((2, 4, 5)), rng.random((2, 3, 4, 5))
    true[1] *= 100
    error = np.mean((found - true[:, None]) ** 2, axis=(1, 2, 3))
    expected = np.mean(error / (np.mean(true**2, axis=(1, 2)) + 1e-3))
    value = losses()["source"](true.astype("float32"), found.astype("float32"))
    assert float(value) == pytest.approx(expected, rel=1e-5)  # rounding in single precision


@pytest.mark.parametrize("name", ["convergence", "shear", "source"])
def test_the_truth_at_every_step_has_no_loss_and_each_unknown_has_a_weight(rng, name):
    shape = (2, 2) if name == "shear" else (2, 4, 5)
    true = rng.normal(size=shape).astype("float32")
    assert float(losses()[name](true, np.stack([true] * 3, axis=1))) == 0
    assert WEIGHTS[name] > 0
