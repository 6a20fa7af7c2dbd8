"""Checks of the figures by which reconstructions and samples are judged."""

import numpy as np
import pytest

from rimlens.training.autoencoder import scoring


def test_white_noise_has_the_same_power_in_every_octave():
    maps = np.random.default_rng(1).normal(size=(400, 32, 32))
    power = scoring.power_spectrum(maps)
    assert power.shape == (4,)
    # The lowest octave has some ten modes in 400 maps: a hundredth and a half.
    np.testing.assert_allclose(power[1:] / power[1:].mean(), 1.0, atol=0.05)


def test_power_grows_with_the_square_of_the_amplitude():
    maps = np.random.default_rng(2).normal(size=(3, 16, 16))
    np.testing.assert_allclose(
        scoring.power_spectrum(3 * maps + 5), 9 * scoring.power_spectrum(maps), rtol=1e-10
    )  # rounding


def test_the_frechet_distance_of_normal_features_is_known(monkeypatch):
    monkeypatch.setattr(scoring, "features", lambda maps: maps)
    rng = np.random.default_rng(3)
    first = rng.normal(size=(20000, 3))
    second = [0.5, 0.0, -1.0] + rng.normal(size=(20000, 3)) * [1.0, 2.0, 0.5]
    # For diagonal covariances the root is that of each: squares of means and of deviations.
    expected = 0.5**2 + 1.0**2 + (2 - 1) ** 2 + (1 - 0.5) ** 2
    assert scoring.frechet_distance(first, second) == pytest.approx(expected, rel=0.03)


def test_equal_sets_have_no_distance_and_blurred_ones_have():
    rng = np.random.default_rng(4)
    maps = rng.normal(size=(300, 16, 16)).astype("float32")
    # Rounding of eigenvalues.
    assert abs(scoring.frechet_distance(maps, maps)) < 1e-3
    blurred = (maps + np.roll(maps, 1, axis=1)) / 2
    others = rng.normal(size=(300, 16, 16)).astype("float32")
    assert scoring.frechet_distance(maps, others) < scoring.frechet_distance(maps, blurred) / 3
