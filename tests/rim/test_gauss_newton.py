"""Checks of the Gauss-Newton step."""

import numpy as np
import pytest
from keras import ops

from map_model import MapModel
from rimlens.imaging import Grid, chi2, psf_transform
from rimlens.rim import Architecture
from rimlens.rim.constants import CONSTANTS
from rimlens.rim.gradient import evaluate_gradient
from rimlens.rim.lens_unknowns import PixelatedLens, convergence_modes
from rimlens.rim.source_unknowns import PixelatedSource
from tiny_solver import convergence_and_shear

ARCHITECTURE = Architecture(64, 32, 2.0, 48, 1.0, latent_size=16, filters=(4,))
IMAGE, LENS, SOURCE = (
    getattr(ARCHITECTURE, f"{name}_grid") for name in ("image", "convergence", "source")
)
FORWARD = MapModel(IMAGE, LENS, SOURCE)
UNKNOWNS_OF = PixelatedLens(ARCHITECTURE), PixelatedSource(ARCHITECTURE)
PRIOR_SCALE = UNKNOWNS_OF[0].prior_scale
MODES = convergence_modes(LENS)
UNKNOWNS = len(PRIOR_SCALE)
SIGMA = 0.01


def moved(state, step):
    """Return a state after a step along the modes and the shear."""
    change = np.einsum("bm,myx->byx", step[:, :-2], MODES)
    return state[0] + change.astype("float32"), state[1] + step[:, -2:].astype("float32"), state[2]


@pytest.fixture(scope="module")
def truth():
    """An elliptical lens and a round source beside its center: an arc and a counter-image."""
    x, y = LENS.x, LENS.y
    log_kappa = np.log10(0.5 * 12.0 / np.sqrt(0.8 * x**2 + y**2 / 0.8 + 4.0))[None]
    source = np.exp(-((SOURCE.x - 3.0) ** 2 + (SOURCE.y - 2.0) ** 2) / (2 * 3.0**2))[None]
    shear = np.array([[0.3, -0.2]])
    return tuple(v.astype("float32") for v in (log_kappa, shear, source))


@pytest.fixture(scope="module")
def exposure(truth):
    psf = np.exp(-(Grid((9, 9)).radius ** 2) / (2 * 1.2**2))
    psf = psf_transform((psf / psf.sum())[None].astype("float32"), IMAGE.shape)
    image = FORWARD(*convergence_and_shear(*truth[:2]), truth[2], psf, (9, 9))
    one = np.ones((1, 64, 64), "float32")
    return ops.convert_to_numpy(image), SIGMA * one, one, psf, (9, 9)


def step_at(state, exposure):
    state = dict(zip(("convergence", "shear", "source"), state))
    found = evaluate_gradient(*UNKNOWNS_OF, state, exposure, 4)
    return ops.convert_to_numpy(found.step), ops.convert_to_numpy(found.step_error)


def half_chi2(state, exposure):
    image, sigma, weight, psf, shape = exposure
    model = FORWARD(*convergence_and_shear(*state[:2]), state[2], psf, shape)
    return float(chi2(model, image, sigma, weight)[0]) / 2


@pytest.mark.parametrize(("unknown", "change"), [(0, 0.02), (0, -0.02), (5, 0.05), (-2, 0.2)])
def test_one_step_undoes_most_of_a_small_change_at_the_true_source(
    truth, exposure, unknown, change
):
    offset = np.zeros((1, UNKNOWNS))
    offset[0, unknown] = change
    state = moved(truth, offset)
    step, _ = step_at(state, exposure)
    after = half_chi2(moved(state, step), exposure)
    # The steps along degenerate modes differ from the change; what the image sees does not.  What
    # is left of chi-square is the square of what is left of the change.
    assert after < 0.1 * half_chi2(state, exposure)


def test_steps_lead_to_the_truth_s_image(truth, exposure):
    rng = np.random.default_rng(4)
    state = moved(truth, 0.3 * PRIOR_SCALE * rng.normal(size=(1, UNKNOWNS)))
    assert half_chi2(state, exposure) > 1000
    for _ in range(6):
        state = moved(state, step_at(state, exposure)[0])
    # Noise-free data: down to a hundredth of a pixel's share in 4096.
    assert half_chi2(state, exposure) < 40


def test_the_error_of_an_unknown_is_that_of_a_parabola_through_chi2(truth, exposure):
    _, error = step_at(truth, exposure)
    for m in (0, 5, UNKNOWNS - 1):
        offset = np.zeros((1, UNKNOWNS))
        offset[0, m] = 0.3 * error[0, m]
        sides = [half_chi2(moved(truth, sign * offset), exposure) for sign in (1, -1)]
        curvature = sum(sides) / offset[0, m] ** 2
        expected = 1 / np.sqrt(1.01 * curvature + 1 / PRIOR_SCALE[m] ** 2)
        # The deflection's change is taken as constant over blocks and over the blur.
        assert error[0, m] == pytest.approx(expected, rel=0.15)


def test_no_step_is_longer_than_its_reach(truth, exposure):
    far = moved(truth, np.eye(UNKNOWNS)[:1] * 0.5)
    image, _, *rest = exposure
    step, _ = step_at(far, (image, np.full_like(image, 1e-4), *rest))
    # Rounding.
    assert np.max(np.abs(step) / PRIOR_SCALE) <= CONSTANTS.step_reach * (1 + 1e-5)


def test_without_a_source_there_is_no_step_and_the_error_is_what_was_expected(truth, exposure):
    step, error = step_at((truth[0], truth[1], 0 * truth[2]), exposure)
    np.testing.assert_array_equal(step, 0)
    # Rounding.
    np.testing.assert_allclose(error[0], PRIOR_SCALE, rtol=1e-5)
