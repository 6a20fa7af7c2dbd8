"""World coordinate systems of grids derived from an image."""

import copy
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS, DistortionLookupTable, Sip
from hypothesis import given
from hypothesis import strategies as st

from observation.mock_exposure import exposure, rotated_wcs
from rimlens import Observation
from rimlens.errors import InputError
from rimlens.observation import grid_wcs

# Rounding of angles near 360 degrees, in arcsec: 360 * 3600 * 2**-52 and a margin.
ROUNDING = 3e-9


def separation(first, first_pixel, second, second_pixel):
    """Return the largest distance of two lists of pixel positions on the sky, in arcsec."""
    a = first.pixel_to_world(*first_pixel)
    b = second.pixel_to_world(*second_pixel)
    return a.separation(b).arcsec.max()


def in_parent(pixel, shape, center, ratio):
    """Return positions of a grid in pixels of the image."""
    return [
        c + ratio * (np.asarray(p) - (n - 1) / 2) for p, n, c in zip(pixel, shape[::-1], center)
    ]


@given(
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.tuples(st.floats(-20, 80), st.floats(-20, 80)),
    st.floats(0.05, 20),
    st.floats(-180, 180),
)
def test_grid_lies_where_its_center_and_ratio_say(shape, center, ratio, rotation):
    wcs = rotated_wcs((50, 40), rotation=rotation)
    grid = grid_wcs(wcs, center, ratio, shape)
    pixel = [0.0, shape[1] - 1, 3.3, -2.0], [0.0, shape[0] - 1, -1.2, 7.0]
    assert separation(grid, pixel, wcs, in_parent(pixel, shape, center, ratio)) < 1e-7
    assert grid.array_shape == shape


@pytest.mark.parametrize("form", ["pc", "cdelt", "crota", "cd and pc"])
def test_every_form_of_the_matrix_is_scaled(form):
    wcs = rotated_wcs((50, 40), rotation=0.0)
    header = wcs.to_header()
    for key in [k for k in header if k.startswith(("PC", "CDELT"))]:
        del header[key]
    scale = 0.05 / 3600
    header.update(
        {
            "pc": {"CDELT1": scale, "CDELT2": scale, "PC1_1": -1.0, "PC2_2": 1.0},
            "cdelt": {"CDELT1": -scale, "CDELT2": scale},
            "crota": {"CDELT1": -scale, "CDELT2": scale, "CROTA2": 20.0},
            # As in the mosaics of Euclid.
            "cd and pc": {
                "CD1_1": -scale, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": scale,
                "CDELT1": 1.0, "CDELT2": 1.0, "PC1_1": -scale, "PC2_2": scale,
            },
        }[form]
    )  # fmt: skip
    wcs = WCS(header)
    grid = grid_wcs(wcs, (12.0, 30.0), 1.7, (8, 9))
    pixel = [0.0, 8.0, 3.3], [0.0, 7.0, -1.2]
    assert separation(grid, pixel, wcs, in_parent(pixel, (8, 9), (12.0, 30.0), 1.7)) < ROUNDING
    # A header takes all of it.
    assert separation(grid, pixel, WCS(grid.to_header()), pixel) < 1e-7


def test_the_wcs_of_the_image_is_left_alone():
    wcs = rotated_wcs((50, 40))
    before = wcs.to_header_string()
    grid_wcs(wcs, (3.0, 4.0), 2.0, (10, 12))
    assert wcs.to_header_string() == before


def distorted_wcs(shape):
    wcs = rotated_wcs(shape)
    wcs.wcs.ctype = "RA---TAN-SIP", "DEC--TAN-SIP"
    a, b = np.zeros((3, 3)), np.zeros((3, 3))
    a[2, 0], a[1, 1], b[0, 2] = 8e-6, -5e-6, 9e-6
    wcs.sip = Sip(a, b, None, None, wcs.wcs.crpix)
    wcs.wcs.set()
    return wcs


def test_distortions_are_kept_to_first_order():
    wcs = distorted_wcs((50, 40))
    grid = grid_wcs(wcs, (19.5, 24.5), 0.5, (40, 40))
    pixel = [0.0, 39.0, 20.0], [0.0, 39.0, 11.0]
    expected = in_parent(pixel, (40, 40), (19.5, 24.5), 0.5)
    # The quadratic terms: 1e-5 times the square of 10 pixels of 0.05 arcsec, twice.
    assert separation(grid, pixel, wcs, expected) < 2e-4
    assert separation(grid, ([19.5], [19.5]), wcs, ([19.5], [24.5])) < 1e-7
    assert not grid.has_distortion


def test_tables_of_distortions_are_made_linear_at_the_center():
    shape = (20, 26)
    wcs = rotated_wcs(shape)
    wcs.cpdis1 = DistortionLookupTable(
        np.full((2, 2), 0.7, "float32"), (1.0, 1.0), (1.0, 1.0), (100.0, 100.0)
    )
    observation = exposure(shape, wcs=wcs)
    assert not observation.wcs.has_distortion
    corners = [0.0, 25.0], [0.0, 19.0]
    assert separation(observation.wcs, corners, wcs, corners) < 1e-6


