"""Checks of the preconditioned likelihood gradient."""

import numpy as np
import pytest
from keras import ops

from map_model import MapModel
from rimlens import backend
from rimlens.imaging import Grid, chi2, psf_transform, reduced_chi2
from rimlens.rim import Architecture
from rimlens.rim.gradient import evaluate_gradient, no_gradient
from rimlens.rim.lens_unknowns import PixelatedLens
from rimlens.rim.source_unknowns import PixelatedSource
from tiny_solver import convergence_and_shear

ARCHITECTURE = Architecture(24, 12, 2.0, 18, 1.0, latent_size=6, filters=(4,))
IMAGE, LENS, SOURCE = (
    getattr(ARCHITECTURE, f"{name}_grid") for name in ("image", "convergence", "source")
)
FORWARD = MapModel(IMAGE, LENS, SOURCE)
UNKNOWNS = PixelatedLens(ARCHITECTURE), PixelatedSource(ARCHITECTURE)
NAMES = ("convergence", "shear", "source")


def gradient_at(state, exposure):
    """Return the gradient at a state as a dict, with its maps beside the rest."""
    found = evaluate_gradient(*UNKNOWNS, dict(zip(NAMES, state)), exposure, 4)
    values = {**found.__dict__, **found.maps}
    del values["maps"]
    return values


@pytest.fixture(scope="module")
def state():
    rng = np.random.default_rng(2)
    log_kappa = np.log10(4.0 / np.hypot(LENS.radius, 2.0))[None] + 0.02 * rng.normal(
        size=(2, 12, 12)
    )
    source = np.exp(-(SOURCE.radius**2) / 18)[None] * [[[1.0]], [[0.6]]]
    shear = rng.normal(0, 0.3, (2, 2))
    return tuple(v.astype("float32") for v in (log_kappa, shear, source))


@pytest.fixture(scope="module")
def exposure():
    rng = np.random.default_rng(3)
    image = rng.normal(0.3, 0.3, (2, 24, 24)).astype("float32")
    sigma = rng.uniform(0.05, 0.2, image.shape).astype("float32")
    weight = (rng.random(image.shape) < 0.85).astype("float32")
    psf = np.exp(-(Grid((5, 5)).radius ** 2) / 2)
    psf = np.repeat(psf[None] / psf.sum(), 2, axis=0).astype("float32")
    return image, sigma, weight, psf_transform(psf, IMAGE.shape), (5, 5)


@pytest.fixture(scope="module")
def gradient(state, exposure):
    values = gradient_at(state, exposure)
    return {name: ops.convert_to_numpy(value) for name, value in values.items()}


def half_chi2(state, exposure):
    image, sigma, weight, psf, psf_shape = exposure
    convergence, shear = convergence_and_shear(state[0], state[1])
    model = FORWARD(convergence, shear, state[2], psf, psf_shape)
    return ops.convert_to_numpy(chi2(model, image, sigma, weight)).astype(float) / 2


def changed(state, index, change):
    return tuple(v + change if i == index else v for i, v in enumerate(state))


def slope(state, exposure, index, direction, step):
    """Return the derivative of half chi-square along a direction, by central differences."""
    up, down = (
        half_chi2(changed(state, index, sign * step * direction.astype("float32")), exposure)
        for sign in (1, -1)
    )
    return (up - down) / (2 * step)


def test_source_direction_is_the_finite_difference_over_the_rays_that_hit_a_pixel(
    state, exposure, gradient
):
    image, sigma, weight, psf, psf_shape = exposure
    # Every source pixel alone, lensed: how many rays, weighted, hit it.
    units = np.eye(324, dtype="float32").reshape(324, 18, 18)
    for i in range(2):
        repeated = [np.repeat(v[i : i + 1], 324, axis=0) for v in state[:2]]
        lensed = FORWARD.lensed(*convergence_and_shear(*repeated), units)
        inverse_variance = (weight[i] / sigma[i] ** 2).astype(float)
        rays = np.sum(inverse_variance * ops.convert_to_numpy(lensed), axis=(1, 2)).reshape(18, 18)
        for pixel in [(8, 8), (5, 9), (10, 3), (2, 2)]:
            direction = np.zeros_like(state[2])
            direction[(i, *pixel)] = 1.0
            # Half chi-square is quadratic in the source, so a central difference is exact.
            expected = -slope(state, exposure, 2, direction, 1.0)[i]
            expected /= rays[pixel] + 0.1 * rays.max() + 1e-6
            # Rounding of chi-square, 1e-7 of 10^4, over weights of some hundred.
            assert gradient["source"][(i, *pixel)] == pytest.approx(expected, rel=2e-3, abs=1e-4)


@pytest.mark.parametrize("step", [0.05, 0.2, 0.5, 1.0])
def test_source_direction_lowers_chi2(state, exposure, gradient, step):
    moved = changed(state, 2, step * gradient["source"])
    assert np.all(half_chi2(moved, exposure) < half_chi2(state, exposure))


