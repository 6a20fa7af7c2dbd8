import numpy as np
import pytest
from astropy import units as u
from scipy.interpolate import RectBivariateSpline

from rimlens import backend
from rimlens.errors import InputError
from rimlens.imaging import Grid
from rimlens.lens.isothermal import SIS
from rimlens.lens.pixelated import PixelatedConvergence, PixelatedPotential

GRID = Grid((14, 11), 0.2)
NOISE = np.random.default_rng(4).normal(size=(3, *GRID.shape))
MAPS = [(PixelatedConvergence, "convergence_map"), (PixelatedPotential, "potential_map")]
every_model = pytest.mark.parametrize(("model", "name"), MAPS, ids=["convergence", "potential"])


def direct_sum(grid, kappa, x, y):
    dx, dy = (a[..., None] - b.ravel() for a, b in ((x, grid.x), (y, grid.y)))
    r2 = dx**2 + dy**2
    r2[r2 < 1e-20] = np.inf
    mass = kappa.ravel() * grid.pixel_scale**2 / np.pi
    return np.sum(mass * dx / r2, axis=-1), np.sum(mass * dy / r2, axis=-1)


def gaussian(x, y, width):
    """Return deflection, convergence and shear of a Gaussian convergence, one at its peak."""
    r2 = x**2 + y**2
    mean = 2 * width**2 * -np.expm1(-r2 / (2 * width**2)) / r2
    kappa = np.exp(-r2 / (2 * width**2))
    gamma = (kappa - mean) / r2
    return (mean * x, mean * y), kappa, (gamma * (x**2 - y**2), 2 * gamma * x * y)


def scattered(half_width, n=200):
    rng = np.random.default_rng(5)
    return rng.uniform(-half_width, half_width, (2, n))


def test_deflection_at_pixel_centers_is_the_direct_sum():
    # Also in the margin, on the same lattice, half a field wide.
    columns, rows = np.arange(-6, 17), np.arange(-7, 21)
    x = (columns - 5) * 0.2 + 0 * rows[:, None]
    y = (rows[:, None] - 6.5) * 0.2 + 0 * columns
    lens = PixelatedConvergence(GRID, convergence_map=NOISE[0])
    # Rounding; wanted are 1e-5 pixels.
    np.testing.assert_allclose(
        lens.deflection(x, y), direct_sum(GRID, NOISE[0], x, y), rtol=0, atol=1e-12
    )


def test_single_precision_deflection_is_good_to_a_hundred_thousandth_of_a_pixel():
    lens = PixelatedConvergence(GRID, convergence_map=NOISE[0])
    x, y = (a[None].astype("float32") for a in (GRID.x, GRID.y))
    found = np.asarray(lens.tensor_deflection(x, y, lens.tensors("float32")))[:, 0]
    expected = direct_sum(GRID, NOISE[0], GRID.x, GRID.y)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * GRID.pixel_scale)


def test_gaussian_convergence_has_its_closed_form():
    # Five widths of the Gaussian from the center to the edge, five pixels in a width.
    grid, width = Grid((51, 51), 0.1), 0.5
    lens = PixelatedConvergence(grid, convergence_map=gaussian(grid.x, grid.y + 1e-9, width)[1])
    x, y = scattered(4.0)
    inside = np.maximum(np.abs(x), np.abs(y)) < 2.5
    alpha, kappa, gamma = gaussian(x, y, width)
    error = np.abs(np.array(lens.deflection(x, y)) - alpha)
    # A sum for an integral: the slope, 0.6 / width, times the squared pixel over 2 pi.
    assert np.max(error) < 1.05 * 0.607 / width * 0.1**2 / (2 * np.pi)
    error = np.abs(np.array(lens.shear(x, y)) - gamma)
    # The derivative of that, and of the spline.
    assert np.max(error) < 4e-3
    # Bilinear interpolation: the second derivative times the squared pixel over 8.
    error = np.abs(lens.convergence(x, y) - kappa)[inside]
    assert np.max(error) < 2 * (0.1 / width) ** 2 / 8


def test_far_from_the_field_the_deflection_is_that_of_the_whole_mass():
    grid = Grid((30, 30), 0.1)
    lens = PixelatedConvergence(grid, convergence_map=gaussian(grid.x, grid.y + 1e-9, 0.4)[1])
    x, y = np.array([2.9, 3.1, 30.0, -7.0]), np.array([0.1, 0.0, 40.0, 3.0])
    alpha, _, _ = gaussian(x, y, 0.4)
    # The map holds the Gaussian up to 3.75 widths: all of it but 4e-4.  The first position is
    # within twice the field, where the sum is exact; the others are beyond.
    np.testing.assert_allclose(lens.deflection(x, y), alpha, rtol=0, atol=4e-4 * np.max(alpha))


