"""Reading observations from FITS files, and what is written is read again."""

import shutil

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData, VarianceUncertainty
from hypothesis import given
from hypothesis import strategies as st

from observation.mock_exposure import (
    SIGMA,
    exposure,
    gaussian,
    image,
    rotated_wcs,
    write_fits,
)
from rimlens import Observation
from rimlens.errors import (
    FileFormatError,
    InputError,
    OutputExistsError,
    RimlensWarning,
)

SHAPE = (20, 26)
TAKEN = {"EXTENSIONS": "data=SCI uncertainty=ERR mask=DQ psf=PSF"}
# The noise here is chosen to be recognizably different from other noise, not to fit the data.
pytestmark = pytest.mark.filterwarnings("ignore:.*times the scatter of neighboring pixels")


def write_plain(path, array, **cards):
    """Write an array to the primary extension under a bare header."""
    fits.PrimaryHDU(np.asarray(array), fits.Header(cards)).writeto(path)
    return path


def assert_same(first, second):
    np.testing.assert_array_equal(first.data, second.data)
    np.testing.assert_array_equal(first.sigma, second.sigma)
    np.testing.assert_array_equal(first.mask, second.mask)
    np.testing.assert_array_equal(first.psf, second.psf)
    assert first.unit == second.unit
    corners = [0, first.shape[1]], [0, first.shape[0]]
    there, here = (o.wcs.pixel_to_world(*corners) for o in (first, second))
    # A header has 12 digits of an angle in degrees: 4e-7 arcsec.
    assert there.separation(here).arcsec.max() < 2e-6


