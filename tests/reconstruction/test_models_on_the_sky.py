"""Checks of models that are taken from the pixels of an image to the sky."""

import numpy as np

from rimlens.imaging import Grid
from rimlens.lens import SIE, ExternalShear, PixelatedConvergence
from rimlens.reconstruction.models import on_the_sky

GRID = Grid((8, 8), 2.0, center=(1.0, -3.0))
MAP = PixelatedConvergence(GRID, convergence_map=np.exp(-(GRID.radius**2) / 20.0))


def test_grids_are_scaled_and_parameters_are_not():
    found = on_the_sky(MAP + ExternalShear(gamma_ext=0.1), 0.05)
    lens, shear = found.components
    assert lens.grid == Grid((8, 8), 0.1, center=(0.05, -0.15000000000000002))
    np.testing.assert_array_equal(lens.convergence_map, MAP.convergence_map)
    assert shear == ExternalShear(gamma_ext=0.1)


def test_lensing_has_no_scale():
    found, _ = on_the_sky(MAP, 0.05).deflection(0.05 * 3.0, 0.05 * 4.0)
    expected, _ = MAP.deflection(3.0, 4.0)
    np.testing.assert_allclose(found, 0.05 * expected, rtol=1e-6)  # of the spline's solution


def test_a_model_without_a_grid_is_left_as_it_is():
    lens = SIE(theta_E=12.0)
    assert on_the_sky(lens, 0.05) is lens
