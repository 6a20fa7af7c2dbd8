"""Reconstructions come back from ASDF and FITS as they were written, or not at all."""

import re

import asdf
import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import NDData
from astropy.wcs import WCS

from known_lens import known_reconstruction
from rimlens.errors import FileFormatError, InputError, OutputExistsError, RimlensWarning
from rimlens.imaging import Grid
from rimlens.io import files
from rimlens.lens import EPL, SIE, SIS, ExternalShear, MultiPlane, PixelatedConvergence
from rimlens.observation import Observation
from rimlens.reconstruction import Reconstruction
from rimlens.source import Gaussian, Sersic, Shapelets

SUFFIXES = [".asdf", ".fits"]


@pytest.fixture(params=SUFFIXES)
def path(request, tmp_path):
    path = tmp_path / f"lens{request.param}"
    known_reconstruction().write(path)
    return path


def assert_same_sky(first, second, shape):
    x, y = np.array([[0, 0], [shape[1] - 1, 0], [0, shape[0] - 1], [3.3, 5.7]]).T
    there = second.pixel_to_world(x, y)
    # WCS headers hold 12 digits: less than a micro-arcsecond over these fields, plus rounding.
    assert np.all(first.pixel_to_world(x, y).separation(there) < 10 * u.uas)
    assert first.celestial.wcs.radesys == second.celestial.wcs.radesys


