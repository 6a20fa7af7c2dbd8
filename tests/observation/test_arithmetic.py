"""Observations add up as NDData does, and keep their point-spread function and place."""

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import CCDData, NDDataRef, StdDevUncertainty, VarianceUncertainty

from observation.mock_exposure import exposure, rotated_wcs
from rimlens.errors import InputError, RimlensWarning

SHAPE = (20, 26)
RATE = u.electron / u.s
OPERATIONS = ["add", "subtract", "multiply", "divide"]


def positive(seed):
    rng = np.random.default_rng(seed)
    mask = rng.uniform(size=SHAPE) < 0.1
    return exposure(
        data=rng.uniform(1, 2, SHAPE), uncertainty=rng.uniform(0.1, 0.2, SHAPE), mask=mask
    )


def without_psf(observation):
    return NDDataRef(
        observation.data, observation.uncertainty, observation.mask, unit=observation.unit
    )


@pytest.mark.parametrize("operation", OPERATIONS)
def test_two_observations_combine_as_two_nddata(operation):
    first, second = positive(1), positive(2)
    found = getattr(first, operation)(second)
    expected = getattr(without_psf(first), operation)(without_psf(second))
    used = ~found.mask
    np.testing.assert_array_equal(found.mask, first.mask | second.mask)
    np.testing.assert_allclose(found.data[used], expected.data[used], rtol=1e-12)
    np.testing.assert_allclose(found.sigma[used], expected.uncertainty.array[used], rtol=1e-12)
    assert found.unit == expected.unit
    np.testing.assert_array_equal(found.psf, first.psf)
    assert found.meta == first.meta
    np.testing.assert_allclose(found.wcs.wcs.crval, first.wcs.wcs.crval)


def test_noise_is_propagated_as_it_scatters():
    first, second = positive(1), positive(2)
    rng = np.random.default_rng(0)
    draws = [
        rng.normal(o.data[..., None], 0.05 * o.sigma[..., None], (*SHAPE, 4000))
        for o in (first, second)
    ]
    found = first.divide(second)
    used = ~found.mask
    # 4000 draws give a standard deviation to 1.1 %, the noise is small enough for first order.
    scatter = (draws[0] / draws[1]).std(axis=-1) / 0.05
    np.testing.assert_allclose(found.sigma[used], scatter[used], rtol=0.06)


@pytest.mark.parametrize(
    ("operation", "operand", "data", "sigma", "unit"),
    [
        ("add", 500 * u.electron / u.ks, 1.5, 0.1, RATE),
        ("subtract", 0.25 * RATE, 0.75, 0.1, RATE),
        ("multiply", 3, 3.0, 0.3, RATE),
        ("multiply", -3, -3.0, 0.3, RATE),
        ("multiply", 100 * u.s, 100.0, 10.0, u.electron),
        ("divide", 4.0, 0.25, 0.025, RATE),
        ("divide", 2 * RATE, 0.5, 0.05, u.dimensionless_unscaled),
        ("multiply", np.full(SHAPE, 2.0), 2.0, 0.2, RATE),
        ("multiply", np.full(SHAPE, 2.0) * u.s, 2.0, 0.2, u.electron),
    ],
)
def test_numbers_and_quantities_have_no_noise(operation, operand, data, sigma, unit):
    found = getattr(exposure(data=np.ones(SHAPE)), operation)(operand)
    assert found.unit == unit
    np.testing.assert_allclose(found.data, data, rtol=1e-12)
    np.testing.assert_allclose(found.sigma, sigma, rtol=1e-12)


def test_an_image_of_another_class_brings_its_variance_and_its_mask():
    mask = np.zeros(SHAPE, dtype=bool)
    mask[3, 4] = True
    other = CCDData(
        np.full(SHAPE, 2.0), VarianceUncertainty(np.full(SHAPE, 0.03)), mask, unit=RATE,
        wcs=rotated_wcs(SHAPE),
    )  # fmt: skip
    observation = exposure()
    found = observation.subtract(other)
    np.testing.assert_allclose(found.data[~mask], observation.data[~mask] - 2.0, rtol=1e-12)
    # 0.01 + 0.03 is 0.2 squared.
    np.testing.assert_allclose(found.sigma, 0.2, rtol=1e-12)
    np.testing.assert_array_equal(found.mask, mask)


def test_what_is_divided_by_zero_is_masked():
    divisor = np.ones(SHAPE)
    divisor[2, 3] = 0.0
    with pytest.warns(RimlensWarning, match="1 of 520 pixels"):
        found = exposure(data=np.ones(SHAPE)).divide(divisor)
    np.testing.assert_array_equal(np.argwhere(found.mask), [[2, 3]])


@pytest.mark.parametrize(
    ("operation", "operand", "words"),
    [
        ("add", 1.0, "cannot add 1.0 and .* in electron / s"),
        ("add", 1 * u.m, "cannot add 1.0 m"),
        ("add", np.ones((3, 4)) * RATE, r"\(3, 4\)"),
        ("multiply", np.ones((2, *SHAPE)), "operand"),
        ("multiply", "two", "cannot multiply"),
    ],
)
def test_what_does_not_fit_is_refused(operation, operand, words):
    with pytest.raises(InputError, match=words):
        getattr(exposure(), operation)(operand)


def test_an_image_of_other_pixels_is_refused():
    observation = exposure(SHAPE)
    shifted = rotated_wcs(SHAPE)
    shifted.wcs.crpix = shifted.wcs.crpix + [0.5, 0.0]
    other = CCDData(np.ones(SHAPE), StdDevUncertainty(np.ones(SHAPE)), wcs=shifted, unit=RATE)
    with pytest.raises(InputError, match="0.5 pixels off.*reproject"):
        observation.add(other)


def test_a_copy_shares_nothing_and_takes_other_parts():
    observation = positive(1)
    same = observation.copy()
    for name in ("data", "sigma", "mask", "psf"):
        np.testing.assert_array_equal(getattr(same, name), getattr(observation, name))
        assert not np.shares_memory(getattr(same, name), getattr(observation, name))
    more = observation.mask.copy()
    more[:3] = True
    np.testing.assert_array_equal(observation.copy(mask=more).mask, more)
    narrow = observation.copy(psf=np.ones((3, 5)), meta={"FILTER": "F606W"})
    np.testing.assert_allclose(narrow.psf, 1 / 15, rtol=1e-12)
    assert narrow.meta == {"FILTER": "F606W"}
    assert observation.meta["FILTER"] == "F814W"
    free = observation.copy(mask=None, uncertainty=np.full(SHAPE, 0.3))
    assert not free.mask.any()
    np.testing.assert_allclose(free.sigma, 0.3, rtol=1e-12)


def test_a_copy_refuses_what_does_not_fit():
    observation = positive(1)
    with pytest.raises(InputError, match="noise is not kept"):
        observation.copy(mask=np.zeros(SHAPE, dtype=bool))
    with pytest.raises(InputError, match="unknown parts .*'masks'.*did you mean 'mask'"):
        observation.copy(masks=None)
    with pytest.raises(InputError, match="uncertainty: the shape"):
        observation.copy(uncertainty=np.ones((3, 3)))
