"""Checks of what is made of an image: noise, neighbors, denoising, fields and their PSFs."""

import astropy.units as u
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from cosmos_files import CORRELATION, PIXEL_SCALE, SIGMA, blob, galaxy_image, psf_image
from rimlens.datasets.cosmos import (
    NoCentralObjectError,
    RealGalaxy,
    StampSettings,
    center_psf,
    correlated_noise,
    denoise,
    filtered_deviation,
    half_light_radius,
    homogenize,
    inverse_starlet,
    isolate,
    make_stamp,
    noise_correlation,
    resample,
    starlet,
    taper,
)
from rimlens.errors import InputError
from rimlens.imaging import equivalent_fwhm

WHITE = np.array([[1.0]])


def real_galaxy(image, ident=7, sky=0.0, variance=SIGMA**2):
    psf = psf_image()
    return RealGalaxy(ident, image, psf / psf.sum(), PIXEL_SCALE, sky, variance)


def noise(shape, seed):
    return SIGMA * correlated_noise(shape, CORRELATION, np.random.default_rng(seed))


def test_drawn_noise_has_its_covariance():
    fields = np.array([noise((64, 48), seed) for seed in range(40)]) / SIGMA
    for (dy, dx), wanted in np.ndenumerate(CORRELATION):
        moved = np.roll(fields, (dy - 2, dx - 2), axis=(1, 2))[:, 2:-2, 2:-2]
        found = (moved * fields[:, 2:-2, 2:-2]).mean()
        # 40 x 60 x 44 pixels, of which some three agree with each other.
        assert found == pytest.approx(wanted, abs=0.02)


def test_measured_correlation_is_that_of_the_noise_and_galaxies_do_not_count():
    galaxies = [
        real_galaxy(noise((80, 80), seed) + galaxy_image((80, 80)) + 0.01, sky=0.01)
        for seed in range(40)
    ]
    found = noise_correlation(galaxies)
    assert found.shape == (7, 7)
    # The mean over the rim, which is subtracted, is known to 0.01.
    assert np.allclose(found[1:-1, 1:-1], CORRELATION, atol=0.03)
    assert np.allclose(found, found[::-1, ::-1])


def test_correlation_cannot_be_measured_where_all_is_light():
    with pytest.raises(InputError, match="empty pixels are wanted"):
        noise_correlation([real_galaxy(np.ones((64, 64)))])


def test_deviation_of_filtered_noise_is_that_of_draws():
    kernel = blob((9, 9), sigma=1.5)
    kernel /= kernel.sum()
    filtered = [ndimage.convolve(noise((64, 64), seed), kernel, mode="wrap") for seed in range(20)]
    found = np.std(np.array(filtered)[:, 5:-5, 5:-5]) / SIGMA
    assert found == pytest.approx(filtered_deviation(kernel, CORRELATION), rel=0.05)


@given(
    scales=st.integers(1, 5),
    shape=st.tuples(st.integers(16, 40), st.integers(16, 40)),
    seed=st.integers(0, 99),
)
def test_starlet_transform_has_an_inverse(scales, shape, seed):
    image = np.random.default_rng(seed).normal(size=shape)
    planes = starlet(image, scales)
    assert planes.shape == (scales + 1, *shape)
    assert np.allclose(inverse_starlet(planes), image, rtol=0, atol=1e-12)
    # Mirrored edges keep sums: all of the flux is in the coarsest plane.
    assert planes.sum(axis=(1, 2)) == pytest.approx([0.0] * scales + [image.sum()], abs=1e-9)


@pytest.mark.parametrize(("flux", "most"), [(4.0, 0.1), (20.0, 0.1), (100.0, 0.35)])
def test_denoising_takes_most_of_the_error_and_keeps_the_flux(flux, most):
    truth = ndimage.gaussian_filter(galaxy_image(flux=flux), 1.5)
    ratios, kept = [], []
    for seed in range(6):
        data = truth + noise(truth.shape, seed)
        found = denoise(data, SIGMA**2, CORRELATION)
        ratios.append(np.mean((found - truth) ** 2) / np.mean((data - truth) ** 2))
        kept.append(found.sum() / data.sum())
    assert np.mean(ratios) < most
    assert kept == pytest.approx(np.ones(6), abs=5e-3)


def test_correlated_noise_taken_for_white_is_left_in_the_image():
    empty = noise((64, 64), 1)
    right, wrong = (denoise(empty, SIGMA**2, rho) for rho in (CORRELATION, WHITE))
    # The coarsest plane is kept, in which noise is a ninth of a pixel's.
    assert right.std() < 0.15 * SIGMA
    assert wrong.std() > 2 * right.std()


