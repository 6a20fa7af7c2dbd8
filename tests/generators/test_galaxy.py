"""Checks of simulated sources."""

import numpy as np
import pytest
from keras import ops

from rimlens.generators import SimulationDomain
from rimlens.generators.galaxy import draw_galaxy_parameters, galaxy_images
from rimlens.imaging import Grid


@pytest.fixture(scope="module")
def parameters():
    rng = np.random.default_rng(3)
    drawn = draw_galaxy_parameters(16, SimulationDomain(), np.full(16, 12.0), rng)
    return {name: values.astype("float32") for name, values in drawn.items()}


def test_a_galaxy_is_positive_with_a_peak_of_one(parameters):
    images = ops.convert_to_numpy(galaxy_images(parameters, Grid((64, 64), 0.5)))
    assert images.min() >= 0
    # One part in ten thousand guards an empty map; the faintest peak drawn is about 0.01.
    assert images.max(axis=(1, 2)).max() <= 1
    assert images.max(axis=(1, 2)).min() > 0.98


def test_sources_lie_where_they_are_lensed_strongly():
    domain = SimulationDomain(source_offset=0.5)
    theta_E = np.linspace(8, 40, 2000)
    drawn = draw_galaxy_parameters(2000, domain, theta_E, np.random.default_rng(2))
    offset = np.hypot(drawn["center_x"][:, 0], drawn["center_y"][:, 0]) / theta_E
    assert offset.max() <= 0.5
    # Uniform over the disc: the mean square is half of the largest, known to 1.3 %.
    assert np.mean(offset**2) == pytest.approx(0.125, rel=0.06)


def test_a_round_sersic_profile_falls_to_e_to_minus_b_at_its_effective_radius():
    grid = Grid((81, 81), 0.25)
    component = {"flux": 1.0, "theta_eff": 5.0, "n": 1.0, "q": 1.0, "axis_angle": 0.0,
                 "center_x": 0.0,
                 "center_y": 0.0}  # fmt: skip
    one = {k: np.full((1, 1), v, "float32") for k, v in component.items()}
    image = ops.convert_to_numpy(galaxy_images(one, grid))[0]
    # Ciotti and Bertin's b for n = 1 is 1.678; light inside that radius is half of the total.
    assert image[40, 60] / image[40, 40] == pytest.approx(np.exp(-1.678), rel=0.03)
