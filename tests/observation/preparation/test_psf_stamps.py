"""A point-spread function keeps its width, center and place on the sky on the image's pixels."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.modeling.models import Gaussian2D, Moffat2D
from astropy.nddata import CCDData
from astropy.wcs import WCS
from photutils.psf import CircularGaussianPRF, CircularGaussianPSF, GaussianPSF, ImagePSF
from scipy.special import erf

from observation.mock_exposure import exposure, gaussian, rotated_wcs
from rimlens.errors import FileFormatError, InputError, RimlensWarning
from rimlens.observation.axes import sky_axes
from rimlens.observation.preparation.psf_stamps import psf_stamp
from rimlens.observation.preparation.stamp_grid import centered_stamp
from rimlens.observation.psf import equivalent_fwhm

SHAPE = (60, 64)
FWHM_OF_SIGMA = np.sqrt(8 * np.log(2))


def frame(rotation=37.0, pixel_scale=0.05, wcs=True):
    wcs = rotated_wcs(SHAPE, pixel_scale, rotation) if wcs else None
    return CCDData(np.zeros(SHAPE), unit="adu", wcs=wcs)


def averaged_gaussian(size, sigma):
    """Return what falls into pixels from a circular Gaussian, in closed form."""
    edges = np.arange(size + 1) - size / 2
    profile = np.diff(erf(edges / (np.sqrt(2) * sigma))) / 2
    return np.outer(profile, profile)


def elliptical(size, sigmas, angle, pixel=0.0):
    """Return an elliptical Gaussian, its first axis `angle` degrees from the x axis."""
    turn = np.deg2rad(angle)
    axes = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    covariance = axes @ np.diag(np.square(sigmas)) @ axes.T + pixel**2 / 12 * np.eye(2)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    steps = np.stack([x, y])
    power = np.einsum("iab,ij,jab->ab", steps, np.linalg.inv(covariance), steps)
    return np.exp(-power / 2), covariance


def moments(stamp):
    """Return the centroid about the stamp's center and the covariance, in the order x, y."""
    stamp = stamp / stamp.sum()
    y, x = np.indices(stamp.shape)
    center = [(n - 1) / 2 for n in stamp.shape[::-1]]
    mean = np.array([(x * stamp).sum(), (y * stamp).sum()])
    steps = np.stack([x - mean[0], y - mean[1]])
    return mean - center, np.einsum("iab,jab,ab->ij", steps, steps, stamp)


def write(path, stamp, **cards):
    header = cards.pop("header", fits.Header())
    header.update(cards)
    fits.writeto(path, stamp, header)
    return path


@pytest.mark.parametrize("fwhm", [0.15 * u.arcsec, 150 * u.mas, 3.0, 3 * u.pix])
def test_a_width_gives_a_gaussian_averaged_over_pixels(fwhm):
    stamp = psf_stamp(fwhm, frame(), 21)
    # The Gaussian is 1e-14 at the edge of the stamp.
    np.testing.assert_allclose(stamp, averaged_gaussian(21, 3 / FWHM_OF_SIGMA), atol=1e-10)


def test_default_stamp_of_a_width_holds_the_light():
    stamp = psf_stamp(3.0, frame())
    wide = psf_stamp(3.0, frame(), 59)
    half = stamp.shape[0] // 2
    middle = slice(29 - half, 30 + half)
    # Six standard deviations: 2e-9 lies beyond.
    assert wide[middle, middle].sum() == pytest.approx(1.0, abs=1e-7)


def test_models_are_averaged_over_pixels_once():
    expected = averaged_gaussian(25, 1.1)
    fwhm = 1.1 * FWHM_OF_SIGMA
    for model in (
        CircularGaussianPSF(fwhm=fwhm, x_0=12.3, y_0=-4.0),
        CircularGaussianPRF(flux=7.0, fwhm=fwhm, x_0=3.0, y_0=5.5),
        Gaussian2D(amplitude=3.0, x_mean=100.2, y_mean=3.7, x_stddev=1.1, y_stddev=1.1),
        ImagePSF(averaged_gaussian(41, 1.1)),
    ):
        # The quadrature of ten points a side is exact to rounding.
        np.testing.assert_allclose(psf_stamp(model, frame(), 25), expected, atol=1e-9)