def test_image_without_noise_is_left_alone():
    truth = galaxy_image()
    # Without negative coefficients it is reached slowly: in twenty steps to this.
    assert np.allclose(denoise(truth, 1e-16, WHITE), truth, atol=0.02 * truth.max())


@pytest.mark.parametrize("fill", ["noise", "zero"])
def test_a_neighbor_is_removed_and_the_galaxy_kept(fill):
    shape = (80, 72)
    alone = galaxy_image(shape) + 0.02 + noise(shape, 1)
    neighbor = 0.2 * blob(shape, 26, 28, 2.5)
    found = isolate(real_galaxy(alone + neighbor, sky=0.02), CORRELATION, fill)
    assert found.neighbors == 1
    assert found.footprint[40, 36]
    core = neighbor > 0.1
    assert np.abs(found.image[core]).max() < 5 * SIGMA
    assert (found.image[core].std() > 0) == (fill == "noise")
    far = neighbor < 1e-12
    assert np.array_equal(found.image[far], (alone + neighbor - 0.02)[far])


def test_neighbors_may_be_kept_and_noise_is_the_same_each_time():
    shape = (80, 72)
    image = galaxy_image(shape) + 0.2 * blob(shape, 26, 28, 2.5) + noise(shape, 1)
    kept = isolate(real_galaxy(image), CORRELATION, "keep")
    assert kept.neighbors == 1
    assert np.array_equal(kept.image, image)
    one, two, other = (
        isolate(real_galaxy(image, ident), CORRELATION).image for ident in (7, 7, 8)
    )
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_clumps_that_touch_the_galaxy_belong_to_it():
    found = isolate(real_galaxy(galaxy_image() + noise((64, 64), 1)), CORRELATION)
    assert found.neighbors == 0
    assert found.footprint[36, 38]


@pytest.mark.parametrize(
    "image", [np.zeros((64, 64)), noise((64, 64), 2), blob((64, 64), 25, 25, 2)]
)
def test_stamp_without_a_galaxy_in_its_middle_is_refused(image):
    with pytest.raises(NoCentralObjectError, match="an object in its middle is wanted"):
        isolate(real_galaxy(image), CORRELATION)


def test_what_neighbors_are_filled_with_is_checked():
    with pytest.raises(InputError, match="one of noise, zero, keep is wanted, found 'sky'"):
        isolate(real_galaxy(galaxy_image()), CORRELATION, "sky")


@pytest.mark.parametrize("new_scale", [0.02, 0.0236, 0.05, 0.08])
@pytest.mark.parametrize("shape", [(64, 64), (63, 60)])
def test_resampling_keeps_brightness_flux_and_center(new_scale, shape):
    image = blob(shape, 2.0, -3.0, 5.0)
    n = int(2 * 36 * PIXEL_SCALE / new_scale)
    found = resample(image, PIXEL_SCALE, new_scale, (n, n + 1))
    assert found.sum() * new_scale**2 == pytest.approx(image.sum() * PIXEL_SCALE**2, rel=2e-3)
    y, x = (np.arange(m) - (m - 1) / 2 for m in found.shape)
    center = (found.sum(axis=0) @ x, found.sum(axis=1) @ y) / found.sum() * new_scale
    assert center / PIXEL_SCALE == pytest.approx([2.0, -3.0], abs=0.05)
    # A kernel of 1.5 pixels of the coarser grid takes a little from the peak.
    assert found.max() == pytest.approx(1.0, abs=0.12)


def test_resampling_leaves_uniform_brightness_alone():
    found = resample(np.ones((40, 40)), 0.03, 0.05, (16, 16))
    assert found == pytest.approx(np.ones((16, 16)), abs=1e-6)


@pytest.mark.parametrize("shape", [(5, 5), (12, 11), (20, 21)])
def test_the_same_pixel_scale_pads_and_crops_only(shape):
    image = np.random.default_rng(1).normal(size=(11, 12))
    found = resample(image, 0.03, 0.03, shape)
    assert found.shape == shape
    inside = np.isin(found[found != 0], image)
    assert inside.all()
    assert inside.sum() == min(11, shape[0]) * min(12, shape[1])


def test_taper_ends_in_zero_and_leaves_the_middle_alone():
    found = taper(np.ones((40, 30)), 0.2)
    assert np.all(found[[0, -1]] == 0)
    assert np.all(found[:, [0, -1]] == 0)
    assert np.all(found[9:-9, 7:-7] == 1)
    assert np.all(np.diff(found[20, :15]) >= 0)
    assert np.array_equal(taper(found, 0.0), found)


