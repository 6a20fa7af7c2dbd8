"""Which point-spread functions are accepted, and what binning does to them."""

import numpy as np
import pytest
from astropy.utils.masked import Masked
from hypothesis import given
from hypothesis import strategies as st

from observation.mock_exposure import exposure, gaussian
from rimlens.errors import InputError, RimlensWarning
from rimlens.observation.psf import bin_psf


def moments(psf):
    """Return centroid about the stamp's center and variance, along rows and columns."""
    axes = [np.arange(n) - (n - 1) / 2 for n in psf.shape]
    profiles = psf.sum(axis=1), psf.sum(axis=0)
    means = [(a * p).sum() for a, p in zip(axes, profiles)]
    return np.array(means), np.array(
        [((a - m) ** 2 * p).sum() for a, p, m in zip(axes, profiles, means)]
    )


@pytest.mark.parametrize("total", [0.94, 0.999, 1.0, 1.02, 3e4])
def test_psf_is_normalized_silently(total):
    psf = exposure(psf=total * gaussian()).psf
    assert psf.sum() == pytest.approx(1.0, rel=1e-14)
    np.testing.assert_allclose(psf, gaussian(), rtol=1e-12)


@pytest.mark.parametrize("shape", [(9, 9), (8, 8), (7, 10), (1, 1), (20, 26)])
def test_odd_even_and_rectangular_stamps_are_accepted(shape):
    assert exposure(psf=gaussian(shape)).psf.shape == shape


@pytest.mark.parametrize(
    ("psf", "message"),
    [
        (np.zeros((5, 5)), "a positive sum is wanted, found 0"),
        (-gaussian(), "a positive sum is wanted, found -1"),
        (np.where(gaussian() < 1e-4, np.nan, gaussian()), "pixels are NaN or infinite"),
        (np.ones(5), r"two axes are wanted, found the shape \(5,\)"),
        (np.ones((0, 3)), "two axes are wanted"),
        ("psf.fits", "psf: an array of numbers is wanted"),
        (None, "has no point-spread function"),
        (Masked(gaussian(), mask=np.eye(9, dtype=bool)), "psf: 9 of 81 values are masked"),
        (np.ma.masked_less(gaussian(), 1e-4), "values are masked; repair them first"),
        (np.ones((21, 27)), r"the stamp of \(21, 27\) is larger than the image of \(20, 26\)"),
        (gaussian((31, 9)), r"the stamp of \(31, 9\) is larger than the image"),
    ],
)
def test_unfit_psf_is_refused(psf, message):
    with pytest.raises(InputError, match=message):
        exposure((20, 26), psf=psf)


def test_stamp_with_faint_wings_beyond_the_size_of_the_image_is_accepted():
    # HST stamps of 61 pixels come with images of 50.
    psf = gaussian((61, 61), 1.5)
    assert exposure((50, 50), psf=psf).psf.shape == (61, 61)


@pytest.mark.parametrize("shape", [(9, 9), (8, 8)])
def test_core_off_the_center_is_warned_of(shape):
    exposure(psf=gaussian(shape, shift=(0.3, -0.3)))
    with pytest.warns(RimlensWarning, match=r"its core lies -1\.00 columns and \+1\.00 rows off"):
        exposure(psf=gaussian(shape, shift=(1.0, -1.0)))


def test_even_stamp_with_its_core_on_a_pixel_is_warned_of():
    with pytest.warns(RimlensWarning, match=r"its core lies \+0\.50 columns and \+0\.50 rows off"):
        exposure(psf=gaussian((10, 10), shift=(0.5, 0.5)))


@given(st.tuples(st.integers(1, 24), st.integers(1, 24)), st.integers(1, 6), st.integers(0, 2**16))
def test_binning_keeps_the_sum_and_the_symmetry(shape, factor, seed):
    psf = np.random.default_rng(seed).random(shape)
    psf = psf + psf[::-1, ::-1]
    binned = bin_psf(psf, factor)
    assert binned.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(binned, binned[::-1, ::-1], atol=1e-12)
    assert all(m * factor >= n for m, n in zip(binned.shape, shape))


@pytest.mark.parametrize("size", [31, 32])
@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_binning_adds_the_variance_of_the_larger_pixel_and_moves_nothing(size, factor, shift):
    psf = gaussian((size, size), 2.5, shift=(shift, 0.0))
    (mean, variance), (new_mean, new_variance) = moments(psf), moments(bin_psf(psf, factor))
    # A Gaussian of 2.5 pixels has no power at the frequencies that blocks of 4 alias: 2 %.
    np.testing.assert_allclose(new_mean * factor, mean, atol=0.02)
    np.testing.assert_allclose(
        new_variance * factor**2, variance + (factor**2 - 1) / 12, rtol=0.02
    )


def test_binned_psf_is_even_only_where_it_must_be():
    assert bin_psf(gaussian((61, 61)), 2).shape == (33, 33)
    assert bin_psf(gaussian((60, 60)), 2).shape == (31, 31)
    assert bin_psf(gaussian((60, 61)), 3).shape == (20, 21)


def test_psf_is_trimmed_to_a_cutout_that_is_smaller():
    part = exposure((40, 40), psf=gaussian((31, 31), 2.0)).cutout(np.s_[5:15, 5:16])
    assert part.psf.shape == (9, 11)
    assert part.psf.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(part.psf, part.psf[::-1, ::-1])
