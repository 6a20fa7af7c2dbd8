"""What an observation accepts, and what becomes of pixels that cannot be used."""

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import (
    CCDData,
    InverseVariance,
    NDData,
    StdDevUncertainty,
    UnknownUncertainty,
    VarianceUncertainty,
)
from hypothesis import given
from hypothesis import strategies as st

from observation.mock_exposure import SIGMA, exposure, gaussian, image, rotated_wcs
from rimlens import Observation
from rimlens.errors import InputError, RimlensWarning

SHAPE = (20, 26)


@pytest.mark.parametrize(
    "uncertainty",
    [
        np.full(SHAPE, SIGMA),
        SIGMA,
        np.full(SHAPE, 1000 * SIGMA) * u.Unit("1e-3 electron / s"),
        StdDevUncertainty(np.full(SHAPE, SIGMA)),
        VarianceUncertainty(np.full(SHAPE, SIGMA**2)),
        InverseVariance(np.full(SHAPE, SIGMA**-2)),
        InverseVariance(np.full(SHAPE, 1e-6 * SIGMA**-2), unit=u.Unit("1e-3 electron / s") ** -2),
        VarianceUncertainty(np.full(SHAPE, 1e6 * SIGMA**2), unit=u.Unit("1e-3 electron / s") ** 2),
    ],
    ids=["array", "scalar", "quantity", "std", "var", "ivar", "ivar-unit", "var-unit"],
)
def test_all_forms_of_noise_agree(uncertainty):
    observation = exposure(SHAPE, uncertainty=uncertainty)
    np.testing.assert_allclose(observation.sigma, SIGMA, rtol=1e-12)
    assert isinstance(observation.uncertainty, StdDevUncertainty)
    assert observation.uncertainty.unit == observation.unit


def test_attributes_are_those_of_an_nddata():
    mask = np.zeros(SHAPE, int)
    mask[2, 3] = 4
    observation = exposure(SHAPE, mask=mask)
    assert isinstance(observation, NDData)
    assert observation.shape == SHAPE
    assert observation.data.dtype == float
    assert observation.unit == u.electron / u.s
    assert observation.mask.dtype == bool
    assert np.argwhere(observation.mask).tolist() == [[2, 3]]
    assert observation.meta == {"EXPTIME": 420.0, "FILTER": "F814W"}
    assert observation.pixel_scale.to_value("arcsec") == pytest.approx(0.05)
    assert repr(observation) == (
        "<Observation: 20 x 26 pixels of 0.05 arcsec, electron / s, 1 masked>"
    )


def test_an_observation_does_not_share_what_it_was_made_of():
    data, mask, psf, wcs = image(SHAPE), np.zeros(SHAPE, bool), gaussian(), rotated_wcs(SHAPE)
    sigma, meta = np.full(SHAPE, SIGMA), {"HISTORY": ["drizzled"]}
    observation = exposure(
        SHAPE, data=data, mask=mask, psf=psf, wcs=wcs, uncertainty=sigma, meta=meta
    )
    before = observation.data.copy(), observation.pixel_scale
    data[:], mask[:], psf[:], sigma[:] = 9.0, True, 9.0, 9.0
    wcs.wcs.cd = 2 * wcs.wcs.cd
    meta["HISTORY"].append("spoilt")
    np.testing.assert_array_equal(observation.data, before[0])
    assert observation.pixel_scale == before[1]
    assert not observation.mask.any()
    assert observation.psf.sum() == pytest.approx(1.0)
    assert observation.sigma.max() == SIGMA
    assert observation.meta == {"HISTORY": ["drizzled"]}


def test_quantity_brings_its_unit_and_is_converted_to_a_given_one():
    data = image(SHAPE) * u.mJy
    assert exposure(SHAPE, data=data, unit=None).unit == u.mJy
    converted = exposure(SHAPE, data=data, unit="Jy", uncertainty=SIGMA * u.mJy)
    np.testing.assert_allclose(converted.data, data.value / 1000)
    np.testing.assert_allclose(converted.sigma, SIGMA / 1000)


def test_masked_array_brings_its_mask():
    data = np.ma.MaskedArray(image(SHAPE), mask=np.eye(*SHAPE, dtype=bool))
    mask = np.zeros(SHAPE, bool)
    mask[0, 25] = True
    np.testing.assert_array_equal(
        exposure(SHAPE, data=data, mask=mask).mask, np.eye(*SHAPE, dtype=bool) | mask
    )


