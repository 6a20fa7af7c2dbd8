import numpy as np
import pytest

from rimlens.lens.external import ConvergenceSheet, ExternalShear
from rimlens.lens.isothermal import SIE
from rimlens.lens.point_mass import PointMass


@pytest.mark.parametrize("phi", [0.0, 35.0, 90.0, -60.0])
def test_shear_of_a_distant_mass_lies_across_its_direction(phi):
    # Angles from +y towards -x: the mass is at `phi`, far outside.
    distance, theta_e = 1000.0, 100.0
    x, y = -distance * np.sin(np.radians(phi)), distance * np.cos(np.radians(phi))
    mass = PointMass(theta_E=theta_e, center_x=x, center_y=y)
    twin = ExternalShear(gamma_ext=(theta_e / distance) ** 2, phi_ext=phi + 90.0)
    # The field of the mass varies by 2e-6 of itself over the softening and by none at the origin.
    np.testing.assert_allclose(twin.shear(0.0, 0.0), mass.shear(0.0, 0.0), atol=1e-11)


def test_images_are_stretched_along_the_shear():
    # One arcsec in the source is 1 / (1 - gamma) arcsec along phi_ext, here +y.
    beta_x, beta_y = ExternalShear(gamma_ext=0.2, phi_ext=0.0).ray_trace(1.0, 1.0)
    assert (beta_x, beta_y) == pytest.approx((1.2, 0.8), rel=1e-14)  # rounding


def test_mass_sheet_transformation_scales_the_source():
    # (1 - s) x - ... : a lens of weight s with a sheet of 1 - s shrinks the source plane by s.
    scale, x, y = 0.8, np.array([0.5, 1.2]), np.array([-0.3, 0.9])
    lens = SIE(theta_E=1.0, q=0.7, phi=25.0)
    transformed = SIE(theta_E=scale, q=0.7, phi=25.0) + ConvergenceSheet(kappa_0=1 - scale)
    found, expected = transformed.ray_trace(x, y), lens.ray_trace(x, y)
    np.testing.assert_allclose(found, scale * np.array(expected), rtol=1e-13)  # rounding
