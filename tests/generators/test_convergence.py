"""Checks of simulated convergence maps."""

import numpy as np
import pytest
from keras import ops
from scipy.optimize import brentq

from rimlens.generators import SimulationDomain
from rimlens.generators.convergence import convergence_maps, draw_convergence_parameters
from rimlens.imaging import Grid
from rimlens.reconstruction import einstein_radius

GRID = Grid((64, 64), 2.0)


def lens(**changed):
    """Return the parameters of one round, smooth, centered isothermal lens, with changes."""
    parameters = {
        "theta_E": 20.0,
        "gamma": 2.0,
        "q": 1.0,
        "axis_angle": 0.0,
        "center_x": 0.0,
        "center_y": 0.0,
        "core": 0.2,
        "a_m": np.zeros(2),
        "phi_m": np.zeros(2),
        "subhalo_theta_E": np.zeros(4),
        "subhalo_x": np.zeros(4),
        "subhalo_y": np.zeros(4),
    }
    parameters |= changed
    return {k: np.asarray(v, "float32")[None] for k, v in parameters.items()}


def convergence(grid=GRID, oversampling=2, **changed):
    return ops.convert_to_numpy(convergence_maps(lens(**changed), grid, oversampling))[0]


@pytest.mark.parametrize(
    ("theta_E", "gamma", "tolerance"),
    # The smallest core drawn, 0.2 pixels, and a cusp between the two by two points of a pixel take
    # mass away: most where the profile is steep and the ring small.
    [
        (20.0, 1.6, 0.02),
        (20.0, 2.0, 0.02),
        (33.3, 2.0, 0.02),
        (45.0, 2.1, 0.02),
        (14.0, 2.2, 0.06),
    ],
)
def test_a_round_lens_has_the_einstein_radius_asked_for(theta_E, gamma, tolerance):
    found = einstein_radius(convergence(theta_E=theta_E, gamma=gamma), GRID.pixel_scale)
    assert found == pytest.approx(theta_E, rel=tolerance)


@pytest.mark.parametrize("core", [0.2, 0.6, 1.0])
@pytest.mark.parametrize("gamma", [1.5, 2.0, 2.4])
def test_a_core_lowers_the_einstein_radius_as_its_mass_says(gamma, core):
    theta_E = 24.0

    def excess(r):
        mass = (r**2 + core**2) ** ((3 - gamma) / 2) - core ** (3 - gamma)
        return theta_E ** (gamma - 1) * mass - r**2

    # Finely sampled pixels, so that the cusp's mass is right.
    found = einstein_radius(
        convergence(Grid((96, 96)), 8, theta_E=theta_E, gamma=gamma, core=core)
    )
    # The steepest cusp on points an eighth of a pixel apart.
    assert found == pytest.approx(brentq(excess, 1, 30), rel=5e-3)


@pytest.mark.parametrize("q", [0.4, 0.7])
def test_an_isothermal_ellipse_encloses_one_mass_at_every_axis_ratio(q):
    kappa = convergence(q=q, axis_angle=0.4)
    y, x = GRID.y, GRID.x
    major, minor = np.cos(0.4) * x + np.sin(0.4) * y, np.cos(0.4) * y - np.sin(0.4) * x
    inside = q * major**2 + minor**2 / q < 20.0**2
    # The mean inside the ellipse of product-average radius theta_E is one; its edge is cut along
    # pixels: 3 %.
    assert kappa[inside].mean() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("axis_angle", [0.0, 0.6, 2.0])
def test_the_position_angle_is_that_of_the_major_axis_from_x_to_y(axis_angle):
    kappa = convergence(q=0.5, axis_angle=axis_angle)
    bright = (kappa > 0.6) * 1.0
    xx, yy, xy = (np.sum(bright * a) for a in (GRID.x**2, GRID.y**2, GRID.x * GRID.y))
    found = 0.5 * np.arctan2(2 * xy, xx - yy) % np.pi
    # Pixels of two by two on an ellipse of 20.
    assert abs((found - axis_angle + np.pi / 2) % np.pi - np.pi / 2) < 0.05


def test_the_slope_is_that_of_the_surface_density():
    kappa = convergence(gamma=2.4, core=0.2)
    row = kappa[32, 36:60]
    slope = np.polyfit(np.log(GRID.radius[32, 36:60]), np.log(row), 1)[0]
    # Averages over pixels bend the profile by a per cent near the center.
    assert slope == pytest.approx(-1.4, abs=0.02)


def test_a_moved_lens_is_the_lens_moved():
    kappa = convergence(center_x=4.0, center_y=-6.0)
    # Whole pixels of the map, two of the image each; rounding in single precision.
    np.testing.assert_allclose(kappa[:-3, 2:], convergence()[3:, :-2], rtol=1e-4)


def test_a_multipole_wobbles_with_its_own_symmetry():
    kappa = convergence(a_m=[0.0, 0.03])
    # Four-fold symmetry survives, the circle does not; rounding in single precision.
    np.testing.assert_allclose(kappa, np.rot90(kappa), rtol=1e-4)
    assert abs(kappa[32, 42] / kappa[39, 39] - np.hypot(15, 15) / np.hypot(21, 1)) > 0.03
    kappa = convergence(a_m=[0.03, 0.0])
    assert np.abs(kappa / np.rot90(kappa, 2) - 1).max() > 0.05


def test_a_subhalo_adds_mass_where_it_is():
    grid = Grid((100, 100))
    with_one = convergence(grid, subhalo_theta_E=[1.0, 0, 0, 0], subhalo_x=[20.5, 0, 0, 0],
                           subhalo_y=[-10.5, 0, 0, 0])  # fmt: skip
    added = with_one - convergence(grid)
    assert added.min() > -1e-5
    row, column = np.unravel_index(np.argmax(added), added.shape)
    assert (grid.x[row, column], grid.y[row, column]) == (20.5, -10.5)
    # Mass pi theta (r_t - r_c) with r_c of a pixel and r_t = 12; a seventh lies beyond the field.
    assert added.sum() == pytest.approx(np.pi * 11, rel=0.25)


def test_drawn_parameters_keep_to_the_domain():
    domain = SimulationDomain(theta_E=(9.0, 11.0), q_min=0.6, subhalo_fraction=0.3)
    drawn = draw_convergence_parameters(4000, domain, np.random.default_rng(1))
    assert 9.0 <= drawn["theta_E"].min() < drawn["theta_E"].max() <= 11.0
    assert drawn["q"].min() == 0.6
    assert drawn["q"].max() <= 1.0
    # 16,000 slots: the fraction is known to 0.0036; four of those.
    assert np.mean(drawn["subhalo_theta_E"] > 0) == pytest.approx(0.3, abs=0.015)