def test_every_kind_of_bad_pixel_is_masked_and_counted_in_one_warning():
    data, sigma = image(SHAPE), np.full(SHAPE, SIGMA)
    data[0, :2] = np.nan
    data[1, 0] = -np.inf
    sigma[2, :4] = np.nan, np.inf, np.inf, np.nan
    sigma[3, :5] = 0.0
    sigma[4, :6] = -SIGMA
    sigma[5, :7] = 1e8
    sigma[6, :8] = 1e16
    sigma[7, :9] = 4e-5
    data[7, 8] = np.nan
    with pytest.warns(RimlensWarning) as caught:
        observation = exposure(SHAPE, data=data, uncertainty=sigma)
    (warning,) = caught
    assert str(warning.message) == (
        "42 of 520 pixels cannot be used and were masked: 4 with NaN or infinite data, 4 with NaN "
        "or infinite noise, 5 with zero noise, 6 with negative noise, 15 with noise over 1000 "
        "times the typical, 8 with noise under 0.2 of the typical"
    )
    assert warning.filename == exposure.__code__.co_filename
    assert np.count_nonzero(observation.mask) == 42
    assert np.all(observation.data[observation.mask] == 0)
    np.testing.assert_array_equal(observation.sigma, SIGMA)


def test_bad_pixels_under_the_given_mask_need_no_warning():
    data, sigma = image(SHAPE), np.full(SHAPE, SIGMA)
    data[0, 0], sigma[0, 1], sigma[0, 2] = np.nan, 0.0, 1e8
    mask = np.zeros(SHAPE, bool)
    mask[0] = True
    observation = exposure(SHAPE, data=data, uncertainty=sigma, mask=mask)
    np.testing.assert_array_equal(observation.mask, mask)
    assert observation.data[0, 0] == 0
    np.testing.assert_array_equal(observation.sigma, SIGMA)


@pytest.mark.parametrize("flag", [1e8, 1e16, 4e-5])
def test_flags_are_found_where_they_fill_most_of_the_noise_map(flag):
    sigma = np.full(SHAPE, flag)
    sigma[6:14, 8:18] = SIGMA
    with pytest.warns(RimlensWarning, match="440 of 520"):
        observation = exposure(SHAPE, uncertainty=sigma)
    np.testing.assert_array_equal(~observation.mask, sigma == SIGMA)


def test_noise_that_varies_with_exposure_and_brightness_is_kept():
    # A fourth of the exposure doubles the noise; a bright core has ten times that of the sky.
    sigma = np.full(SHAPE, SIGMA)
    sigma[:8] *= 2
    sigma[10:14, 10:14] *= 10
    assert not exposure(SHAPE, uncertainty=sigma).mask.any()


def test_noise_far_from_the_scatter_of_the_data_is_kept_if_all_of_it_is():
    assert not exposure(SHAPE, data=np.ones(SHAPE), uncertainty=1e9).mask.any()
    assert not exposure(SHAPE, uncertainty=1e9).mask.any()


def test_zero_inverse_variance_is_a_masked_pixel():
    weight = np.full(SHAPE, SIGMA**-2)
    weight[4:6] = 0.0
    with pytest.warns(RimlensWarning, match="52 with NaN or infinite noise"):
        observation = exposure(SHAPE, uncertainty=InverseVariance(weight))
    np.testing.assert_array_equal(observation.mask, weight == 0)


def test_masked_pixels_hold_the_median_of_the_noise_in_use():
    sigma = np.linspace(1.0, 2.0, 520).reshape(SHAPE)
    mask = sigma > 1.8
    observation = exposure(SHAPE, uncertainty=sigma, mask=mask)
    np.testing.assert_array_equal(observation.sigma[mask], np.median(sigma[~mask]))
    np.testing.assert_array_equal(observation.sigma[~mask], sigma[~mask])


def test_a_mask_may_cover_everything_but_bad_pixels_may_not():
    assert exposure(SHAPE, mask=np.ones(SHAPE)).mask.all()
    with pytest.raises(InputError, match="no pixel can be used: 520 with NaN or infinite data"):
        exposure(SHAPE, data=np.full(SHAPE, np.nan))


