"""What is drawn is what is masked."""

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData

from observation.mock_exposure import exposure, rotated_wcs
from rimlens.errors import FileFormatError, InputError
from rimlens.observation.preparation.regions import mask_core, mask_regions

regions = pytest.importorskip("regions")

SHAPE = (60, 70)
WCS = rotated_wcs(SHAPE, pixel_scale=0.05)
Y, X = np.indices(SHAPE)


def frame(**changes):
    return CCDData(np.ones(SHAPE), unit="adu", **({"wcs": WCS} | changes))


def disk(x, y, radius):
    return np.hypot(X - x, Y - y) <= radius


def test_a_circle_on_the_sky_is_one_in_pixels_of_a_rotated_image():
    center = WCS.pixel_to_world(40.0, 20.0)
    found = mask_regions(frame(), regions.CircleSkyRegion(center, 0.4 * u.arcsec)).mask
    # Every pixel is within 0.4 arcsec if and only if it is masked; those at the very edge are
    # left to rounding.
    separation = WCS.pixel_to_world(X, Y).separation(center).to_value("arcsec")
    edge = np.abs(separation - 0.4) < 1e-4
    np.testing.assert_array_equal(found[~edge], (separation < 0.4)[~edge])
    assert found.sum() == pytest.approx(np.pi * 8**2, rel=0.05)


def test_an_annulus_has_a_hole_and_inverse_keeps_it_alone():
    center = regions.PixCoord(35, 30)
    annulus = regions.CircleAnnulusPixelRegion(center, 5.5, 12.5)
    expected = disk(35, 30, 12.5) & ~disk(35, 30, 5.5)
    np.testing.assert_array_equal(mask_regions(frame(), annulus).mask, expected)
    np.testing.assert_array_equal(mask_regions(frame(), annulus, inverse=True).mask, ~expected)


def test_several_regions_add_up_and_the_mask_of_before_stays():
    before = disk(5, 5, 2.5)
    drawn = [regions.CirclePixelRegion(regions.PixCoord(x, 30), 3.5) for x in (20, 50)]
    found = mask_regions(frame(mask=before), drawn).mask
    np.testing.assert_array_equal(found, before | disk(20, 30, 3.5) | disk(50, 30, 3.5))


@pytest.mark.parametrize("system", ["image", "fk5"])
def test_a_file_of_ds9_with_a_hole(tmp_path, system):
    if system == "image":
        # DS9 counts pixels from 1.
        lines = ["circle(36,31,10)", "-circle(36,31,4)"]
    else:
        position = WCS.pixel_to_world(35.0, 30.0).fk5
        place = f"{position.ra.deg:.10f},{position.dec.deg:.10f}"
        lines = [f'circle({place},0.501")', f'-circle({place},0.201")']
    path = tmp_path / "lens.reg"
    path.write_text("# Region file format: DS9\n" + "\n".join([system, *lines]) + "\n")
    found = mask_regions(frame(), path)
    # Pixels at exactly 10 and 4 from the center may fall on either side.
    r = np.hypot(X - 35, Y - 30)
    sure = (np.abs(r - 10) > 0.03) & (np.abs(r - 4) > 0.03)
    np.testing.assert_array_equal(found.mask[sure], ((r < 10) & (r > 4))[sure])
    assert "file=lens.reg" in found.meta["PREPARATION"][-1]


def test_a_drawn_mask_from_a_file_or_an_array(tmp_path):
    drawn = (X + Y) % 11 == 0
    fits.PrimaryHDU(drawn.astype("int16")).writeto(tmp_path / "mask.fits")
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(drawn.astype(float), name="DRAWN")]
    fits.HDUList(hdus).writeto(tmp_path / "more.fits")
    for given in (drawn, tmp_path / "mask.fits", str(tmp_path / "more.fits") + "[DRAWN]"):
        np.testing.assert_array_equal(mask_regions(frame(), given).mask, drawn)


def test_an_observation_stays_one_and_its_input_unchanged():
    observation = exposure(SHAPE)
    found = mask_regions(observation, disk(35, 30, 5.5))
    assert type(found) is type(observation)
    np.testing.assert_array_equal(found.mask, disk(35, 30, 5.5))
    assert not observation.mask.any()
    np.testing.assert_array_equal(found.psf, observation.psf)


@pytest.mark.parametrize(
    ("radius", "position", "place"),
    [
        (4.5, None, (34.5, 29.5)),
        (0.2251 * u.arcsec, None, (34.5, 29.5)),
        (4.5 * u.pix, (10, 20), (10, 20)),
        (4.5, WCS.pixel_to_world(10, 20), (10, 20)),
    ],
)
def test_a_core_is_a_disk(radius, position, place):
    found = mask_core(frame(), radius, position).mask
    r = np.hypot(X - place[0], Y - place[1])
    sure = np.abs(r - 4.5) > 0.02
    np.testing.assert_array_equal(found[sure], (r < 4.5)[sure])


def test_wrong_regions_are_refused(tmp_path):
    far = regions.CirclePixelRegion(regions.PixCoord(500, 500), 3)
    sky = regions.CircleSkyRegion(WCS.pixel_to_world(3, 3), 1 * u.arcsec)
    (tmp_path / "bad.reg").write_text("image\ncircle(1,2\n")
    cases = [
        ((frame(), far), InputError, "no pixel of the image"),
        ((frame(), []), InputError, "there is none"),
        ((frame(), 5), InputError, "regions, an array or a file"),
        ((frame(), [5]), InputError, "a region is wanted"),
        ((frame(wcs=None), sky), InputError, "no celestial WCS"),
        ((frame(), np.ones((3, 3))), InputError, "the shape of the data"),
        ((frame(), tmp_path / "none.reg"), FileFormatError, "no such file"),
        ((frame(), tmp_path / "none.fits"), FileFormatError, "no such file"),
    ]
    for arguments, error, words in cases:
        with pytest.raises(error, match=words):
            mask_regions(*arguments)
    with pytest.raises((InputError, FileFormatError), match=r"bad.reg|there is none"):
        mask_regions(frame(), tmp_path / "bad.reg")


@pytest.mark.parametrize("radius", [0, -1.0, np.nan, [1, 2], 3 * u.s])
def test_a_radius_that_is_none_is_refused(radius):
    with pytest.raises(InputError, match="radius"):
        mask_core(frame(), radius)


def test_a_core_beside_the_image_is_refused():
    with pytest.raises(InputError, match="no pixel lies within"):
        mask_core(frame(), 2.0, (200, 200))
    with pytest.raises(InputError, match="no celestial WCS"):
        mask_core(frame(wcs=None), 2 * u.arcsec)