class TestFindingExtensions:
    def test_usual_names_are_found(self, tmp_path):
        mask = np.zeros(SHAPE, "int16")
        mask[3, 4] = 64
        path = write_fits(
            tmp_path / "lens.fits",
            DQ=mask,
            PSF=0.97 * gaussian(),
            header={"BUNIT": "electron / s"},
            primary={"EXPTIME": 420.0, "FILTER": "F814W"},
        )
        observation = Observation.read(path)
        np.testing.assert_allclose(observation.data, image(SHAPE))
        np.testing.assert_array_equal(observation.mask, mask != 0)
        np.testing.assert_allclose(observation.psf, gaussian())
        assert observation.unit == u.electron / u.s
        assert observation.meta == {"EXPTIME": 420.0, "FILTER": "F814W"} | TAKEN
        assert observation.pixel_scale.value == pytest.approx(0.05)

    @pytest.mark.parametrize("name", ["LENSSUB", "LENS_SUBTRACTED"])
    def test_an_image_without_the_lens_comes_before_one_with_it(self, tmp_path, name, caplog):
        path = write_fits(tmp_path / "lens.fits", **{name: image(SHAPE, seed=2)})
        with caplog.at_level("INFO", logger="rimlens.observation"):
            read = Observation.read(path)
        np.testing.assert_array_equal(read.data, image(SHAPE, seed=2))
        # Which one was taken is said, and kept.
        taken = f"data={name} uncertainty=ERR mask=DQ psf=PSF"
        assert read.meta["EXTENSIONS"] == taken
        assert taken in caplog.text
        np.testing.assert_array_equal(Observation.read(path, data="SCI").data, image(SHAPE))
        for data in (name, name.lower(), 5, "5"):
            again = Observation.read(path, data=data)
            np.testing.assert_array_equal(again.data, image(SHAPE, seed=2))

    def test_first_image_is_taken_if_none_has_the_usual_name(self, tmp_path):
        fits.HDUList(
            [
                fits.PrimaryHDU(),
                fits.ImageHDU(gaussian(), name="PSF"),
                fits.ImageHDU(np.full(SHAPE, SIGMA), name="RMS"),
                fits.ImageHDU(image(SHAPE), rotated_wcs(SHAPE).to_header(), name="COADD"),
            ]
        ).writeto(tmp_path / "lens.fits")
        read = Observation.read(tmp_path / "lens.fits")
        np.testing.assert_array_equal(read.data, image(SHAPE))
        assert not read.mask.any()

    def test_prefix_of_the_image_is_that_of_its_noise_and_psf(self, tmp_path):
        bands = {"VIS": 1.0, "NIR_Y": 3.0}
        hdus = [fits.PrimaryHDU()]
        for band, factor in bands.items():
            hdus += [
                fits.ImageHDU(
                    factor * image(SHAPE), rotated_wcs(SHAPE).to_header(), name=f"{band}_FLUX"
                ),
                fits.ImageHDU(gaussian(sigma=factor), name=f"{band}_PSF"),
                fits.ImageHDU(np.full(SHAPE, factor * SIGMA), name=f"{band}_RMS"),
            ]
        fits.HDUList(hdus).writeto(tmp_path / "bands.fits")
        for band, factor in bands.items():
            read = Observation.read(tmp_path / "bands.fits", data=f"{band}_FLUX")
            np.testing.assert_allclose(read.sigma, factor * SIGMA)
            np.testing.assert_allclose(read.psf, gaussian(sigma=factor), rtol=1e-12)
        np.testing.assert_array_equal(Observation.read(tmp_path / "bands.fits").data, image(SHAPE))

    def test_noise_and_mask_are_those_of_the_same_version(self, tmp_path):
        hdus = [fits.PrimaryHDU(), fits.ImageHDU(gaussian(), name="PSF")]
        for version in (1, 2):
            cards = rotated_wcs(SHAPE).to_header()
            hdus += [
                fits.ImageHDU(version * image(SHAPE), cards, name="SCI", ver=version),
                fits.ImageHDU(np.full(SHAPE, version * SIGMA), name="ERR", ver=version),
            ]
        fits.HDUList(hdus).writeto(tmp_path / "chips.fits")
        np.testing.assert_allclose(Observation.read(tmp_path / "chips.fits").sigma, SIGMA)
        np.testing.assert_allclose(
            Observation.read(tmp_path / "chips.fits", data=4).sigma, 2 * SIGMA
        )

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("ERR", SIGMA),
            ("RMS", SIGMA),
            ("WHT", SIGMA**-2),
            ("IVAR", SIGMA**-2),
            ("VAR", SIGMA**2),
        ],
    )
    def test_name_tells_what_the_noise_map_holds(self, tmp_path, name, value):
        path = write_fits(tmp_path / "lens.fits", **{"ERR": None, name: np.full(SHAPE, value)})
        np.testing.assert_allclose(Observation.read(path).sigma, SIGMA)

    def test_uncertainty_type_overrides_the_name(self, tmp_path):
        path = write_fits(tmp_path / "lens.fits", ERR=np.full(SHAPE, SIGMA**2))
        read = Observation.read(path, uncertainty_type="var")
        np.testing.assert_allclose(read.sigma, SIGMA)
        with pytest.raises(InputError, match="one of std, var, ivar is wanted, found 'sigma'"):
            Observation.read(path, uncertainty_type="sigma")

    def test_file_of_a_ccddata_is_understood(self, tmp_path):
        CCDData(
            image(SHAPE),
            uncertainty=VarianceUncertainty(np.full(SHAPE, SIGMA**2)),
            mask=np.eye(*SHAPE, dtype=bool),
            wcs=rotated_wcs(SHAPE),
            unit="adu",
            psf=gaussian(),
        ).write(tmp_path / "ccd.fits")
        read = Observation.read(tmp_path / "ccd.fits")
        np.testing.assert_allclose(read.sigma, SIGMA)
        np.testing.assert_array_equal(read.mask, np.eye(*SHAPE, dtype=bool))
        assert read.unit == u.adu

    def test_compressed_images_and_files_are_read(self, tmp_path):
        hdus = [fits.PrimaryHDU()]
        for name, array in (("SCI", image(SHAPE)), ("ERR", np.full(SHAPE, SIGMA))):
            cards = rotated_wcs(SHAPE).to_header()
            hdus.append(
                fits.CompImageHDU(
                    array, cards, name=name, compression_type="GZIP_1", quantize_level=0
                )
            )
        hdus.append(fits.ImageHDU(gaussian(), name="PSF"))
        fits.HDUList(hdus).writeto(tmp_path / "lens.fits.fz")
        np.testing.assert_allclose(Observation.read(tmp_path / "lens.fits.fz").data, image(SHAPE))
        path = write_fits(tmp_path / "lens.fits.gz")
        np.testing.assert_array_equal(Observation.read(path).data, image(SHAPE))

    def test_image_with_axes_of_length_one_is_read(self, tmp_path):
        path = write_fits(tmp_path / "lens.fits", SCI=image(SHAPE)[None])
        assert Observation.read(path).shape == SHAPE