def test_a_cuspy_model_is_averaged_over_pixels():
    model = Moffat2D(gamma=0.8, alpha=2.5)
    fine = (np.arange(15 * 101) - (15 * 101 - 1) / 2) / 101
    sums = model(*np.meshgrid(fine, fine)).reshape(15, 101, 15, 101).sum(axis=(1, 3))
    # A direct sum over 101 x 101 points is good to 1 / 101**2 of the curvature.
    np.testing.assert_allclose(psf_stamp(model, frame(), 15), sums / sums.sum(), rtol=1e-4)


def test_a_model_brings_its_own_size_or_asks_for_one():
    stamp = psf_stamp(CircularGaussianPRF(fwhm=2.0), frame())
    assert stamp[0].sum() < 1e-6
    assert stamp.shape[0] % 2 == 1
    with pytest.raises(InputError, match="size: the model Moffat2D has no bounding box"):
        psf_stamp(Moffat2D(), frame())


@pytest.mark.parametrize(("scale", "size"), [(0.01, 151), (0.0125, 120), (0.02, 91), (0.03, 61)])
def test_finer_pixels_of_a_file_become_those_of_the_image(tmp_path, scale, size):
    # Ratios of 5, 4, 2.5 and 1.67; sigma is 1.2 pixels of the image.
    path = write(tmp_path / "psf.fits", averaged_gaussian(size, 0.06 / scale), PIXELSCL=scale)
    stamp = psf_stamp(path, frame(), 23)
    mean, covariance = moments(stamp)
    np.testing.assert_allclose(mean, 0.0, atol=1e-3)
    # Where the ratio is no whole number, two pixels become one by a mean over a square that has
    # the right variance: the width is right to a thousandth, single pixels to one of the peak.
    np.testing.assert_allclose(covariance, (1.2**2 + 1 / 12) * np.eye(2), atol=3e-3)
    expected = averaged_gaussian(23, 1.2)
    np.testing.assert_allclose(stamp, expected, atol=2e-3 * expected.max())


def test_a_factor_in_the_header_needs_no_pixel_scale(tmp_path):
    path = write(tmp_path / "psf.fits", averaged_gaussian(101, 4.8), OVERSAMP=4)
    stamp = psf_stamp(path, frame(wcs=False), 19)
    # Binning an odd size by four begins with a shift by half a pixel, by cubic convolution.
    np.testing.assert_allclose(stamp, averaged_gaussian(19, 1.2), atol=1e-3 * stamp.max())


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("angle", [0.0, 23.0, 45.0, -170.0])
@pytest.mark.parametrize("scale", [0.05, 0.02])
def test_second_moments_turn_with_the_sky(tmp_path, angle, mirrored, scale):
    unit = 0.05 / scale
    stamp, covariance = elliptical(121, (2.4 * unit, 1.3 * unit), 20.0, pixel=1.0)
    wcs = rotated_wcs(stamp.shape, scale, angle)
    if mirrored:
        wcs.wcs.cd = wcs.wcs.cd @ np.diag([-1.0, 1.0])
    path = write(tmp_path / "psf.fits", stamp, header=wcs.to_header())
    image = frame(rotation=37.0)
    result = psf_stamp(path, image, 41)
    mean, found = moments(result)
    np.testing.assert_allclose(mean, 0.0, atol=1e-3)
    here = sky_axes(wcs, (60, 60))
    there = sky_axes(image.wcs, (30, 30))
    # In units of the image's pixels, less the pixels that are part of either.
    own = (covariance - np.eye(2) / 12) * (scale / 0.05) ** 2
    expected = there.T @ here @ own @ here.T @ there + np.eye(2) / 12
    # 1 % of the width is 2 % of its square, 1.7 to 5.8.
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_turning_keeps_the_width_of_a_narrow_stamp(tmp_path):
    # As undersampled as the stamps of ACS: 1.9 pixels wide.
    stamp = averaged_gaussian(41, 1.9 / FWHM_OF_SIGMA)
    path = write(
        tmp_path / "psf.fits", stamp, header=rotated_wcs((41, 41), 0.05, 70.0).to_header()
    )
    turned = psf_stamp(path, frame(rotation=20.0), 29)
    assert equivalent_fwhm(turned) == pytest.approx(equivalent_fwhm(stamp), rel=0.01)
    assert np.unravel_index(np.argmax(turned), turned.shape) == (14, 14)


