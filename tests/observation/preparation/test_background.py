"""The sky that was put behind sources is the sky that is subtracted."""

import numpy as np
import pytest
from astropy.nddata import CCDData

from observation.mock_exposure import exposure
from observation.preparation.mock_frame import frame, galaxy
from rimlens.errors import InputError
from rimlens.observation.preparation.background import subtract_background
from rimlens.observation.preparation.blank import blank_pixels

SIGMA = 0.01


def noise(shape, seed=1):
    return np.random.default_rng(seed).normal(0.0, SIGMA, shape)


def method(image):
    return image.meta["PREPARATION"][-1].split("method=")[1].split(",")[0]


def test_a_constant_behind_a_lens_is_found_in_a_small_cutout():
    shape = (120, 130)
    light = galaxy(shape, 20.0, 6.0)
    found = subtract_background(frame(0.3 + light + noise(shape)))
    assert method(found) == "constant"
    # The mode of 5000 pixels is known to 2 % of their scatter; the wings of the galaxy, which
    # end nowhere, raise it: here by less than half the noise of a pixel.
    assert found.meta["SKY"] == pytest.approx(0.3, abs=0.5 * SIGMA)
    np.testing.assert_allclose(found.data + found.meta["SKY"], 0.3 + light + noise(shape))


def test_a_slope_is_followed_in_a_large_frame():
    shape = (400, 420)
    y, x = np.indices(shape)
    slope = 0.2 + 1e-4 * x - 5e-5 * y
    rng = np.random.default_rng(2)
    light = sum(galaxy(shape, 5.0, 1.5, center=rng.uniform(20, 380, 2)) for _ in range(25))
    found = subtract_background(frame(slope + light + noise(shape)), box_size=50)
    assert method(found) == "boxes"
    level = slope + light + noise(shape) - found.data
    inner = np.s_[50:-50, 50:-50]
    # A box has 2500 pixels, so that its level is known to 2 % of the noise, 0.0002; wings of the
    # galaxies add to it.
    assert np.abs(level - slope)[inner].max() < 0.4 * SIGMA
    # Half of the slope itself would be 0.02.
    assert np.std((level - slope)[inner]) < 0.1 * SIGMA


def test_the_border_is_used_where_light_fills_the_frame():
    shape = (60, 60)
    found = subtract_background(frame(0.3 + galaxy(shape, 200.0, 40.0) + noise(shape)))
    assert method(found) == "border"
    # What is subtracted is no brighter than the border.
    border = 0.3 + galaxy(shape, 200.0, 40.0)
    border[6:-6, 6:-6] = np.nan
    assert np.nanmin(border) < found.meta["SKY"] < np.nanmax(border)


def test_blank_sky_without_sources_keeps_nearly_all_its_pixels():
    data = noise((200, 200))
    blank, border = blank_pixels(data, np.zeros(data.shape, dtype=bool))
    assert not border
    # A threshold of 3 standard deviations marks few peaks of noise.
    assert np.mean(blank) > 0.9
    # Leaving out peaks must not make the sky darker: 5 % of the noise.
    assert np.mean(data[blank]) == pytest.approx(0.0, abs=0.05 * SIGMA)


def test_masked_pixels_have_no_say():
    data = noise((100, 100))
    data[:, :50] += 1.0
    image = frame(data)
    image.mask = np.zeros(data.shape, dtype=bool)
    image.mask[:, :50] = True
    # 5000 pixels: 1.4 % of the noise.
    assert subtract_background(image).meta["SKY"] == pytest.approx(0.0, abs=0.1 * SIGMA)


def test_levels_of_two_subtractions_add_up_and_the_input_stays():
    image = frame(0.3 + noise((80, 80)))
    before = image.data.copy()
    first = subtract_background(image)
    second = subtract_background(first)
    np.testing.assert_array_equal(image.data, before)
    # A second subtraction changes only what rounding and clipping leave.
    assert second.meta["SKY"] == pytest.approx(first.meta["SKY"], abs=0.05 * SIGMA)
    assert len(second.meta["PREPARATION"]) == 2


def test_an_observation_stays_one_with_its_noise():
    observation = exposure((60, 60), data=0.5 + noise((60, 60)))
    found = subtract_background(observation)
    assert type(found) is type(observation)
    np.testing.assert_array_equal(found.sigma, observation.sigma)
    np.testing.assert_array_equal(found.psf, observation.psf)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"box_size": 0}, "box_size: a positive"),
        ({"box_size": 2.5}, "box_size: a whole"),
        ({"box_size": (1, 2, 3)}, "box_size: one number or two"),
        ({"filter_size": 2}, "filter_size: an odd"),
    ],
)
def test_sizes_that_are_none_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        subtract_background(frame(noise((30, 30))), **options)


def test_a_frame_without_pixels_is_refused():
    empty = CCDData(np.ones((9, 9)), unit="adu", mask=np.ones((9, 9), dtype=bool))
    with pytest.raises(InputError, match="all pixels are masked"):
        subtract_background(empty)