class TestSeparateFiles:
    @pytest.fixture
    def folder(self, tmp_path):
        write_plain(tmp_path / "data.fits", image(SHAPE))
        write_plain(tmp_path / "noise_map.fits", np.full(SHAPE, SIGMA))
        write_plain(tmp_path / "psf.fits", gaussian())
        mask = np.zeros(SHAPE)
        mask[2:4] = 1.0
        write_plain(tmp_path / "mask.fits", mask)
        return tmp_path

    def read(self, folder, **changes):
        arguments = {
            "uncertainty": folder / "noise_map.fits",
            "psf": folder / "psf.fits",
            "pixel_scale": 0.06,
        }
        return Observation.read(folder / "data.fits", **(arguments | changes))

    def test_bare_headers_need_a_pixel_scale_only(self, folder):
        with pytest.warns(RimlensWarning, match=r"has no celestial WCS.* 0.06 arcsec wide"):
            observation = self.read(folder, mask=str(folder / "mask.fits"))
        assert observation.pixel_scale.value == pytest.approx(0.06)
        assert observation.unit is None
        assert np.count_nonzero(observation.mask) == 52

    @pytest.mark.filterwarnings("ignore:.*has no celestial WCS")
    def test_file_name_tells_what_a_noise_map_holds(self, folder):
        write_plain(folder / "lens_wht.fits", np.full(SHAPE, SIGMA**-2))
        read = self.read(folder, uncertainty=folder / "lens_wht.fits")
        np.testing.assert_allclose(read.sigma, SIGMA)

    @pytest.mark.filterwarnings("ignore:.*has no celestial WCS")
    def test_extension_of_another_file_is_named_in_brackets(self, folder):
        write_fits(folder / "other.fits", ERR=np.full(SHAPE, 3 * SIGMA))
        for name in (f"{folder}/other.fits[ERR]", f"{folder}/other.fits[2]"):
            np.testing.assert_allclose(self.read(folder, uncertainty=name).sigma, 3 * SIGMA)
        np.testing.assert_allclose(
            self.read(folder, uncertainty=f"{folder}/other.fits").sigma, 3 * SIGMA
        )
        with pytest.raises(InputError, match=r"other.fits: has no image extension 'RMS'"):
            self.read(folder, uncertainty=f"{folder}/other.fits[RMS]")

    def test_keyword_of_the_pixel_scale_is_used(self, folder):
        write_plain(folder / "scaled.fits", image(SHAPE), PIXSCALE=0.03)
        with pytest.warns(RimlensWarning, match="has no celestial WCS"):
            observation = Observation.read(
                folder / "scaled.fits",
                uncertainty=folder / "noise_map.fits",
                psf=folder / "psf.fits",
            )
        assert observation.pixel_scale.value == pytest.approx(0.03)

    def test_file_in_the_working_folder_needs_no_path(self, folder, monkeypatch):
        monkeypatch.chdir(folder)
        with pytest.warns(RimlensWarning, match="has no celestial WCS"):
            Observation.read(
                "data.fits", uncertainty="noise_map.fits", psf="psf.fits", pixel_scale=0.06
            )


