import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from rimlens import backend
from rimlens.errors import InputError
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


def test_bicubic_brightness_meets_the_pixels_and_a_smooth_map_in_between():
    smooth = np.exp(-((GRID.x - 0.1) ** 2 + GRID.y**2) / (2 * 0.5**2))
    sources = [PixelatedSource(GRID, k, brightness_map=smooth) for k in ("bilinear", "bicubic")]
    # Rounding.
    np.testing.assert_allclose(sources[1].surface_brightness(GRID.x, GRID.y), smooth, rtol=1e-12)
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, 23), np.linspace(-0.25, 0.25, 17))
    exact = np.exp(-((x - 0.1) ** 2 + y**2) / (2 * 0.5**2))
    linear, cubic = (np.abs(s.surface_brightness(x, y) - exact).max() for s in sources)
    # Errors of the second and of the third order in a step of 0.4 widths.
    assert cubic < linear / 4


def test_an_unknown_interpolation_is_refused():
    with pytest.raises(InputError, match="one of bilinear, bicubic is wanted, found 'nearest'"):
        PixelatedSource(GRID, "nearest", brightness_map=MAPS[0])


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
