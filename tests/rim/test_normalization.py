"""Checks of the scale that a network sees."""

import numpy as np
import pytest

from rimlens.rim.preparation import normalize, robust_peak


@pytest.fixture
def exposure():
    rng = np.random.default_rng(4)
    image = rng.normal(size=(2, 20, 20)) + 10 * rng.random((2, 20, 20)) ** 8
    sigma = rng.uniform(0.5, 2, image.shape)
    return image, sigma, (rng.random(image.shape) < 0.8) * 1.0


@pytest.mark.parametrize("unit", [1e-20, 3.0, 1e12])
def test_the_unit_of_the_image_does_not_matter(exposure, unit):
    image, sigma, weight = exposure
    one, scaled = normalize(image, sigma, weight), normalize(unit * image, unit * sigma, weight)
    # Rounding.
    np.testing.assert_allclose(scaled[0], one[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scaled[1], one[1], rtol=1e-5)
    np.testing.assert_allclose(scaled[2], unit * one[2], rtol=1e-12)


def test_masked_pixels_are_neutral_whatever_they_hold(exposure):
    image, sigma, weight = exposure
    spoiled, noisy = image.copy(), sigma.copy()
    spoiled[weight == 0] = 1e9
    noisy[weight == 0] = np.inf
    for found, expected in zip(normalize(spoiled, noisy, weight), normalize(*exposure)):
        np.testing.assert_array_equal(found, expected)
    assert not np.any(normalize(*exposure)[0][weight == 0])


def test_an_image_without_light_is_in_units_of_twice_its_noise():
    zero = np.zeros((1, 8, 8))
    assert robust_peak(zero, zero + 3.0, zero + 1).tolist() == [6.0]


def test_one_hot_pixel_does_not_set_the_unit():
    image = np.full((1, 40, 40), 5.0)
    image[0, 3, 4] = 1e6
    assert robust_peak(image, np.ones_like(image), np.ones_like(image)).tolist() == [5.0]