def test_half_light_radius_of_a_gaussian():
    image = blob((81, 81), 3.3, -1.7, 8.0)
    found = half_light_radius(image, np.ones(image.shape, bool))
    # sigma sqrt(2 ln 2), to the width of a ring of pixels.
    assert found == pytest.approx(8.0 * np.sqrt(2 * np.log(2)), rel=0.01)


def test_homogenised_image_has_the_point_spread_function_that_is_wanted():
    psf = center_psf(psf_image())
    assert psf.shape == (31, 31)
    scene = np.zeros((64, 64))
    scene[30, 35] = 1.0
    image = ndimage.convolve(scene, psf, mode="constant")
    found, new_psf = homogenize(image, psf, 6.0)
    wanted = blob((64, 64), 3.5, -1.5, 6.0 / 2.3548)
    assert np.allclose(found / found.max(), wanted, atol=0.01)
    assert found.sum() == pytest.approx(1.0, abs=1e-3)
    assert equivalent_fwhm(new_psf) == pytest.approx(6.0, rel=0.01)


def test_point_spread_function_cannot_be_made_narrower():
    with pytest.raises(InputError, match="psf_fwhm: at least the 3.77 pixels"):
        homogenize(np.zeros((8, 8)), center_psf(psf_image()), 2.0)


@pytest.mark.parametrize("scale", [0.03, 0.05])
def test_widths_that_a_stamp_tells_are_those_of_a_point_source(scale):
    psf = psf_image((61, 61))
    image = 10 * psf
    galaxy = RealGalaxy(1, image, psf / psf.sum(), 0.03, 0.0, 1e-8)
    stamp = make_stamp(galaxy, WHITE, StampSettings(scale, 41, denoise=False, taper=0.0))
    assert stamp.psf_fwhm == pytest.approx(2.3548 * 1.6 * 0.03, rel=0.01)
    assert stamp.psf.shape == (2 * int(np.ceil(0.75 / scale)) + 1,) * 2
    assert stamp.psf.sum() == pytest.approx(1.0)
    assert equivalent_fwhm(stamp.brightness) * scale == pytest.approx(
        stamp.effective_psf_fwhm, rel=0.01
    )
    assert stamp.flux == pytest.approx(9.8, rel=1e-3)
    assert stamp.map_flux == pytest.approx(9.8, rel=2e-3)


def test_a_map_is_the_surface_brightness_of_the_image():
    image = galaxy_image((64, 64))
    settings = StampSettings(0.03, 96, "keep", denoise=False, taper=0.0)
    stamp = make_stamp(real_galaxy(image), CORRELATION, settings)
    assert np.allclose(stamp.brightness[16:-16, 16:-16], image / 0.03**2, rtol=1e-6)
    assert np.all(stamp.brightness[:16] == 0)
    assert stamp.map_flux == pytest.approx(20.0, rel=1e-5)
    assert stamp.brightness.dtype == np.float32


def test_large_stamps_are_cropped_and_tapered_at_the_edge_of_the_field():
    image = blob((150, 150), sigma=40)
    settings = StampSettings(0.03, 64, denoise=False, taper=0.25)
    stamp = make_stamp(real_galaxy(image), CORRELATION, settings)
    assert np.all(stamp.brightness[[0, -1]] == 0)
    assert stamp.brightness[32, 32] == pytest.approx(1 / 0.03**2, rel=0.01)
    assert stamp.map_flux < 0.5 * stamp.flux


@pytest.mark.parametrize(
    ("wrong", "wanted"),
    [
        ({"pixel_scale": -1.0}, "pixel_scale: one positive angle"),
        ({"pixel_scale": 1 * u.kg}, "pixel_scale: a unit like arcsec"),
        ({"psf_fwhm": "wide"}, "psf_fwhm: numbers are wanted"),
        ({"size": 2}, "size: an integer of at least 4"),
        ({"size": 64.0}, "size: an integer"),
        ({"neighbors": "none"}, "neighbors: one of noise"),
        ({"taper": 0.6}, "taper: a number from 0 to 0.5"),
    ],
)
def test_settings_are_checked(wrong, wanted):
    with pytest.raises(InputError, match=wanted):
        StampSettings(**wrong)


def test_lengths_of_settings_may_have_units():
    settings = StampSettings(40 * u.mas, psf_fwhm=0.005 * u.arcmin)
    assert settings.pixel_scale == pytest.approx(0.04)
    assert settings.psf_fwhm == pytest.approx(0.3)
