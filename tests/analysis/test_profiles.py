"""Checks of profiles against lenses whose profiles are known."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from rimlens.analysis import logarithmic_slope, mass_sheet_lambda, radial_profile
from rimlens.errors import InputError


def power_law(gamma, radius=10.0, n=64, center=(31.5, 31.5)):
    """Return the convergence of a round power law, smooth enough to be sampled at points."""
    y, x = np.indices((n, n))
    r2 = (x - center[0]) ** 2 + (y - center[1]) ** 2 + 0.01
    return 0.5 * (3 - gamma) * (radius**2 / r2) ** (0.5 * (gamma - 1))


def test_a_profile_is_the_mean_over_rings():
    found = np.random.default_rng(3).random((20, 24))
    radius, profile = radial_profile(found, center=(11.0, 9.0))
    y, x = np.indices(found.shape)
    distance = np.hypot(x - 11.0, y - 9.0)
    assert len(profile) == 9
    for ring in range(9):
        here = (distance >= ring) & (distance < ring + 1)
        assert profile[ring] == pytest.approx(found[here].mean())
        assert radius[ring] == pytest.approx(distance[here].mean())


@pytest.mark.parametrize("gamma", [1.7, 2.0, 2.3])
@pytest.mark.parametrize("center", [(31.5, 31.5), (30.2, 33.1)])
def test_the_slope_of_a_power_law_is_found(gamma, center):
    found = logarithmic_slope(power_law(gamma, center=center), 10.0, center)
    # A ring is a pixel wide, and its mean not the value at its mean radius.
    assert found == pytest.approx(1 - gamma, abs=0.02)


def test_the_slope_is_that_of_the_rings_that_count():
    y, x = np.indices((64, 64)) - 31.5
    r = np.hypot(x, y)
    broken = np.where(r < 12, 1 / r, 12 / r**2)
    assert logarithmic_slope(broken, 10.0, (31.5, 31.5), (0.2, 1.1)) == pytest.approx(-1, abs=0.02)
    assert logarithmic_slope(broken, 10.0, (31.5, 31.5), (1.3, 3.0)) == pytest.approx(-2, abs=0.02)


@pytest.mark.parametrize(("radius", "low", "high"), [(10.0, 2.0, 20.0), (3.0, 1.0, 6.0)])
def test_rings_from_a_fifth_to_two_einstein_radii_count(radius, low, high):
    y, x = np.indices((64, 64)) - 31.5
    curved = np.exp(-np.hypot(x, y) / 8)
    distance, profile = radial_profile(curved, (31.5, 31.5))
    counts = (distance >= low) & (distance <= high)
    expected = np.polyfit(np.log(distance[counts]), np.log(profile[counts]), 1)[0]
    assert logarithmic_slope(curved, radius, (31.5, 31.5)) == pytest.approx(expected, rel=1e-9)


def test_no_slope_is_made_of_one_ring_or_of_nothing():
    assert np.isnan(logarithmic_slope(power_law(2.0), 1.0, within=(0.9, 1.1)))
    assert np.isnan(logarithmic_slope(np.zeros((64, 64)), 10.0, (31.5, 31.5)))


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.2])
def test_a_mass_sheet_is_found(factor):
    true = power_law(2.1)
    # What becomes the truth when it is multiplied by the factor and gets the rest as a sheet.
    transformed = (true - (1 - factor)) / factor
    assert mass_sheet_lambda(transformed, true) == pytest.approx(factor, rel=1e-9)


def test_lambda_is_the_minimum_of_the_sum_of_the_definition():
    rng = np.random.default_rng(4)
    true = power_law(2.0, center=(33.0, 30.0))
    found = power_law(2.2, radius=9.5, center=(33.4, 30.0)) * np.exp(
        0.1 * rng.normal(size=true.shape)
    )
    y, x = np.indices(true.shape)
    ring = np.hypot(x - 33.0, y - 30.0).astype(int)

    def profile(values):
        return np.array([values[ring == k].mean() for k in range(30)])

    def misfit(factor):
        difference = profile(factor * found + 1 - factor) - profile(true)
        return np.sum((difference / profile(true)) ** 2)

    expected = minimize_scalar(
        misfit, bounds=(0.5, 1.5), method="bounded", options={"xatol": 1e-9}
    )
    assert mass_sheet_lambda(found, true, (33.0, 30.0)) == pytest.approx(expected.x, abs=1e-6)


def test_the_center_of_the_truth_counts_for_both():
    true, moved = power_law(2.0), power_law(2.0, center=(34.5, 31.5))
    assert mass_sheet_lambda(moved, true) == pytest.approx(
        mass_sheet_lambda(moved, true, (31.5, 31.5)), abs=1e-3
    )


def test_a_map_of_ones_has_no_lambda():
    assert np.isnan(mass_sheet_lambda(np.ones((16, 16)), power_law(2.0, n=16, center=(7.5, 7.5))))


@pytest.mark.parametrize("center", [(-3.0, 5.0), (5.0, 40.0), (0.2, 5.0)])
def test_a_center_without_a_ring_is_refused(center):
    with pytest.raises(InputError, match="center: a position"):
        radial_profile(np.ones((12, 12)), center)


def test_stacks_are_refused():
    with pytest.raises(InputError, match="convergence: one map"):
        radial_profile(np.ones((2, 12, 12)), (5.0, 5.0))
