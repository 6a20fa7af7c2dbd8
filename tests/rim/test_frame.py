"""Checks of bringing an observation to a solver's grid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rimlens import Observation
from rimlens.errors import InputError
from rimlens.rim.preparation import frame_observation


def observation(shape, mask=None, light=0.0):
    rng = np.random.default_rng(1)
    return Observation(
        light + rng.normal(size=shape),
        uncertainty=np.full(shape, 0.5),
        psf=np.ones((3, 3)),
        wcs=None,
        pixel_scale=0.05,
        mask=mask,
    )


def ring(shape, radius):
    """Return a mask that leaves a disc of `radius` pixels about the center."""
    y, x = np.indices(shape) - (np.array(shape)[:, None, None] - 1) / 2
    return np.hypot(x, y) > radius


@settings(max_examples=20)
@given(ny=st.integers(5, 32), nx=st.integers(5, 32))
def test_a_small_image_is_padded_and_comes_back(ny, nx):
    seen = observation((ny, nx))
    frame = frame_observation(seen, 32)
    assert frame.binning == 1
    padded = frame.padded(seen.data, -7.0)
    assert padded.shape == (32, 32)
    assert np.count_nonzero(padded == -7.0) == 32**2 - ny * nx
    np.testing.assert_array_equal(frame.trimmed(padded), seen.data)
    # The image's center is the grid's, to half a pixel where one size is odd.
    x, y = frame.center
    assert abs(x - (nx - 1) / 2) <= 0.5
    assert abs(y - (ny - 1) / 2) <= 0.5


@settings(max_examples=20)
@given(ny=st.integers(20, 90), nx=st.integers(20, 90))
def test_a_large_image_is_binned_by_the_smallest_factor_with_which_it_fits(ny, nx):
    # Light all over, of which nothing may be cut off.
    frame = frame_observation(observation((ny, nx), light=5.0), 32)

    def kept(factor):
        my, mx = ny // factor, nx // factor
        return min(my, 32) * min(mx, 32) / (my * mx)

    expected = next(factor for factor in range(1, 9) if kept(factor) >= 0.98)
    assert frame.binning == expected
    assert max(frame.observation.shape) <= 32


def test_an_image_whose_margin_is_masked_is_cropped_not_binned():
    seen = observation((71, 80), ring((71, 80), 15))
    frame = frame_observation(seen, 32)
    assert frame.binning == 1
    assert frame.observation.shape == (32, 32)
    assert np.count_nonzero(~frame.observation.mask) >= 0.98 * np.count_nonzero(~seen.mask)


@pytest.mark.parametrize("shape", [(64, 96), (30, 20), (71, 80), (33, 100)])
def test_the_center_of_the_grid_is_the_image_s_center_on_the_sky(shape):
    seen = observation(shape)
    frame = frame_observation(seen, 32)
    found = seen.wcs.world_to_pixel(frame.observation.wcs.pixel_to_world(*frame.center))
    shift = np.array(found) - (np.array(shape[::-1]) - 1) / 2
    # Rows that fill no block are cut off, and where one size is odd and the other even the centers
    # of pixels and grid lie half a pixel apart.
    assert np.abs(shift).max() <= 0.5 * frame.binning + 0.5 * (frame.binning - 1) + 1e-6


def test_an_observation_without_a_pixel_is_refused():
    with pytest.raises(InputError, match="every pixel is masked; at least one must count"):
        frame_observation(observation((20, 20), np.ones((20, 20), bool)), 32)


def test_a_margin_of_blank_sky_is_cut_off_and_light_is_not():
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:48, :48] - 23.5
    ring = 20 * np.exp(-0.5 * ((np.hypot(x, y) - 10) / 1.5) ** 2)
    beyond = 3 * np.exp(-0.5 * ((x - 22) ** 2 + y**2) / 2.0**2)
    for image, binning in ((ring, 1), (ring + beyond, 2)):
        observation = Observation(
            image + rng.normal(0, 1, image.shape),
            uncertainty=np.ones(image.shape),
            psf=np.ones((3, 3)),
            wcs=None,
            pixel_scale=0.05,
        )
        frame = frame_observation(observation, 40)
        assert frame.binning == binning
        assert max(frame.observation.shape) == (40 if binning == 1 else 24)
