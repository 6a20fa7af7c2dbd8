"""Checks of point-spread functions: their models, their sampling, and what they leave in place."""

import numpy as np
import pytest
from astropy import units as u
from astropy.convolution import convolve as astropy_convolve
from astropy.nddata import NDData
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from photutils.psf import CircularGaussianPRF, GriddedPSFModel, ImagePSF, MoffatPSF
from scipy.special import erf

from rimlens.errors import InputError, RimlensWarning
from rimlens.imaging import PSF, equivalent_fwhm
from rimlens.imaging.blur import Blur


def blurred(psf, light, oversampling=1):
    shape = tuple(n // oversampling for n in light.shape)
    blur = Blur(psf, shape, oversampling, str(light.dtype))
    return ops.convert_to_numpy(blur(light[None])[0])[0]


def centroid(image):
    y, x = np.indices(image.shape)
    image = image.astype(float)
    return np.array([np.sum(image * x), np.sum(image * y)]) / image.sum()


def models(size, oversampling=1):
    return {
        "gaussian": PSF.gaussian(0.12, 0.05, oversampling, size),
        "moffat": PSF.moffat(0.12, 3.0, 0.05, oversampling, size),
        "airy": PSF.airy(0.15, 0.05, oversampling, size),
    }


@pytest.mark.parametrize("size", [3, 5, 17, 18])
@pytest.mark.parametrize("name", ["gaussian", "moffat", "airy"])
def test_a_point_keeps_its_place_and_flux(name, size):
    light = np.zeros((48, 51), "float32")
    light[22, 27] = 3.0
    image = blurred(models(size)[name], light)
    # The project's own bounds.
    assert image.sum() == pytest.approx(3.0, rel=1e-5)
    np.testing.assert_allclose(centroid(image), [27, 22], rtol=0, atol=1e-3)


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(st.integers(6, 12), st.integers(6, 12)),
    k=st.tuples(st.sampled_from([1, 3, 5]), st.sampled_from([1, 3, 5])),
    seed=st.integers(0, 2**31),
)
def test_small_stamps_are_summed_directly_as_astropy_does(shape, k, seed):
    rng = np.random.default_rng(seed)
    stamp, light = rng.uniform(0.9, 1, k), rng.normal(size=shape).astype("float32")
    expected = astropy_convolve(light, stamp, boundary="fill", normalize_kernel=True)
    # Rounding in single precision.
    np.testing.assert_allclose(blurred(PSF(stamp), light), expected, rtol=0, atol=1e-5)


def test_a_gaussian_is_averaged_over_pixels():
    psf = PSF.gaussian(fwhm=0.1, pixel_scale=0.05, size=15)
    sigma = 2 / np.sqrt(8 * np.log(2)) * np.sqrt(2)
    edges = np.arange(16) - 7.5
    mean = np.diff(erf(edges / sigma)) / 2
    # Five points a side in the place of the integral.
    np.testing.assert_allclose(psf.stamps[0], np.outer(mean, mean), rtol=0, atol=1e-3)


def test_models_have_the_widths_they_are_given():
    for psf in (PSF.gaussian(0.4, 0.05, size=61), PSF.moffat(0.4, 50.0, 0.05, size=61)):
        # A Moffat profile of a high power is nearly a Gaussian; pixels widen a little.
        assert equivalent_fwhm(psf.stamps[0]) == pytest.approx(8.0, rel=0.03)
    airy = PSF.airy(0.4, 0.05, size=41).stamps[0][20]
    assert np.argmin(airy[20:32]) == 8  # the first dark ring


@pytest.mark.parametrize("model", [CircularGaussianPRF(fwhm=2.4), MoffatPSF(alpha=2.0, beta=2.5)])
def test_a_model_of_photutils_gives_its_own_pixels(model):
    psf = PSF.from_model(model, size=11)
    y, x = np.indices((11, 11)) - 5.0
    if isinstance(model, MoffatPSF):
        inside = (np.arange(5) - 2) / 5
        values = sum(model(x + a, y + b) for a in inside for b in inside)
    else:
        values = model(x, y)
    # The same formula; rounding.
    np.testing.assert_allclose(psf.stamps[0], values / values.sum(), rtol=1e-12)


def test_an_image_psf_is_sampled_at_the_centers_of_pixels():
    y, x = np.indices((41, 41)) - 20.0
    fine = ImagePSF(np.exp(-(x**2 + y**2) / (2 * 6.0**2)), oversampling=4)
    psf = PSF.from_model(fine, size=9)
    y, x = np.indices((9, 9)) - 4.0
    values = np.exp(-(x**2 + y**2) / (2 * 1.5**2))
    # Spline interpolation by photutils falls on its own samples.
    np.testing.assert_allclose(psf.stamps[0], values / values.sum(), rtol=0, atol=1e-6)


