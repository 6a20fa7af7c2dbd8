"""The foreground's patterns are marginalized as its covariance says."""

import numpy as np
import pytest

from rimlens.imaging import Grid
from rimlens.posterior.foreground import Foreground

GRID = Grid((24, 24))
BOX = (slice(3, 20), slice(5, 24))


@pytest.fixture(scope="module")
def foreground():
    return Foreground(GRID, GRID.radius > 3)


@pytest.fixture(scope="module")
def inverse(foreground):
    patterns = foreground.patterns.reshape(len(foreground.patterns), -1)
    return np.linalg.inv(np.eye(GRID.x.size) + patterns.T @ patterns)


def in_box(values):
    return values.reshape(-1, *GRID.shape)[:, *BOX].reshape(len(values), -1)


@pytest.fixture(scope="module")
def images():
    found = np.zeros((3, *GRID.shape))
    found[:, *BOX] = np.random.default_rng(1).normal(size=(3, 17, 19))
    return found.reshape(3, -1)


def test_products_are_those_of_the_inverse_covariance(foreground, inverse, images):
    found = foreground.without(in_box(images), BOX)
    np.testing.assert_allclose(found, in_box(images @ inverse), atol=1e-10)
    gram = foreground.gram(in_box(images), BOX)
    np.testing.assert_allclose(gram, images @ inverse @ images.T, atol=1e-9)


def test_a_pattern_is_found_and_noise_is_left(foreground):
    rng = np.random.default_rng(2)
    strengths = rng.normal(size=len(foreground.patterns))
    wanted = np.tensordot(strengths, foreground.patterns, 1)
    used = GRID.radius > 3
    # A long look at the same sky: the noise is a tenth of usual.
    noise = 0.1 * rng.normal(size=GRID.shape) * used
    left = noise + wanted - foreground.estimate(noise + wanted)
    assert np.mean(wanted[used] ** 2) > 0.02
    assert np.mean((left - noise)[used] ** 2) < 0.1 * np.mean(wanted[used] ** 2)


def test_a_masked_pixel_has_none(foreground):
    assert np.all(foreground.estimate(np.ones(GRID.shape))[GRID.radius <= 3] == 0)
