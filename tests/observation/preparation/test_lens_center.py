"""The center of a lens galaxy is found beside bright arcs, and nothing where none is."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.nddata import CCDData, NDData, StdDevUncertainty

from observation.mock_exposure import exposure, rotated_wcs
from observation.preparation.lens_image import NOISE, arc, galaxy, image_of
from rimlens import Observation
from rimlens.errors import InputError, RimlensWarning
from rimlens.observation.preparation.lens_center import center_on_lens, find_lens_center
from rimlens.observation.preparation.steps import steps_of

FOLDER = os.environ.get("RIMLENS_TEST_DATA")
real_lenses = pytest.mark.skipif(
    not FOLDER,
    reason="RIMLENS_TEST_DATA is not set: to the folder that holds hst_lenses/, 27 lenses of HST",
)
SHAPE = (120, 120)


def arcs(center, peak=1.0, radius=1.1):
    return (
        arc(center, radius, 0.4, 0.5, peak=peak),
        arc(center, 0.75 * radius, 3.7, 0.3, peak=0.6 * peak),
    )


def frame(data, **changes):
    return CCDData(data, unit="adu", wcs=rotated_wcs(data.shape), **changes)


@pytest.mark.parametrize("peak", [0.2, 1.0, 1.5])
@pytest.mark.parametrize("seed", range(4))
def test_center_is_found_to_a_fraction_of_a_pixel_beside_arcs_as_bright_as_the_lens(peak, seed):
    offset = np.random.default_rng(seed).uniform(-10, 10, 2)
    center = 59.5 + offset
    data = image_of(SHAPE, galaxy(center), *arcs(center, peak), seed=seed)
    # A core of 0.1 arcsec at a signal-to-noise of 100 a pixel: 0.02 pixels, and what the wings of
    # the arcs pull.
    np.testing.assert_allclose(find_lens_center(frame(data)), center, atol=0.1)


def test_a_full_ring_does_not_hide_the_lens():
    center = np.array([64.2, 55.1])
    ring = arc(center, 0.9, 0.0, 100.0, peak=1.5)
    data = image_of(SHAPE, galaxy(center, peak=0.8), ring)
    np.testing.assert_allclose(find_lens_center(frame(data)), center, atol=0.1)


def test_nothing_is_found_where_no_lens_galaxy_is():
    center = (59.5, 59.5)
    assert find_lens_center(frame(image_of(SHAPE))) is None
    for seed in range(3):
        assert find_lens_center(frame(image_of(SHAPE, *arcs(center), seed=seed))) is None
    core = np.hypot(*(np.indices(SHAPE) - 59.5)) < 8
    data = image_of(SHAPE, galaxy(center), *arcs(center))
    assert find_lens_center(frame(data, mask=core)) is None


def test_position_says_where_to_search():
    first, second = (40.0, 60.0), (90.0, 61.3)
    data = image_of(SHAPE, galaxy(first, 0.3), galaxy(second, 0.3, peak=3.0))
    image = frame(data)
    for position, expected in (((42, 57), first), ((88, 60), second)):
        sky = image.wcs.pixel_to_world(*position)
        np.testing.assert_allclose(find_lens_center(image, position), expected, atol=0.1)
        np.testing.assert_allclose(find_lens_center(image, sky), expected, atol=0.1)
    assert find_lens_center(image, (65, 20)) is None


@pytest.mark.parametrize("shape", [(61, 61), (60, 60), (61, 70)])
@pytest.mark.parametrize("position", [(33.3, 27.8), (21.49, 40.51), (30.0, 30.0)])
def test_the_lens_lies_in_the_middle_within_half_a_pixel(shape, position):
    data = np.random.default_rng(3).normal(size=shape)
    image = exposure(shape, data=data, uncertainty=1.0 + np.abs(data))
    before = data.copy()
    new = center_on_lens(image, position)
    place = new.wcs.world_to_pixel(image.wcs.pixel_to_world(*position))
    middle = [(n - 1) / 2 for n in shape[::-1]]
    # Rounding of the WCS.
    assert np.abs(np.subtract(place, middle)).max() <= 0.5 + 1e-6
    assert new.shape == shape
    dx, dy = (round(float(p - q)) for p, q in zip(place, position))
    rows, columns = np.nonzero(~new.mask)
    np.testing.assert_array_equal(new.data[rows, columns], data[rows - dy, columns - dx])
    np.testing.assert_array_equal(new.sigma[rows, columns], image.sigma[rows - dy, columns - dx])
    assert new.mask.sum() == data.size - (shape[0] - abs(dy)) * (shape[1] - abs(dx))
    np.testing.assert_array_equal(image.data, before)
    np.testing.assert_array_equal(new.psf, image.psf)


def test_a_lens_off_the_middle_is_brought_there():
    center = np.array([69.4, 55.2])
    data = image_of(SHAPE, galaxy(center), *arcs(center))
    mask = np.zeros(SHAPE, dtype=bool)
    mask[3, 3] = True
    image = frame(data, mask=mask, uncertainty=StdDevUncertainty(np.full(SHAPE, NOISE)))
    new = center_on_lens(image)
    assert isinstance(new, CCDData)
    found = find_lens_center(new)
    assert np.abs(np.array(found) - 59.5).max() <= 0.6
    old = find_lens_center(image)
    # It is the same place on the sky.
    moved = new.wcs.world_to_pixel(image.wcs.pixel_to_world(*old))
    np.testing.assert_allclose(moved, found, atol=0.01)
    assert new.mask.sum() > 1
    assert "found=True" in steps_of(new)[-1]


def test_nothing_to_find_is_warned_of_and_the_image_left():
    image = frame(image_of(SHAPE, *arcs((59.5, 59.5))))
    with pytest.warns(RimlensWarning, match="no lens galaxy was found within 1 arcsec"):
        assert center_on_lens(image) is image


def test_positions_that_cannot_be_used_are_refused():
    image = NDData(np.ones((20, 20)))
    sky = rotated_wcs((20, 20)).pixel_to_world(3, 4)
    with pytest.raises(InputError, match="is on the sky, but the frame has no celestial WCS"):
        center_on_lens(image, sky)
    with pytest.raises(InputError, match=r"position: two numbers are wanted, found \(1, 2, 3\)"):
        center_on_lens(image, (1, 2, 3))
    with pytest.raises(InputError, match="lies outside the image"):
        center_on_lens(image, (3, 25))
    with pytest.raises(InputError, match="no celestial WCS and no pixel scale"):
        find_lens_center(image)


@real_lenses
def test_centers_of_real_lenses_are_found_and_those_without_their_light_are_not():
    paths = sorted(Path(FOLDER, "hst_lenses").glob("*.fits"))
    assert len(paths) == 27
    for path in paths:
        observation = Observation.read(path, data="SCI")
        # The published masks hide the core of the lens, about its center.
        image = NDData(observation.data, wcs=observation.wcs)
        x, y = find_lens_center(image)
        rows, columns = np.nonzero(observation.mask)
        core = np.hypot(columns - x, rows - y) * observation.pixel_scale.value < 0.4
        hole = np.array([columns[core].mean(), rows[core].mean()])
        # Their centers are those of whole pixels.
        offset = np.hypot(*(hole - (x, y))) * observation.pixel_scale.value
        assert offset < 0.12, path.name
        assert find_lens_center(Observation.read(path, data="LENSSUB")) is None, path.name
