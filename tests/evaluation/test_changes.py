"""What is changed in lenses, and what is not."""

import numpy as np
import pytest

from rimlens.evaluation.changes import with_core_masked, with_stated_noise, with_wider_psf
from rimlens.simulation import PSFLibrary

X = np.arange(-16, 17)


def widths(stamps):
    """Return the standard deviation of stamps along x."""
    along = stamps.sum(axis=1)
    return np.sqrt(np.sum(along * X**2, axis=1) / along.sum(axis=1))


@pytest.fixture
def lenses():
    psf = PSFLibrary.gaussian(3, 33, 4.0, 1.0, 3.0, 5.0, np.random.default_rng(2)).stamps
    return {
        "image": np.ones((3, 21, 21), "float32"),
        "sigma": np.full((3, 21, 21), 0.2, "float32"),
        "weight": np.ones((3, 21, 21), "float32"),
        "psf": psf,
    }


def test_a_psf_is_wider_by_the_factor_and_keeps_its_light_and_place(lenses):
    wide = with_wider_psf(lenses, 1.1)["psf"]
    # Of pixels that are means, the mean is stretched with what is in it.
    np.testing.assert_allclose(widths(wide) / widths(lenses["psf"]), 1.1, rtol=0.005)
    np.testing.assert_allclose(wide.sum(axis=(1, 2)), 1.0, rtol=1e-5)
    np.testing.assert_allclose(wide, wide[:, ::-1, ::-1], atol=1e-6)
    assert wide.min() >= 0
    assert wide.dtype == np.float32


def test_a_factor_of_one_changes_nothing(lenses):
    np.testing.assert_allclose(with_wider_psf(lenses, 1.0)["psf"], lenses["psf"], atol=1e-7)


def test_only_the_stated_noise_changes(lenses):
    found = with_stated_noise(lenses, 1.5)
    np.testing.assert_allclose(found["sigma"], 0.3, rtol=1e-6)
    assert found["sigma"].dtype == np.float32
    for name in ("image", "weight", "psf"):
        assert found[name] is lenses[name]


def test_a_core_is_masked_and_unmasked(lenses):
    radii = np.array([5.0, 20.0, 20.0])
    lenses["weight"][2] = 0
    y, x = np.indices((21, 21)) - 10
    distance = np.hypot(x, y)
    masked = with_core_masked(lenses, radii, True, 8.0)["weight"]
    # Of the first lens 0.6 of the ring's radius is less than the largest core.
    np.testing.assert_array_equal(masked[0] == 0, distance <= 3.0)
    np.testing.assert_array_equal(masked[1] == 0, distance <= 8.0)
    lifted = with_core_masked(lenses, radii, False, 8.0)["weight"]
    np.testing.assert_array_equal(lifted[2] == 1, distance <= 8.0)
    assert lifted[1].min() == 1
    assert lenses["weight"][0].min() == 1
