"""Checks of the eight orientations of the square."""

import numpy as np
import pytest

from rimlens.rim.preparation import ORIENTATIONS, orient_map, orient_shear, restore_map

MAPS = np.random.default_rng(1).normal(size=(2, 5, 5))
SHEAR = np.array([[0.1, 0.2], [-0.3, 0.05]])


def test_orientations_are_eight_and_all_differ():
    assert len({orient_map(MAPS, k).tobytes() for k in ORIENTATIONS}) == 8
    np.testing.assert_array_equal(orient_map(MAPS, 0), MAPS)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_orientation_is_undone(orientation):
    np.testing.assert_array_equal(restore_map(orient_map(MAPS, orientation), orientation), MAPS)
    np.testing.assert_array_equal(
        orient_shear(orient_shear(SHEAR, orientation), orientation), SHEAR
    )


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_shear_turns_with_the_map_of_its_potential(orientation):
    y, x = np.indices((5, 5)) - 2.0

    def potential(shear):
        one, two = shear[:, 0, None, None], shear[:, 1, None, None]
        return 0.5 * one * (x**2 - y**2) + two * x * y

    # Rounding.
    np.testing.assert_allclose(
        potential(orient_shear(SHEAR, orientation)),
        orient_map(potential(SHEAR), orientation),
        rtol=0,
        atol=1e-12,
    )
