"""Checks of the deflection of a convergence map and of an external shear."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from rimlens.errors import InputError
from rimlens.imaging import (
    ConvergenceDeflection,
    ConvergencePotential,
    Grid,
    direct_deflection,
    shear_deflection,
)


def direct_sum(convergence, grid):
    """Return the deflection as the plain sum over pairs of pixels, in double precision."""
    x, y = grid.x.ravel(), grid.y.ravel()
    dx, dy = x[:, None] - x, y[:, None] - y
    r2 = dx**2 + dy**2
    np.fill_diagonal(r2, np.inf)
    mass = convergence.astype("float64").ravel() * grid.pixel_scale**2 / np.pi
    alpha = np.einsum("cij,j->ci", np.stack([dx, dy]) / r2, mass)
    return alpha.reshape(2, *grid.shape)


def gaussian_lens(grid, sigma, x0=0.0, y0=0.0):
    """Return a Gaussian convergence and its deflection, mean convergence times radius."""
    dx, dy = grid.x - x0, grid.y - y0
    r2 = dx**2 + dy**2
    mean = np.where(
        r2 > 0, -np.expm1(-r2 / (2 * sigma**2)) / np.maximum(r2, 1e-30), 0.5 / sigma**2
    )
    return np.exp(-r2 / (2 * sigma**2)), 2 * sigma**2 * mean * np.stack([dx, dy])


def deflect(deflection, convergence):
    alpha = deflection(convergence[None])
    return np.stack([ops.convert_to_numpy(a)[0] for a in alpha])


@settings(max_examples=30)
@given(
    ny=st.integers(1, 9),
    nx=st.integers(1, 9),
    scale=st.floats(0.03, 5.0),
    seed=st.integers(0, 2**32 - 1),
)
def test_fourier_deflection_is_the_direct_sum(ny, nx, scale, seed):
    grid = Grid((ny, nx), scale)
    convergence = np.random.default_rng(seed).uniform(0, 3, grid.shape).astype("float32")
    alpha = deflect(ConvergenceDeflection(grid), convergence)
    # The transforms round at about 1e-7 of the total mass; 30 of those.
    tolerance = 3e-6 * scale * convergence.sum()
    np.testing.assert_allclose(alpha, direct_sum(convergence, grid), rtol=0, atol=tolerance)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("shape", [(16, 16), (15, 15), (11, 26), (26, 11)])
def test_fourier_deflection_is_the_direct_sum_in_double_precision(shape, rng):
    grid = Grid(shape, 0.07)
    convergence = rng.uniform(0, 3, shape)
    alpha = deflect(ConvergenceDeflection(grid), convergence)
    # Rounding of double precision, 1e-16 of the total mass, over some hundred additions.
    tolerance = 1e-13 * 0.07 * convergence.sum()
    np.testing.assert_allclose(alpha, direct_sum(convergence, grid), rtol=0, atol=tolerance)


def test_gaussian_convergence_deflects_as_in_closed_form():
    # Guards against a kernel that is off by half a pixel, which gives 0.1 pixel here.
    grid = Grid((128, 128))
    convergence, expected = gaussian_lens(grid, 8.0)
    alpha = deflect(ConvergenceDeflection(grid), convergence.astype("float32"))
    # The project's own bound; what is left is the sum over pixels in place of the integral.
    assert np.sqrt(np.mean((alpha - expected) ** 2)) < 5e-3


def test_deflection_does_not_depend_on_where_in_the_map_the_lens_is():
    grid = Grid((96, 128))
    convergence, expected = gaussian_lens(grid, 5.0, 10.3, -7.8)
    alpha = deflect(ConvergenceDeflection(grid), convergence.astype("float32"))
    # As above; a smaller lens is sampled more coarsely.
    assert np.sqrt(np.mean((alpha - expected) ** 2)) < 5e-3


@pytest.mark.parametrize(
    ("coarse", "fine"),
    [
        (Grid((64, 64), 2.0), Grid((128, 128))),
        (Grid((32, 32), 4.0), Grid((128, 128))),
        (Grid((50, 66), 2.0), Grid((99, 131))),
        (Grid((128, 128)), Grid((192, 192), 2 / 3)),
    ],
)
def test_deflection_of_a_coarser_map_is_interpolated_to_the_image(coarse, fine):
    sigma = 8.0
    convergence, _ = gaussian_lens(coarse, sigma)
    _, expected = gaussian_lens(fine, sigma)
    alpha = deflect(ConvergenceDeflection(coarse, fine), convergence.astype("float32"))
    assert alpha.shape == expected.shape
    # The sum over pixels errs by some (scale / sigma)^2 / 50 of a deflection of about sigma.
    tolerance = 5e-3 * max(coarse.pixel_scale, 1.0) ** 2
    assert np.sqrt(np.mean((alpha - expected) ** 2)) < tolerance


def test_interpolation_leaves_the_deflection_at_the_map_s_own_pixels(rng):
    coarse, fine = Grid((9, 7), 2.0), Grid((17, 13))
    convergence = rng.uniform(0, 2, coarse.shape).astype("float32")
    alpha = deflect(ConvergenceDeflection(coarse, fine), convergence)
    # The pixels coincide, so only rounding remains.
    np.testing.assert_allclose(
        alpha[:, ::2, ::2], direct_sum(convergence, coarse), rtol=0, atol=1e-4
    )


def test_deflection_is_curl_free_and_its_divergence_is_twice_the_convergence():
    grid = Grid((96, 96))
    convergence, _ = gaussian_lens(grid, 8.0, 3.0, 4.0)
    alpha_x, alpha_y = deflect(ConvergenceDeflection(grid), convergence.astype("float32"))
    dy_ax, dx_ax = np.gradient(alpha_x)
    dy_ay, dx_ay = np.gradient(alpha_y)
    inside = (slice(2, -2), slice(2, -2))
    # Central differences err by (1 pixel / sigma)^2 / 6 of a quantity of order one.
    np.testing.assert_allclose((dx_ay - dy_ax)[inside], 0, atol=5e-3)
    np.testing.assert_allclose((dx_ax + dy_ay)[inside], 2 * convergence[inside], atol=2e-2)


def test_a_point_mass_deflects_away_from_itself_by_its_mass_over_the_distance():
    grid = Grid((9, 9), 0.5)
    convergence = np.zeros(grid.shape, "float32")
    convergence[4, 4] = 3.0
    alpha_x, alpha_y = deflect(ConvergenceDeflection(grid), convergence)
    mass = 3.0 * 0.5**2
    # Rounding in single precision.
    np.testing.assert_allclose(alpha_x[4, 8], mass / (np.pi * 2.0), rtol=1e-5)
    np.testing.assert_allclose(alpha_y[8, 4], mass / (np.pi * 2.0), rtol=1e-5)
    np.testing.assert_allclose([alpha_y[4, 8], alpha_x[4, 4], alpha_y[4, 4]], 0, atol=1e-6)


def test_deflection_scales_with_the_pixels(rng):
    convergence = rng.uniform(0, 2, (12, 14)).astype("float32")
    one = deflect(ConvergenceDeflection(Grid((12, 14), 1.0)), convergence)
    tenth = deflect(ConvergenceDeflection(Grid((12, 14), 0.1)), convergence)
    # Rounding in single precision.
    np.testing.assert_allclose(tenth, 0.1 * one, rtol=0, atol=1e-5)


def test_nothing_wraps_around_the_field():
    grid = Grid((16, 16))
    convergence = np.zeros(grid.shape, "float32")
    convergence[:, 0] = 1.0
    alpha_x, _ = deflect(ConvergenceDeflection(grid), convergence)
    # Everything lies to the right of the mass, so every deflection but its own points right.
    assert np.all(alpha_x[:, 1:] > 0.1)


@pytest.mark.parametrize("shape", [(1, 8, 9), (1, 9, 8), (2, 7, 8, 1), (8, 8)])
def test_a_map_of_another_shape_is_refused(shape):
    with pytest.raises(InputError, match=r"convergence: shape \(batch, 8, 8\) is wanted, found"):
        ConvergenceDeflection(Grid((8, 8)))(np.zeros(shape, "float32"))


GRIDS = [
    (Grid((9, 7), 0.2), Grid((8, 12), 0.2)),
    (Grid((9, 7), 0.2), Grid((5, 6), 0.2, (0.5, -1.1))),
    (Grid((9, 7), 0.2, (3.0, 1.0)), Grid((5, 6), 0.2, (0.5, -1.1))),
    (Grid((2, 3), 0.2), Grid((9, 9), 0.4)),
    (Grid((16, 15), 0.1), Grid((7, 8), 0.3)),
]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("own", "image"), GRIDS)
def test_deflection_on_other_pixels_is_the_direct_sum_there(own, image, rng):
    convergence = rng.uniform(0, 2, own.shape)
    alpha = deflect(ConvergenceDeflection(own, image), convergence)
    expected = np.stack(direct_deflection(convergence, own, image.x, image.y))
    position = (image.x_axis - own.x_axis[0]) / own.pixel_scale
    same_x = np.abs(position - np.rint(position)) < 1e-9
    position = (image.y_axis - own.y_axis[0]) / own.pixel_scale
    same_y = np.abs(position - np.rint(position)) < 1e-9
    both = same_y[:, None] & same_x
    # Where pixels coincide: rounding of double precision.
    np.testing.assert_allclose(alpha[:, both], expected[:, both], rtol=0, atol=1e-12)
    # In between, point masses are interpolated: far from them only to the fourth order.
    far = np.abs(image.x - own.center[0]) > own.shape[1] / 2 * own.pixel_scale + 0.6
    np.testing.assert_allclose(alpha[:, far], expected[:, far], rtol=0, atol=2e-3)


@settings(max_examples=30, deadline=None)
@given(
    own=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    image=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    shift=st.tuples(st.integers(-12, 12), st.integers(-12, 12)),
    scale=st.floats(0.05, 3.0),
    seed=st.integers(0, 2**31),
)
def test_deflection_on_a_moved_grid_is_the_direct_sum(own, image, shift, scale, seed):
    own = Grid(own, scale)
    center = [
        (s + ((n - m) % 2) / 2) * scale for s, n, m in zip(shift, image[::-1], own.shape[::-1])
    ]
    image = Grid(image, scale, center)
    convergence = np.random.default_rng(seed).uniform(0, 3, own.shape).astype("float32")
    alpha = deflect(ConvergenceDeflection(own, image), convergence)
    expected = np.stack(direct_deflection(convergence, own, image.x, image.y))
    # The project's own bound, in pixels; rounding of the transforms.
    np.testing.assert_allclose(alpha / scale, expected / scale, rtol=0, atol=1e-5)


def test_the_largest_error_for_a_gaussian_convergence_is_small():
    grid = Grid((128, 128))
    convergence, expected = gaussian_lens(grid, 8.0)
    alpha = deflect(ConvergenceDeflection(grid), convergence.astype("float32"))
    # The project's own bound.
    assert np.abs(alpha - expected).max() < 2e-2


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("own", "image"),
    [(Grid((24, 20), 0.1), None), (Grid((24, 20), 0.1), Grid((30, 31), 0.07, (0.1, -0.2)))],
)
def test_the_gradient_of_the_potential_is_the_deflection(own, image):
    convergence, _ = gaussian_lens(own, 0.4)
    step = 0.02
    grid = image or own

    def potential(dx, dy):
        # The mass moves, which leaves interpolation out of the difference.
        moved = Grid(own.shape, 0.1, (own.center[0] - dx, own.center[1] - dy))
        return ops.convert_to_numpy(ConvergencePotential(moved, grid)(convergence[None]))[0]

    alpha = deflect(ConvergenceDeflection(own, grid), convergence)
    found = [
        (potential(step, 0) - potential(-step, 0)) / (2 * step),
        (potential(0, step) - potential(0, -step)) / (2 * step),
    ]
    # Interpolation between pixels of 0.1 of a lens of 0.4: some (1 / 4)^4 of its deflection.
    np.testing.assert_allclose(found, alpha, rtol=0, atol=4e-3)


def test_the_potential_of_a_pixel_is_the_logarithm_of_the_distance():
    convergence = np.zeros((1, 5, 9))
    convergence[0, 2, 2] = 2.0
    psi = ops.convert_to_numpy(ConvergencePotential(Grid((5, 9), 0.5))(convergence))[0]
    np.testing.assert_allclose(psi[2, 8], 2 * 0.25 / np.pi * np.log(3.0), rtol=1e-5)
    rng = np.random.default_rng(1)
    mean = np.log(0.5 * np.hypot(*rng.uniform(-0.5, 0.5, (2, 400_000)))).mean()
    # A mean over random points, to five of its standard errors.
    np.testing.assert_allclose(psi[2, 2], 2 * 0.25 / np.pi * mean, atol=6e-4)


@pytest.mark.parametrize(
    ("shear", "alpha"),
    [((0.1, 0.0), (0.3, -0.2)), ((0.0, 0.1), (0.2, 0.3)), ((0.1, -0.2), (-0.1, -0.8))],
)
def test_shear_deflects_by_its_symmetric_traceless_matrix(shear, alpha):
    x, y = np.full((1, 1), 3.0, "float32"), np.full((1, 1), 2.0, "float32")
    found = shear_deflection(np.array([shear], "float32"), x, y)
    # Rounding in single precision.
    np.testing.assert_allclose([float(a[0, 0, 0]) for a in found], alpha, atol=1e-6)
