"""Einstein radii of maps that have a closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from rimlens.errors import InputError
from rimlens.imaging import Grid
from rimlens.lens import EPL, NFW, SIE, SIS, ExternalShear
from rimlens.maps import convergence_center, einstein, einstein_radius
from rimlens.reconstruction.models import mean_convergence

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


# Centers in fractions of a pixel off a corner of pixels.
OFFSETS = [(0.0, 0.0), (0.5, 0.5), (0.13, -0.38)]
PROFILES = [
    SIS(theta_E=1.2),
    SIE(theta_E=1.2, q=0.5, phi=35.0),
    SIE(theta_E=1.2, q=0.8, phi=100.0),
    EPL(theta_E=1.2, gamma=1.7, q=0.6, phi=20.0),
    EPL(theta_E=1.2, gamma=2.0, q=0.7, phi=20.0),
    EPL(theta_E=1.2, gamma=2.3, q=0.5, phi=70.0),
    EPL(theta_E=1.2, gamma=2.3),
    NFW(R_s=4.0, alpha_Rs=2.0),
]


def closed_form(lens):
    """Return the radius in arcsec, by the mean of the convergence over the azimuth."""
    if isinstance(lens, NFW):
        # Bartelmann 1996, A&A 313, 697: the mean inside x < 1 is 4 kappa_s g / x^2.
        kappa_s = lens.alpha_Rs / lens.R_s / (4 * (1 - np.log(2)))

        def excess(x):
            g = np.log(x / 2) + np.arccosh(1 / x) / np.sqrt(1 - x**2)
            return 4 * kappa_s * g / x**2 - 1

        return lens.R_s.value * brentq(excess, 1e-3, 0.99)
    gamma = getattr(lens, "gamma", 2.0)
    return circular_radius(lens.theta_E.value, gamma - 1, getattr(lens, "q", 1.0))


@pytest.mark.parametrize("lens", PROFILES, ids=repr)
def test_a_model_has_the_radius_of_its_closed_form(lens):
    sheared = lens.copy(center_x=0.013, center_y=-0.4) + ExternalShear(gamma_ext=0.1, phi_ext=12.0)
    # The sum over the azimuth, and an interpolation in the NFW, are exact to 1e-5.
    assert lens.einstein_radius().value == pytest.approx(closed_form(lens), rel=1e-4)
    assert sheared.einstein_radius().value == pytest.approx(closed_form(lens), rel=1e-4)


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("scale", [0.24, 0.12, 0.06])
@pytest.mark.parametrize("lens", PROFILES, ids=repr)
def test_a_map_of_means_has_the_radius_of_the_closed_form(lens, scale, offset):
    center = {f"center_{axis}": scale * o for axis, o in zip("xy", offset)}
    grid = Grid((round(4.8 / scale), round(5.28 / scale)), scale)
    convergence = mean_convergence(lens.copy(**center), grid)
    # Five pixels a radius, at least: what is left are third derivatives in the pixels at the ring.
    assert einstein_radius(convergence, scale) == pytest.approx(closed_form(lens), rel=1e-3)
    x0, y0 = convergence_center(convergence)
    found = x0 - (grid.shape[1] - 1) / 2, y0 - (grid.shape[0] - 1) / 2
    # A cusp seen at one pixel shows its place in it to a tenth.
    assert found == pytest.approx(offset, abs=0.1)


def test_means_over_pixels_are_those_of_many_points():
    lens = EPL(theta_E=1.2, gamma=2.1, q=0.6, phi=20.0, center_x=0.03)
    grid, factor = Grid((6, 7), 0.2), 60
    fine = grid.refined(factor)
    points = lens.convergence(fine.x, fine.y).reshape(6, factor, 7, factor).mean(axis=(1, 3))
    # Points miss some of the cusp.
    away = np.hypot(grid.x, grid.y) > 0.3
    np.testing.assert_allclose(mean_convergence(lens, grid)[away], points[away], rtol=1e-3)
    np.testing.assert_allclose(mean_convergence(lens, grid), points, rtol=2e-2)


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
    # The catalogs' radius (product average) is at most 3 % larger for q >= 0.5.
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
def test_radius_and_center_follow_a_shifted_gaussian(x0, y0):
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


def test_one_bright_pixel_does_not_move_the_center():
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
    area = einstein.disc_overlap(x, y, radius)
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
