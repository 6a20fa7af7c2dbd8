"""Laws of the unknowns, their links and their large-scale modes."""

import numpy as np
import pytest
from keras import ops

from rimlens.imaging import Grid
from rimlens.reconstruction import einstein_radius
from rimlens.rim.modes import convergence_modes
from rimlens.rim.unknowns import INITIAL_THETA_E, constrain, initial_log_kappa, unconstrain


def numpy_of(pair):
    return tuple(ops.convert_to_numpy(value) for value in pair)


def test_links_are_inverse_to_each_other():
    rng = np.random.default_rng(1)
    log_kappa = rng.uniform(-4, 2, (2, 5, 6)).astype("float32")
    shear = rng.normal(size=(2, 2)).astype("float32")
    kappa, gamma = numpy_of(constrain(log_kappa, shear))
    np.testing.assert_allclose(kappa, 10.0**log_kappa, rtol=1e-5)  # rounding of the exponential
    np.testing.assert_allclose(gamma, 0.1 * shear, rtol=1e-6)
    back = numpy_of(unconstrain(kappa, gamma))
    # Rounding of exponential and logarithm in single precision.
    np.testing.assert_allclose(back[0], log_kappa, rtol=0, atol=2e-6)
    np.testing.assert_allclose(back[1], shear, rtol=1e-6)


def test_no_variable_gives_a_negative_convergence_and_none_an_infinite_variable():
    kappa, _ = numpy_of(constrain(np.full((1, 1, 1), -30, "float32"), np.zeros((1, 2), "float32")))
    assert kappa[0, 0, 0] > 0
    log_kappa, _ = numpy_of(
        unconstrain(np.zeros((1, 1, 1), "float32"), np.zeros((1, 2), "float32"))
    )
    assert np.isfinite(log_kappa[0, 0, 0])


def test_the_first_state_is_a_ring_of_the_radius_stated():
    radius = einstein_radius(10 ** initial_log_kappa(Grid((64, 64), 2.0)), 2.0)
    # An isothermal sphere with a core of 2 pixels lacks a tenth.
    assert radius == pytest.approx(INITIAL_THETA_E, rel=0.12)


def test_modes_are_of_order_one_and_independent():
    modes = convergence_modes(Grid((64, 64), 2.0))
    assert modes.dtype == np.float32
    assert np.abs(modes).max() < 10
    singular = np.linalg.svd(modes.reshape(len(modes), -1), compute_uv=False)
    assert singular[-1] > 1e-3 * singular[0]


def test_an_isothermal_lens_of_another_mass_and_slope_is_a_sum_of_modes():
    grid = Grid((32, 32), 2.0)
    modes = convergence_modes(grid).reshape(14, -1)
    power_law = -0.3 + 0.2 * np.log(np.hypot(grid.radius, 4.0) / 20.0)
    coefficients, *_ = np.linalg.lstsq(modes.T, power_law.ravel())
    # Rounding in single precision: the first two modes are these.
    np.testing.assert_allclose(coefficients, [-0.3, 0.2, *np.zeros(12)], rtol=0, atol=1e-4)
