"""Units of brightness: accepted if linear, written only where the text gives them back."""

import numpy as np
import pytest
from astropy import units as u

from observation.mock_exposure import exposure
from rimlens import Observation
from rimlens.errors import InputError, RimlensWarning
from rimlens.observation.units import known_unit, unit_of_text, unit_text

UNKNOWN = u.Unit("nanomaggies", parse_strict="silent")
# A name that only this module knows; in astropy's units it is a multiple of jansky.
OWN = u.def_unit("nmgy", 3.631e-6 * u.Jy)


@pytest.mark.parametrize(
    "unit",
    [
        UNKNOWN, OWN, u.electron / u.s, u.MJy / u.sr, u.dimensionless_unscaled, u.DN,
        u.Unit(1e-20 * u.W), u.Unit(0.0373 * u.nJy), u.Unit("erg / (s cm2 Angstrom)"),
    ],
    ids=str,
)  # fmt: skip
def test_the_text_of_a_unit_gives_it_back(unit):
    assert unit_of_text(unit_text(unit)) == unit


def test_a_unit_that_no_text_gives_back_is_refused_when_it_is_written(tmp_path):
    observation = exposure(unit=u.def_unit("rimlens_test_unit"))
    with pytest.raises(InputError, match=r"rimlens_test_unit.*cannot be written so that it is"):
        observation.write(tmp_path / "lens.fits")
    assert not list(tmp_path.iterdir())


def test_a_unit_that_astropy_does_not_know_is_read_as_it_was_written(tmp_path):
    exposure(unit=UNKNOWN).write(tmp_path / "lens.fits")
    with pytest.warns(RimlensWarning, match="the unit BUNIT = 'nanomaggies' is not known"):
        read = Observation.read(tmp_path / "lens.fits")
    assert read.unit == UNKNOWN
    np.testing.assert_array_equal(read.sigma, exposure().sigma)


def test_a_name_that_asdf_made_a_unit_of_is_unknown_again():
    made = u.Unit("nanomaggies", format="vounit", parse_strict="silent")
    assert made != UNKNOWN
    assert known_unit(made) == UNKNOWN
    assert known_unit(u.nJy) == u.nJy
    assert known_unit(None) is None
