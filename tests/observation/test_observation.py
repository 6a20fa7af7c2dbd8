"""What an observation accepts, and what becomes of pixels that cannot be used."""

import copy
import pickle

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
from astropy.utils.masked import Masked
from astropy.wcs import WCS
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


FLAGS = np.eye(*SHAPE, dtype=bool)
FLAGS.flags.writeable = False


@pytest.mark.parametrize(
    ("masked", "unit"),
    [(Masked, 1), (Masked, u.electron / u.s), (np.ma.MaskedArray, u.electron / u.s)],
    ids=["masked", "masked-quantity", "masked-array-of-quantity"],
)
def test_no_mask_of_astropy_or_numpy_is_lost(masked, unit):
    data = masked(np.where(FLAGS, 1e6, image(SHAPE)) * unit, mask=FLAGS)
    observation = exposure(SHAPE, data=data)
    np.testing.assert_array_equal(observation.mask, FLAGS)
    assert observation.unit == u.electron / u.s
    assert observation.data[~observation.mask].max() < 10 * SIGMA
    noise = np.full(SHAPE, SIGMA) * u.Unit("electron / s")
    by_nddata = Observation.from_nddata(
        NDData(
            data,
            uncertainty=StdDevUncertainty(noise),
            unit=observation.unit,
            wcs=rotated_wcs(SHAPE),
        ),
        psf=gaussian(),
        mask=Masked(np.zeros(SHAPE), mask=FLAGS[::-1]),
    )
    np.testing.assert_array_equal(by_nddata.mask, FLAGS | FLAGS[::-1])


@pytest.mark.parametrize("masked", [Masked, np.ma.MaskedArray])
def test_pixels_whose_noise_or_flag_is_masked_are_not_used(masked):
    noise = np.where(FLAGS, 99.0, SIGMA)
    np.testing.assert_array_equal(
        exposure(SHAPE, uncertainty=masked(noise, mask=FLAGS)).mask, FLAGS
    )
    flags = masked(np.zeros(SHAPE, bool), mask=FLAGS)
    np.testing.assert_array_equal(exposure(SHAPE, mask=flags).mask, FLAGS)


def test_a_masked_value_is_no_image_and_no_noise():
    for name in ("data", "uncertainty"):
        with pytest.raises(InputError, match=f"{name}: numbers are wanted, found a masked value"):
            exposure(SHAPE, **{name: np.ma.masked})


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
        ({"mask": NDData(np.ones(SHAPE))}, "mask: booleans or numbers are wanted, found object"),
        ({"mask": "DQ"}, "mask: booleans or numbers are wanted"),
        ({"meta": 5}, "meta: a mapping is wanted, found 5"),
        ({"unit": "furlong per fortnight"}, "unit: an astropy unit is wanted"),
        ({"data": np.ones(SHAPE) * u.m, "unit": "s"}, "data in m does not convert to s"),
        ({"wcs": None}, "has no celestial WCS and no pixel scale; give pixel_scale"),
        ({"wcs": "TAN"}, "an astropy.wcs.WCS is wanted, found str"),
        ({"pixel_scale": 0.2}, "0.2 arcsec was given, but the WCS has 0.05 arcsec"),
        ({"wcs": None, "pixel_scale": -0.1}, "one positive angle is wanted, found -0.1"),
        ({"wcs": None, "pixel_scale": 3 * u.m}, "a unit like arcsec is wanted"),
    ],
)
def test_unfit_arguments_are_refused_by_name(changes, message):
    with pytest.raises(InputError, match=message):
        exposure(SHAPE, **changes)


@pytest.mark.parametrize("scale", [0.04, 0.04 * u.arcsec, 40 * u.mas])
def test_pixel_scale_stands_in_for_a_wcs(scale):
    observation = exposure(SHAPE, wcs=None, pixel_scale=scale)
    assert observation.pixel_scale.to_value("arcsec") == pytest.approx(0.04)
    center = observation.wcs.pixel_to_world(12.5, 9.5)
    assert center.ra.wrap_at("180d").deg == pytest.approx(0.0, abs=1e-12)
    assert center.dec.deg == pytest.approx(0.0, abs=1e-12)
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