def test_a_grid_of_psfs_gives_one_for_every_position():
    y, x = np.indices((25, 25)) - 12.0
    stars = np.stack([np.exp(-(x**2 + y**2) / (2 * s**2)) / s**2 for s in (2.0, 2.0, 4.0, 4.0)])
    corners = [(0, 0), (0, 100), (100, 0), (100, 100)]
    grid = GriddedPSFModel(NDData(stars, meta={"grid_xypos": corners, "oversampling": 1}))
    psf = PSF.from_model(grid, size=15, positions=[(0, 50), (50, 50), (100, 50)])
    assert len(psf) == 3
    widths = [equivalent_fwhm(stamp) for stamp in psf.stamps]
    assert widths[0] < widths[1] < widths[2]
    expected = stars[0][5:20, 5:20] / stars[0][5:20, 5:20].sum()
    # At the edge of the grid of stars the interpolation is one of them.
    np.testing.assert_allclose(psf.stamps[0], expected, rtol=0, atol=1e-6)


def test_an_oversampled_psf_binned_is_the_native_one():
    for name, fine in models(60, oversampling=4).items():
        coarse = models(15)[name]
        # Five points a pixel against four times five, and what the stamp's edge cuts off.
        np.testing.assert_allclose(
            fine.binned(4).stamps[0], coarse.stamps[0], rtol=0, atol=2e-3, err_msg=name
        )


def test_the_light_of_sub_pixels_is_averaged():
    light = np.random.default_rng(1).normal(size=(8, 12)).astype("float32")
    expected = light.reshape(4, 2, 6, 2).mean(axis=(1, 3))
    # Rounding in single precision.
    np.testing.assert_allclose(blurred(None, light, 2), expected, rtol=0, atol=1e-6)


def test_a_stamp_is_normalized():
    np.testing.assert_allclose(PSF(np.full((3, 3), 7.0)).stamps.sum(), 1.0, rtol=1e-12)


def test_a_stamp_off_its_center_is_warned_of_once():
    stamp = np.zeros((7, 7))
    stamp[3, 5] = 1.0
    with pytest.warns(RimlensWarning, match=r"its core lies \+2.00 columns") as found:
        Blur(PSF(stamp), (10, 10), 1, "float32")
    assert len(found) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PSF(np.ones(5)), r"psf: a stamp \(ky, kx\) or a batch of them is wanted"),
        (lambda: PSF(np.zeros((0, 3))), "psf: a stamp"),
        (lambda: PSF("star"), "psf: numbers are wanted, found 'star'"),
        (lambda: PSF([[np.inf]]), "psf: finite numbers are wanted, found 1 of 1"),
        (lambda: PSF(-np.ones((3, 3))), "psf: a positive sum is wanted, found -9"),
        (lambda: PSF(np.ones((3, 3)), oversampling=0), "a positive integer is wanted, found 0"),
        (lambda: PSF(np.ones((3, 3)), variance=np.ones((5, 5))), r"variance: the shape of the"),
        (lambda: PSF(np.ones((3, 3)), variance=-np.ones((3, 3))), "not negative are wanted"),
        (lambda: PSF.gaussian(-0.1, 0.05), "fwhm: one positive angle is wanted, found -0.1"),
        (lambda: PSF.gaussian(0.1, 0.0), "pixel_scale: one positive angle is wanted, found 0"),
        (lambda: PSF.moffat(0.1, 1.0, 0.05), "beta: a number above 1 is wanted, found 1"),
        (lambda: PSF.airy(np.nan, 0.05), "radius: one positive angle is wanted, found nan"),
        (lambda: PSF.from_model(np.sin), "model: a point-spread function of photutils is wanted"),
        (
            lambda: PSF.from_model(CircularGaussianPRF(fwhm=2.0), oversampling=2),
            "oversampling: 1 is wanted for CircularGaussianPRF, which contains the response",
        ),
        (lambda: PSF(np.ones((3, 3)), 2).binned(3), "that can be divided by 3"),
        (
            lambda: Blur(PSF(np.ones((3, 3)), 2, np.ones((3, 3))), (9, 9), 2, "float32"),
            "psf: variance: a point-spread function with the image's own pixels is wanted",
        ),
    ],
)
def test_what_is_no_psf_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda size, scale: PSF.gaussian(size, scale),
        lambda size, scale: PSF.moffat(size, 3.0, scale),
        lambda size, scale: PSF.airy(size, scale),
    ],
)
def test_widths_have_units(make):
    np.testing.assert_array_equal(
        make(100 * u.mas, 0.05 * u.arcsec).stamps, make(0.1, 0.05).stamps
    )
    with pytest.raises(InputError, match="a unit like arcsec is wanted, found the unit kpc"):
        make(1 * u.kpc, 0.05)
