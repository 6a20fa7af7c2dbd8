"""The noise that is estimated is the noise that was put in."""

import os
import warnings
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, InverseVariance, StdDevUncertainty
from scipy import ndimage

from observation.mock_exposure import exposure
from observation.preparation.mock_frame import counted, frame, galaxy
from rimlens.errors import InputError, RimlensWarning
from rimlens.observation.preparation.background import subtract_background
from rimlens.observation.preparation.frame import read_frame
from rimlens.observation.preparation.noise_map import (
    drizzle_noise_ratio,
    estimate_noise,
    noise_correlation,
)

FOLDER = os.environ.get("RIMLENS_TEST_DATA")
SHAPE, TIME, SKY = (150, 160), 1000.0, 0.2
LIGHT = galaxy(SHAPE, 60.0, 5.0)


def estimated(rate, **options):
    return estimate_noise(subtract_background(frame(rate, EXPTIME=TIME)), **options)


def test_noise_of_sky_and_light_is_that_of_the_photons():
    found = estimated(counted(SKY + LIGHT, TIME, read_noise=5.0)).uncertainty.array
    expected = np.sqrt((SKY + LIGHT) / TIME + 25.0 / TIME**2)
    # Of a pixel's own photons, 1000 times 0.2 at least, the noise follows to 4 %, and the sky's
    # scatter to 1 %.
    ratio = found / expected
    assert np.median(ratio) == pytest.approx(1.0, abs=0.03)
    bright = LIGHT > 1.0
    assert bright.sum() > 50
    assert np.median(ratio[bright]) == pytest.approx(1.0, abs=0.03)
    assert ratio.std() < 0.04


def test_gain_and_time_count_as_electrons_do():
    electrons = counted(SKY + LIGHT, TIME)
    reference = estimated(electrons).uncertainty.array
    counts = CCDData(electrons * TIME / 2.0, unit="adu", meta={"CCDGAIN": 2.0})
    found = estimate_noise(subtract_background(counts)).uncertainty.array
    # The same image in other units; exact but for rounding.
    np.testing.assert_allclose(found * 2.0 / TIME, reference, rtol=1e-6)


def test_pixels_that_were_exposed_longer_have_less_noise():
    times = np.full(SHAPE, TIME)
    times[:, :80] = TIME / 4
    rng = np.random.default_rng(4)
    rate = rng.poisson((SKY + LIGHT) * times) / times
    image = subtract_background(frame(rate, EXPTIME=TIME, EXPOSURE_MAP=times))
    found = estimate_noise(image)
    expected = np.sqrt((SKY + LIGHT) / times)
    for side in (np.s_[:, :80], np.s_[:, 80:]):
        # The clipped scatter of both sides together is between them; the typical time is that
        # of either, since each covers half.
        ratio = np.median(found.uncertainty.array[side] / expected[side])
        assert 0.6 < ratio < 1.65
    ratio = np.median(found.uncertainty.array[:, :80]) / np.median(found.uncertainty.array[:, 80:])
    assert ratio == pytest.approx(2.0, rel=0.05)
    assert "EXPOSURE_MAP" not in found.meta


def published_ratio(drop, pixel):
    """Return R by a sum over all offsets of a drop from an output pixel, in both directions."""
    x = np.linspace(-3, 3, 600001)
    step = x[1] - x[0]
    overlap = np.clip(
        np.minimum(x + drop / 2, pixel / 2) - np.maximum(x - drop / 2, -pixel / 2), 0, None
    )
    # Noise of the weighted mean of drops, and of a mean over the area of the pixel, squared.
    single = (overlap**2).sum() * step / (overlap.sum() * step) ** 2
    return 1 / (single * pixel)


@pytest.mark.parametrize(
    ("drop", "pixel", "table"),
    [(1.0, 1.0, 1.5), (0.8, 1.0, 1.364), (0.6, 1.0, 1.25), (0.8, 0.6, None), (1.0, 0.5, None)],
)
def test_the_noise_ratio_of_drizzling_is_the_published_one(drop, pixel, table):
    header = {"D001PIXF": drop, "D001SCAL": pixel * 0.05, "D001ISCL": 0.05}
    found = drizzle_noise_ratio(header)
    # The sum has steps of 1e-5.
    assert found == pytest.approx(published_ratio(drop, pixel), rel=1e-4)
    if table is not None:
        # Printed with four digits.
        assert found == pytest.approx(table, abs=6e-4)


@pytest.mark.parametrize(
    "header", [{}, {"D001PIXF": 1.0}, {"D001PIXF": 1.0, "D001SCAL": 0.05, "D001KERN": "lanczos3"}]
)
def test_without_keywords_of_square_drops_there_is_no_ratio(header):
    assert drizzle_noise_ratio(header) is None


def test_correlation_of_smoothed_noise_is_that_of_its_kernel():
    kernel = np.array([[0.0, 0.2, 0.0], [0.3, 1.0, 0.1], [0.0, 0.4, 0.0]])
    white = np.random.default_rng(0).normal(size=(400, 400))
    found = noise_correlation(frame(ndimage.convolve(white, kernel)), lags=2)
    expected = np.zeros((5, 5))
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            expected[2 + dy, 2 + dx] = sum(
                kernel[i, j] * kernel[i + dy, j + dx]
                for i in range(3)
                for j in range(3)
                if 0 <= i + dy < 3 and 0 <= j + dx < 3
            )
    # Four times the error of a lag, 1 / 400 and a third more as the noise is correlated.
    np.testing.assert_allclose(found, expected / expected[2, 2], atol=0.013)
    np.testing.assert_allclose(found, found[::-1, ::-1], atol=1e-12)


