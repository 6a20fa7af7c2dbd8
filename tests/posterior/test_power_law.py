"""The power law of the refinement: closed forms, and derivatives as finite differences."""

import numpy as np
import pytest

from rimlens.imaging import Grid
from rimlens.posterior.power_law import PARAMETERS, power_law, slope_of

GRID = Grid((64, 64), 0.5)


def parameters(**values):
    usual = {"ln theta_E": np.log(6.0), "core": -9.0}
    return np.array([{**usual, **values}.get(name, 0.0) for name in PARAMETERS])


def test_round_one_is_the_closed_form():
    kappa, _ = power_law(parameters(t=-0.3), GRID)
    gamma = slope_of(-0.3)
    wanted = 0.5 * (3 - gamma) * (6.0 / GRID.radius) ** (gamma - 1)
    outside = GRID.radius > 3
    np.testing.assert_allclose(kappa[outside], wanted[outside], rtol=0.01)


@pytest.mark.parametrize("core", [-3.0, 0.0, 3.0])
@pytest.mark.parametrize("t", [-0.5, 0.0, 0.8])
def test_the_mean_convergence_is_one_within_the_radius_whatever_the_core(t, core):
    fine = Grid((256, 256), 0.125)
    kappa, _ = power_law(parameters(t=t, core=core), fine)
    assert kappa[fine.radius < 6.0].mean() == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize("stretch", [(0.5, 0.0), (0.0, 0.5), (-0.3, 0.4)])
def test_ellipse_has_the_axis_ratio_and_the_angle(stretch):
    kappa, _ = power_law(parameters(S_1=stretch[0], S_2=stretch[1]), GRID)
    q, angle = np.exp(-np.hypot(*stretch)), 0.5 * np.arctan2(*stretch[::-1])
    major = GRID.x * np.cos(angle) + GRID.y * np.sin(angle)
    minor = GRID.y * np.cos(angle) - GRID.x * np.sin(angle)
    wanted = 3.0 / np.sqrt(q * major**2 + minor**2 / q)
    outside = GRID.radius > 4
    np.testing.assert_allclose(kappa[outside], wanted[outside], rtol=0.01)


def test_fourth_multipole_is_on_the_axes():
    kappa, _ = power_law(parameters(a_4=0.1), GRID)
    # The radius of a contour is smaller by a_4 along the axes, and larger between them.
    on_axis, between = (np.argmin(abs(GRID.radius - 8) + distance) for distance in _distances())
    ratio = kappa.ravel()[between] * GRID.radius.ravel()[between]
    ratio /= kappa.ravel()[on_axis] * GRID.radius.ravel()[on_axis]
    assert ratio == pytest.approx(1.1 / 0.9, rel=0.02)


def _distances():
    return np.minimum(abs(GRID.x), abs(GRID.y)), abs(abs(GRID.x) - abs(GRID.y))


def test_derivatives_are_finite_differences():
    grid = Grid((16, 16), 2.0)
    p = np.array([2.2, 0.1, 0.2, -0.1, 0.5, -0.3, -0.5, 0.02, -0.01, 0.015, 0.01])
    _, derivatives = power_law(p, grid)
    for step, found in zip(1e-6 * np.eye(len(p)), derivatives):
        wanted = (power_law(p + step, grid)[0] - power_law(p - step, grid)[0]) / 2e-6
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-8 * abs(wanted).max())
