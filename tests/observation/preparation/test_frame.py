"""A frame of each telescope is read without a number typed by hand, or it is said why not."""

import os
import warnings
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from observation.mock_exposure import gaussian, rotated_wcs
from observation.preparation import layouts
from observation.preparation.layouts import SHAPE, SKY_SIGMA, TIME, sky
from rimlens.errors import FileFormatError, InputError, RimlensWarning
from rimlens.observation.preparation.frame import read_frame

FOLDER = os.environ.get("RIMLENS_TEST_DATA")


def header(cards):
    """Return a header with a WCS and other cards."""
    found = rotated_wcs(SHAPE).to_header()
    found.update(cards)
    return found


def test_a_drizzled_frame_keeps_exposure_times_and_no_noise(tmp_path):
    weight = np.full(SHAPE, TIME)
    weight[:3], weight[30:33, 40] = 0.0, 1500.0
    frame = read_frame(layouts.hst_drc(tmp_path / "drc.fits", weight=weight))
    assert frame.uncertainty is None
    np.testing.assert_array_equal(frame.meta["EXPOSURE_MAP"], weight)
    np.testing.assert_array_equal(frame.mask, weight == 0)
    assert frame.unit == u.electron / u.s
    # CCDGAIN must not be applied: the data are electrons.
    assert frame.meta["PHOTOMETRY"]["gain"] == 1.0
    assert frame.meta["PHOTOMETRY"]["exposure_time"] == TIME


def test_finer_pixels_share_the_weight_of_those_of_the_detector(tmp_path):
    weight = np.full(SHAPE, 0.36 * TIME)
    path = layouts.hst_drc(tmp_path / "drc.fits", weight=weight, primary={"D001SCAL": 0.03})
    # Drizzling conserves the weight: 0.03 arcsec squared are 0.36 of 0.05 arcsec squared.
    np.testing.assert_allclose(read_frame(path).meta["EXPOSURE_MAP"], TIME, rtol=1e-12)


def test_a_drizzled_frame_with_inverse_variances_has_noise(tmp_path):
    weight = np.full(SHAPE, SKY_SIGMA**-2)
    frame = read_frame(layouts.hst_drc(tmp_path / "drc.fits", weight=weight))
    # Exact but for rounding.
    np.testing.assert_allclose(frame.uncertainty.array, SKY_SIGMA, rtol=1e-12)
    assert "EXPOSURE_MAP" not in frame.meta


def test_a_weight_that_fits_nothing_is_left_out_unless_it_is_explained(tmp_path):
    path = layouts.hst_drc(tmp_path / "drc.fits", weight=np.full(SHAPE, 1.0))
    with pytest.warns(RimlensWarning, match=r"left out.*uncertainty_type"):
        frame = read_frame(path)
    assert frame.uncertainty is None
    frame = read_frame(path, uncertainty_type="exposure")
    np.testing.assert_array_equal(frame.meta["EXPOSURE_MAP"], 1.0)


def test_positions_are_those_of_the_header_whatever_rotation_and_parity(tmp_path):
    frame = read_frame(layouts.hst_drc(tmp_path / "drc.fits"))
    expected = rotated_wcs(SHAPE).pixel_to_world(12.0, 30.0)
    # A microarcsecond: headers keep all digits.
    assert frame.wcs.pixel_to_world(12.0, 30.0).separation(expected).arcsec < 1e-6


def test_several_chips_are_listed_and_one_can_be_chosen(tmp_path):
    path = layouts.hst_flt(tmp_path / "flt.fits")
    with pytest.raises(InputError, match=r"1 \(SCI, 1\), 4 \(SCI, 2\).*extension="):
        read_frame(path)
    for extension in (4, ("SCI", 2)):
        frame = read_frame(path, extension)
        # The noise and the flags are those of the same chip.
        np.testing.assert_array_equal(frame.uncertainty.array, 0.02)
        np.testing.assert_array_equal(np.argwhere(frame.mask), [[2, 5]])
        assert np.median(frame.data) == pytest.approx(2.0, abs=5 * SKY_SIGMA)


