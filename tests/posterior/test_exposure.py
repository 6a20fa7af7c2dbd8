"""The blur of a box is a convolution, its transpose the adjoint; noise states its correlation."""

import numpy as np
import pytest
from scipy import ndimage, signal

from rimlens.posterior.exposure import Blur, Exposure

RNG = np.random.default_rng(1)
PSF = np.float32(RNG.random((7, 7)))
PSF /= PSF.sum()


def test_blur_is_a_direct_sum():
    image = RNG.random((20, 25))
    wanted = signal.convolve(image, PSF, mode="same", method="direct")
    np.testing.assert_allclose(Blur(PSF, image.shape)(image), wanted, atol=1e-5)


def test_transpose_is_the_adjoint():
    blur = Blur(PSF, (20, 25))
    a, b = RNG.random((2, 20, 25))
    assert np.vdot(blur(a), b) == pytest.approx(np.vdot(a, blur.transposed(b)), rel=1e-5)


def exposure(noise):
    return Exposure(noise, np.full(noise.shape, noise.std()), np.ones(noise.shape), PSF)


def test_independent_noise_has_no_correlation():
    noise = RNG.normal(size=(128, 128))
    assert exposure(noise).noise_correlation(0 * noise) == pytest.approx(1.0, abs=0.15)


def test_smooth_noise_has_the_correlation_of_its_kernel():
    kernel = np.outer([0.3, 1.0, 0.3], [0.3, 1.0, 0.3])
    noise = ndimage.convolve(RNG.normal(size=(128, 128)), kernel)
    wanted = kernel.sum() ** 2 / np.sum(kernel**2)
    assert exposure(noise).noise_correlation(0 * noise) == pytest.approx(wanted, rel=0.2)


def test_without_sky_noise_counts_as_independent():
    noise = ndimage.gaussian_filter(RNG.normal(size=(64, 64)), 1.0)
    assert exposure(noise).noise_correlation(np.ones((64, 64))) == 1.0


def test_foreground_and_residual_make_up_the_data():
    rng = np.random.default_rng(4)
    weight = np.ones((64, 64))
    weight[20:30, 20:30] = 0
    image, model = rng.normal(size=(2, 64, 64))
    found = Exposure(image, np.full((64, 64), 0.5), weight, PSF)
    left = 0.5 * found.residual(model) + found.foreground_of(model) + model
    np.testing.assert_allclose(left[weight > 0], image[weight > 0])
    assert np.all(found.foreground_of(model)[weight == 0] == 0)