def test_step_at_the_seam_is_small():
    # A mass off the center by a quarter of the field: the worst that is to be expected.
    grid = Grid((20, 20), 0.1)
    lens = PixelatedConvergence(
        grid, convergence_map=gaussian(grid.x - 0.25, grid.y - 0.251, 0.3)[1]
    )
    seam = 39 / 2 * 0.1
    inner, outer = lens.deflection([seam - 1e-9, seam + 1e-9], 0.0)[0]
    # Its dipole: a quarter of the field over the field's width, in one direction half as much.
    assert outer == pytest.approx(inner, rel=0.15)


def test_convergence_is_the_map_and_zero_outside():
    lens = PixelatedConvergence(GRID, convergence_map=NOISE[0])
    # Rounding of the positions.
    np.testing.assert_allclose(lens.convergence(GRID.x, GRID.y), NOISE[0], atol=1e-12)
    assert lens.convergence(5.0, 0.0) == 0
    middle = lens.convergence(GRID.x[:, 1:] - 0.1, GRID.y[:, 1:])
    np.testing.assert_allclose(middle, (NOISE[0, :, 1:] + NOISE[0, :, :-1]) / 2, atol=1e-12)


@every_model
def test_batch_is_its_members(model, name):
    x, y = scattered(3.0)
    together = model(GRID, **{name: NOISE})
    assert together.batch_shape == (3,)
    for method in ("deflection", "convergence", "shear"):
        found = np.asarray(getattr(together, method)(x, y))
        expected = [np.asarray(getattr(model(GRID, **{name: m}), method)(x, y)) for m in NOISE]
        # Rounding: sums over maps run in another order; shears of a potential are up to 100.
        np.testing.assert_allclose(found, np.stack(expected, axis=-2), atol=1e-10)


@every_model
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_finite_with_finite_gradients_everywhere(model, name, dtype):
    lens = model(GRID, **{name: NOISE[0]})
    corner = [GRID.x[0, 0], -GRID.x[0, 0]]
    x = np.array([[[0.0, *corner, 3.0, 1e4, 0.1, 0.2]]], dtype)
    y = np.array([[[0.0, GRID.y[0, 0], 0.1, -9.0, 0.0, -1e4, 0.1]]], dtype)

    def deflection_and_convergence(x, y, values):
        alpha = lens.tensor_deflection(x, y, {name: values})
        return alpha[0] + 2 * alpha[1] + lens.tensor_convergence(x, y, {name: values}), ()

    (value, _), slopes = backend.value_and_grad(
        deflection_and_convergence, [x, y, lens.tensors(dtype)[name]]
    )
    for array in (value, *slopes, *lens.tensor_shear(x, y, lens.tensors(dtype))):
        assert np.all(np.isfinite(np.asarray(array)))
        assert np.asarray(array).dtype == dtype


@every_model
def test_compiled_functions_give_the_same(model, name):
    lens = model(GRID, **{name: NOISE})
    x, y = (a[None, None] for a in scattered(3.0, 20))
    compiled = backend.jit_compile(lens.tensor_deflection)
    found = compiled(x, y, {name: backend_tensor(NOISE)})
    # Rounding.
    expected = np.asarray(lens.tensor_deflection(x, y, lens.tensors()))
    np.testing.assert_allclose(np.asarray(found), expected, atol=1e-12)


def backend_tensor(values):
    from keras import ops

    return ops.convert_to_tensor(values)


@every_model
def test_grid_is_kept_and_compared(model, name):
    lens = model(GRID, **{name: NOISE[0]})
    assert lens.grid == GRID
    assert lens.copy() == lens
    assert lens.copy(**{name: NOISE[1]}) != lens
    assert lens.copy(grid=Grid(GRID.shape, 0.3)) != lens
    assert repr(lens).startswith(f"{model.__name__}(grid=Grid(")


@every_model
@pytest.mark.parametrize(
    ("grid", "values", "message"),
    [
        ((4, 4), np.ones((4, 4)), "a rimlens.imaging.Grid is wanted"),
        (Grid((4, 3)), np.ones((4, 3)), "at least 4 pixels a side are wanted"),
        (Grid((4, 4)), np.ones((4, 5)), r"shape \(4, 4\) or \(n, \*\(4, 4\)\) is wanted"),
        (Grid((4, 4)), None, "is missing"),
    ],
    ids=["grid", "small", "shape", "missing"],
)
def test_what_cannot_be_is_refused(model, name, grid, values, message):
    values = {} if values is None else {name: values}
    with pytest.raises(InputError, match=message):
        model(grid, **values)