def test_a_resampled_frame_of_jwst(tmp_path):
    frame = read_frame(layouts.jwst_i2d(tmp_path / "i2d.fits"))
    assert frame.unit == u.MJy / u.sr
    expected = np.zeros(SHAPE, dtype=bool)
    expected[:, :6] = True
    np.testing.assert_array_equal(frame.mask, expected)
    np.testing.assert_array_equal(frame.uncertainty.array, 0.01)
    assert np.isfinite(frame.data).all()
    assert frame.meta["PHOTOMETRY"]["exposure_time"] == 1030.7


def test_of_the_flags_of_jwst_do_not_use_alone_masks(tmp_path):
    flags = np.zeros(SHAPE, "uint32")
    flags[30, 30], flags[31, 31] = 1 + 2, 4
    frame = read_frame(layouts.jwst_i2d(tmp_path / "cal.fits", flags=flags))
    assert frame.mask[30, 30]
    assert not frame.mask[31, 31]


@pytest.mark.parametrize("image", ["BGSUB", "FLUX"])
def test_a_band_of_a_euclid_cutout(tmp_path, image):
    path = layouts.euclid_cutout(tmp_path / "euclid.fits", image=image)
    with pytest.raises(InputError, match=r"VIS, NIR_H.*band='VIS'"):
        read_frame(path)
    frame = read_frame(path, band="h")
    assert sorted(map(tuple, np.argwhere(frame.mask))) == [(3, 4), (5, 6), (7, 8)]
    np.testing.assert_array_equal(frame.uncertainty.array, 0.01)
    np.testing.assert_array_equal(frame.psf, gaussian((21, 21)))
    assert frame.meta["PHOTOMETRY"]["zeropoint"] == 25.6
    with pytest.raises(InputError, match=r"no band 'K'.*NIR_H"):
        read_frame(path, band="K")


def test_detections_of_rubin_do_not_mask_the_arcs(tmp_path):
    frame = read_frame(layouts.rubin_cutout(tmp_path / "rubin.fits"))
    np.testing.assert_array_equal(np.argwhere(frame.mask), [[2, 3]])
    np.testing.assert_array_equal(frame.uncertainty.array, 3.0)
    assert frame.unit == u.nJy
    assert read_frame(layouts.rubin_cutout(tmp_path / "bare.fits", psf=False)).psf is None


@pytest.mark.parametrize("extension", [0, 1])
def test_data_may_be_in_the_primary_or_in_extension_1(tmp_path, extension):
    cards = header({"BUNIT": "electron/s"})
    image = fits.ImageHDU(sky(), cards)
    hdus = [fits.PrimaryHDU(), image] if extension else [fits.PrimaryHDU(sky(), cards)]
    fits.HDUList(hdus).writeto(tmp_path / "frame.fits")
    frame = read_frame(tmp_path / "frame.fits")
    np.testing.assert_array_equal(frame.data, sky())


def test_weights_may_be_in_another_file(tmp_path):
    for name, values, unit in (("sci", sky(), "electron/s"), ("wht", np.full(SHAPE, TIME), "")):
        cards = {"EXPTIME": TIME} | ({"BUNIT": unit} if unit else {})
        fits.PrimaryHDU(values, header(cards)).writeto(tmp_path / f"lens_drz_{name}.fits")
    frame = read_frame(tmp_path / "lens_drz_sci.fits", uncertainty=tmp_path / "lens_drz_wht.fits")
    np.testing.assert_array_equal(frame.meta["EXPOSURE_MAP"], TIME)


def test_borders_of_exact_zeros_are_masked_and_a_zero_within_is_not(tmp_path):
    data = sky()
    data[:, -3:], data[30, 30], data[0, 5] = 0.0, 0.0, 0.0
    fits.PrimaryHDU(data, header({"BUNIT": "electron/s"})).writeto(tmp_path / "frame.fits")
    expected = np.zeros(SHAPE, dtype=bool)
    expected[:, -3:] = True
    np.testing.assert_array_equal(read_frame(tmp_path / "frame.fits").mask, expected)