def drizzled(rate, drop=1.0, exposures=16, seed=6):
    """Drizzle exposures at random offsets onto pixels of the detector's size, by the overlap."""
    rng = np.random.default_rng(seed)
    total = np.zeros(rate.shape)
    for _ in range(exposures):
        image = rng.poisson(rate * TIME / exposures) / (TIME / exposures)
        for axis in (0, 1):
            # A drop of the pixel's size covers one pixel by 1 - f and the next by f.
            f = rng.uniform()
            image = (1 - f) * image + f * np.roll(image, 1, axis=axis)
        total += image
    return total / exposures


def test_drizzling_lowers_the_noise_of_light_as_it_does_that_of_the_sky():
    light = np.zeros((200, 200))
    light[60:140, 60:140] = 3.0
    keywords = {"D001PIXF": 1.0, "D001SCAL": 0.05, "D001ISCL": 0.05, "EXPTIME": TIME}
    image = frame(drizzled(SKY + light) - SKY, **keywords)
    # Where the light is even, the noise is the scatter of the pixels.
    inner = np.s_[70:130, 70:130]
    expected = np.std(image.data[inner])
    found = estimate_noise(image).uncertainty.array
    # The scatter of 3600 pixels, correlated, is known to 2 %; sixteen random offsets lower the
    # noise by 1.5 to 5 %.
    assert np.median(found[inner]) == pytest.approx(expected, rel=0.07)
    # Without the ratio of 1.5 it is off by half.
    naive = estimate_noise(image, noise_ratio=1.0).uncertainty.array
    assert np.median(naive[inner]) > 1.35 * expected


def test_the_measured_ratio_is_that_of_drizzling():
    found = estimate_noise(frame(drizzled(np.full((300, 300), SKY)) - SKY, EXPTIME=TIME))
    # Sixteen offsets scatter about the 1.5 of uniform ones.
    assert found.meta["NOISE_RATIO"] == pytest.approx(1.5, abs=0.1)


def test_noise_of_the_frame_is_kept_and_checked():
    rate = counted(np.full(SHAPE, SKY), TIME) - SKY
    sigma = np.sqrt(SKY / TIME)
    image = frame(rate)
    image.uncertainty = InverseVariance(np.full(SHAPE, sigma**-2))
    found = estimate_noise(image)
    assert isinstance(found.uncertainty, StdDevUncertainty)
    np.testing.assert_allclose(found.uncertainty.array, sigma, rtol=1e-12)
    image.uncertainty = StdDevUncertainty(np.full(SHAPE, 2 * sigma))
    with pytest.warns(RimlensWarning, match=r"2\.0\d times"):
        estimate_noise(image)


def test_a_wrong_exposure_time_contradicts_the_photons_of_the_sky():
    image = subtract_background(frame(counted(np.full(SHAPE, SKY), TIME), EXPTIME=TIME / 4))
    with pytest.warns(RimlensWarning, match="exposure time or the gain too small.* of 4"):
        estimate_noise(image)


def test_a_drizzle_keyword_that_the_sky_contradicts_is_told():
    keywords = {"D001PIXF": 1.0, "D001SCAL": 0.02, "D001ISCL": 0.05, "EXPTIME": TIME}
    image = frame(counted(np.full(SHAPE, SKY), TIME) - SKY, **keywords)
    with pytest.warns(RimlensWarning, match=r"by its header.*2\.88.*noise_ratio="):
        estimate_noise(image)


@pytest.mark.parametrize(
    ("unit", "meta", "options", "words"),
    [
        ("electron / s", {}, {}, "no keyword EXPTIME.*exposure_time="),
        ("adu", {}, {}, "no keyword CCDGAIN.*gain="),
        ("nJy", {"EXPTIME": 30.0}, {}, "nJy.*gain="),
        ("electron / s", {}, {"exposure_time": -1.0}, "exposure_time: a positive"),
        ("adu", {}, {"gain": np.nan}, "gain: a positive"),
        ("electron", {}, {"noise_ratio": 0.5}, "noise_ratio: a number of at least 1"),
    ],
)
def test_what_is_missing_is_asked_for(unit, meta, options, words):
    image = CCDData(counted(np.full((60, 60), SKY), TIME), unit=unit, meta=meta)
    with pytest.raises(InputError, match=words):
        estimate_noise(image, **options)


def test_a_frame_without_noise_is_refused():
    with pytest.raises(InputError, match="no scatter"):
        estimate_noise(frame(np.ones((30, 30)), EXPTIME=TIME))


def test_an_observation_stays_one():
    found = estimate_noise(exposure((60, 60)))
    assert type(found).__name__ == "Observation"
    assert found.unit == u.electron / u.s


@pytest.mark.skipif(
    FOLDER is None, reason="RIMLENS_TEST_DATA is not set: to the folder that holds slacs0946/"
)
def test_noise_of_a_real_lens_is_the_published_one_from_sky_to_core():
    folder = Path(FOLDER) / "slacs0946"
    image = read_frame(folder / "data.fits", unit="electron/s", pixel_scale=0.05)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Its noise map has 2000 s at the bright end.
        found = estimate_noise(subtract_background(image), exposure_time=2000.0)
    published = fits.getdata(folder / "noise_map.fits")
    ratio = found.uncertainty.array * found.meta["NOISE_RATIO"] / published
    # The published map is that of the weights, before drizzling lowered the noise of pixels; the
    # measured ratio is known to 5 %.
    for low, high in ((-1, 0.02), (0.02, 0.1), (0.1, 1.0), (1.0, 5.0)):
        where = (image.data > low) & (image.data < high)
        assert np.median(ratio[where]) == pytest.approx(1.0, abs=0.12)
