"""Inverse magnification of lenses in closed form."""

import numpy as np

from known_lens import isothermal
from rimlens.reconstruction import inverse_magnification


def test_isothermal_sphere_is_critical_on_its_einstein_ring():
    inverse = inverse_magnification(isothermal((96, 96), 15.0))
    middle = inverse[47:49, 48:].mean(axis=0)
    radius = np.interp(0.0, middle[5:30], np.hypot(np.arange(5, 30) + 0.5, 0.5))
    # A tenth of a pixel: the kernel is sampled, not averaged, over pixels, and the map ends.
    assert abs(radius - 15.0) < 0.1


def test_isothermal_sphere_has_one_minus_twice_its_convergence():
    inverse = inverse_magnification(isothermal((96, 96), 15.0))
    y, x = np.indices(inverse.shape) - 47.5
    radius = np.hypot(x, y)
    ring = (radius > 8) & (radius < 25)
    # 3 % of the shear: what lies outside the square map is missing.
    np.testing.assert_allclose(inverse[ring], 1 - 15.0 / radius[ring], atol=0.03)


def test_external_shear_alone_gives_its_determinant():
    inverse = inverse_magnification(np.zeros((6, 9)), (0.3, -0.4))
    np.testing.assert_allclose(inverse, 1 - 0.25, atol=1e-12)


def test_the_map_does_not_wrap_around():
    convergence = np.zeros((10, 14))
    convergence[0, 0] = 1.0
    inverse = inverse_magnification(convergence)
    y, x = np.indices(convergence.shape)
    r2 = np.maximum(x**2 + y**2, 1)
    expected = 1 - 1 / (np.pi * r2) ** 2
    expected[0, 0] = 0.0
    np.testing.assert_allclose(inverse, expected, atol=1e-12)


def test_shear_has_the_sign_of_the_deflection():
    """Mass on the right acts like gamma1 < 0 in alpha_x = gamma1 x: it stretches along y."""
    convergence = np.zeros((11, 31))
    convergence[5, 30] = 50.0
    without = inverse_magnification(convergence)[5, 0]
    along, against = (inverse_magnification(convergence, (g, 0.0))[5, 0] for g in (-0.01, 0.01))
    assert along < without < against
