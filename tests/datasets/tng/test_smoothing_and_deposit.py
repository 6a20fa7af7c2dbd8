"""Checks of the smoothing, the sharing out of particles, and the lines of sight."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from rimlens.datasets.tng.deposit import surface_density
from rimlens.datasets.tng.geometry import densest_point, unwrap
from rimlens.datasets.tng.projection import projection_name, sky_axes
from rimlens.datasets.tng.smoothing import kernel_widths
from rimlens.errors import InputError
from rimlens.imaging import Grid

GRID = Grid((24, 30), 0.5, center=(1.0, -2.0))


def direct(positions, masses, widths, grid):
    """Return the sum over particles of Gaussians, integrated over every pixel."""
    half = grid.pixel_scale / 2
    x, y = (np.append(axis - half, axis[-1] + half) for axis in (grid.x_axis, grid.y_axis))
    along_x = np.diff(ndtr((x - positions[:, :1]) / widths[:, None]))
    along_y = np.diff(ndtr((y - positions[:, 1:]) / widths[:, None]))
    return np.einsum("i,iy,ix->yx", masses, along_y, along_x) / grid.pixel_scale**2


def cloud(n, rng):
    """Return particles inside the field and outside, of widths from a fifth of a pixel on."""
    positions = np.array(GRID.center) + rng.normal(0.0, 6.0, (n, 2))
    return positions, rng.uniform(0.5, 2.0, n), np.exp(rng.uniform(np.log(0.1), np.log(10.0), n))


def test_map_is_the_sum_over_all_gaussians():
    positions, masses, widths = cloud(20_000, np.random.default_rng(1))
    found = surface_density(positions, masses, widths, GRID)
    wanted = direct(positions, masses, widths, GRID)
    # Widths are met to 4 per cent, places among four nodes: errors of single particles, of which
    # some thirty are in a pixel, average out.
    np.testing.assert_allclose(found, wanted, rtol=0.04)
    assert np.sqrt(np.mean((found / wanted - 1) ** 2)) < 5e-3
    assert found.sum() == pytest.approx(wanted.sum(), rel=3e-4)


@pytest.mark.parametrize("width", [0.01, 0.3, 0.7, 1.7, 3.0])
def test_one_particle_is_its_gaussian(width):
    grid = Grid((64, 64), 0.5)
    one = np.array([[0.13, -0.42]]), np.ones(1), np.array([width])
    found, wanted = surface_density(*one, grid), direct(*one, grid)
    assert found.sum() == pytest.approx(wanted.sum(), rel=1e-4)
    # The width of a Gaussian on four nodes depends on its place, by 4 per cent of its square at
    # most; one below an eighth of a pixel is as wide as that.
    np.testing.assert_allclose(found, wanted, atol=(0.25 if width < 0.1 else 0.04) * wanted.max())


@given(seed=st.integers(0, 1000), width=st.floats(0.01, 1.0))
@settings(max_examples=20)
def test_no_mass_is_lost_or_made(seed, width):
    rng = np.random.default_rng(seed)
    positions = np.array(GRID.center) + rng.uniform(-0.5, 0.5, (50, 2))
    masses = rng.uniform(0.0, 2.0, 50)
    found = surface_density(positions, masses, np.full(50, width), GRID)
    assert found.sum() * 0.25 == pytest.approx(masses.sum(), rel=1e-5)


def test_particles_far_away_and_none_at_all_leave_no_trace():
    far = np.array([[1e6, 0.0], [-300.0, 20.0]])
    assert not surface_density(far, np.ones(2), np.full(2, 0.3), GRID).any()
    assert not surface_density(far[:0], np.ones(0), np.ones(0), GRID).any()


def test_widths_follow_the_distance_to_the_neighbor():
    rng = np.random.default_rng(2)
    positions = rng.normal(size=(300, 3))
    apart = np.sort(np.linalg.norm(positions[:, None] - positions, axis=2), axis=1)
    np.testing.assert_allclose(
        kernel_widths(positions, 20), np.sqrt(103 / 1120) * apart[:, 20], rtol=1e-12
    )
    with pytest.raises(InputError, match="less than the 300 particles is wanted, found 300"):
        kernel_widths(positions, 300)


@pytest.mark.parametrize("direction", ["x", "y", "z", "1,1,0", (0.3, -2.0, 0.1), "0,0,-1"])
def test_axes_of_the_sky_and_the_line_of_sight_are_right_handed(direction):
    axes = sky_axes(direction)
    sight = np.cross(*axes)
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-12)
    along = {"x": "1,0,0", "y": "0,1,0", "z": "0,0,1"}.get(direction, direction)
    along = np.array([float(v) for v in (along.split(",") if isinstance(along, str) else along)])
    np.testing.assert_allclose(sight, along / np.linalg.norm(along), atol=1e-12)


@pytest.mark.parametrize("direction", ["w", "1,0", (0, 0, 0), "1,nan,0", 3, None])
def test_directions_that_are_none_are_refused(direction):
    with pytest.raises(InputError, match="projections: x, y, z or a direction"):
        projection_name(direction)


def test_nearest_images_are_never_half_a_box_away():
    rng = np.random.default_rng(3)
    positions, center = rng.uniform(-5, 15, (100, 3)), rng.uniform(0, 10, 3)
    apart = unwrap(positions, center, 10.0)
    assert np.abs(apart).max() <= 5.0
    np.testing.assert_allclose((apart + center - positions) / 10 % 1 % (1 - 1e-9), 0, atol=1e-8)


@pytest.mark.parametrize("place", [0.0, 3.0, 99.9])
def test_densest_point_is_that_of_the_halo_even_across_the_border(place):
    rng = np.random.default_rng(4)
    halo = place + 2.0 * rng.normal(size=(5000, 3)) * rng.random((5000, 1)) ** 2
    satellite = place + 12.0 + 0.5 * rng.normal(size=(500, 3))
    positions = np.concatenate([halo, satellite, rng.uniform(0, 100, (500, 3))]) % 100.0
    found = densest_point(positions, np.ones(len(positions)), 100.0)
    # The last sphere has two hundred particles, a tenth of the halo's size.
    assert np.linalg.norm(unwrap(found[None], np.full(3, place), 100.0)) < 0.1