def test_potential_has_its_unit():
    lens = PixelatedPotential(GRID, potential_map=NOISE[0] * u.arcsec**2)
    assert lens == PixelatedPotential(GRID, potential_map=NOISE[0])
    assert lens.potential_map.unit == u.arcsec**2
    with pytest.raises(InputError, match="a unit like arcsec2 is wanted"):
        PixelatedPotential(GRID, potential_map=NOISE[0] * u.arcsec)


@pytest.mark.parametrize("shape", [(14, 11), (4, 5)])
def test_spline_is_that_of_scipy(shape):
    grid = Grid(shape, 0.2)
    values = NOISE[0][: shape[0], : shape[1]]
    spline = RectBivariateSpline(grid.y[:, 0], grid.x[0], values)
    lens = PixelatedPotential(grid, potential_map=values)
    rng = np.random.default_rng(6)
    x, y = (rng.uniform(c[0, 0], c[-1, -1], 100) for c in (grid.x, grid.y))
    xx, yy, xy = (spline.ev(y, x, dy, dx) for dy, dx in ((0, 2), (2, 0), (1, 1)))
    found = lens.potential(x, y), *lens.deflection(x, y), lens.convergence(x, y), *lens.shear(x, y)
    expected = spline.ev(y, x), spline.ev(y, x, 0, 1), spline.ev(y, x, 1, 0)
    expected = *expected, (xx + yy) / 2, (xx - yy) / 2, xy
    for f, e in zip(found, expected):
        # Rounding; second derivatives of the noise are up to 100.
        np.testing.assert_allclose(f, e, rtol=0, atol=1e-11)


def test_smooth_potential_has_its_derivatives():
    grid, s = Grid((41, 41), 0.1), 0.8
    root = np.sqrt(grid.radius**2 + s**2)
    lens = PixelatedPotential(grid, potential_map=root)
    x, y = scattered(1.8)
    root = np.sqrt(x**2 + y**2 + s**2)
    # Cubic splines: the fourth derivative, 3 / s^3, times powers of the pixel, 1e-4, 1e-3 and
    # 1e-2, over 384, 24 and 12; the errors of two axes add up.
    np.testing.assert_allclose(lens.potential(x, y), root, rtol=0, atol=6e-6)
    np.testing.assert_allclose(lens.deflection(x, y), (x / root, y / root), rtol=0, atol=3e-4)
    kappa = (x**2 + y**2 + 2 * s**2) / (2 * root**3)
    np.testing.assert_allclose(lens.convergence(x, y), kappa, rtol=0, atol=1e-2)


def test_deflection_is_the_gradient_of_the_potential_inside_and_outside():
    lens = PixelatedPotential(GRID, potential_map=NOISE[0])
    x, y = scattered(2.5)

    class WithoutFormulas(PixelatedPotential):
        alpha = None
        kappa = None

    derived = WithoutFormulas(GRID, potential_map=NOISE[0])
    # Rounding.
    np.testing.assert_allclose(lens.deflection(x, y), derived.deflection(x, y), atol=1e-11)


def test_potential_goes_straight_on_outside():
    lens = PixelatedPotential(GRID, potential_map=NOISE[0])
    edge = GRID.x[0, -1]
    at_edge, far = (lens.deflection([edge, edge + d], 0.33)[0] for d in (0.0, 2.0))
    assert far[1] == pytest.approx(at_edge[0], rel=1e-12)  # rounding
    assert lens.convergence(edge + 1.0, 3.0) == 0
    potential = lens.potential(edge + np.array([0.0, 1.0, 2.0]), 0.33)
    assert potential[2] - potential[1] == pytest.approx(potential[1] - potential[0], rel=1e-10)


def test_sums_with_other_lenses():
    grid = Grid((8, 8), 0.2)
    maps = PixelatedConvergence(grid, convergence_map=NOISE[0, :8, :8])
    lens = maps + PixelatedPotential(grid, potential_map=NOISE[1, :8, :8]) + SIS()
    x, y = scattered(0.5, 5)
    parts = [np.array(c.deflection(x, y)) for c in lens.components]
    np.testing.assert_allclose(lens.deflection(x, y), np.sum(parts, axis=0), atol=1e-13)


def test_einstein_radius_of_a_map():
    grid = Grid((40, 40), 0.1)
    # The mean convergence within r is 4 (1 - exp(-r^2 / 2 w^2)) w^2 / r^2 with a peak of 2.
    lens = PixelatedConvergence(grid, convergence_map=2 * gaussian(grid.x, grid.y, 0.5)[1])
    radius = lens.einstein_radius().value
    mean = 4 * -np.expm1(-(radius**2) / 0.5) * 0.25 / radius**2
    # The error of the deflection is the slope, 2, times the squared pixel over 2 pi.
    assert mean == pytest.approx(1.0, abs=4e-3)
