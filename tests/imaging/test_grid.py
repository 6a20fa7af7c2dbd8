"""Checks of pixel grids."""

import numpy as np
import pytest
from astropy import units as u
from hypothesis import given
from hypothesis import strategies as st

from rimlens.errors import InputError
from rimlens.imaging import Grid

sizes = st.integers(1, 12)
scales = st.floats(1e-3, 1e3)


@given(ny=sizes, nx=sizes, scale=scales)
def test_pixel_centers_are_one_scale_apart_and_centered_on_the_origin(ny, nx, scale):
    grid = Grid((ny, nx), scale)
    assert grid.x.shape == grid.y.shape == (ny, nx)
    # Rounding of a few units in the last place of the outermost coordinate.
    tolerance = 1e-14 * scale * max(ny, nx)
    assert abs(grid.x.mean()) <= tolerance
    assert abs(grid.y.mean()) <= tolerance
    np.testing.assert_allclose(np.diff(grid.x, axis=1), scale, rtol=1e-12)
    np.testing.assert_allclose(np.diff(grid.y, axis=0), scale, rtol=1e-12)
    assert np.ptp(grid.x, axis=0).max() == 0
    assert np.ptp(grid.y, axis=1).max() == 0


def test_radius_is_the_distance_from_the_center():
    assert Grid((3, 5), 2.0).radius[2, 4] == np.hypot(4.0, 2.0)


def test_grids_of_equal_shape_and_scale_are_equal_however_they_are_written():
    assert Grid([4, 5], 1) == Grid((4, np.int64(5)), 1.0)
    assert Grid((4, 5)) != Grid((5, 4))


def test_lengths_have_units():
    grid = Grid((4, 5), 50 * u.mas, center=[100, -200] * u.mas)
    assert grid == Grid((4, 5), 0.05, (0.1, -0.2))
    assert Grid((4, 5), 50 * u.mas, center=(100 * u.mas, 0.1 * u.arcsec)).center == (0.1, 0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((50 * u.kpc,), "pixel_scale: a unit like arcsec is wanted, found the unit kpc"),
        (
            (0.05 * u.arcsec, [1, 2] * u.kpc),
            "center: a unit like arcsec is wanted, found the unit",
        ),
        ((0.05, (1 * u.mas, 2.0)), "center: numbers of one kind of unit are wanted"),
        (("0.05",), "pixel_scale: numbers are wanted, found '0.05'"),
    ],
)
def test_what_is_no_angle_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Grid((4, 5), *arguments)


@pytest.mark.parametrize("shape", [(4.5, 4), "45", 4, (0, 4), (4, -1), (4,), (4, 4, 4)])
def test_a_shape_that_is_no_pair_of_positive_integers_is_refused(shape):
    with pytest.raises(InputError, match=r"shape: a pair of positive integers is wanted, found"):
        Grid(shape)


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_a_pixel_scale_that_is_not_positive_and_finite_is_refused(scale):
    with pytest.raises(InputError, match="pixel_scale: one positive angle is wanted"):
        Grid((4, 4), scale)


@pytest.mark.parametrize("center", [(1.0,), (1.0, np.nan), "ab", 3.0])
def test_a_center_that_is_no_pair_of_numbers_is_refused(center):
    with pytest.raises(InputError, match="center: (a pair of )?(finite )?numbers (is|are) wanted"):
        Grid((4, 4), 1.0, center)


def test_a_grid_may_stand_anywhere():
    moved, own = Grid((4, 5), 0.3, (1.0, -2.0)), Grid((4, 5), 0.3)
    # Rounding.
    np.testing.assert_allclose(moved.x, own.x + 1.0, rtol=0, atol=1e-15)
    np.testing.assert_allclose(moved.y, own.y - 2.0, rtol=0, atol=1e-15)
    np.testing.assert_allclose(moved.radius, own.radius, rtol=1e-12)


@given(ny=sizes, nx=sizes, factor=st.integers(1, 5))
def test_sub_pixels_average_to_their_pixel(ny, nx, factor):
    grid = Grid((ny, nx), 0.7, (0.3, 0.2))
    fine = grid.refined(factor)
    mean = fine.x.reshape(ny, factor, nx, factor).mean(axis=(1, 3))
    # Rounding.
    np.testing.assert_allclose(mean, grid.x, rtol=0, atol=1e-13)
    assert fine.pixel_scale * factor == pytest.approx(0.7)
