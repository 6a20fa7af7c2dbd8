"""Checks of the chi-square."""

import numpy as np
from keras import ops

from rimlens.imaging import chi2, reduced_chi2


def test_chi2_is_the_weighted_sum_of_squared_residuals(rng):
    model, data = rng.normal(size=(2, 3, 5, 6)).astype("float32")
    sigma = rng.uniform(0.5, 2, (3, 5, 6)).astype("float32")
    weight = (rng.random((3, 5, 6)) < 0.7).astype("float32")
    expected = np.array([np.sum(w * ((m - d) / s) ** 2)
                         for m, d, s, w in zip(model, data, sigma, weight)])  # fmt: skip
    # Rounding in single precision.
    found = ops.convert_to_numpy(chi2(model, data, sigma, weight))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    found = ops.convert_to_numpy(reduced_chi2(model, data, sigma, weight))
    np.testing.assert_allclose(found, expected / weight.sum(axis=(1, 2)), rtol=1e-5)


def test_masked_pixels_do_not_count(rng):
    data = rng.normal(size=(1, 8, 8)).astype("float32")
    one, weight = np.ones_like(data), np.ones_like(data)
    weight[0, :3] = 0
    spoiled = data.copy()
    spoiled[0, :3] = 1e6
    clean = ops.convert_to_numpy(chi2(0 * data, data, one, weight))
    np.testing.assert_array_equal(
        ops.convert_to_numpy(chi2(0 * data, spoiled, one, weight)), clean
    )


def test_reduced_chi2_of_pure_noise_is_one(rng):
    sigma = rng.uniform(0.1, 3, (1, 200, 200)).astype("float32")
    data = sigma * rng.standard_normal(sigma.shape).astype("float32")
    # Its standard deviation is sqrt(2 / 40000) = 0.007; four of them.
    found = float(reduced_chi2(0 * data, data, sigma, np.ones_like(data))[0])
    assert abs(found - 1) < 0.03
