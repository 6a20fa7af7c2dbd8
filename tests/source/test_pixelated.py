import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from rimlens import backend
from rimlens.imaging import Grid
from rimlens.source.pixelated import PixelatedSource

GRID = Grid((6, 9), 0.2)
MAPS = np.random.default_rng(8).normal(size=(3, *GRID.shape))


def test_brightness_is_the_bilinear_interpolation_of_the_map():
    rng = np.random.default_rng(9)
    x, y = (rng.uniform(c[0, 0], c[-1, -1], 50) for c in (GRID.x, GRID.y))
    found = PixelatedSource(GRID, brightness_map=MAPS).surface_brightness(x, y)
    for f, values in zip(found, MAPS):
        interpolator = RegularGridInterpolator((GRID.y[:, 0], GRID.x[0]), values)
        # Rounding.
        np.testing.assert_allclose(f, interpolator((y, x)), rtol=0, atol=1e-13)


def test_source_is_dark_outside():
    source = PixelatedSource(GRID, brightness_map=MAPS[0])
    edge = GRID.x[0, -1]
    y = GRID.y[2, 0]
    found = source.surface_brightness(edge + 0.2 * np.array([0.0, 0.5, 1.0, 9.0]), y)
    # Linearly over one pixel; rounding.
    np.testing.assert_allclose(found, MAPS[0, 2, -1] * np.array([1, 0.5, 0, 0]), atol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_finite_with_finite_gradients_everywhere(dtype):
    source = PixelatedSource(GRID, brightness_map=MAPS[0])
    x = np.array([[[0.0, GRID.x[0, 0], 1.0, 1e4]]], dtype)

    def brightness(x, y, values):
        return source.tensor_surface_brightness(x, y, {"brightness_map": values}), ()

    (value, _), slopes = backend.value_and_grad(brightness, [x, 0 * x, MAPS[:1].astype(dtype)])
    for array in (value, *slopes):
        assert np.all(np.isfinite(np.asarray(array)))