def test_position_angle_turns_as_a_wcs_does(tmp_path):
    stamp, _ = elliptical(61, (3.0, 1.5), 20.0)
    wcs = rotated_wcs(stamp.shape, 0.05, 0.0)
    # Columns point 30 degrees from north to east, and rows 30 degrees from west to north.
    cosine, sine = np.cos(np.deg2rad(30.0)), np.sin(np.deg2rad(30.0))
    wcs.wcs.cd = 0.05 / 3600 * np.array([[-cosine, sine], [sine, cosine]])
    by_wcs = psf_stamp(write(tmp_path / "w.fits", stamp, header=wcs.to_header()), frame(-80.0), 31)
    by_card = psf_stamp(write(tmp_path / "o.fits", stamp, ORIENTAT=30.0), frame(-80.0), 31)
    bare = write(tmp_path / "bare.fits", stamp)
    by_hand = psf_stamp(bare, frame(-80.0), 31, position_angle=30 * u.deg)
    # Right ascensions that converge turn the WCS by 2e-4 within the frame.
    np.testing.assert_allclose(by_card, by_wcs, atol=1e-3 * by_wcs.max())
    np.testing.assert_allclose(by_hand, by_card, atol=1e-12)
    assert np.abs(psf_stamp(bare, frame(-80.0), 31) - by_card).max() > 0.1 * by_card.max()


def test_a_file_that_says_nothing_stays_as_it_is(tmp_path):
    stamp = gaussian((15, 15), 1.4)
    path = tmp_path / "psf.fits"
    psf = fits.ImageHDU(3 * stamp, name="PSF")
    fits.HDUList([fits.PrimaryHDU(np.ones((9, 9))), psf]).writeto(path)
    np.testing.assert_allclose(psf_stamp(path, frame()), stamp, rtol=1e-12)
    np.testing.assert_allclose(psf_stamp(f"{path}[PSF]", frame()), stamp, rtol=1e-12)
    np.testing.assert_allclose(psf_stamp(path, frame(), extension=0), np.ones((9, 9)) / 81)
    np.testing.assert_allclose(psf_stamp(path, exposure(SHAPE)), stamp, rtol=1e-12)


def test_pixels_larger_than_the_image_s_are_warned_of(tmp_path):
    path = write(tmp_path / "psf.fits", gaussian((31, 31), 2.0), PIXELSCL=0.1)
    with pytest.warns(
        RimlensWarning, match="its pixels are 2 times as wide as those of the image"
    ):
        stamp = psf_stamp(path, frame(), 31)
    # Interpolated: twice as many pixels wide.
    np.testing.assert_allclose(moments(stamp)[1], 16 * np.eye(2), atol=0.16)


def test_an_even_stamp_moves_onto_a_pixel():
    stamp = psf_stamp(gaussian((20, 20), 1.5), frame())
    assert stamp.shape == (19, 19)
    np.testing.assert_allclose(stamp, gaussian((19, 19), 1.5), atol=1e-3 * stamp.max())


def test_sizes_cut_and_fill():
    stamp = gaussian((15, 15), 1.4)
    np.testing.assert_allclose(psf_stamp(stamp, frame(), 25)[5:-5, 5:-5], stamp, rtol=1e-12)
    np.testing.assert_allclose(
        psf_stamp(stamp, frame(), 9), stamp[3:-3, 3:-3] / stamp[3:-3, 3:-3].sum()
    )
    assert psf_stamp(gaussian((15, 11), 1.4), frame()).shape == (11, 11)


def test_core_off_the_center_is_warned_of_and_can_be_centered():
    off = gaussian((21, 21), 1.5, shift=(1.3, -2.2))
    with pytest.warns(RimlensWarning, match="its core lies"):
        psf_stamp(off, frame())
    centered = psf_stamp(centered_stamp(off), frame())
    # Quintic splines keep a Gaussian of 1.5 pixels to a thousandth.
    np.testing.assert_allclose(centered, gaussian((21, 21), 1.5), atol=2e-3 * centered.max())