@given(st.integers(4, 40), st.integers(4, 40), st.floats(0, 0.4), st.integers(0, 2**16))
def test_noise_is_positive_and_data_finite_whatever_is_bad(ny, nx, fraction, seed):
    rng = np.random.default_rng(seed)
    shape = ny, nx
    data, sigma = rng.normal(size=shape), rng.uniform(0.8, 1.2, shape)
    bad = rng.random(shape) < fraction
    sigma[bad] = rng.choice([np.nan, np.inf, 0.0, -1.0, 1e8, 1e16, 1e-4], bad.sum())
    bad_data = rng.random(shape) < fraction
    data[bad_data] = np.nan
    if (bad | bad_data).all():
        return
    arguments = {"data": data, "uncertainty": sigma, "psf": np.ones((3, 3))}
    if (bad | bad_data).any():
        with pytest.warns(RimlensWarning, match=f"{np.count_nonzero(bad | bad_data)} of"):
            observation = exposure(shape, **arguments)
    else:
        observation = exposure(shape, **arguments)
    np.testing.assert_array_equal(observation.mask, bad | bad_data)
    assert np.all(np.isfinite(observation.data))
    assert np.all((observation.sigma > 0.5) & (observation.sigma < 2))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": np.ones(5)}, r"data: two axes \(rows, columns\) are wanted, found \(5,\)"),
        ({"data": np.ones((2, *SHAPE))}, r"found \(2, 20, 26\)"),
        ({"data": np.ones((0, 4))}, r"found \(0, 4\)"),
        ({"data": [["a", "b"]]}, "data: an array of real numbers is wanted"),
        ({"data": NDData(np.ones(SHAPE))}, "use Observation.from_nddata"),
        ({"uncertainty": None}, "uncertainty: the observation has no noise"),
        ({"uncertainty": "noise"}, "uncertainty: numbers are wanted"),
        (
            {"uncertainty": np.ones((26, 20))},
            r"uncertainty: the shape of the data \(20, 26\) is wanted, found \(26, 20\)",
        ),
        ({"uncertainty": UnknownUncertainty(np.ones(SHAPE))}, "found UnknownUncertainty"),
        ({"uncertainty": np.ones(SHAPE) * u.s}, "the unit s does not convert to electron / s"),
        (
            {"mask": np.ones((3, 3), bool)},
            r"mask: the shape of the data \(20, 26\) is wanted, found \(3, 3\)",
        ),
        ({"unit": "furlong per fortnight"}, "unit: an astropy unit is wanted"),
        ({"data": np.ones(SHAPE) * u.m, "unit": "s"}, "data in m does not convert to s"),
        ({"wcs": None}, "has no celestial WCS and no pixel scale; give pixel_scale"),
        ({"wcs": "TAN"}, "an astropy.wcs.WCS is wanted, found str"),
        ({"pixel_scale": 0.2}, "0.2 arcsec was given, but the WCS has 0.05 arcsec"),
        ({"wcs": None, "pixel_scale": -0.1}, "a positive angle is wanted, found -0.1"),
        ({"wcs": None, "pixel_scale": 3 * u.m}, "an angle or a number of arcsec is wanted"),
    ],
)
def test_unfit_arguments_are_refused_by_name(changes, message):
    with pytest.raises(InputError, match=message):
        exposure(SHAPE, **changes)


@pytest.mark.parametrize("scale", [0.04, 0.04 * u.arcsec, 40 * u.mas])
def test_pixel_scale_stands_in_for_a_wcs(scale):
    observation = exposure(SHAPE, wcs=None, pixel_scale=scale)
    assert observation.pixel_scale.to_value("arcsec") == pytest.approx(0.04)
    centre = observation.wcs.pixel_to_world(12.5, 9.5)
    assert centre.ra.wrap_at("180d").deg == pytest.approx(0.0, abs=1e-12)
    assert centre.dec.deg == pytest.approx(0.0, abs=1e-12)
    assert exposure(SHAPE, pixel_scale=0.0501).pixel_scale.value == pytest.approx(0.05)


def test_ccddata_becomes_an_observation():
    ccd = CCDData(
        image(SHAPE),
        uncertainty=VarianceUncertainty(np.full(SHAPE, SIGMA**2)),
        mask=np.eye(*SHAPE, dtype=bool),
        wcs=rotated_wcs(SHAPE),
        unit="adu",
        meta={"OBJECT": "lens"},
        psf=gaussian(),
    )
    observation = Observation.from_nddata(ccd)
    np.testing.assert_array_equal(observation.data, ccd.data)
    np.testing.assert_array_equal(observation.mask, ccd.mask)
    np.testing.assert_allclose(observation.sigma, SIGMA)
    assert observation.unit == u.adu
    assert observation.meta["OBJECT"] == "lens"
    # A slice of a CCDData has lost its PSF.
    part = Observation.from_nddata(ccd[4:15, 2:21], psf=ccd.psf)
    there = part.wcs.pixel_to_world(3, 2).separation(observation.wcs.pixel_to_world(5, 6))
    assert there.to_value("arcsec") < 1e-6


def test_nddata_is_completed_by_arguments():
    bare = NDData(image(SHAPE))
    observation = Observation.from_nddata(
        bare, uncertainty=SIGMA, psf=gaussian(), mask=np.eye(*SHAPE), pixel_scale=0.1
    )
    assert np.count_nonzero(observation.mask) == 20
    assert observation.unit is None
    with pytest.raises(InputError, match="uncertainty: the observation has no noise"):
        Observation.from_nddata(bare, psf=gaussian(), pixel_scale=0.1)
    with pytest.raises(InputError, match="psf: the observation has no point-spread function"):
        Observation.from_nddata(bare, uncertainty=SIGMA, pixel_scale=0.1)
    with pytest.raises(InputError, match="an NDData is wanted, found ndarray"):
        Observation.from_nddata(image(SHAPE))
