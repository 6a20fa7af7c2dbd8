"""Checks of the arrays that make an image: gradients, symmetries, batches, conventions."""

import numpy as np
import pytest
from keras import ops
from scipy.optimize import brentq

from map_model import MapModel
from rimlens import backend
from rimlens.imaging import Grid, chi2, psf_transform


def scene(dtype, shape=(14, 14), n=1, seed=3):
    """Return a smooth random lens, source and exposure on small grids."""
    rng = np.random.default_rng(seed)
    image_grid = Grid(shape)
    convergence_grid = Grid((shape[0] // 2, shape[1] // 2), 2.0)
    source_grid = Grid((shape[0] + 2, shape[1] + 2), 0.6)

    def blob(grid, width):
        x0, y0 = rng.uniform(-1, 1, (2, n, 1, 1))
        r2 = (grid.x - x0) ** 2 + 1.5 * (grid.y - y0) ** 2
        return np.exp(-r2 / (2 * width**2)) * rng.uniform(0.6, 1.2, (n, 1, 1))

    values = {
        "convergence": blob(convergence_grid, 3.0)
        + 0.05 * rng.random((n, *convergence_grid.shape)),
        "shear": rng.normal(0, 0.05, (n, 2)),
        "source": blob(source_grid, 2.0) + 0.1 * rng.random((n, *source_grid.shape)),
        "psf": rng.uniform(0, 1, (n, 5, 5)) / 12.5,
        "data": rng.normal(0.3, 0.3, (n, *shape)),
        "sigma": rng.uniform(0.5, 1.0, (n, *shape)),
        "weight": (rng.random((n, *shape)) < 0.8) * 1.0,
    }
    model = MapModel(image_grid, convergence_grid, source_grid)
    return model, {name: value.astype(dtype) for name, value in values.items()}


def image_of(model, values, **replaced):
    v = {**values, **replaced}
    transform = psf_transform(v["psf"], model.image_grid.shape)
    return model(v["convergence"], v["shear"], v["source"], transform, v["psf"].shape[1:])


def chi2_of(model, values, **replaced):
    image = image_of(model, values, **replaced)
    return chi2(image, values["data"], values["sigma"], values["weight"])


UNKNOWNS = ("convergence", "shear", "source")


def gradients(model, values):
    def function(convergence, shear, source):
        replaced = {"convergence": convergence, "shear": shear, "source": source}
        return chi2_of(model, values, **replaced), None

    _, found = backend.value_and_grad(function, [values[name] for name in UNKNOWNS])
    return dict(zip(UNKNOWNS, (ops.convert_to_numpy(g)[0] for g in found)))


def finite_differences(model, values, name, step=1e-6):
    """Return the derivatives of chi-square by every element, by central differences."""
    size = values[name].size
    shifts = step * np.eye(size).reshape(size, *values[name].shape[1:])
    # All shifted scenes make one batch.
    repeated = {k: np.repeat(v, 2 * size, axis=0) for k, v in values.items()}
    repeated[name] = repeated[name] + np.concatenate([shifts, -shifts])
    value = ops.convert_to_numpy(chi2_of(model, repeated))
    return ((value[:size] - value[size:]) / (2 * step)).reshape(values[name].shape[1:])


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", UNKNOWNS)
def test_gradient_of_chi2_is_its_finite_difference(name):
    model, values = scene("float64")
    gradient = gradients(model, values)[name]
    expected = finite_differences(model, values, name)
    # Rounding of chi-square, 1e-15 of 100, over a step of 1e-6: 1e-7; bilinear interpolation is
    # smooth inside a cell and no ray lies within a step of an edge.
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("name", UNKNOWNS)
@pytest.mark.usefixtures("float64")
def test_gradient_in_single_precision_is_that_in_double(name):
    model, exact = scene("float64")
    single = {k: v.astype("float32") for k, v in exact.items()}
    found, expected = gradients(model, single)[name], gradients(model, exact)[name]
    assert found.dtype == np.float32
    # Residuals and positions are rounded at 1e-6, sums run over some hundred pixels.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3 * np.abs(expected).max())


def test_gradient_is_that_of_a_finite_step_in_single_precision():
    model, values = scene("float32")
    found = gradients(model, values)
    for name in UNKNOWNS:
        # Along the gradient itself a step long enough to stand above rounding in chi-square.
        direction = found[name] / np.linalg.norm(found[name])
        step = {"convergence": 1e-2, "shear": 1e-4, "source": 1e-1}[name]
        ahead, behind = (
            float(chi2_of(model, values, **{name: values[name] + sign * step * direction})[0])
            for sign in (1, -1)
        )
        slope = (ahead - behind) / (2 * step)
        # Rounding of chi-square, 1e-5 of 100, over the step and the slope, and rays that cross
        # into another cell.
        assert slope == pytest.approx(np.linalg.norm(found[name]), rel=3e-2)


def test_masked_pixels_have_no_part_in_the_gradient():
    model, values = scene("float32")
    spoiled = dict(values, data=np.where(values["weight"] > 0, values["data"], 1e3))
    spoiled["data"] = spoiled["data"].astype("float32")
    clean, found = gradients(model, values), gradients(model, spoiled)
    for name in UNKNOWNS:
        # Rounding: the masked residuals are multiplied by zero.
        np.testing.assert_allclose(found[name], clean[name], rtol=1e-5, atol=1e-5)


def test_a_batch_of_lenses_is_the_lenses_one_by_one(dtype):
    model, values = scene(dtype, n=4)
    together = ops.convert_to_numpy(image_of(model, values))
    alone = np.concatenate(
        [
            ops.convert_to_numpy(image_of(model, {k: v[i : i + 1] for k, v in values.items()}))
            for i in range(4)
        ]
    )
    # A library may order the additions of a batch differently.
    tolerance = {"float32": 2e-5, "float64": 1e-13}[dtype]
    np.testing.assert_allclose(together, alone, rtol=0, atol=tolerance)


def rotated(values):
    """Turn maps by 90 degrees, from columns towards rows; a shear changes its sign."""
    turned = {k: np.ascontiguousarray(np.rot90(v, axes=(1, 2))) if v.ndim == 3 else -v
              for k, v in values.items()}  # fmt: skip
    return turned


def flipped(values, axis):
    """Mirror maps; only the second component of a shear changes its sign."""
    sign = np.array([1, -1], "float32")
    return {k: np.ascontiguousarray(np.flip(v, axis)) if v.ndim == 3 else v * sign
            for k, v in values.items()}  # fmt: skip


@pytest.mark.parametrize("shape", [(14, 14), (12, 18)])
@pytest.mark.parametrize("axis", [1, 2])
def test_a_mirrored_lens_has_a_mirrored_image(shape, axis):
    model, values = scene("float32", shape)
    image = ops.convert_to_numpy(image_of(model, values))
    mirrored = ops.convert_to_numpy(image_of(model, flipped(values, axis)))
    # Rounding of ray positions, 1e-6, times slopes of about one.
    np.testing.assert_allclose(mirrored, np.flip(image, axis), rtol=0, atol=2e-5)


@pytest.mark.parametrize("shape", [(14, 14), (12, 18)])
def test_a_turned_lens_has_a_turned_image(shape):
    model, values = scene("float32", shape)
    turned_model, _ = scene("float32", shape[::-1])
    image = ops.convert_to_numpy(image_of(model, values))
    turned = ops.convert_to_numpy(image_of(turned_model, rotated(values)))
    # Rounding of ray positions, 1e-6, times slopes of about one.
    np.testing.assert_allclose(turned, np.rot90(image, axes=(1, 2)), rtol=0, atol=2e-5)


@pytest.mark.parametrize(("rows", "columns"), [(2, 0), (0, -3), (-2, 3)])
def test_a_lens_moved_by_whole_pixels_has_a_moved_image(rows, columns):
    grid = Grid((40, 44))
    model = MapModel(grid, grid, grid)

    def image(y0, x0):
        r2 = (grid.x - x0) ** 2 + (grid.y - y0) ** 2
        lens = np.exp(-r2 / 18) * (r2 < 60)
        source = np.exp(-((grid.x - x0 - 1) ** 2 + (grid.y - y0) ** 2) / 4) * (r2 < 60)
        transform = psf_transform(np.full((1, 3, 3), 1 / 9, "float32"), grid.shape)
        no_shear = np.zeros((1, 2), "float32")
        lens, source = (v.astype("float32")[None] for v in (lens, source))
        return ops.convert_to_numpy(model(lens, no_shear, source, transform, (3, 3)))[0]

    moved = image(0.5 + rows, 0.5 + columns)
    expected = np.roll(image(0.5, 0.5), (rows, columns), (0, 1))
    inside = (slice(4, -4), slice(4, -4))
    # Rounding of ray positions, 1e-5 at the field's edge, times slopes of about one.
    np.testing.assert_allclose(moved[inside], expected[inside], rtol=0, atol=5e-5)


def moments(image, grid):
    total = image.sum()
    return [np.sum(image * a * b) / total
            for a, b in ((grid.x, grid.x), (grid.y, grid.y), (grid.x, grid.y))]  # fmt: skip


@pytest.mark.parametrize(("gamma1", "gamma2"), [(0.15, 0.0), (-0.15, 0.0), (0.0, 0.15)])
def test_a_shear_stretches_a_round_source_along_its_axis(gamma1, gamma2):
    grid = Grid((64, 64))
    model = MapModel(grid, grid, grid)
    source = np.exp(-(grid.radius**2) / 32).astype("float32")[None]
    shear = np.array([[gamma1, gamma2]], "float32")
    image = ops.convert_to_numpy(model.lensed(0 * source, shear, source))[0].astype(float)
    # beta = (1 - Gamma) theta, so the image's moments are (1 - Gamma)^-2 times the source's, 16.
    inverse = np.linalg.inv(np.eye(2) - np.array([[gamma1, gamma2], [gamma2, -gamma1]]))
    expected = 16 * inverse @ inverse
    # Bilinear interpolation widens the source by at most a sixth of a squared pixel.
    found = moments(image, grid)
    np.testing.assert_allclose(found, expected[[0, 1, 0], [0, 1, 1]], rtol=0, atol=0.35)


def test_an_unlensed_source_is_its_own_image(rng):
    grid = Grid((12, 15), 0.3)
    source = rng.random((1, 12, 15)).astype("float32")
    model = MapModel(grid, grid, grid)
    image = model.lensed(0 * source, np.zeros((1, 2), "float32"), source)
    # Rounding of positions in single precision.
    np.testing.assert_allclose(ops.convert_to_numpy(image), source, rtol=0, atol=1e-5)


def test_a_uniform_source_is_uniform_however_it_is_lensed(rng):
    # Lensing conserves surface brightness; the source is wide enough to catch every ray.
    image_grid, source_grid = Grid((24, 24)), Grid((60, 60))
    model = MapModel(image_grid, image_grid, source_grid)
    convergence = rng.uniform(0, 0.8, (1, 24, 24)).astype("float32")
    image = model.lensed(
        convergence, np.full((1, 2), 0.05, "float32"), np.full((1, 60, 60), 2.0, "float32")
    )
    # Rounding: weights of four corners that sum to one.
    np.testing.assert_allclose(ops.convert_to_numpy(image), 2.0, rtol=1e-5)


def test_a_source_on_the_axis_is_a_ring_inside_which_the_mean_convergence_is_one():
    grid = Grid((96, 96))
    sigma, peak = 7.0, 3.0
    convergence = peak * np.exp(-(grid.radius**2) / (2 * sigma**2))
    source = np.exp(-(grid.radius**2) / 4.5)
    image = ops.convert_to_numpy(
        MapModel(grid, grid, grid).lensed(
            convergence.astype("float32")[None],
            np.zeros((1, 2), "float32"),
            source.astype("float32")[None],
        )
    )[0]
    found = grid.radius[(image > 0.95 * image.max()) & (grid.radius > 5)].mean()
    expected = brentq(
        lambda r: 2 * peak * (sigma / r) ** 2 * (1 - np.exp(-((r / sigma) ** 2) / 2)) - 1, 5, 40
    )
    # The ring's crest is known to a fraction of a pixel.
    assert found == pytest.approx(expected, abs=0.1)
