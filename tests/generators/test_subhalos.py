"""Checks of populations of subhalos."""

import numpy as np
import pytest
from keras import ops
from scipy import integrate, stats

from rimlens.generators import SimulationDomain
from rimlens.generators.subhalos import draw_population, power_law, truncated_isothermal

DOMAIN = SimulationDomain(subhalo_number=30.0, subhalo_mass=(1e-3, 0.1))


@pytest.fixture(scope="module")
def population():
    return draw_population(np.full(500, 20.0), DOMAIN, np.random.default_rng(1))


@pytest.mark.parametrize("slope", [-1.9, -1.0, 0.5])
def test_masses_follow_the_power_law(slope):
    low, high = 0.01, 3.0
    drawn = power_law(np.random.default_rng(2).random(2000), slope, low, high)
    m = np.geomspace(low, high, 10_001)
    total = integrate.cumulative_trapezoid(m**slope, m, initial=0.0)

    def below(mass):
        return np.interp(mass, m, total / total[-1])

    # Kolmogorov and Smirnov: a fair sample of this seed is not among the worst per cent.
    assert stats.kstest(drawn, below).pvalue > 0.01


def test_numbers_are_those_of_poisson(population):
    numbers = np.count_nonzero(population["population_theta_E"], axis=1)
    # The mean of 500 is known to 0.24, the variance to 6 %; four of those.
    assert numbers.mean() == pytest.approx(30, abs=1.0)
    assert numbers.var() == pytest.approx(30, rel=0.25)


def test_subhalos_are_spread_evenly_over_a_disc(population):
    there = population["population_theta_E"] > 0
    distance = np.hypot(population["population_x"], population["population_y"])[there]
    assert distance.max() <= 40.0
    # Half of the disc is inside 1 / sqrt(2) of its radius; 15,000 know it to 0.4 %.
    assert np.mean(distance < 40.0 / np.sqrt(2)) == pytest.approx(0.5, abs=0.016)


def test_a_subhalo_has_the_mass_that_was_drawn_for_it(population):
    there = population["population_theta_E"] > 0
    theta = population["population_theta_E"][there][:5]
    truncation = population["population_truncation"][there][:5]

    # Rings in logarithmic steps, without the core that pixels give it.
    r = np.geomspace(1e-6, 1e6, 100_001)[:, None]
    kappa = ops.convert_to_numpy(truncated_isothermal(r * r, theta, 0.0, truncation))
    mass = integrate.trapezoid(2 * np.pi * r * kappa, r, axis=0) / (np.pi * 20.0**2)
    # Rounding in steps of 3e-4 of the radius.
    assert np.all((mass > 0.999e-3) & (mass < 0.1001))
    # Metcalf and Madau's radius, and Kassiola and Kovner's mass.
    np.testing.assert_allclose(truncation, np.sqrt(theta * 20.0))
    np.testing.assert_allclose(mass, (theta / 20.0) ** 1.5, rtol=1e-3)
