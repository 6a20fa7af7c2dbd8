import astropy.units as u
import numpy as np
import pytest
from keras import ops

from rimlens.lens import SIE, SIS, ConvergenceSheet, ExternalShear, Lens, MultiPlane, PointMass
from rimlens.models import Parameter


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


class Bent(Lens):
    """A lens of somebody else's, with parameters that are named like those of a shear."""

    parameters = {
        "my_gamma_ext": Parameter("", "no shear", 0.3),
        "my_phi_ext": Parameter("deg", "no direction", 20.0),
    }

    def psi(self, x, y, p):
        """Return a potential of a mass sheet."""
        return 0.5 * p.my_gamma_ext * (x * x + y * y)


def external_shear(model):
    values = {
        name: np.atleast_1d(u.Quantity(getattr(model, name)).value) for name in model.parameters
    }
    return ops.convert_to_numpy(model.external_shear(values))


def test_the_external_shear_of_a_sum_is_that_of_its_external_shears():
    one, two = ExternalShear(gamma_ext=0.1, phi_ext=30.0), ExternalShear(gamma_ext=0.05)
    model = SIS() + one + two
    expected = sum(np.array(lens.shear(0.0, 0.0)) for lens in (one, two))
    np.testing.assert_allclose(external_shear(model)[0], expected, rtol=1e-6)


def test_a_parameter_that_is_named_like_a_shear_is_none():
    np.testing.assert_array_equal(external_shear(Bent()), [[0.0, 0.0]])
    model = Bent() + ExternalShear(gamma_ext=0.1)
    expected = ExternalShear(gamma_ext=0.1).shear(0.0, 0.0)
    np.testing.assert_allclose(external_shear(model)[0], expected, atol=1e-8)


def test_shears_in_several_planes_are_added():
    shear = ExternalShear(gamma_ext=0.1)
    model = MultiPlane([(0.3, SIS()), (0.5, shear), (0.6, shear)], z_source=2.0)
    np.testing.assert_allclose(external_shear(model), 2 * external_shear(shear), rtol=1e-6)