class TestHeaders:
    @pytest.mark.parametrize(
        ("text", "unit"),
        [
            ("electron/s", u.electron / u.s),
            ("electron / s", u.electron / u.s),
            ("ELECTRONS/S", u.electron / u.s),
            ("ELECTRONS", u.electron),
            ("e-/s", u.electron / u.s),
            ("electrons/sec", u.electron / u.s),
            ("COUNTS/S", u.count / u.s),
            ("cps", u.count / u.s),
            ("ADU", u.adu),
            ("DN/s", u.DN / u.s),
            ("dn/sec", u.DN / u.s),
            ("", u.dimensionless_unscaled),
            ("MJy/sr", u.MJy / u.sr),
            ("uJy", u.uJy),
            ("UNITLESS", u.dimensionless_unscaled),
        ],
    )
    def test_units_are_understood(self, tmp_path, text, unit):
        path = write_fits(tmp_path / "lens.fits", header={"BUNIT": text})
        assert Observation.read(path).unit == unit

    def test_unknown_unit_is_warned_of_and_can_be_given(self, tmp_path):
        path = write_fits(tmp_path / "lens.fits", header={"BUNIT": "quatloo"})
        with pytest.warns(RimlensWarning, match=r"\[SCI\]: the unit BUNIT = 'quatloo' is not"):
            unit = Observation.read(path).unit
        assert isinstance(unit, u.UnrecognizedUnit)
        assert unit.name == "quatloo"
        assert Observation.read(path, unit="adu").unit == u.adu

    def test_noise_in_another_unit_is_converted(self, tmp_path):
        path = write_fits(tmp_path / "lens.fits", header={"BUNIT": "mJy"})
        with fits.open(path, mode="update") as hdus:
            hdus["ERR"].header["BUNIT"] = "Jy"
        np.testing.assert_allclose(Observation.read(path).sigma, 1000 * SIGMA)
        np.testing.assert_allclose(Observation.read(path, unit="mJy").sigma, SIGMA)

    def test_keywords_of_the_image_come_before_those_of_the_file(self, tmp_path):
        path = write_fits(
            tmp_path / "lens.fits",
            primary={"EXPTIME": 1.0, "OBJECT": "lens"},
            header={"EXPTIME": 2.0, "CCDCHIP": 1},
        )
        meta = {"EXPTIME": 2.0, "OBJECT": "lens", "CCDCHIP": 1}
        assert Observation.read(path).meta == meta | TAKEN

    def test_wcs_with_negative_determinant_is_kept(self, tmp_path):
        path = write_fits(tmp_path / "lens.fits")
        read = Observation.read(path)
        there = read.wcs.pixel_to_world([0, 25], [0, 19])
        here = rotated_wcs(SHAPE).pixel_to_world([0, 25], [0, 19])
        assert there.separation(here).arcsec.max() < 2e-6
        assert np.linalg.det(read.wcs.pixel_scale_matrix) < 0


