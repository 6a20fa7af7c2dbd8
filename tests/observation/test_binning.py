"""Binning and cutting: flux, noise and masks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from observation.mock_exposure import SIGMA, exposure, gaussian
from rimlens.errors import InputError

shapes = st.tuples(st.integers(9, 40), st.integers(9, 40))


@given(shapes, st.integers(1, 9))
def test_binning_conserves_flux(shape, factor):
    observation = exposure(shape)
    binned = observation.binned(factor)
    window = tuple(slice(n % factor // 2, n % factor // 2 + n // factor * factor) for n in shape)
    assert binned.shape == tuple(n // factor for n in shape)
    assert binned.data.sum() * factor**2 == pytest.approx(
        observation.data[window].sum(), abs=1e-10
    )
    assert binned.unit == observation.unit
    assert binned.meta == observation.meta


@given(shapes, st.integers(1, 5), st.floats(0, 0.5), st.integers(0, 2**16))
def test_block_counts_only_if_all_its_pixels_do(shape, factor, fraction, seed):
    mask = np.random.default_rng(seed).random(shape) < fraction
    binned = exposure(shape, mask=mask).binned(factor)
    (y0, x0), (ny, nx) = [n % factor // 2 for n in shape], binned.shape
    for row in range(ny):
        for column in range(nx):
            y, x = y0 + row * factor, x0 + column * factor
            assert binned.mask[row, column] == mask[y : y + factor, x : x + factor].any()


def test_masked_pixels_do_not_enter_the_mean():
    data, mask = np.ones((20, 26)), np.zeros((20, 26), bool)
    data[0, 0], mask[0, 0] = 1e6, True
    mask[2:4, 2:4] = True
    binned = exposure(data=data, mask=mask).binned(2)
    assert binned.data[0, 0] == 1.0
    assert binned.data[1, 1] == 0.0
    np.testing.assert_array_equal(np.delete(binned.data.ravel(), 14), 1.0)


def test_noise_of_binned_pixels_is_that_of_many_realisations():
    rng = np.random.default_rng(3)
    shape, factor, count = (12, 15), 3, 4000
    sigma = rng.uniform(0.5, 1.5, shape)
    draws = rng.normal(size=(count, *shape)) * sigma
    blocks = draws.reshape(count, 4, 3, 5, 3).mean(axis=(2, 4))
    binned = exposure(shape, data=draws[0], uncertainty=sigma).binned(factor)
    np.testing.assert_allclose(binned.data, blocks[0], atol=1e-14)
    # A standard deviation from n draws is uncertain by 1 / sqrt(2 n); five of these are allowed.
    np.testing.assert_allclose(blocks.std(axis=0), binned.sigma, rtol=5 / np.sqrt(2 * count))


def test_binning_twice_is_binning_by_the_product():
    observation = exposure((24, 32), psf=gaussian((12, 12)))
    twice, once = observation.binned(2).binned(2), observation.binned(4)
    np.testing.assert_allclose(twice.data, once.data, atol=1e-14)
    np.testing.assert_allclose(twice.sigma, once.sigma)
    np.testing.assert_allclose(twice.wcs.wcs.crpix, once.wcs.wcs.crpix)


def test_binning_by_one_changes_nothing():
    observation = exposure()
    same = observation.binned(1)
    np.testing.assert_array_equal(same.data, observation.data)
    np.testing.assert_allclose(same.sigma, observation.sigma)
    np.testing.assert_allclose(same.psf, observation.psf)


@pytest.mark.parametrize("factor", [0, -2, 21, 2.0, "2"])
def test_factor_that_does_not_fit_is_refused(factor):
    with pytest.raises(InputError, match="factor: "):
        exposure().binned(factor)


def test_cutout_is_the_part_and_shares_nothing():
    mask = np.zeros((20, 26), bool)
    mask[7, 9] = True
    observation = exposure(mask=mask)
    part = observation.cutout(np.s_[5:-3, 4:20])
    np.testing.assert_array_equal(part.data, observation.data[5:-3, 4:20])
    np.testing.assert_array_equal(part.mask, observation.mask[5:-3, 4:20])
    np.testing.assert_array_equal(part.sigma, SIGMA)
    assert part.wcs.array_shape == part.shape == (12, 16)
    assert part.meta == observation.meta
    before = observation.data.copy()
    part.data[:], part.mask[:], part.sigma[:], part.psf[:] = 7.0, True, 7.0, 7.0
    part.meta["EXPTIME"] = 0.0
    np.testing.assert_array_equal(observation.data, before)
    assert np.count_nonzero(observation.mask) == 1
    assert observation.psf.max() < 1
    assert observation.meta["EXPTIME"] == 420.0


def test_cutout_may_be_masked_throughout():
    mask = np.zeros((20, 26), bool)
    mask[:10] = True
    part = exposure(mask=mask).cutout(np.s_[:10, :])
    assert part.mask.all()
    np.testing.assert_array_equal(part.sigma, SIGMA)


@pytest.mark.parametrize(
    ("slices", "message"),
    [
        (np.s_[3:9], "two slices without steps are wanted"),
        (np.s_[3, 4:6], "two slices without steps are wanted"),
        (np.s_[::2, :], "two slices without steps are wanted"),
        (np.s_[30:40, :], r"no pixel of an image of \(20, 26\) lies in"),
        (np.s_[9:9, :], "no pixel of an image"),
    ],
)
def test_cutout_that_is_none_is_refused(slices, message):
    with pytest.raises(InputError, match=message):
        exposure().cutout(slices)
