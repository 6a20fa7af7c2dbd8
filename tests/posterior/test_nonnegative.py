"""A source loses its negative light and keeps what the image shows."""

import numpy as np
import pytest

from rimlens.imaging import Grid
from rimlens.posterior.exposure import Exposure
from rimlens.posterior.laplace import LaplacePosterior
from rimlens.posterior.lenses import LensVariables
from rimlens.posterior.marginal import FieldState, MarginalPosterior
from rimlens.posterior.nonnegative import nonnegative
from rimlens.posterior.source_field import SourceField

IMAGE = Grid((40, 40))
PSF = np.ones((1, 1))


class Nothing(LensVariables):
    """An unlensed source; the only variable moves it."""

    size = 1

    def deflection(self, u):
        return u[0] * np.ones(IMAGE.shape), np.zeros(IMAGE.shape)

    def jacobian(self, u):
        return np.ones((1, *IMAGE.shape)), np.zeros((1, *IMAGE.shape))

    def physical(self, u):
        return {}


def light(x, y):
    return np.exp(-0.5 * (x**2 + y**2) / 2.0**2)


def envelope(x, y):
    return light(0.4 * x, 0.4 * y)


def evaluated(image, noise):
    exposure = Exposure(image, np.full(IMAGE.shape, noise), np.ones(IMAGE.shape), PSF)
    field = SourceField.around(envelope, IMAGE, 300)
    return MarginalPosterior(exposure, Nothing()).evaluate(np.zeros(1), FieldState(field))


@pytest.fixture(scope="module")
def noisy():
    rng = np.random.default_rng(1)
    # A hole in the sky, as a subtraction of too much leaves it.
    hole = 0.5 * light(1.5 * (IMAGE.x - 8), 1.5 * (IMAGE.y + 5))
    return evaluated(light(IMAGE.x, IMAGE.y) - hole + rng.normal(0, 0.1, IMAGE.shape), 0.1)


def brightness(at):
    return at.state.field.brightness(at.source, IMAGE.x, IMAGE.y)


def test_hardly_any_negative_light_is_left(noisy):
    before, after = brightness(noisy), brightness(nonnegative(noisy))
    assert before.min() < -0.1 * before.max()
    assert after.min() > -0.02 * after.max()
    assert after.max() == pytest.approx(before.max(), rel=0.05)
    bright = light(IMAGE.x, IMAGE.y) > 0.5
    np.testing.assert_allclose(after[bright], before[bright], atol=0.15)


def test_draws_know_it_too(noisy):
    darkest = []
    for at in (noisy, nonnegative(noisy)):
        posterior = LaplacePosterior(at, Nothing(), 1.0)
        drawn = posterior.draw(30, np.random.default_rng(2))
        sources = posterior.sources(*drawn, IMAGE)
        darkest.append(np.mean(np.minimum(sources, 0)))
    assert abs(darkest[1]) < 0.5 * abs(darkest[0])


def test_a_bright_source_is_left_as_it_is():
    at = evaluated(light(IMAGE.x, IMAGE.y) + 0.05 * envelope(IMAGE.x, IMAGE.y), 0.002)
    found = nonnegative(at)
    np.testing.assert_allclose(brightness(found), brightness(at), atol=3e-3)
    assert found.value == at.value


def test_a_source_without_light_is_left_as_it_is():
    at = evaluated(np.zeros(IMAGE.shape), 0.1)
    assert nonnegative(at) is at
