import numpy as np
import pytest

from rimlens.lens.point_mass import SOFTENING, PointMass


def test_a_ring_images_the_source_behind_the_mass():
    angle = np.linspace(0, 6, 7)
    x, y = 0.3 + 1.4 * np.cos(angle), -0.2 + 1.4 * np.sin(angle)
    beta = PointMass(theta_E=1.4, center_x=0.3, center_y=-0.2).ray_trace(x, y)
    # The softening adds 1e-12.
    np.testing.assert_allclose(beta, np.array([[0.3], [-0.2]]) * np.ones(7), atol=1e-11)


def test_convergence_holds_the_mass_within_the_softening():
    # A disc of 1000 softening lengths holds all but 1e-6 of the mass pi theta_E^2.
    edges = SOFTENING * np.geomspace(1e-4, 1e3, 4001)
    middle = np.sqrt(edges[1:] * edges[:-1])
    kappa = PointMass(theta_E=1.4).convergence(middle, 0.0)
    mass = np.sum(kappa * np.pi * np.diff(edges**2))
    # Rings of 0.4 per cent in radius: the midpoint rule is good to 1e-5.
    assert mass == pytest.approx(np.pi * 1.4**2, rel=1e-4)


def test_convergence_is_zero_where_pixels_are():
    # Softened by 1e-6 arcsec: 1e-12 of (theta_E / r^2)^2.
    assert PointMass(theta_E=1.0).convergence(0.1, 0.0) < 1e-7