@pytest.mark.parametrize(
    ("cards", "words"),
    [
        ({}, r"has no BUNIT; give .* unit="),
        ({"BUNIT": "furlong"}, "'furlong' is not known.*unit="),
    ],
)
def test_an_unknown_unit_is_asked_for(tmp_path, cards, words):
    fits.PrimaryHDU(sky(), header(cards)).writeto(tmp_path / "frame.fits")
    with pytest.raises(InputError, match=words):
        read_frame(tmp_path / "frame.fits")
    assert read_frame(tmp_path / "frame.fits", unit="adu / s").unit == u.adu / u.s


def test_what_is_given_stands_before_the_header(tmp_path):
    path = layouts.hst_drc(tmp_path / "drc.fits", primary={"TEXPTIME": 7.0}, sci={"BUNIT": "DN/s"})
    frame = read_frame(path, exposure_time=40 * u.min, gain=1.5, zeropoint=25.0)
    assert frame.meta["PHOTOMETRY"] == {"exposure_time": 2400.0, "gain": 1.5, "zeropoint": 25.0}
    assert frame.meta["EXPTIME"] == 2400.0
    for wrong in ({"exposure_time": -1.0}, {"gain": 0.0}, {"exposure_time": 3 * u.m}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            read_frame(path, **wrong)


def test_an_image_without_wcs_takes_a_pixel_scale(tmp_path):
    fits.PrimaryHDU(sky(), fits.Header({"BUNIT": "electron/s"})).writeto(tmp_path / "bare.fits")
    with pytest.warns(RimlensWarning, match="pixel_scale="):
        assert read_frame(tmp_path / "bare.fits").wcs is None
    frame = read_frame(tmp_path / "bare.fits", pixel_scale=50 * u.mas)
    assert isinstance(frame.wcs, WCS)
    # Exact but for rounding.
    np.testing.assert_allclose(np.abs(frame.wcs.wcs.cdelt) * 3600, 0.05, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"uncertainty_type": "sigma"}, "uncertainty_type: one of"),
        ({"extension": "SCI", "band": "VIS"}, "band: cannot be given"),
        ({"extension": 9}, "has no image extension 9"),
        ({"extension": ("SCI", 7)}, r"has no image extension \('SCI', 7\)"),
        ({"psf": "PSF"}, "has no image extension 'PSF'"),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path, options, words):
    path = layouts.hst_drc(tmp_path / "drc.fits")
    with pytest.raises(InputError, match=words):
        read_frame(path, **options)


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(FileFormatError, match="no such file"):
        read_frame(tmp_path / "missing.fits")
    fits.PrimaryHDU().writeto(tmp_path / "empty.fits")
    with pytest.raises(InputError, match="no image of the sky"):
        read_frame(tmp_path / "empty.fits")


@pytest.mark.skipif(
    FOLDER is None, reason="RIMLENS_TEST_DATA is not set: to the folder that holds hst_raw_wcs/"
)
def test_real_frames_are_read_without_a_number():
    paths = sorted(Path(FOLDER).glob("hst_raw_wcs/*.fits"))
    assert paths
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frames = [read_frame(path) for path in paths]
        euclid = read_frame(next(Path(FOLDER).glob("euclid_q1/*.fits")), band="Y")
    for frame in frames:
        assert frame.unit == u.electron / u.s
        # The zeropoint of ACS F814W was 25.94 to 25.96 throughout (ACS zeropoint calculator).
        assert frame.meta["PHOTOMETRY"]["zeropoint"] == pytest.approx(25.945, abs=0.02)
    # The README counts as many pixels of zero, whose noise is 1e16.
    assert np.count_nonzero(euclid.mask) == 14
