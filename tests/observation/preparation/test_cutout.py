"""A cutout shows the same sky as its frame."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.nddata import CCDData, StdDevUncertainty

from observation.mock_exposure import exposure, gaussian, image, rotated_wcs
from rimlens.errors import InputError, RimlensWarning
from rimlens.observation.preparation.cutout import cut_out

SHAPE = (80, 100)
WCS = rotated_wcs(SHAPE)


def frame(**changes):
    y, x = np.indices(SHAPE)
    arguments = {
        "uncertainty": StdDevUncertainty(1.0 + x + 1000 * y),
        "mask": (x + y) % 7 == 0,
        "wcs": WCS,
        "unit": "electron / s",
        "meta": {"EXPTIME": 420.0, "EXPOSURE_MAP": 420.0 + x},
    }
    return CCDData(x + 1000.0 * y, **(arguments | changes))


@pytest.mark.parametrize("size", [20, 21, (20, 31)])
@pytest.mark.parametrize("center", [(40.0, 30.0), (40.3, 30.8), (40.5, 29.5), (39.51, 30.49)])
def test_the_position_falls_within_half_a_pixel_of_the_center(size, center):
    position = WCS.pixel_to_world(*center)
    cutout = cut_out(frame(), position, size)
    x, y = cutout.wcs.world_to_pixel(position)
    middle = (np.array(cutout.shape) - 1) / 2
    # The rest is the rounding of the projection.
    assert abs(y - middle[0]) <= 0.5 + 1e-6
    assert abs(x - middle[1]) <= 0.5 + 1e-6


def test_every_pixel_keeps_its_place_on_the_sky_with_its_noise_and_mask():
    full = frame()
    cutout = cut_out(full, (33.0, 44.0), 15)
    y, x = np.indices(cutout.shape)
    # The data tell which pixel of the frame each is.
    y0, x0 = cutout.data.astype(int) // 1000, cutout.data.astype(int) % 1000
    separation = cutout.wcs.pixel_to_world(x, y).separation(WCS.pixel_to_world(x0, y0))
    assert separation.max().arcsec < 1e-6
    np.testing.assert_array_equal(cutout.uncertainty.array, full.uncertainty.array[y0, x0])
    np.testing.assert_array_equal(cutout.mask, full.mask[y0, x0])
    np.testing.assert_array_equal(cutout.meta["EXPOSURE_MAP"], 420.0 + x0)
    assert full.shape == full.meta["EXPOSURE_MAP"].shape == SHAPE


def spellings():
    position = WCS.pixel_to_world(41.0, 37.0).icrs
    hours = position.to_string("hmsdms", precision=6)
    return {
        "SkyCoord": position,
        "galactic": position.galactic,
        "degrees": position.to_string("decimal", precision=8),
        "comma": position.to_string("decimal", precision=8).replace(" ", ", "),
        "letters": hours,
        "colons": position.to_string("hmsdms", precision=6, sep=":"),
        "spaces": position.to_string("hmsdms", precision=6, sep=" "),
        "angles": (position.ra, position.dec),
        "quantities": (position.ra.deg * u.deg, position.dec.arcmin * u.arcmin),
        "pixels": (41, 37),
        "array": np.array([41.0, 37.0]),
    }


@pytest.mark.parametrize("spelling", list(spellings()))
def test_a_position_may_be_written_in_many_ways(spelling):
    cutout = cut_out(frame(), spellings()[spelling], 11)
    # The middle pixel is (41, 37), which holds 37041.
    assert cutout.data[5, 5] == 37041.0


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ("1arcsec", (20, 20)),
        ("1.05 arcsec", (21, 21)),
        (1 * u.arcsec, (20, 20)),
        (1 / 60 * u.arcmin, (20, 20)),
        (20, (20, 20)),
        (20 * u.pix, (20, 20)),
        ("20", (20, 20)),
        (("1arcsec", "2arcsec"), (20, 40)),
    ],
)
def test_a_size_may_be_an_angle_or_pixels(size, shape):
    assert cut_out(frame(), (50, 40), size).shape == shape


@pytest.mark.parametrize("make", [frame, lambda: exposure(SHAPE)])
def test_what_lies_over_the_edge_is_masked(make):
    full = make()
    with pytest.warns(RimlensWarning, match="111 pixels are masked"):
        cutout = cut_out(full, (2, 1), (9, 21))
    # Columns -8 to 12 and rows -3 to 5 of the frame.
    inside = np.zeros((9, 21), dtype=bool)
    inside[3:, 8:] = True
    assert cutout.mask[~inside].all()
    np.testing.assert_array_equal(cutout.mask[inside], full.mask[:6, :13].ravel())
    np.testing.assert_array_equal(cutout.data[inside], full.data[:6, :13].ravel())
    assert (cutout.data[~inside] == 0).all()
    assert np.isfinite(cutout.uncertainty.array).all()
    sky = full.wcs.pixel_to_world(3.0, 2.0)
    np.testing.assert_allclose(cutout.wcs.world_to_pixel(sky), (11.0, 5.0), atol=1e-6)


def test_the_psf_of_an_observation_is_kept_and_trimmed():
    psf = gaussian((21, 21), 1.5)
    observation = exposure(SHAPE, psf=psf)
    np.testing.assert_array_equal(cut_out(observation, (50, 40), 30).psf, psf)
    small = cut_out(observation, (50, 40), 13).psf
    # Stamps up to 1.5 times as large as the image are accepted; this one is trimmed about its
    # center and normalized again.
    expected = psf[4:-4, 4:-4] / psf[4:-4, 4:-4].sum()
    np.testing.assert_allclose(small, expected, rtol=1e-12)


def test_a_position_outside_names_the_corners():
    far = WCS.pixel_to_world(150.0, 20.0)
    corner = WCS.pixel_to_world(0.0, 0.0)
    words = rf"outside the frame of 100 x 80.*{corner.ra.deg:.4f}\d {corner.dec.deg:.4f}"
    with pytest.raises(InputError, match=words):
        cut_out(frame(), far, 11)
    antipode = SkyCoord(far.ra + 180 * u.deg, -far.dec)
    for wrong in (antipode, (-1.0, 20.0), (50, 79.6)):
        with pytest.raises(InputError, match="outside the frame"):
            cut_out(frame(), wrong, 11)


@pytest.mark.parametrize(
    ("position", "size", "words"),
    [
        ("nowhere", 11, "position: a SkyCoord"),
        (None, 11, "position: a SkyCoord"),
        ((1.0, 2.0, 3.0), 11, "position: two numbers"),
        ((1.0 * u.s, 2.0 * u.m), 11, "position: two angles"),
        ((np.nan, 2.0), 11, "position: finite numbers"),
        (SkyCoord([1, 2] * u.deg, [1, 2] * u.deg), 11, "position: one position"),
        ((50, 40), "seven", "size: a text such as"),
        ((50, 40), 0, "size: at least one pixel"),
        ((50, 40), 3 * u.s, "size: a unit like arcsec"),
        ((50, 40), 7 * u.deg, "is the unit of"),
        ((50, 40), (1, 2, 3), "size: one number or two"),
    ],
)
def test_what_is_no_position_or_no_size_is_refused(position, size, words):
    with pytest.raises(InputError, match=words):
        cut_out(frame(), position, size)


def test_without_wcs_pixels_are_asked_for():
    bare = CCDData(image(SHAPE), unit="adu")
    assert cut_out(bare, (50, 40), 11).shape == (11, 11)
    with pytest.raises(InputError, match=r"no celestial WCS; give the pixel"):
        cut_out(bare, "10.0 20.0", 11)
    with pytest.raises(InputError, match=r"no celestial WCS; give pixels"):
        cut_out(bare, (50, 40), "1arcsec")
