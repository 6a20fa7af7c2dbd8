"""Checks of bilinear and bicubic sampling."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from scipy.ndimage import map_coordinates

from rimlens import backend
from rimlens.imaging import Grid, bicubic, bilinear
from rimlens.imaging.sampling import BilinearSampling

GRIDS = {
    "ny": st.integers(1, 8),
    "nx": st.integers(1, 8),
    "scale": st.floats(0.1, 3.0),
    "seed": st.integers(0, 2**32 - 1),
}


def sample(values, grid, x, y):
    values = np.asarray(values)
    out = bilinear(values[None], grid, x.astype(values.dtype)[None], y.astype(values.dtype)[None])
    return ops.convert_to_numpy(out)[0]


@settings(max_examples=30)
@given(**GRIDS)
def test_sampling_is_linear_interpolation_of_the_map_in_a_field_of_zeros(ny, nx, scale, seed):
    rng = np.random.default_rng(seed)
    grid = Grid((ny, nx), scale)
    values = rng.normal(size=grid.shape).astype("float32")
    x, y = rng.uniform(-(nx + 4) / 2, (nx + 4) / 2, (2, 5, 6)) * scale
    found = sample(values, grid, x, y)
    position = [y / scale + (ny - 1) / 2, x / scale + (nx - 1) / 2]
    expected = map_coordinates(values.astype(float), position, order=1, mode="grid-constant")
    # Positions are rounded at 1e-6 of a pixel and slopes are at most about 10 a pixel.
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)


def test_planes_are_exact_between_the_outermost_pixel_centers(dtype, rng):
    grid = Grid((7, 10), 0.4)
    values = (1.5 + 2.0 * grid.x - 0.7 * grid.y).astype(dtype)
    x = rng.uniform(grid.x.min(), grid.x.max(), (8, 8))
    y = rng.uniform(grid.y.min(), grid.y.max(), (8, 8))
    # Rounding: some ten operations.
    tolerance = {"float32": 1e-5, "float64": 1e-13}[dtype]
    np.testing.assert_allclose(
        sample(values, grid, x, y), 1.5 + 2.0 * x - 0.7 * y, rtol=0, atol=tolerance
    )


def test_pixel_centers_give_the_map_itself(rng):
    grid = Grid((6, 9), 2 / 3)
    values = rng.normal(size=grid.shape).astype("float32")
    # Positions are rounded in single precision.
    np.testing.assert_allclose(sample(values, grid, grid.x, grid.y), values, rtol=0, atol=1e-5)


def test_the_map_is_zero_from_one_pixel_outside_on():
    grid = Grid((5, 6), 0.5)
    values = np.ones(grid.shape, "float32")
    edge_x, edge_y = grid.x.max() + 0.5, grid.y.max() + 0.5
    x = np.array([[edge_x, -edge_x, 0.0, 0.0, 1e9, -1e9, edge_x]])
    y = np.array([[0.0, 0.0, edge_y, -edge_y, 0.0, 1e9, edge_y]])
    assert not np.any(sample(values, grid, x, y))


def test_sampling_is_continuous_across_cells_and_borders(rng):
    grid = Grid((5, 5))
    values = rng.normal(size=grid.shape).astype("float32")
    t = np.linspace(-4, 4, 4001)
    steepest = 4 * np.abs(values).max()
    for x, y in [(t, 0.3 * t), (t, t), (0 * t + 2.0, t), (t, 0 * t - 2.7)]:
        found = sample(values, grid, x[None], y[None])[0]
        # No step is larger than the steepest slope allows, with rounding of positions.
        assert np.abs(np.diff(found)).max() < 1.1 * steepest * (t[1] - t[0])


def test_gradients_are_finite_everywhere_also_at_pixel_centers_and_outside(rng):
    grid = Grid((4, 4))
    values = rng.normal(size=(1, 4, 4)).astype("float32")
    x = np.linspace(-8, 8, 33, dtype="float32").reshape(1, 1, -1)
    y = np.linspace(8, -8, 33, dtype="float32").reshape(1, -1, 1)
    x, y = (np.ascontiguousarray(np.broadcast_to(a, (1, 33, 33))) for a in (x, y))

    def total(values, x, y):
        return ops.sum(bilinear(values, grid, x, y)), None

    _, gradients = backend.value_and_grad(total, (values, x, y))
    for gradient in gradients:
        assert np.all(np.isfinite(ops.convert_to_numpy(gradient)))


def test_slopes_of_a_plane_are_its_gradient(rng):
    grid = Grid((6, 6), 0.5)
    values = (2.0 * grid.x - 3.0 * grid.y).astype("float32")[None]
    x, y = rng.uniform(-1.2, 1.2, (2, 1, 5, 5)).astype("float32")

    def total(x, y):
        return ops.sum(bilinear(values, grid, x, y)), None

    _, (slope_x, slope_y) = backend.value_and_grad(total, (x, y))
    # Rounding in single precision.
    np.testing.assert_allclose(ops.convert_to_numpy(slope_x), 2.0, rtol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(slope_y), -3.0, rtol=1e-5)


def scattered(rng, grid, dtype):
    """Return maps, positions in and around them, and values at the positions, for a batch of 2."""
    reach = 0.7 * np.array(grid.shape)[::-1] * grid.pixel_scale
    x, y = (rng.uniform(-r, r, (2, 5, 6)) for r in reach)
    maps, values = rng.normal(size=(2, *grid.shape)), rng.normal(size=x.shape)
    return [v.astype(dtype) for v in (maps, x, y, values)]


@pytest.mark.parametrize("shape", [(6, 9), (1, 4), (5, 1)])
def test_slopes_are_what_the_backend_derives(shape, dtype, rng):
    grid = Grid(shape, 0.4)
    maps, x, y, _ = scattered(rng, grid, dtype)
    value, slopes = BilinearSampling(grid, x, y).with_slopes(maps)
    (expected, _), derivatives = backend.value_and_grad(
        lambda x, y: (bilinear(maps, grid, x, y), ()), (x, y)
    )
    # Rounding of some ten operations, of slopes of some ten.
    tolerance = {"float32": 1e-4, "float64": 1e-12}[dtype]
    for found, wanted in zip((value, *slopes), (expected, *derivatives)):
        np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=0, atol=tolerance)
    assert np.any(np.asarray(slopes[0]) == 0)


@settings(max_examples=15)
@given(**GRIDS)
def test_spreading_is_the_adjoint_of_sampling(ny, nx, scale, seed):
    grid = Grid((ny, nx), scale)
    maps, x, y, values = scattered(np.random.default_rng(seed), grid, "float32")
    sampling = BilinearSampling(grid, x, y)
    forth = np.sum(values * np.asarray(sampling(maps)), axis=(1, 2))
    back = np.sum(np.asarray(sampling.adjoint(values)) * maps, axis=(1, 2))
    # Rounding in single precision of sums of some tens.
    np.testing.assert_allclose(forth, back, rtol=0, atol=5e-5)


def test_every_example_of_a_batch_is_sampled_from_its_own_map(rng):
    grid = Grid((4, 7))
    values = rng.normal(size=(3, 4, 7)).astype("float32")
    x, y = rng.uniform(-4, 4, (2, 3, 5, 6)).astype("float32")
    together = ops.convert_to_numpy(bilinear(values, grid, x, y))
    alone = [sample(values[i], grid, x[i], y[i]) for i in range(3)]
    np.testing.assert_array_equal(together, alone)


def sample_cubic(values, grid, x, y):
    found = bicubic(np.asarray(values)[None], grid, x[None], y[None])
    return ops.convert_to_numpy(found)[0]


@pytest.mark.usefixtures("float64")
def test_cubic_sampling_meets_quadratics_and_the_pixels_themselves(rng):
    grid = Grid((9, 11), 0.3, (0.5, -0.2))
    x, y = rng.uniform(-0.9, 0.9, (2, 4, 5)) + np.array([0.5, -0.2])[:, None, None]

    def quadratic(x, y):
        return 1 + x - 2 * y + 0.5 * x * y + x**2 - 0.7 * y**2

    # Rounding of double precision: the weights reproduce second powers.
    found = sample_cubic(quadratic(grid.x, grid.y), grid, x, y)
    np.testing.assert_allclose(found, quadratic(x, y), rtol=0, atol=1e-12)
    values = rng.normal(size=grid.shape)
    found = sample_cubic(values, grid, np.array(grid.x), np.array(grid.y))
    np.testing.assert_allclose(found, values, rtol=0, atol=1e-12)


@pytest.mark.usefixtures("float64")
def test_cubic_sampling_has_a_continuous_gradient_also_beyond_the_edge(rng):
    grid = Grid((4, 5))
    values = rng.normal(size=(1, *grid.shape))
    along = np.linspace(-6, 6, 4801)
    x, y = along[None, None], np.full((1, 1, 4801), 0.3)
    _, (slope,) = backend.value_and_grad(lambda x: (bicubic(values, grid, x, y), ()), [x])
    slope = ops.convert_to_numpy(slope)[0, 0]
    # The second derivative is at most some tens, the step 1/400.
    assert np.abs(np.diff(slope)).max() < 0.1
    assert np.all(slope[np.abs(along) > 4.51] == 0)
    assert np.abs(slope).max() > 0.5


@pytest.mark.usefixtures("float64")
def test_the_gradient_of_cubic_sampling_is_its_finite_difference(rng):
    grid = Grid((5, 6), 0.4)
    values = rng.normal(size=(2, *grid.shape))
    x, y = rng.uniform(-1.6, 1.6, (2, 2, 3, 4))
    weight = rng.normal(size=x.shape)

    def total(values, x, y):
        return ops.sum(weight * bicubic(values, grid, x, y)), ()

    arguments = [values, x, y]
    _, gradients = backend.value_and_grad(total, arguments)
    for k, gradient in enumerate(gradients):
        direction = rng.normal(size=arguments[k].shape)
        ends = [
            float(total(*arguments[:k], arguments[k] + step * direction, *arguments[k + 1 :])[0])
            for step in (1e-6, -1e-6)
        ]
        slope = np.sum(ops.convert_to_numpy(gradient) * direction)
        # Rounding over the step, and third derivatives times its square.
        assert slope == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6)