def test_a_level_of_the_sky_does_not_move_the_center():
    stamp = gaussian((31, 31), 1.5, shift=(0.4, -3.3)) + 1e-4
    mean, _ = moments(centered_stamp(stamp, 15) - 0.9e-4)
    # Within a frame of 15 pixels the level that remains pulls by little.
    np.testing.assert_allclose(mean, 0.0, atol=0.01)


@pytest.mark.parametrize(
    ("what", "options", "message"),
    [
        (2.5, {"size": 10}, "size: an odd number of pixels is wanted"),
        (-1.0, {}, "what: a positive width"),
        (np.nan, {}, "what: finite numbers are wanted"),
        (2 * u.kpc, {}, "what: pure numbers are wanted, found the unit kpc"),
        (np.full((5, 5), np.nan), {}, "25 of 25 pixels are NaN or infinite"),
        (np.zeros((5, 5)), {}, "a positive sum is wanted"),
        (gaussian((101, 101), 20.0), {}, r"the stamp of \(101, 101\) is larger than the image"),
    ],
)
def test_what_cannot_be_used_is_refused(what, options, message):
    with pytest.raises(InputError, match=message):
        psf_stamp(what, frame(), **options)


def test_an_angle_needs_a_pixel_scale():
    with pytest.raises(InputError, match="no celestial WCS and no pixel scale; give pixel_scale"):
        psf_stamp(0.1 * u.arcsec, frame(wcs=False))
    stamp = psf_stamp(0.1 * u.arcsec, frame(wcs=False), 21, pixel_scale=0.05)
    np.testing.assert_allclose(stamp, averaged_gaussian(21, 2 / FWHM_OF_SIGMA), atol=1e-8)


def test_files_that_cannot_be_used_are_named(tmp_path):
    with pytest.raises(FileFormatError, match=r"none.fits: there is no such file"):
        psf_stamp(tmp_path / "none.fits", frame())
    path = write(tmp_path / "psf.fits", np.full((5, 5), np.nan))
    with pytest.raises(InputError, match=r"psf.fits\[PRIMARY\]: psf: 25 of 25 pixels are NaN"):
        psf_stamp(path, frame())
    with pytest.raises(InputError, match=r"has no image extension 'PSF'"):
        psf_stamp(path, frame(), extension="PSF")
    path = write(tmp_path / "fine.fits", gaussian((31, 31), 3.0), PIXELSCL=0.01)
    with pytest.raises(InputError, match="no pixel scale; give pixel_scale"):
        psf_stamp(path, frame(wcs=False))


def test_elliptical_model_keeps_its_axes():
    model = GaussianPSF(x_fwhm=4.0, y_fwhm=2.5, theta=30.0)
    _, found = moments(psf_stamp(model, frame(), 41))
    _, expected = elliptical(3, (4 / FWHM_OF_SIGMA, 2.5 / FWHM_OF_SIGMA), 30.0, pixel=1.0)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_wcs_of_the_image_is_left_alone(tmp_path):
    image = frame()
    before = image.wcs.to_header_string()
    path = write(
        tmp_path / "psf.fits", gaussian((15, 15)), header=WCS(image.wcs.to_header()).to_header()
    )
    psf_stamp(path, image)
    assert image.wcs.to_header_string() == before


def test_a_width_may_be_a_text():
    image = CCDData(np.zeros((60, 60)), unit="adu")
    wanted = psf_stamp(0.12 * u.arcsec, image, 21, pixel_scale=0.05)
    np.testing.assert_array_equal(psf_stamp("0.12arcsec", image, 21, pixel_scale=0.05), wanted)
    np.testing.assert_array_equal(psf_stamp("2.4", image, 21), psf_stamp(2.4, image, 21))
    with pytest.raises(FileFormatError, match="0.12arcsecs: there is no such file"):
        psf_stamp("0.12arcsecs", image, 21, pixel_scale=0.05)
