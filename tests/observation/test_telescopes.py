"""Files of telescopes become an observation, or an error says which option supplies the rest."""

import os
import warnings
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits

from observation.mock_exposure import gaussian
from observation.preparation import layouts
from observation.preparation.layouts import SHAPE, SKY_SIGMA, TIME
from rimlens.errors import InputError, RimlensWarning
from rimlens.observation import Observation

FOLDER = os.environ.get("RIMLENS_TEST_DATA")


@pytest.fixture
def psf(tmp_path):
    fits.PrimaryHDU(gaussian((9, 9))).writeto(tmp_path / "psf.fits")
    return tmp_path / "psf.fits"


@pytest.mark.parametrize("unit", ["", "S"])
def test_a_weight_of_exposure_times_is_no_noise(tmp_path, psf, unit):
    path = layouts.hst_drc(tmp_path / "drc.fits")
    fits.setval(path, "BUNIT", value=unit, ext=2)
    with pytest.raises(InputError, match=r"WHT.*exposure times.*uncertainty=.*uncertainty_type"):
        Observation.read(path, psf=psf)
    with pytest.warns(RimlensWarning, match="exposure time"):
        found = Observation.read(path, psf=psf, uncertainty_type="ivar", unit="electron / s")
    np.testing.assert_allclose(found.sigma, TIME**-0.5, rtol=1e-12)


def test_a_weight_of_inverse_variances_is_noise(tmp_path, psf):
    path = layouts.hst_drc(tmp_path / "drc.fits", weight=np.full(SHAPE, SKY_SIGMA**-2))
    found = Observation.read(path, psf=psf)
    np.testing.assert_allclose(found.sigma, SKY_SIGMA, rtol=1e-12)


def test_a_resampled_frame_of_jwst_asks_for_its_psf(tmp_path, psf):
    path = layouts.jwst_i2d(tmp_path / "i2d.fits")
    with pytest.raises(InputError, match="no point-spread function.*psf="):
        Observation.read(path)
    with pytest.warns(RimlensWarning, match="360 pixels could not|360 of 4200 pixels"):
        found = Observation.read(path, psf=psf)
    # Six columns that no exposure covers.
    np.testing.assert_array_equal(found.mask, np.arange(SHAPE[1]) < np.full((SHAPE[0], 1), 6))
    np.testing.assert_array_equal(found.sigma, 0.01)
    assert found.unit == u.MJy / u.sr


@pytest.mark.parametrize("image", ["BGSUB", "FLUX"])
def test_a_euclid_cutout_is_read_with_the_noise_of_its_band(tmp_path, image):
    path = layouts.euclid_cutout(tmp_path / "euclid.fits", image=image)
    with pytest.warns(RimlensWarning, match="cannot be used"):
        found = Observation.read(path, data=f"NIR_H_{image}")
    assert found.meta["EXTENSIONS"].endswith("uncertainty=NIR_H_RMS psf=NIR_H_PSF")
    assert found.mask[3, 4]
    assert found.mask[5, 6]


def test_detections_of_rubin_do_not_mask_the_arcs(tmp_path):
    found = Observation.read(layouts.rubin_cutout(tmp_path / "rubin.fits"))
    np.testing.assert_array_equal(np.argwhere(found.mask), [[2, 3]])
    np.testing.assert_allclose(found.sigma, 3.0, rtol=1e-12)
    assert found.unit == u.nJy
    bare = layouts.rubin_cutout(tmp_path / "bare.fits", psf=False)
    with pytest.raises(InputError, match="no point-spread function.*psf="):
        Observation.read(bare)


@pytest.mark.skipif(
    FOLDER is None, reason="RIMLENS_TEST_DATA is not set: to the folder that holds euclid_q1/"
)
def test_the_real_cutout_of_euclid_is_read():
    (path,) = Path(FOLDER).glob("euclid_q1/*.fits")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = Observation.read(path, data="VIS_FLUX")
    assert found.pixel_scale.to_value("arcsec") == pytest.approx(0.1, rel=1e-6)
    assert not found.mask.any()
