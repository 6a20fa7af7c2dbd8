"""Einstein radii of maps that have a closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rimlens.errors import InputError
from rimlens.reconstruction import convergence_center, einstein, einstein_radius

SUBPIXELS = 16


def power_law(size, theta_e, slope=1.0, q=1.0, phi=0.0, center=None):
    """Return a pixel-averaged elliptical power law of product-average radius `theta_e` pixels."""
    x0, y0 = center or ((size - 1) / 2, (size - 1) / 2)
    fine = (np.arange(size * SUBPIXELS) + 0.5) / SUBPIXELS - 0.5
    x, y = np.meshgrid(fine - x0, fine - y0)
    u, v = np.cos(phi) * x + np.sin(phi) * y, np.cos(phi) * y - np.sin(phi) * x
    radius = np.sqrt(q * u**2 + v**2 / q)
    convergence = (2 - slope) / 2 * (theta_e / radius) ** slope
    return convergence.reshape(size, SUBPIXELS, size, SUBPIXELS).mean(axis=(1, 3))


def circular_radius(theta_e, slope, q):
    """Return the radius of the circle with mean convergence 1 of an elliptical power law."""
    angle = (np.arange(3600) + 0.5) * 2 * np.pi / 3600
    unit = np.sqrt(q * np.cos(angle) ** 2 + np.sin(angle) ** 2 / q)
    return theta_e * np.mean(unit**-slope) ** (1 / slope)


# The cusp's own pixel, averaged with 16 x 16 points, misses about 0.03 pixel of its mass.
CUSP = 0.05


@pytest.mark.parametrize("theta_e", [3.0, 5.0, 8.0, 13.3, 25.0])
@pytest.mark.parametrize("center", [(31.5, 31.5), (32.0, 31.0), (29.2, 33.4)])
def test_isothermal_sphere_has_its_own_radius(theta_e, center):
    convergence = power_law(64, theta_e, center=center)
    assert einstein_radius(convergence) == pytest.approx(theta_e, abs=CUSP)


@pytest.mark.parametrize("slope", [0.7, 1.0, 1.2])
@pytest.mark.parametrize("q", [0.5, 0.75, 1.0])
def test_elliptical_power_law_has_the_radius_of_its_azimuthal_mean(slope, q):
    convergence = power_law(48, 10.0, slope, q, phi=0.4)
    # A steeper cusp has more of its mass in its own pixel.
    tolerance = CUSP if slope <= 1 else 0.15
    assert einstein_radius(convergence) == pytest.approx(
        circular_radius(10.0, slope, q), abs=tolerance
    )


@pytest.mark.parametrize("q", [0.5, 0.7, 0.9])
def test_circle_and_product_average_radius_differ_by_little(q):
    # The catalogues' radius (product average) is at most 3 % larger for q >= 0.5.
    ratio = einstein_radius(power_law(48, 10.0, q=q)) / 10.0
    assert 0.96 < ratio < 1.0


def test_disc_of_any_convergence_has_the_square_root_law():
    y, x = np.mgrid[:61, :61]
    disc = np.clip(6.5 - np.hypot(x - 30, y - 30), 0, 1)
    for value in (1.5, 4.0, 9.0):
        expected = np.sqrt(value * disc.sum() / np.pi)
        assert einstein_radius(value * disc) == pytest.approx(expected, rel=1e-6)


@given(x0=st.floats(12.0, 27.0), y0=st.floats(12.0, 35.0))
@settings(max_examples=25, deadline=None)
def test_radius_and_centre_follow_a_shifted_gaussian(x0, y0):
    y, x = np.mgrid[:48, :40]
    r2 = (x - x0) ** 2 + (y - y0) ** 2
    convergence = 4.0 * np.exp(-r2 / (2 * 3.0**2))
    assert convergence_center(convergence) == pytest.approx((x0, y0), abs=1e-2)
    # 2 pi sigma^2 kappa_0 (1 - exp(-R^2 / 2 sigma^2)) = pi R^2, solved once; pixels are squares of
    # constant convergence, hence the tolerance.
    assert einstein_radius(convergence) == pytest.approx(8.402, abs=0.02)


def test_pixel_scale_multiplies_the_radius():
    convergence = power_law(32, 7.0)
    assert einstein_radius(convergence, 0.05) == pytest.approx(
        0.05 * einstein_radius(convergence), rel=1e-12
    )


def test_one_bright_pixel_does_not_move_the_centre():
    convergence = power_law(64, 15.0)
    convergence[10, 50] += 2 * convergence.max()
    assert convergence_center(convergence) == pytest.approx((31.5, 31.5), abs=0.1)


def test_the_largest_radius_is_taken():
    y, x = np.mgrid[:81, :81]
    r = np.hypot(x - 40, y - 40)
    core, ring = 3.0 * (r < 3), 6.0 * ((r > 20) & (r < 22))
    inner, both = einstein_radius(core), einstein_radius(core + ring, center=(40, 40))
    assert inner < 7 < 21 < both


@given(
    radius=st.floats(1e-3, 40.0),
    x0=st.floats(-0.5, 29.5),
    y0=st.floats(-0.5, 19.5),
)
@settings(max_examples=100, deadline=None)
def test_pixels_share_the_area_of_a_circle(radius, x0, y0):
    x, y = np.arange(-200, 231) - 0.5 - x0, np.arange(-200, 221) - 0.5 - y0
    area = einstein._overlap(x, y, radius)
    # Rounding of sums over a circle's area.
    assert area.min() > -1e-9
    assert area.max() < 1 + 1e-9
    assert area.sum() == pytest.approx(np.pi * radius**2, rel=1e-9, abs=1e-9)


def test_weak_map_has_no_radius():
    assert np.isnan(einstein_radius(np.full((20, 20), 0.9)))
    assert np.isnan(einstein_radius(np.zeros((20, 20))))


def test_map_that_does_not_reach_the_ring_has_no_radius():
    assert np.isnan(einstein_radius(np.full((20, 20), 1.1)))


def test_non_square_maps_work():
    convergence = power_law(64, 9.0)[:, 10:54]
    assert einstein_radius(convergence) == pytest.approx(9.0, abs=CUSP)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"convergence": np.zeros(4)}, "shape"),
        ({"convergence": np.zeros((0, 3))}, "shape"),
        ({"convergence": np.array([[np.nan, 1.0]])}, "found 1 that"),
        ({"convergence": np.ones((4, 4)), "pixel_scale": 0.0}, "pixel_scale"),
        ({"convergence": np.ones((4, 4)), "center": (9.0, 1.0)}, "center"),
    ],
)
def test_bad_input_is_told_apart(arguments, message):
    with pytest.raises(InputError, match=message):
        einstein_radius(**arguments)