class TestBadFiles:
    def test_missing_file(self, tmp_path):
        with pytest.raises(FileFormatError, match="absent.fits: there is no such file"):
            Observation.read(tmp_path / "absent.fits")
        path = write_fits(tmp_path / "lens.fits")
        with pytest.raises(FileFormatError, match="absent.fits: there is no such file"):
            Observation.read(path, psf=str(tmp_path / "absent.fits"))
        with pytest.raises(FileFormatError, match="cannot be read: Is a directory"):
            Observation.read(tmp_path)
        with pytest.raises(InputError, match="the path of a FITS file is wanted, found 3"):
            Observation.read(3)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "is empty"),
            (b"not at all\n" * 400, "is not a FITS file"),
            (b"\x89PNG\r\n\x1a\n" + bytes(5000), "is not a FITS file"),
            (b"\x1f\x8b" + b"not gzip" * 400, "is damaged or truncated"),
            (b"SIMPLE  =                    T" + b" " * 50, "is damaged or truncated"),
        ],
    )
    def test_what_is_not_fits(self, tmp_path, content, message):
        (tmp_path / "lens.fits").write_bytes(content)
        with pytest.raises(FileFormatError, match=f"lens.fits: {message}"):
            Observation.read(tmp_path / "lens.fits")

    @pytest.mark.parametrize("fraction", [0.15, 0.3, 0.5, 0.7, 0.9])
    def test_truncated_file(self, tmp_path, fraction):
        path = write_fits(tmp_path / "lens.fits", shape=(60, 60))
        content = path.read_bytes()
        path.write_bytes(content[: int(fraction * len(content))])
        with pytest.raises((FileFormatError, InputError), match="lens.fits: "):
            Observation.read(path)

    def test_truncated_file_is_called_so_even_within_its_padding_free_data(self, tmp_path):
        path = write_fits(tmp_path / "lens.fits", PSF=gaussian((20, 26)))
        content = path.read_bytes()
        path.write_bytes(content[:-2880])
        with pytest.raises(FileFormatError, match="is damaged or truncated"):
            Observation.read(path)

    def test_file_that_ends_within_a_header(self, tmp_path):
        # Or else the mask, of which the header has begun, would be missing without a word.
        path = write_fits(tmp_path / "lens.fits", DQ=None, MASK=np.eye(*SHAPE))
        with fits.open(path) as hdus:
            start = hdus["MASK"].fileinfo()["hdrLoc"]
        path.write_bytes(path.read_bytes()[: start + 400])
        with pytest.raises(FileFormatError, match="damaged or truncated: (the h|H)eader"):
            Observation.read(path)

    def test_missing_extension_is_told_with_those_there_are(self, tmp_path):
        path = write_fits(tmp_path / "lens.fits")
        listed = r"its images are 1 \(SCI\), 2 \(ERR\), 3 \(DQ\), 4 \(PSF\)"
        for role in ("data", "uncertainty", "mask", "psf"):
            for name in ("FOO", 9):
                with pytest.raises(InputError, match=rf"'?{name}'? \({role}\): {listed}"):
                    Observation.read(path, **{role: name})
        with pytest.raises(InputError, match="psf: the name or number of an extension"):
            Observation.read(path, psf=gaussian())

    def test_file_without_noise_or_psf(self, tmp_path):
        path = write_fits(tmp_path / "raw.fits", ERR=None, DQ=None, PSF=None)
        with pytest.raises(InputError, match=r"has no noise map: its images are 1 \(SCI\)"):
            Observation.read(path)
        path = write_fits(tmp_path / "half.fits", PSF=None)
        with pytest.raises(InputError, match="has no point-spread function: .* with psf="):
            Observation.read(path)

    def test_file_without_images(self, tmp_path):
        table = fits.BinTableHDU.from_columns([fits.Column("x", "D", array=np.ones(3))])
        fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "table.fits")
        with pytest.raises(InputError, match="has no image: it has no images"):
            Observation.read(tmp_path / "table.fits")

    @pytest.mark.parametrize(("name", "what"), [("ERR", "noise map"), ("DQ", "mask")])
    def test_shapes_that_disagree(self, tmp_path, name, what):
        path = write_fits(tmp_path / "lens.fits", **{name: np.ones((26, 20))})
        message = rf"\[{name}\]: the {what} has the shape \(26, 20\), but the image .*\[SCI\]"
        with pytest.raises(InputError, match=message):
            Observation.read(path)

    def test_cube_is_refused(self, tmp_path):
        path = write_fits(tmp_path / "cube.fits", SCI=np.ones((3, *SHAPE)))
        with pytest.raises(InputError, match=r"must have two axes, found \(3, 20, 26\)"):
            Observation.read(path)

    def test_image_without_wcs_or_pixel_scale(self, tmp_path):
        path = write_fits(tmp_path / "lens.fits", header=False)
        with pytest.raises(InputError, match=r"\[SCI\]: has no celestial WCS and no pixel scale"):
            Observation.read(path)

    def test_faults_in_what_was_read_are_told_with_the_file(self, tmp_path):
        psf = gaussian((41, 41), sigma=9.0)
        path = write_fits(tmp_path / "large.fits", PSF=psf)
        with pytest.raises(InputError, match=r"large.fits\[SCI\]: psf: the stamp of \(41, 41\)"):
            Observation.read(path)
        data = image(SHAPE)
        data[3, 3] = np.nan
        path = write_fits(tmp_path / "holes.fits", SCI=data)
        message = r"holes.fits\[SCI\]: 1 of 520 pixels cannot be used"
        with pytest.warns(RimlensWarning, match=message) as caught:
            Observation.read(path)
        assert [w.filename for w in caught] == [__file__]


