"""Checks of dust lanes."""

import numpy as np
import pytest
from keras import ops

from rimlens.generators import SimulationDomain
from rimlens.generators.dust import LANES, draw_dust, transmission
from rimlens.generators.galaxy import draw_galaxy_parameters, galaxy_images
from rimlens.imaging import Grid

GRID = Grid((65, 65), 0.5)


def disc(**changed):
    """Return a round disc of radius 4 at the origin with one straight lane through it."""
    values = {
        "center_x": [0.0, 0.0],
        "center_y": [0.0, 0.0],
        "axis_angle": [0.0, 0.0],
        "theta_eff": [1.0, 4.0],
        "q": [1.0, 1.0],
        "dust_depth": [1.5, 0.0],
        "dust_offset": [0.0, 0.0],
        "dust_bend": [0.0, 0.0],
        "dust_width": [0.2, 0.2],
        "dust_length": [1.0, 1.0],
    }
    return {k: np.array([v], "float32") for k, v in (values | changed).items()}


def through(**changed):
    x, y = GRID.x.astype("float32"), GRID.y.astype("float32")
    return ops.convert_to_numpy(transmission(disc(**changed), x, y))[0]


def test_a_lane_dims_by_its_depth_in_the_middle_and_nowhere_far_off():
    found = through()
    assert found[32, 32] == pytest.approx(np.exp(-1.5), rel=1e-5)
    # One width of 0.2 radii of 4 pixels, which is 0.8 across.
    across = np.interp(0.8, GRID.y_axis, -np.log(found[:, 32]))
    assert across == pytest.approx(1.5 * np.exp(-0.5), rel=0.05)
    assert found[0, 0] == pytest.approx(1)


def test_depths_of_lanes_add():
    both = through(dust_depth=[1.5, 0.5])
    np.testing.assert_allclose(both[32, 32], np.exp(-2.0), rtol=1e-5)


def test_a_lane_turns_with_its_disc():
    turned = through(axis_angle=[0.0, np.pi / 2], dust_offset=[0.5, 0.0])
    # Single precision of the sine and cosine.
    np.testing.assert_allclose(turned, np.rot90(through(dust_offset=[0.5, 0.0]), -1), atol=1e-5)


def test_the_fraction_of_dusty_galaxies_is_that_asked_for():
    domain = SimulationDomain(dust_fraction=0.4, dust_depth=(0.5, 1.0))
    depth = draw_dust(4000, domain, np.random.default_rng(1))["dust_depth"]
    assert depth.shape == (4000, LANES)
    # Known to 0.8 %; four of those.
    assert np.mean(np.any(depth > 0, axis=1)) == pytest.approx(0.4, abs=0.032)
    assert 0.5 <= depth[depth > 0].min() < depth.max() <= 1.0


def test_dust_changes_dusty_galaxies_alone():
    def images(fraction):
        domain = SimulationDomain(dust_fraction=fraction)
        drawn = draw_galaxy_parameters(8, domain, np.zeros(8), np.random.default_rng(2))
        drawn = {k: v.astype("float32") for k, v in drawn.items()}
        return drawn, ops.convert_to_numpy(galaxy_images(drawn, Grid((48, 48))))

    _, clean = images(0.0)
    drawn, dusty = images(0.5)
    has_dust = np.any(drawn["dust_depth"] > 0, axis=1)
    assert 0 < has_dust.sum() < 8
    np.testing.assert_array_equal(dusty[~has_dust], clean[~has_dust])
    assert all(np.any(a != b) for a, b in zip(dusty[has_dust], clean[has_dust]))