@pytest.mark.parametrize("ratio", [0.0, -1.0, np.nan])
def test_ratio_that_is_not_positive_is_refused(ratio):
    with pytest.raises(InputError, match="ratio: a positive number is wanted"):
        grid_wcs(rotated_wcs((5, 5)), (2, 2), ratio, (3, 3))


def test_pixels_that_are_not_square_are_refused():
    wcs = rotated_wcs((20, 26))
    wcs.wcs.cd = wcs.wcs.cd @ np.diag([1.0, 1.1])
    with pytest.raises(InputError, match=r"found 0.05 x 0.055 arcsec at an angle of 90.0"):
        exposure(wcs=wcs)
    wcs.wcs.cd = rotated_wcs((20, 26)).wcs.cd @ np.array([[1.0, 0.1], [0.0, 1.0]])
    with pytest.raises(InputError, match=r"angle of 84.3 degrees"):
        exposure(wcs=wcs)
    wcs.wcs.cd = [[1e-5, 1e-5], [1e-5, 1e-5]]
    with pytest.raises(InputError, match="the matrix of the WCS is singular"):
        exposure(wcs=wcs)


def test_axes_that_are_not_celestial_are_refused_or_left_out():
    linear = WCS(naxis=2)
    with pytest.raises(InputError, match="two celestial axes are wanted"):
        exposure(wcs=linear)
    header = rotated_wcs((20, 26)).to_header()
    header.update({"WCSAXES": 3, "CTYPE3": "FREQ", "CUNIT3": "Hz", "CRVAL3": 1e9, "CDELT3": 1e6})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cube = WCS(fits.Header(header))
    assert exposure(wcs=cube).wcs.naxis == 2


@given(st.tuples(st.integers(9, 30), st.integers(9, 30)), st.integers(0, 8), st.integers(0, 8))
def test_cutout_stays_where_it_was(shape, row, column):
    observation = exposure(shape)
    part = observation.cutout(np.s_[row:, column:])
    pixel = np.array([0.0, 3.5]), np.array([0.0, -1.25])
    parent = pixel[0] + column, pixel[1] + row
    assert separation(part.wcs, pixel, observation.wcs, parent) < 1e-7


