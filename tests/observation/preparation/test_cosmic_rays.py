"""Injected cosmic rays are masked; the core and the arcs of the lens are not."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.nddata import CCDData, StdDevUncertainty
from scipy import ndimage

from observation.preparation.mock_frame import frame, galaxy
from rimlens.errors import InputError
from rimlens.observation.preparation.cosmic_rays import mask_cosmic_rays
from rimlens.observation.preparation.frame import read_frame

FOLDER = os.environ.get("RIMLENS_TEST_DATA")
SHAPE, TIME, SKY, READ_NOISE = (140, 150), 420.0, 0.07, 4.0


def lens(fwhm=2.0):
    """Return a galaxy with a bright core, and two thin arcs with knots, seen by HST."""
    y, x = np.indices(SHAPE) - np.array([69.5, 74.5])[:, None, None]
    r, angle = np.hypot(y, x), np.arctan2(y, x)
    arcs = np.exp(-0.5 * ((r - 24) / 0.8) ** 2) * (np.abs(angle - 1) < 0.7)
    arcs += 0.5 * np.exp(-0.5 * ((r - 20) / 0.8) ** 2) * (np.abs(angle + 2) < 0.3)
    arcs[45, 75] += 3.0
    light = galaxy(SHAPE, 60.0, 4.0) + arcs
    return ndimage.gaussian_filter(light, fwhm / 2.355), arcs > 0.2


def exposure(seed=7):
    """Return a single exposure with tracks of cosmic rays, and where these are."""
    rng = np.random.default_rng(seed)
    light, arcs = lens()
    image = rng.poisson((light + SKY) * TIME) + rng.normal(0, READ_NOISE, SHAPE)
    hit = np.zeros(SHAPE, dtype=bool)
    for _ in range(60):
        start, angle, length = rng.uniform(3, 137, 2), rng.uniform(0, np.pi), rng.uniform(1, 8)
        steps = np.arange(0, length)[:, None] * [np.sin(angle), np.cos(angle)] + start
        rows, columns = np.clip(np.rint(steps).astype(int), 0, 139).T
        image[rows, columns] += rng.uniform(300, 3000)
        hit[rows, columns] = True
    return image / TIME, hit, arcs


def test_injected_cosmic_rays_are_masked_and_the_lens_is_not():
    data, hit, arcs = exposure()
    found = mask_cosmic_rays(frame(data, EXPTIME=TIME), grow=0)
    # Those in the core drown in its photons; of the rest, nearly all pixels.
    assert np.mean(found.mask[hit]) > 0.9
    wrong = found.mask & ~ndimage.binary_dilation(hit, np.ones((3, 3)))
    assert np.count_nonzero(wrong) <= 3
    assert not (wrong & arcs).any()
    y, x = np.indices(SHAPE)
    core = np.hypot(y - 69.5, x - 74.5) < 6
    assert not (wrong & core).any()


@pytest.mark.parametrize(("fwhm", "contrast"), [(1.6, 10.0), (1.8, 5.0), (2.0, 5.0), (4.0, 5.0)])
def test_nothing_is_masked_in_an_exposure_without_cosmic_rays(fwhm, contrast):
    light, _ = lens(fwhm)
    rng = np.random.default_rng(3)
    data = (rng.poisson((light + SKY) * TIME) + rng.normal(0, READ_NOISE, SHAPE)) / TIME
    found = mask_cosmic_rays(frame(data, EXPTIME=TIME), contrast=contrast, grow=0)
    # Of 21000 pixels of normal noise, the threshold of 4.5 lets pass hardly one.
    assert np.count_nonzero(found.mask) <= 2


def test_sky_and_units_do_not_matter():
    data, _, _ = exposure()
    reference = mask_cosmic_rays(frame(data, EXPTIME=TIME)).mask
    subtracted = mask_cosmic_rays(frame(data - SKY, EXPTIME=TIME)).mask
    counts = CCDData(data * TIME / 2, unit="adu", meta={"GAIN": 2.0})
    # The sky's level is measured with the same pixels, so that rounding alone is left.
    assert np.mean(subtracted != reference) < 1e-3
    assert np.mean(mask_cosmic_rays(counts).mask != reference) < 1e-3


def test_without_exposure_time_the_lens_is_kept_too():
    data, hit, arcs = exposure()
    found = mask_cosmic_rays(frame(data), grow=0)
    assert np.mean(found.mask[hit]) > 0.85
    assert not (found.mask & arcs & ~ndimage.binary_dilation(hit, np.ones((3, 3)))).any()


def test_the_noise_of_the_frame_is_used():
    data, hit, _ = exposure()
    image = frame(data)
    # With such noise nothing is significant.
    image.uncertainty = StdDevUncertainty(np.full(SHAPE, 100.0))
    assert not mask_cosmic_rays(image).mask.any()


def test_what_was_masked_stays_so_and_nothing_else_changes():
    data, _, _ = exposure()
    image = frame(data, EXPTIME=TIME)
    image.mask = np.zeros(SHAPE, dtype=bool)
    image.mask[10:20, 10:20] = True
    found = mask_cosmic_rays(image)
    assert found.mask[image.mask].all()
    assert image.mask.sum() == 100
    np.testing.assert_array_equal(found.data, data)


def test_growing_adds_the_neighbors():
    data, _, _ = exposure()
    bare = mask_cosmic_rays(frame(data, EXPTIME=TIME), grow=0).mask
    grown = mask_cosmic_rays(frame(data, EXPTIME=TIME), grow=2).mask
    np.testing.assert_array_equal(grown, ndimage.maximum_filter(bare, 5))


@pytest.mark.parametrize("name", ["threshold", "neighbor_threshold", "contrast", "grow"])
def test_numbers_that_make_no_sense_are_refused(name):
    with pytest.raises(InputError, match=f"{name}: a number of at least 0"):
        mask_cosmic_rays(frame(exposure()[0]), **{name: -1.0})


@pytest.mark.skipif(
    FOLDER is None, reason="RIMLENS_TEST_DATA is not set: to the folder that holds hst_raw_wcs/"
)
def test_real_single_exposures_have_cosmic_rays_and_a_combined_one_has_none():
    for path in sorted(Path(FOLDER).glob("hst_raw_wcs/*.fits")):
        image = read_frame(path)
        found = mask_cosmic_rays(image, grow=0)
        if image.meta["NCOMBINE"] == 4:
            assert not found.mask.any()
            continue
        # Dozens of tracks a field of 98 square arcseconds.
        assert 100 < found.mask.sum() < 1500
        # The core of each lens lies in the middle, which no track hit.
        assert not found.mask[96:103, 96:103].any()