def assert_same_map(read, written):
    np.testing.assert_array_equal(read.data, written.data)
    assert read.data.dtype == written.data.dtype
    assert read.unit == written.unit
    assert_same_sky(read.wcs, written.wcs, written.data.shape)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "unit",
    [None, u.electron / u.s, u.MJy / u.sr, u.nJy, u.adu, u.dimensionless_unscaled, 1e-20 * u.W],
)
@pytest.mark.parametrize("flipped", [False, True])
def test_what_is_written_is_read(tmp_path, suffix, unit, flipped):
    unit = None if unit is None else u.Unit(unit)
    written = known_reconstruction(unit=unit, flipped=flipped)
    written.write(tmp_path / f"lens{suffix}")
    read = Reconstruction.read(tmp_path / f"lens{suffix}")
    for name in ("source", "convergence", "model", "observation"):
        assert_same_map(getattr(read, name), getattr(written, name))
    np.testing.assert_array_equal(read.observation.sigma, written.observation.sigma)
    np.testing.assert_array_equal(read.observation.mask, written.observation.mask)
    np.testing.assert_allclose(read.observation.psf, written.observation.psf, rtol=1e-14)
    np.testing.assert_array_equal(read.residual.data, written.residual.data)
    np.testing.assert_array_equal(read.chi2_history, written.chi2_history)
    assert dict(read.observation.meta) == dict(written.observation.meta)
    assert read.meta == written.meta
    for name in ("pixel_frame_gamma1", "pixel_frame_gamma2", "gamma_ext"):
        assert getattr(read.shear, name) == pytest.approx(getattr(written.shear, name), rel=1e-14)
    assert u.isclose(read.shear.phi_ext, written.shear.phi_ext, atol=1e-4 * u.deg)
    assert read.reduced_chi2 == written.reduced_chi2
    # The pixel scale is one of the numbers of the WCS.
    assert u.isclose(read.einstein_radius, written.einstein_radius, rtol=1e-10)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_unit_that_astropy_does_not_know_is_read_as_it_was_written(tmp_path, suffix):
    unit = u.Unit("nanomaggies", parse_strict="silent")
    known_reconstruction(unit=unit).write(tmp_path / f"lens{suffix}")
    read = Reconstruction.read(tmp_path / f"lens{suffix}")
    assert read.observation.unit == read.source.unit == read.model.unit == unit


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_unit_that_no_file_gives_back_is_refused_when_it_is_written(tmp_path, suffix):
    written = known_reconstruction(unit=u.def_unit("rimlens_test_unit"))
    with pytest.raises(InputError, match="cannot be written so that it is read again"):
        written.write(tmp_path / f"lens{suffix}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_maps_with_a_wcs_of_another_key_and_unit_come_back(tmp_path, suffix):
    known = known_reconstruction()

    def other(nddata):
        header = nddata.wcs.to_header()
        wcs = WCS(naxis=2, preserve_units=True)
        wcs.wcs.ctype = nddata.wcs.wcs.ctype
        wcs.wcs.cunit = "arcsec", "arcsec"
        wcs.wcs.crval = 3600 * nddata.wcs.wcs.crval
        wcs.wcs.crpix = nddata.wcs.wcs.crpix
        wcs.wcs.cd = 3600 * nddata.wcs.pixel_scale_matrix
        wcs.wcs.radesys = header["RADESYS"]
        wcs.wcs.alt = "A"
        return NDData(nddata.data, unit=nddata.unit, wcs=wcs)

    written = Reconstruction(
        observation=known.observation,
        source=other(known.source),
        convergence=other(known.convergence),
        shear=(0.03, -0.04),
        model=known.model.data,
        chi2_history=[1.0],
    )
    # The pixel scale is one of the numbers of a header, of 12 digits.
    assert u.isclose(written.einstein_radius, known.einstein_radius, rtol=1e-10)
    written.write(tmp_path / f"lens{suffix}")
    read = Reconstruction.read(tmp_path / f"lens{suffix}")
    for name in ("source", "convergence"):
        assert_same_map(getattr(read, name), getattr(known, name))
    assert u.isclose(read.einstein_radius, known.einstein_radius, rtol=1e-10)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_other_metadata_becomes_text(tmp_path, suffix):
    written = known_reconstruction()
    written.meta.update(pixel_scale=0.05 * u.arcsec, shape=(40, 48), good=np.True_)
    written.write(tmp_path / f"lens{suffix}")
    meta = Reconstruction.read(tmp_path / f"lens{suffix}").meta
    assert meta["pixel_scale"] == "0.05 arcsec"
    assert meta["shape"] == [40, 48]
    assert meta["good"] is True


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_warnings_about_an_observation_are_not_repeated(tmp_path, suffix):
    known = known_reconstruction()
    data = known.observation.data.copy()
    data[3, 4] = np.nan
    psf = np.zeros((9, 9))
    psf[2, 6] = 1.0
    with pytest.warns(RimlensWarning):
        observation = Observation(
            data, uncertainty=known.observation.uncertainty, psf=psf, wcs=known.observation.wcs
        )
    written = Reconstruction(
        observation=observation,
        source=known.source,
        convergence=known.convergence,
        shear=(0.0, 0.0),
        model=known.model.data,
        chi2_history=[1.0],
    )
    written.write(tmp_path / f"lens{suffix}")
    read = Reconstruction.read(tmp_path / f"lens{suffix}")
    np.testing.assert_array_equal(read.observation.mask, observation.mask)
    np.testing.assert_array_equal(read.observation.psf, psf)


def test_fits_file_holds_a_summary_and_named_images(tmp_path):
    written = known_reconstruction()
    written.write(tmp_path / "lens.fits")
    with fits.open(tmp_path / "lens.fits", checksum=True) as hdus:
        assert [hdu.name for hdu in hdus] == [
            "PRIMARY", "SCI", "ERR", "DQ", "PSF", "MODEL", "FOREGROUND", "RESIDUAL", "SOURCE",
            "KAPPA", "PARAMETERS", "CHI2", "META",
        ]  # fmt: skip
        header = hdus[0].header
        assert header["THETA_E"] == pytest.approx(written.einstein_radius.value)
        assert header["RCHI2"] == pytest.approx(written.reduced_chi2)
        assert header["PHIEXT"] == pytest.approx(written.shear.phi_ext.value)
        assert hdus["SCI"].header["BUNIT"] == "electron / s"


LENSES = [
    EPL(theta_E=1.1, gamma=2.07, q=0.6, phi=25.0, center_x=0.1) + ExternalShear(gamma_ext=0.04),
    MultiPlane([(0.3, SIE(q=0.6, phi=10.0)), (0.8, SIS(theta_E=0.2, center_x=0.5))], 2.0),
    PixelatedConvergence(Grid((5, 6), 0.1), convergence_map=np.arange(30.0).reshape(5, 6) / 30),
]
SOURCES = [
    Sersic(I_eff=1.5 * u.electron / u.s, theta_eff=0.2, n=1.2, phi=-20.0, center_y=0.1),
    Gaussian(I_0=0.5 * u.electron / u.s) + Gaussian(I_0=0.2 * u.electron / u.s, sigma=0.3),
    Shapelets(2, amplitudes=np.arange(6.0) * u.electron / u.s),
]


def with_models(lens, source, meta=None):
    known = known_reconstruction()
    observation = known.observation
    if meta is not None:
        observation.meta = meta
    return Reconstruction(
        observation=observation,
        source=known.source,
        convergence=known.convergence,
        shear=(0.03, -0.04),
        model=known.model.data,
        chi2_history=[1.0],
        pixel_frame_lens_model=lens,
        pixel_frame_source_model=source,
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("lens", "source"), [*zip(LENSES, SOURCES), (LENSES[0], None)])
def test_models_come_back_with_their_parameters(tmp_path, suffix, lens, source):
    written = with_models(lens, source)
    written.write(tmp_path / f"lens{suffix}")
    read = Reconstruction.read(tmp_path / f"lens{suffix}")
    assert read.inferred_models == written.inferred_models
    assert read.pixel_frame_lens_model == lens
    if source is not None:
        assert read.pixel_frame_source_model == source
    assert read.parameters.keys() == written.parameters.keys()
    for name, value in written.parameters.items():
        if hasattr(value, "ra"):
            assert read.parameters[name].separation(value) < 10 * u.uas
        else:
            # The axes of the sky are numbers of the WCS.
            assert u.isclose(read.parameters[name], value, rtol=1e-6)
    # The side of a pixel of a map is one of them, too.
    assert u.isclose(read.einstein_radius, written.einstein_radius, rtol=1e-10)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_the_header_of_the_image_held_is_kept(tmp_path, suffix):
    held = {
        "OBJECT": "SDSSJ1250+0523", "FILTER": "F814W", "FILTER1": "CLEAR1L", "Z_LENS": 0.2318,
        "Z_SOURCE": 0.7953, "REDSHIFT": 0.2318, "EXPTIME": 420, "FLAG": True,
    }  # fmt: skip
    # As a file brings it, with what no header holds, and one keyword of the summary.
    known = known_reconstruction().observation
    known.meta = {**held, "THETA_E": 1.13, "history of pixels": ["drizzled", 2]}
    known.write(tmp_path / "image.fits")
    meta = Observation.read(tmp_path / "image.fits").meta
    written = with_models(LENSES[0], None, meta)
    written.write(tmp_path / f"lens{suffix}")
    read = Reconstruction.read(tmp_path / f"lens{suffix}")
    assert read.observation.meta == dict(meta)
    assert {name: read.observation.meta[name] for name in held} == held
    assert read.observation.meta["THETA_E"] == 1.13
    if suffix == ".fits":
        header = fits.getheader(tmp_path / "lens.fits", 0)
        assert {name: header[name] for name in held} == held
        assert header["THETA_E"] == pytest.approx(read.einstein_radius.value)


def test_fits_file_lists_parameters_on_the_sky(tmp_path):
    written = with_models(LENSES[0], SOURCES[0])
    written.write(tmp_path / "lens.fits")
    with fits.open(tmp_path / "lens.fits", checksum=True) as hdus:
        assert hdus[-1].name == "MODELS"
        rows = {row["NAME"]: (row["VALUE"], row["UNIT"]) for row in hdus["PARAMETERS"].data}
        header = hdus[0].header
    phi = written.parameters["lens.epl_phi"].to_value("deg")
    assert rows["lens.epl_phi"] == (pytest.approx(phi), "deg")
    assert rows["lens.epl_gamma"] == (2.07, "")
    assert rows["source.I_eff"] == (1.5, "electron / s")
    assert rows["source.center_ra"] == (pytest.approx(written.origin.ra.deg, abs=1e-3), "deg")
    radii = written.einstein_radii
    for keyword, name in (("THETACRI", "critical_curve"), ("THETAAXI", "intermediate_axis")):
        assert header[keyword] == pytest.approx(radii[name].value)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_truncated_file_with_models_is_refused_by_its_name(tmp_path, suffix):
    path = tmp_path / f"lens{suffix}"
    with_models(LENSES[0], SOURCES[0]).write(path)
    content = path.read_bytes()
    for length in (len(content) - 1, len(content) - 2880, len(content) // 2, 3000):
        path.write_bytes(content[:length])
        with pytest.raises(FileFormatError, match=re.escape(str(path))):
            Reconstruction.read(path)


def test_models_of_a_plugin_that_is_missing_name_the_file(tmp_path):
    path = tmp_path / "lens.fits"
    with_models(LENSES[0], None).write(path)
    with fits.open(path) as hdus:
        hdus = fits.HDUList([hdu.copy() for hdu in hdus])
        stored = hdus["MODELS"].data.tobytes().replace(b"plugin: epl", b"plugin: xyz")
        hdus["MODELS"].data = np.frombuffer(stored, "uint8")
        hdus.writeto(path, overwrite=True, checksum=True)
    with pytest.raises(FileFormatError, match="'xyz', which is not installed"):
        Reconstruction.read(path)


def test_asdf_file_opens_with_asdf_alone(tmp_path):
    known_reconstruction().write(tmp_path / "lens.asdf")
    with asdf.open(tmp_path / "lens.asdf") as file:
        assert isinstance(file["reconstruction"], Reconstruction)


def test_content_not_name_tells_the_format(path):
    bare = path.with_name("lens")
    path.rename(bare)
    assert Reconstruction.read(bare).meta["weights"] == "default"


def test_truncated_file_is_refused_wherever_it_ends(path):
    content = path.read_bytes()
    blocks = np.arange(2880, len(content), 2880)[::3]
    offsets = {
        0,
        5,
        100,
        len(content) - 1,
        *blocks,
        *np.linspace(9, len(content) - 9, 15).astype(int),
    }
    for offset in offsets:
        path.write_bytes(content[:offset])
        with pytest.raises(FileFormatError, match=re.escape(str(path))):
            Reconstruction.read(path)


def test_one_changed_byte_is_refused(path):
    content = path.read_bytes()
    for offset in [0, *np.random.default_rng(1).integers(0, len(content), 60)]:
        changed = bytearray(content)
        changed[offset] ^= 0x04
        path.write_bytes(changed)
        with pytest.raises(FileFormatError, match=re.escape(str(path))):
            Reconstruction.read(path)


def test_newer_version_is_refused_as_such(path):
    content = path.read_bytes()
    newer = content.replace(b"tags/reconstruction-1.0.0", b"tags/reconstruction-1.3.0").replace(
        b"RIMLENS =                    1", b"RIMLENS =                    7"
    )
    assert newer != content
    path.write_bytes(newer)
    with pytest.raises(FileFormatError, match="newer than 1"):
        Reconstruction.read(path)


def test_foreign_files_are_refused(tmp_path):
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(tmp_path / "other.fits")
    asdf.AsdfFile({"wave": np.arange(4)}).write_to(tmp_path / "other.asdf")
    (tmp_path / "other.txt").write_text("not a lens")
    for name, message in (("fits", "without a rimlens"), ("asdf", "without a rimlens"),
                          ("txt", "neither ASDF nor FITS")):  # fmt: skip
        with pytest.raises(FileFormatError, match=message):
            Reconstruction.read(tmp_path / f"other.{name}")


def test_missing_file_and_other_suffixes_are_told(tmp_path):
    with pytest.raises(FileFormatError, match="no such file"):
        Reconstruction.read(tmp_path / "none.fits")
    for name in ("lens.png", "lens"):
        with pytest.raises(InputError, match=r"\.asdf or \.fits"):
            known_reconstruction().write(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_existing_file_is_kept_unless_asked(path):
    before = path.read_bytes()
    with pytest.raises(OutputExistsError):
        known_reconstruction(shear=(0.1, 0.0)).write(path)
    assert path.read_bytes() == before
    known_reconstruction(shear=(0.1, 0.0)).write(path, overwrite=True)
    assert Reconstruction.read(path).shear.pixel_frame_gamma1 == 0.1


def test_interrupted_write_keeps_the_old_file_and_leaves_no_other(path, monkeypatch):
    before = path.read_bytes()

    def interrupt(fd):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        known_reconstruction(shear=(0.1, 0.0)).write(path, overwrite=True)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == before
