"""The three Einstein radii against closed forms."""

import astropy.units as u
import numpy as np
import pytest

from known_lens import THETA_E, known_reconstruction
from rimlens.imaging import Grid
from rimlens.lens import EPL, NIE, SIE, SIS, ExternalShear
from rimlens.reconstruction.models import mean_convergence
from rimlens.reconstruction.radii import (
    map_critical_radius,
    map_intermediate_axis,
    model_critical_radius,
    model_intermediate_axis,
)

ELLIPSOIDS = [SIE(theta_E=1.2, q=q, phi=35.0) for q in (0.5, 0.8, 1.0)]
POWER_LAWS = [EPL(theta_E=1.2, gamma=g, q=q, phi=70.0) for g in (1.7, 2.3) for q in (0.5, 1.0)]


@pytest.mark.parametrize("lens", ELLIPSOIDS, ids=repr)
def test_the_critical_curve_of_an_isothermal_ellipsoid_has_the_area_of_its_theta_E(lens):
    # Its shear is its convergence: the curve is the contour 1 / 2, an ellipse with sqrt(ab) =
    # theta_E (Kormann, Schneider & Bartelmann 1994).  Lines between 256 points are off by 4e-5.
    lens = lens.copy(center_x=0.02, center_y=-0.3)
    assert model_critical_radius(lens, (0.02, -0.3), 1.2) == pytest.approx(1.2, rel=1e-4)


@pytest.mark.parametrize("gamma", [1.7, 2.0, 2.3])
def test_the_critical_curve_of_a_round_lens_is_its_einstein_ring(gamma):
    lens = EPL(theta_E=0.8, gamma=gamma)
    assert model_critical_radius(lens, (0.0, 0.0), 0.8) == pytest.approx(0.8, rel=1e-4)


def test_an_external_shear_changes_the_critical_curve_and_no_other_radius():
    lens = SIS(theta_E=1.0)
    sheared = lens + ExternalShear(gamma_ext=0.2)
    # r(phi) = theta_E (1 + g cos 2 phi) / (1 - g^2), whose area is that of a circle times
    # (1 + g^2 / 2) / (1 - g^2)^2.
    expected = np.sqrt(1 + 0.2**2 / 2) / (1 - 0.2**2)
    assert model_critical_radius(sheared, (0.0, 0.0), 1.0) == pytest.approx(expected, rel=2e-4)
    assert model_intermediate_axis(sheared) == 1.0
    assert sheared.einstein_radius().value == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("scale", [0.24, 0.12])
@pytest.mark.parametrize("lens", [*ELLIPSOIDS, *POWER_LAWS], ids=repr)
def test_a_map_has_the_intermediate_axis_of_its_ellipsoid(lens, scale):
    moved = lens.copy(center_x=0.3 * scale, center_y=-0.1 * scale)
    convergence = mean_convergence(moved, Grid((round(6 / scale),) * 2, scale))
    # Five pixels a radius, at least.
    assert map_intermediate_axis(convergence, scale) == pytest.approx(1.2, rel=1e-3)


def test_a_map_has_the_critical_curve_of_a_round_lens():
    for scale in (0.24, 0.12):
        convergence = mean_convergence(SIS(theta_E=1.2), Grid((round(6 / scale),) * 2, scale))
        # Of a round lens no mass beyond the field matters.
        assert map_critical_radius(convergence, scale) == pytest.approx(1.2, rel=2e-3)


def test_what_has_no_ring_has_no_radius():
    weak = np.full((20, 20), 0.3)
    assert np.isnan(map_critical_radius(weak))
    assert np.isnan(map_intermediate_axis(weak))
    assert np.isnan(model_critical_radius(SIS(theta_E=0.0), (0.0, 0.0), np.nan))
    # It is not closed inside the field.
    assert np.isnan(map_critical_radius(np.full((20, 20), 3.0)))


def test_a_core_is_no_intermediate_axis():
    assert model_intermediate_axis(NIE(theta_E=1.0)) is None
    assert model_intermediate_axis(SIE(theta_E=1.0) + SIS(theta_E=0.1)) is None


def test_a_reconstruction_has_all_by_name():
    found = known_reconstruction(shear=(0.0, 0.0)).einstein_radii
    assert list(found) == ["mean_convergence", "critical_curve", "intermediate_axis"]
    for radius in found.values():
        assert radius.unit == u.arcsec
        # Pixels of a twelfth of the radius, of points.
        assert radius.value == pytest.approx(THETA_E, rel=5e-3)