@pytest.mark.parametrize("unit", ["mag", u.ABmag, u.mag / u.arcsec**2, u.dB, u.dex(u.Jy)])
def test_logarithmic_units_are_refused_wherever_they_stand(unit):
    found = "a linear unit is wanted, found"
    with pytest.raises(InputError, match=f"unit: {found}"):
        exposure(SHAPE, unit=unit)
    with pytest.raises(InputError, match=f"uncertainty: {found}"):
        exposure(SHAPE, uncertainty=StdDevUncertainty(np.ones(SHAPE), unit=unit), unit=None)
    # A CCDData has no noise in the unit of magnitudes, whose noise has the unit mag.
    ccd = CCDData(image(SHAPE), unit=unit, wcs=rotated_wcs(SHAPE))
    with pytest.raises(InputError, match=f"unit: {found}"):
        Observation.from_nddata(ccd, psf=gaussian(), uncertainty=SIGMA)


def test_data_in_magnitudes_are_refused():
    with pytest.raises(InputError, match=r"data: a linear unit is wanted, found mag\(AB\)"):
        exposure(SHAPE, data=np.full(SHAPE, 22.0) * u.ABmag, unit=None)


def test_noise_does_not_convert_to_a_unit_that_astropy_does_not_know():
    unit = u.Unit("nanomaggies", parse_strict="silent")
    same = exposure(SHAPE, unit=unit, uncertainty=StdDevUncertainty(np.ones(SHAPE), unit=unit))
    assert same.unit == unit
    with pytest.raises(InputError, match="the unit Jy2 does not convert to nanomaggies squared"):
        exposure(SHAPE, unit=unit, uncertainty=VarianceUncertainty(np.ones(SHAPE), unit=u.Jy**2))