def test_many_steps_along_the_source_direction_reach_a_fit(state, exposure):
    image = FORWARD(*convergence_and_shear(*state[:2]), state[2], *exposure[3:])
    exposure = (ops.convert_to_numpy(image), *exposure[1:])
    here = changed(state, 2, -state[2])
    before = half_chi2(here, exposure)
    for _ in range(30):
        step = gradient_at(here, exposure)["source"]
        here = changed(here, 2, ops.convert_to_numpy(step))
    # The iteration is known to converge; thirty steps take away all but a thousandth.
    assert np.all(half_chi2(here, exposure) < 2e-3 * before)


def test_convergence_direction_has_unit_size_and_lowers_chi2(state, exposure, gradient):
    direction = gradient["convergence"]
    np.testing.assert_allclose(np.sqrt(np.mean(direction**2, axis=(1, 2))), 1, rtol=1e-4)
    assert np.all(slope(state, exposure, 0, direction, 1e-3) < 0)


def test_residual_and_chi2_are_those_of_the_state(state, exposure, gradient):
    image, sigma, weight, psf, psf_shape = exposure
    model = FORWARD(*convergence_and_shear(*state[:2]), state[2], psf, psf_shape)
    expected = weight * (image - ops.convert_to_numpy(model)) / sigma
    # Rounding in single precision, in units of the noise.
    np.testing.assert_allclose(gradient["residual"], expected, rtol=0, atol=1e-4)
    expected = ops.convert_to_numpy(reduced_chi2(model, image, sigma, weight))
    np.testing.assert_allclose(gradient["reduced_chi2"], expected, rtol=1e-5)


def striped(shift):
    """Return a state and an exposure that shows a striped source, its rays displaced along x."""
    log_kappa = np.full((1, 12, 12), -5.0, "float32")
    fine = np.broadcast_to(np.sin(SOURCE.x / 1.5), SOURCE.shape)[None]
    state = log_kappa, np.zeros((1, 2), "float32"), fine.astype("float32")
    image = np.broadcast_to(np.sin((IMAGE.x + shift) / 1.5), IMAGE.shape)[None]
    weight = (np.abs(IMAGE.x) < 6) & (np.abs(IMAGE.y) < 6)
    sigma = np.full((1, 24, 24), 0.1, "float32")
    psf = psf_transform(np.ones((1, 1, 1), "float32"), IMAGE.shape)
    return state, (image.astype("float32"), sigma, weight[None].astype("float32"), psf, (1, 1))


@pytest.mark.parametrize("shift", [-0.2, 0.1, 0.3])
def test_displacement_recovers_a_small_shift_of_the_source(shift):
    found = gradient_at(*striped(shift))["displacement"]
    found = ops.convert_to_numpy(found)[0]
    # Blocks of 4 pixels that are wholly inside the mask.
    inside = found[2:4, 2:4]
    # The tenth of a typical curvature that damps the step, most of whose blocks are empty, and the
    # curvature of the stripes over the shift.
    np.testing.assert_allclose(inside[..., 0], shift, rtol=0.2)
    # Stripes do not change along y.
    np.testing.assert_allclose(inside[..., 1], 0, atol=1e-4)


def test_no_displacement_is_read_where_no_pixel_counts():
    found = gradient_at(*striped(0.2))["displacement"]
    found = ops.convert_to_numpy(found)[0]
    # Blocks outside the mask; rounding.
    assert np.abs(found[0]).max() < 1e-6
    assert np.abs(found[:, 5]).max() < 1e-6


def test_nothing_flows_back_through_a_gradient(state, exposure):
    def total(*state):
        return sum(ops.sum(v) for v in gradient_at(state, exposure).values()), ()

    _, derivatives = backend.value_and_grad(total, state)
    assert not any(np.any(ops.convert_to_numpy(d)) for d in derivatives)


def test_an_empty_model_fits_as_badly_as_the_image_is_bright(exposure):
    image, sigma, weight, _, _ = exposure
    found = no_gradient(*UNKNOWNS, exposure, 4)
    np.testing.assert_array_equal(ops.convert_to_numpy(found.residual), weight * image / sigma)
    expected = np.sum(weight * (image / sigma) ** 2, axis=(1, 2)) / weight.sum(axis=(1, 2))
    # Rounding in single precision.
    np.testing.assert_allclose(ops.convert_to_numpy(found.reduced_chi2), expected, rtol=1e-5)


def test_the_first_call_s_gradient_is_shaped_as_any_other(state, exposure, gradient):
    first = no_gradient(*UNKNOWNS, exposure, 4)
    for name, value in {**first.__dict__, **first.maps}.items():
        if name != "maps":
            assert tuple(value.shape) == gradient[name].shape, name


def test_a_batch_with_an_empty_mask_and_a_dark_source_stays_finite(state, exposure):
    image, sigma, weight, psf, psf_shape = exposure
    empty = image, sigma, 0 * weight + np.float32([[[0.0]], [[1.0]]]), psf, psf_shape
    found = gradient_at(changed(state, 2, -state[2]), empty)
    for name in ("convergence", "source", "step", "step_error", "displacement"):
        assert np.all(np.isfinite(ops.convert_to_numpy(found[name]))), name