@given(st.tuples(st.integers(9, 30), st.integers(9, 30)), st.integers(1, 5))
def test_binned_pixels_stay_where_they_were(shape, factor):
    observation = exposure(shape)
    binned = observation.binned(factor)
    starts = [n % factor // 2 for n in shape]
    pixel = np.array([0.0, 1.5]), np.array([0.0, -1.25])
    parent = [s + (factor - 1) / 2 + factor * p for p, s in zip(pixel, starts[::-1])]
    assert separation(binned.wcs, pixel, observation.wcs, parent) < 1e-7
    assert binned.pixel_scale.value == pytest.approx(factor * 0.05)


def test_cutout_and_bins_of_a_distorted_image_stay_where_they_were():
    observation = exposure((50, 40), wcs=distorted_wcs((50, 40)))
    part = observation.cutout(np.s_[10:40, 5:35])
    assert separation(part.wcs, ([3.0], [4.0]), observation.wcs, ([8.0], [14.0])) < 1e-7
    binned = part.binned(2)
    assert separation(binned.wcs, ([0.0, 14], [0.0, 14]), part.wcs, ([0.5, 28.5],) * 2) < 3e-4


def in_other_form(wcs, cunit, key):
    """Return the same place on the sky in other units and under another key."""
    other = WCS(naxis=2, preserve_units=True)
    other.wcs.ctype = wcs.wcs.ctype
    other.wcs.cunit = cunit
    factors = np.array([u.deg.to(unit) for unit in cunit])
    other.wcs.crval = wcs.wcs.crval * factors
    other.wcs.crpix = wcs.wcs.crpix
    other.wcs.cd = factors[:, None] * wcs.wcs.cd
    other.wcs.alt = key
    return other


@pytest.mark.parametrize("key", [" ", "A", "Z"])
@pytest.mark.parametrize("cunit", [("deg", "deg"), ("arcsec", "arcsec"), ("rad", "arcmin")])
def test_units_and_key_of_the_wcs_move_nothing(tmp_path, cunit, key):
    wcs = rotated_wcs((20, 26))
    observation = exposure(wcs=in_other_form(wcs, cunit, key))
    corners = [0.0, 25.0], [0.0, 19.0]
    # A header, which is how units are changed, holds 12 digits: 4e-7 arcsec of 360 degrees.
    assert separation(observation.wcs, corners, wcs, corners) < 2e-6
    assert observation.pixel_scale.to_value("arcsec") == pytest.approx(0.05, rel=1e-9)
    assert list(observation.wcs.wcs.cunit) == [u.deg, u.deg]
    grid = grid_wcs(in_other_form(wcs, cunit, key), (12.5, 9.5), 1.0, (20, 26))
    assert separation(grid, corners, wcs, corners) < 2e-6
    observation.write(tmp_path / "lens.fits")
    read = Observation.read(tmp_path / "lens.fits")
    assert separation(read.wcs, corners, wcs, corners) < 2e-6
    binned = copy.deepcopy(observation).binned(2)
    assert binned.pixel_scale.to_value("arcsec") == pytest.approx(0.1, rel=1e-9)


def test_distortions_stay_where_units_change():
    wcs = distorted_wcs((50, 40))
    other = in_other_form(wcs, ("arcsec", "arcsec"), " ")
    other.sip = wcs.sip
    observation = exposure((50, 40), wcs=other)
    corners = [0.0, 39.0], [0.0, 49.0]
    assert separation(observation.wcs, corners, wcs, corners) < 2e-6


def test_wcs_of_the_jacobian_a_table_is_written_as_that_of_an_image(tmp_path):
    wcs = rotated_wcs((20, 26))
    wcs.wcs.colnum = 3
    exposure(wcs=wcs).write(tmp_path / "lens.fits")
    read = Observation.read(tmp_path / "lens.fits")
    assert separation(read.wcs, ([3.0], [4.0]), wcs, ([3.0], [4.0])) < 2e-6


NUMBERS = {
    "CRVAL2": ("crval", [150.0, None]),
    "CRPIX1": ("crpix", [None, 10.0]),
    "CDELT1": ("cdelt", [None, 1e-5]),
    "PC2_1": ("pc", [[1.0, 0.0], [None, 1.0]]),
    "CD1_2": ("cd", [[1e-5, None], [0.0, 1e-5]]),
    "CROTA2": ("crota", [0.0, None]),
}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("keyword", NUMBERS)
def test_a_number_that_is_not_finite_is_refused_by_its_keyword(keyword, value):
    attribute, numbers = NUMBERS[keyword]
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.cdelt = -1e-5, 1e-5
    # None becomes NaN.
    numbers = np.array(numbers, dtype=float)
    setattr(wcs.wcs, attribute, np.where(np.isnan(numbers), value, numbers))
    with pytest.raises(InputError, match=f"wcs: a finite number is wanted for {keyword}, found"):
        exposure(wcs=wcs)
    with pytest.raises(InputError, match=f"wcs: a finite number is wanted for {keyword}, found"):
        grid_wcs(wcs, (2.0, 2.0), 1.0, (3, 3))
    wcs.wcs.alt = "B"
    with pytest.raises(InputError, match=f"wanted for {keyword}B, found"):
        exposure(wcs=wcs)


def test_numbers_of_projection_and_distortion_are_finite_too():
    wcs = rotated_wcs((20, 26))
    wcs.wcs.set_pv([(2, 1, np.nan)])
    with pytest.raises(InputError, match="wanted for PV2_1, found nan"):
        exposure(wcs=wcs)
    wcs = rotated_wcs((20, 26))
    wcs.wcs.lonpole = np.inf
    with pytest.raises(InputError, match="wanted for LONPOLE, found inf"):
        exposure(wcs=wcs)
    wcs = distorted_wcs((20, 26))
    bad = np.array(wcs.sip.b)
    bad[0, 2] = np.inf
    wcs.sip = Sip(np.array(wcs.sip.a), bad, None, None, wcs.wcs.crpix)
    with pytest.raises(InputError, match="wanted for B_0_2, found inf"):
        exposure(wcs=wcs)
    wcs = rotated_wcs((20, 26))
    wcs.cpdis2 = DistortionLookupTable(
        np.full((2, 2), np.nan, "float32"), (1.0, 1.0), (1.0, 1.0), (100.0, 100.0)
    )
    with pytest.raises(InputError, match="wanted for CPDIS2, found nan"):
        exposure(wcs=wcs)


def test_what_wcslib_refuses_is_refused_with_its_reason():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.cunit = "m", "m"
    with pytest.raises(InputError, match="wcs: the WCS cannot be used: In CUNIT1 : Mismatched"):
        exposure(wcs=wcs)


def test_an_image_off_the_sky_is_refused():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---AIT", "DEC--AIT"
    wcs.wcs.cdelt = -1e-5, 1e-5
    wcs.wcs.crpix = -1e8, 0.0
    with pytest.raises(InputError, match="wcs: the center of the image is not on the sky"):
        exposure(wcs=wcs)


@pytest.mark.parametrize("center", [(np.nan, 2.0), (2.0, np.inf)])
def test_center_of_a_grid_is_finite(center):
    with pytest.raises(InputError, match="center: finite numbers are wanted"):
        grid_wcs(rotated_wcs((5, 5)), center, 1.0, (3, 3))