class TestRoundTrip:
    @given(
        st.tuples(st.integers(9, 30), st.integers(9, 30)),
        st.tuples(st.integers(1, 9), st.integers(1, 9)),
        st.sampled_from(["electron / s", "MJy / sr", "", None, "3.5 nJy", "nJy / arcsec2"]),
        st.floats(0, 0.9),
        st.integers(0, 2**16),
    )
    def test_what_is_written_is_read(self, tmp_path_factory, shape, psf, unit, masked, seed):
        path = tmp_path_factory.mktemp("round_trip") / "lens.fits"
        rng = np.random.default_rng(seed)
        written = exposure(
            shape,
            unit=unit,
            mask=rng.random(shape) < masked,
            uncertainty=rng.uniform(0.5, 1.5, shape),
            psf=gaussian(psf),
        )
        written.write(path)
        read = Observation.read(path)
        assert_same(read, written)
        assert read.meta == written.meta | TAKEN

    def test_all_metadata_come_back(self, tmp_path):
        meta = {
            "EXPTIME": 420.0,
            "NCOMBINE": np.int64(4),
            "FLAG": True,
            "NAXIS": "reserved",
            "CRVAL1": "reserved",
            "a longer name, in lower case": 1.5,
            "DRIZZLE": {"pixfrac": 0.8, "frames": ["a", "b"]},
            "NOTE": "x" * 200,
            "GREEK": "σ = 1″",
            "BLANK": None,
            "BAD": float("inf"),
            "LIST": np.arange(3),
        }
        written = exposure(meta=meta)
        written.write(tmp_path / "lens.fits")
        read = Observation.read(tmp_path / "lens.fits")
        assert_same(read, written)
        assert read.meta == meta | {"LIST": [0, 1, 2]} | TAKEN
        assert fits.getval(tmp_path / "lens.fits", "EXPTIME") == 420.0

    def test_binned_cutout_comes_back(self, tmp_path):
        written = exposure((40, 50), psf=gaussian((31, 31))).binned(2).cutout(np.s_[:9, 3:20])
        written.write(tmp_path / "part.fits")
        assert_same(Observation.read(tmp_path / "part.fits"), written)

    def test_existing_file_is_replaced_only_on_request(self, tmp_path):
        path = tmp_path / "lens.fits"
        exposure().write(path)
        before = path.read_bytes()
        with pytest.raises(OutputExistsError, match="lens.fits: exists already"):
            exposure(data=np.ones(SHAPE)).write(path)
        assert path.read_bytes() == before
        exposure(data=np.ones(SHAPE)).write(path, overwrite=True)
        assert Observation.read(path).data.min() == 1.0
        assert [p.name for p in tmp_path.iterdir()] == ["lens.fits"]

    def test_folder_that_does_not_exist_is_told(self, tmp_path):
        with pytest.raises(InputError, match="does not exist"):
            exposure().write(tmp_path / "absent" / "lens.fits")

    def test_written_file_stands_alone(self, tmp_path):
        written = exposure()
        written.write(tmp_path / "lens.fits")
        (tmp_path / "elsewhere").mkdir()
        moved = shutil.move(tmp_path / "lens.fits", tmp_path / "elsewhere" / "lens.fits")
        with fits.open(moved, checksum=True) as hdus:
            hdus.verify("exception")
            assert [hdu.name for hdu in hdus] == ["PRIMARY", "SCI", "ERR", "DQ", "PSF"]
            assert hdus["SCI"].header["BUNIT"] == "electron / s"
        assert_same(Observation.read(moved), written)
