"""Checks of the observation for the demonstration."""

import numpy as np
import pytest
from astropy import units as u

from rimlens.simulation.hst import simulate_observation


@pytest.fixture(scope="module")
def simulated():
    return simulate_observation(seed=4)


def test_the_demonstration_is_a_lens_as_hst_sees_it(simulated):
    observation, truth = simulated
    assert observation.shape == (128, 128)
    # The WCS is projected; rounding.
    assert observation.pixel_scale.to_value(u.arcsec) == pytest.approx(0.05, rel=1e-6)
    assert observation.unit == u.electron / u.s
    # A radius of 20 to 32 pixels was asked for; ellipticity and core take some per cent.
    assert 0.9 < truth["theta_E"] < 1.75
    used = ~observation.mask
    assert 8 < np.max((observation.data / observation.sigma)[used]) < 60


def test_one_seed_gives_one_demonstration(simulated):
    observation, truth = simulate_observation(seed=4)
    np.testing.assert_array_equal(observation.data, simulated[0].data)
    assert truth["theta_E"] == simulated[1]["theta_E"]
    assert not np.array_equal(simulate_observation(seed=5)[0].data, observation.data)
