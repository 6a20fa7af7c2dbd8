"""Checks of the convolution with a point-spread function."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from scipy.signal import convolve2d

from rimlens.imaging import convolve, equivalent_fwhm, psf_transform
from rimlens.imaging.convolution import correlate


def blur(image, psf):
    transform = psf_transform(psf[None], image.shape)
    return ops.convert_to_numpy(convolve(image[None], transform, psf.shape))[0]


def gaussian(shape, sigma, x0=0.0, y0=0.0):
    """Return a Gaussian of flux one about the geometric center of a stamp."""
    y, x = np.indices(shape) - (np.array(shape)[:, None, None] - 1) / 2
    value = np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * sigma**2))
    return (value / (2 * np.pi * sigma**2)).astype("float32")


def centroid(image):
    y, x = np.indices(image.shape)
    image = image.astype(float)
    return np.array([np.sum(image * x), np.sum(image * y)]) / image.sum()


@settings(max_examples=30)
@given(
    ny=st.integers(3, 12),
    nx=st.integers(3, 12),
    ky=st.sampled_from([1, 3, 5, 7, 13]),
    kx=st.sampled_from([1, 3, 5, 7, 13]),
    seed=st.integers(0, 2**32 - 1),
)
def test_convolution_is_the_direct_sum(ny, nx, ky, kx, seed):
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(ny, nx)).astype("float32")
    psf = rng.uniform(0, 1, (ky, kx)).astype("float32")
    full = convolve2d(image.astype(float), psf.astype(float))
    expected = full[ky // 2 : ky // 2 + ny, kx // 2 : kx // 2 + nx]
    # Rounding: 1e-7 of the largest value, some ten times.
    np.testing.assert_allclose(blur(image, psf), expected, atol=2e-6 * psf.sum() * 4, rtol=0)


@pytest.mark.usefixtures("float64")
def test_convolution_is_the_direct_sum_in_double_precision(rng):
    image, psf = rng.normal(size=(13, 20)), rng.uniform(0, 1, (5, 9))
    expected = convolve2d(image, psf, mode="same")
    # Rounding of double precision.
    np.testing.assert_allclose(blur(image, psf), expected, rtol=0, atol=1e-12)


@settings(max_examples=15)
@given(
    shape=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    stamp=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    seed=st.integers(0, 2**32 - 1),
)
def test_correlation_is_the_adjoint_of_convolution(shape, stamp, seed):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, 1, *shape)).astype("float32")
    transform = psf_transform(rng.uniform(0, 1, (1, *stamp)).astype("float32"), shape)
    forth = np.sum(second * np.asarray(convolve(first, transform, stamp)))
    back = np.sum(first * np.asarray(correlate(second, transform, stamp)))
    # Rounding in single precision of sums of some hundred products of up to some tens.
    np.testing.assert_allclose(forth, back, rtol=0, atol=1e-3)


# Even stamps are centered between pixels, and a stamp may be longer one way than the other.
STAMPS = [(9, 9), (17, 17), (16, 16), (10, 16), (17, 12), (9, 21)]


@pytest.mark.parametrize("shape", STAMPS)
def test_convolution_keeps_flux_and_centroid(shape):
    psf = gaussian(shape, 1.3)
    psf /= psf.sum()
    image = gaussian((48, 56), 2.0, 1.7, -2.4)
    blurred = blur(image, psf)
    # Rounding in single precision over some thousand pixels.
    np.testing.assert_allclose(blurred.sum(), image.sum(), rtol=1e-5)
    np.testing.assert_allclose(centroid(blurred), centroid(image), rtol=0, atol=1e-3)


@pytest.mark.parametrize("shape", STAMPS)
def test_gaussians_convolve_to_a_gaussian_of_added_variances(shape):
    blurred = blur(gaussian((48, 48), 2.0, 0.6, -1.2), gaussian((24 + shape[0] % 2,) * 2, 1.5))
    # Pixels sample Gaussians of these widths without aliasing; a shift of half a pixel would
    # show as 3e-3.
    np.testing.assert_allclose(blurred, gaussian((48, 48), 2.5, 0.6, -1.2), rtol=0, atol=1e-5)


@pytest.mark.parametrize("shape", [(12, 12), (10, 14)])
def test_an_even_stamp_twice_is_the_direct_sum_with_its_self_convolution(shape, rng):
    psf = gaussian(shape, 1.4)
    image = np.pad(rng.uniform(0, 1, (12, 12)), 12).astype("float32")
    image = blur(image, gaussian((9, 9), 1.4))
    twice = blur(blur(image, psf), psf)
    # Two half-pixel offsets make a whole one: an odd stamp, which needs no shift.
    expected = convolve2d(image.astype(float), convolve2d(psf, psf), mode="same")
    # Of the flux that a 6-pixel edge of a 1.4-pixel Gaussian cuts off, 1e-5.
    np.testing.assert_allclose(twice, expected, rtol=0, atol=1e-4)


def test_an_image_convolved_with_one_pixel_is_the_image(dtype, rng):
    image = rng.normal(size=(9, 14)).astype(dtype)
    # Rounding.
    tolerance = {"float32": 1e-6, "float64": 1e-14}[dtype]
    np.testing.assert_allclose(blur(image, np.ones((1, 1), dtype)), image, rtol=0, atol=tolerance)


def test_light_at_one_edge_does_not_reach_the_other():
    image = np.zeros((16, 16), "float32")
    image[0] = 1.0
    blurred = blur(image, np.ones((9, 9), "float32"))
    # Rounding in single precision of values up to 9.
    np.testing.assert_allclose(blurred[5:], 0, atol=1e-5)
    np.testing.assert_allclose(blurred[4, 4:12], 9, rtol=1e-5)


def test_a_point_becomes_the_stamp_in_its_own_orientation(rng):
    image = np.zeros((11, 13), "float32")
    image[6, 5] = 2.0
    psf = rng.uniform(0, 1, (3, 5)).astype("float32")
    # Rounding in single precision.
    np.testing.assert_allclose(blur(image, psf)[5:8, 3:8], 2 * psf, rtol=0, atol=1e-5)


def test_a_psf_larger_than_the_image_is_cut_not_moved():
    image = np.zeros((5, 5), "float32")
    image[2, 2] = 1.0
    psf = gaussian((11, 11), 2.0)
    # Rounding in single precision.
    np.testing.assert_allclose(blur(image, psf), psf[3:8, 3:8], rtol=0, atol=1e-6)


def test_every_example_of_a_batch_has_its_own_psf(rng):
    images = rng.normal(size=(3, 10, 8)).astype("float32")
    psfs = rng.uniform(0, 1, (3, 5, 4)).astype("float32")
    transform = psf_transform(psfs, (10, 8))
    together = ops.convert_to_numpy(convolve(images, transform, (5, 4)))
    alone = [blur(image, psf) for image, psf in zip(images, psfs)]
    # A library may order the additions of a batch differently.
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("sigma", [1.0, 2.5])
@pytest.mark.parametrize("shape", [(31, 31), (30, 30)])
def test_equivalent_width_of_a_gaussian_is_its_own(shape, sigma):
    # The sum over pixels replaces the integral: exact but for the Gaussian's aliasing, 1e-4.
    width = equivalent_fwhm(7.0 * gaussian(shape, sigma))
    np.testing.assert_allclose(width, np.sqrt(8 * np.log(2)) * sigma, rtol=3e-4)