class TestWhatIsSetLater:
    """What is set is checked and converted as when the observation is made, or refused."""

    def test_mask_of_flags_is_one_of_truth_values(self):
        observation = exposure(SHAPE)
        flags = np.zeros(SHAPE, "uint8")
        flags[:10] = 4
        observation.mask = flags
        np.testing.assert_array_equal(observation.mask, flags > 0)
        assert observation.binned(2).mask.sum() == 5 * 13
        observation.mask = Masked(flags, mask=FLAGS)
        np.testing.assert_array_equal(observation.mask, (flags > 0) | FLAGS)

    def test_no_mask_is_one_that_is_false(self):
        observation = exposure(SHAPE)
        observation.mask = None
        assert observation.mask.dtype == bool
        assert not observation.binned(2).mask.any()

    @pytest.mark.parametrize("mask", [None, ~FLAGS])
    def test_pixels_whose_noise_is_gone_stay_masked(self, mask):
        observation = exposure(SHAPE, mask=FLAGS)
        with pytest.raises(InputError, match="mask: 20 pixels that were masked would be used"):
            observation.mask = mask
        np.testing.assert_array_equal(observation.mask, FLAGS)

    @pytest.mark.parametrize(
        "noise",
        [
            3 * SIGMA,
            VarianceUncertainty(np.full(SHAPE, 9 * SIGMA**2)),
            3e3 * SIGMA * u.Unit("1e-3 electron / s"),
        ],
    )
    def test_all_forms_of_noise_agree(self, noise):
        observation = exposure(SHAPE)
        observation.uncertainty = noise
        np.testing.assert_allclose(observation.sigma, 3 * SIGMA, rtol=1e-12)
        assert isinstance(observation.uncertainty, StdDevUncertainty)
        assert observation.uncertainty.unit == observation.unit

    def test_bad_pixels_are_masked_with_a_warning(self):
        observation = exposure(SHAPE, mask=FLAGS)
        noise, data = np.full(SHAPE, SIGMA), image(SHAPE, seed=2)
        noise[0, 3], data[1, 5:7] = 0.0, np.nan
        with pytest.warns(RimlensWarning, match="1 with zero noise") as caught:
            observation.uncertainty = noise
        assert caught[0].filename == __file__
        with pytest.warns(RimlensWarning, match="2 with NaN or infinite data"):
            observation.data = data
        assert observation.mask.sum() == FLAGS.sum() + 3
        assert np.all(np.isfinite(observation.data))
        np.testing.assert_array_equal(observation.sigma, SIGMA)

    def test_data_are_converted_to_the_unit_and_bring_their_mask(self):
        observation = exposure(SHAPE)
        data = Masked(1000 * image(SHAPE, seed=2) * u.Unit("1e-3 electron / s"), mask=FLAGS)
        observation.data = data
        np.testing.assert_allclose(observation.data, image(SHAPE, seed=2), rtol=1e-12)
        np.testing.assert_array_equal(observation.mask, FLAGS)

    def test_psf_is_normalized_and_wcs_is_in_degrees(self):
        observation = exposure(SHAPE)
        observation.psf = 7 * gaussian((7, 8))
        assert observation.psf.sum() == pytest.approx(1.0, rel=1e-14)
        wcs = WCS(rotated_wcs(SHAPE, pixel_scale=0.1).to_header(), preserve_units=True)
        wcs.wcs.alt = "A"
        observation.wcs = wcs
        assert observation.pixel_scale.to_value("arcsec") == pytest.approx(0.1)
        assert observation.wcs.wcs.alt == " "
        assert observation.wcs.array_shape == SHAPE

    def test_meta_are_a_copy(self):
        observation = exposure(SHAPE)
        meta = {"EXPTIME": [1.0]}
        observation.meta = meta
        meta["EXPTIME"].append(2.0)
        assert observation.meta == {"EXPTIME": [1.0]}

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("data", np.ones((3, 3)), r"data: the shape \(20, 26\) and the unit electron / s"),
            ("data", np.ones(SHAPE) * u.Jy, "data in Jy does not convert to electron / s"),
            ("data", None, "data: an array of real numbers is wanted|two axes"),
            ("uncertainty", None, "uncertainty: the observation has no noise"),
            ("uncertainty", np.ones((3, 3)), "uncertainty: the shape of the data"),
            ("mask", FLAGS[:3], r"mask: the shape of the data \(20, 26\) is wanted"),
            ("psf", None, "psf: the observation has no point-spread function"),
            ("psf", -gaussian(), "psf: a positive sum is wanted"),
            ("psf", Masked(gaussian(), mask=gaussian() < 1e-3), "values are masked"),
            ("wcs", None, "wcs: the image has no celestial WCS"),
            ("wcs", WCS(naxis=2), "wcs: two celestial axes are wanted"),
            ("unit", "Jy", "unit: electron / s cannot become Jy; make a new Observation"),
            ("unit", "mag", "unit: a linear unit is wanted"),
            ("meta", 5, "meta: a mapping is wanted"),
        ],
    )
    def test_what_does_not_fit_is_refused_and_changes_nothing(self, name, value, message):
        observation = exposure(SHAPE)
        before = pickle.dumps(observation)
        with pytest.raises(InputError, match=message):
            setattr(observation, name, value)
        assert pickle.dumps(observation) == before

    def test_the_unit_may_be_set_to_itself(self):
        observation = exposure(SHAPE)
        observation.unit = u.electron / u.s
        assert observation.unit == u.electron / u.s


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))], ids=["deepcopy", "pickle"]
)
def test_a_copy_is_the_same_observation_and_shares_nothing(copied):
    wcs = rotated_wcs(SHAPE)
    wcs.wcs.dateobs = "2004-02-29T12:00:00"
    observation = exposure(SHAPE, mask=FLAGS, wcs=wcs)
    found = copied(observation)
    for name in ("data", "sigma", "mask", "psf"):
        np.testing.assert_array_equal(getattr(found, name), getattr(observation, name))
        assert not np.shares_memory(getattr(found, name), getattr(observation, name))
    assert found.unit == observation.unit
    assert found.meta == observation.meta
    assert found.uncertainty.parent_nddata is found
    assert repr(found) == repr(observation)
    # astropy pickles a WCS as a header of 12 digits.
    there = found.wcs.pixel_to_world(3.0, 4.0).separation(observation.wcs.pixel_to_world(3.0, 4.0))
    assert there < 10 * u.uas
    # Its attributes are checked as before, and it is not tied to the first.
    found.mask = np.ones(SHAPE, "uint8")
    assert found.mask.dtype == bool
    np.testing.assert_array_equal(observation.mask, FLAGS)
    assert found.binned(2).mask.all()
