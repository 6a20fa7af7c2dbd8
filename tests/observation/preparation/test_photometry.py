"""Zeropoints agree with the telescopes' published formulas, and the gain with the units."""

import astropy.units as u
import numpy as np
import pytest

from rimlens.observation.photometry import Photometry

RATE = u.electron / u.s


def magnitude_of(value, header, unit):
    return Photometry.from_header(header, unit).zeropoint - 2.5 * np.log10(value)


def test_acs_zeropoint_is_that_of_the_flux_density():
    # A source of flat f_nu: what PHOTFLAM says of one electron a second, converted by astropy.
    header = {"PHOTFLAM": 7.0834177e-20, "PHOTPLAM": 8044.8877}
    density = header["PHOTFLAM"] * u.erg / u.s / u.cm**2 / u.AA
    pivot = header["PHOTPLAM"] * u.AA
    expected = density.to(u.ABmag, u.spectral_density(pivot)).value
    # The constant 2.408 of the handbook is rounded to 0.0005 mag.
    assert magnitude_of(1.0, header, RATE) == pytest.approx(expected, abs=1e-3)


def test_electrons_and_electrons_a_second_give_the_same_magnitude():
    header = {"PHOTFLAM": 7e-20, "PHOTPLAM": 8045.0, "EXPTIME": 500.0}
    # Exact but for rounding.
    assert magnitude_of(500.0, header, u.electron) == pytest.approx(
        magnitude_of(1.0, header, RATE), abs=1e-9
    )


def test_jwst_zeropoint_is_that_of_the_user_documentation():
    # JDox, "NIRCam Absolute Flux Calibration and Zeropoints": -6.10 - 2.5 log10(PIXAR_SR),
    # whose constant is rounded to 0.005 mag.
    header = {"PIXAR_SR": 9.31e-14, "PHOTMJSR": 0.4}
    expected = -6.10 - 2.5 * np.log10(9.31e-14)
    assert magnitude_of(1.0, header, u.MJy / u.sr) == pytest.approx(expected, abs=6e-3)
    assert magnitude_of(1.0, header, u.DN / u.s) == pytest.approx(
        expected - 2.5 * np.log10(0.4), abs=6e-3
    )


@pytest.mark.parametrize(
    ("header", "unit", "expected"),
    [
        ({}, u.nJy, 31.4),  # Rubin, Data Products Definition Document
        ({"FLUXMAG0": 10**10.8}, u.adu, 27.0),  # HSC
        ({"MAGZERO": 24.6}, u.adu, 24.6),  # Euclid
        ({}, u.adu, None),
        ({"PHOTFLAM": 0.0, "PHOTPLAM": 8045.0}, RATE, None),
    ],
)
def test_zeropoint_of_surveys(header, unit, expected):
    # 31.4 is rounded to 0.0001 mag: 3631 Jy are 31.4000 nJy.
    assert Photometry.from_header(header, unit).zeropoint == (
        None if expected is None else pytest.approx(expected, abs=1e-3)
    )


def test_the_gain_of_a_detector_is_not_applied_to_electrons():
    header = {"CCDGAIN": 2.0, "ATODGNA": 2.1, "EXPTIME": 100.0}
    assert Photometry.from_header(header, RATE).electrons_per_unit == 100.0
    assert Photometry.from_header(header, u.electron).electrons_per_unit == 1.0


def test_counts_use_the_mean_gain_of_the_amplifiers():
    header = {"CCDGAIN": 2.0, "ATODGNA": 2.0, "ATODGNB": 2.2, "EXPTIME": 100.0}
    found = Photometry.from_header(header, u.count / u.s)
    assert found.gain == pytest.approx(2.1, rel=1e-12)
    assert found.electrons_per_unit == pytest.approx(210.0, rel=1e-12)


def test_a_total_time_stands_before_that_of_an_exposure():
    header = {"EXPTIME": 500.0, "TEXPTIME": 2000.0}
    assert Photometry.from_header(header, RATE).exposure_time == 2000.0


@pytest.mark.parametrize("value", [0.0, -1.0, "unknown", True, float("nan")])
def test_what_is_no_time_is_not_taken_for_one(value):
    found = Photometry.from_header({"EXPTIME": value}, RATE)
    assert found.exposure_time is None
    assert found.electrons_per_unit is None
