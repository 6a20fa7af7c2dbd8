"""Reading the layout of GalSim."""

import numpy as np
import pytest
from astropy.table import Table

from cosmos_files import galaxy_image, psf_image, write_catalog
from rimlens.datasets.cosmos import CosmosCatalog, StampError
from rimlens.errors import FileFormatError, InputError

IMAGES = [galaxy_image((32, 40), flux) for flux in (5.0, 10.0, 20.0)]


@pytest.fixture
def path(tmp_path):
    return write_catalog(tmp_path, IMAGES)


def test_galaxies_are_those_that_were_written(path):
    for given in (path, path.parent, str(path)):
        with CosmosCatalog(given) as catalog:
            assert len(catalog) == 3
            for i in (2, 0):
                galaxy = catalog.galaxy(i)
                assert galaxy.ident == 100 + i
                assert np.array_equal(galaxy.image, IMAGES[i])
                assert galaxy.psf.sum() == pytest.approx(1.0)
                assert galaxy.pixel_scale == 0.03


def test_files_may_be_closed_and_more_are_read_than_stay_open(tmp_path):
    for k in range(6):
        (tmp_path / str(k)).mkdir()
        write_catalog(tmp_path / str(k), [IMAGES[0] + k])
    names = [f"{k}/real_galaxy_images.fits" for k in range(6)]
    psfs = [f"{k}/real_galaxy_PSF_images.fits" for k in range(6)]
    path = write_catalog(
        tmp_path, [IMAGES[0]] * 6, GAL_FILENAME=names, PSF_FILENAME=psfs, GAL_HDU=[0] * 6,
        PSF_HDU=[0] * 6,
    )  # fmt: skip
    with CosmosCatalog(path) as catalog:
        for k in (0, 1, 2, 3, 4, 5, 0):
            assert catalog.galaxy(k).image[0, 0] == pytest.approx(IMAGES[0][0, 0] + k)
        catalog.close()
        assert catalog.galaxy(1).image.shape == (32, 40)


def test_companions_of_the_public_samples_are_read(path):
    Table({"IDENT": [100, 101, 102], "zphot": [0.1, 0.2, 0.3]}).write(
        path.with_name(path.stem + "_fits.fits")
    )
    with CosmosCatalog(path.parent) as catalog:
        assert list(catalog.companions) == ["fits"]
        assert catalog.companions["fits"]["zphot"][2] == 0.3


def test_companion_of_other_galaxies_is_refused(path):
    Table({"IDENT": [100, 102, 101]}).write(path.with_name(path.stem + "_selection.fits"))
    with pytest.raises(FileFormatError, match="in its order, are wanted, found others"):
        CosmosCatalog(path)


def test_absent_stamps_are_told_from_damaged_files(path):
    table = Table.read(path)
    table["GAL_HDU"][1] = 7
    table["PSF_FILENAME"][2] = "elsewhere.fits"
    table.write(path, overwrite=True)
    with CosmosCatalog(path) as catalog:
        with pytest.raises(StampError, match="there is no extension 7"):
            catalog.galaxy(1)
        with pytest.raises(StampError, match="elsewhere.fits: there is no such file"):
            catalog.galaxy(2)


@pytest.mark.parametrize("kept", [0.9, 0.5, 0.01])
def test_truncated_file_of_stamps_is_refused(path, kept):
    stamps = path.with_name("real_galaxy_images.fits")
    content = stamps.read_bytes()
    stamps.write_bytes(content[: int(kept * len(content))])
    wanted = "real_galaxy_images.fits: cannot be read.*truncated"
    with CosmosCatalog(path) as catalog, pytest.raises(FileFormatError, match=wanted):
        catalog.galaxy(2)


@pytest.mark.parametrize(
    ("images", "psfs", "wanted"),
    [
        ([np.full((8, 8), np.nan)], None, "a finite image"),
        ([np.ones((8, 8))], [-psf_image()], "a PSF of positive sum"),
        ([np.ones((2, 8, 8))], None, "an image is wanted"),
    ],
)
def test_images_that_are_none_are_refused(tmp_path, images, psfs, wanted):
    path = write_catalog(tmp_path, images, psfs)
    with CosmosCatalog(path) as catalog, pytest.raises(StampError, match=wanted):
        catalog.galaxy(0)


def test_numbers_that_are_none_are_refused(tmp_path):
    path = write_catalog(tmp_path, IMAGES, NOISE_VARIANCE=[0.0, np.nan, 1.0])
    with CosmosCatalog(path) as catalog:
        for i in (0, 1):
            with pytest.raises(StampError, match=f"row {i} .*NOISE_VARIANCE > 0 are wanted"):
                catalog.galaxy(i)


def test_folder_without_its_one_catalog_is_refused(path, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(FileFormatError, match=r"real_galaxy_catalog\*.fits is wanted, found none"):
        CosmosCatalog(empty)
    with pytest.raises(FileFormatError, match="there is no such file or folder"):
        CosmosCatalog(empty / "nowhere")
    write_catalog(path.parent, IMAGES, name="real_galaxy_catalog_other")
    with pytest.raises(FileFormatError, match="other.fits, .*; give the catalog itself"):
        CosmosCatalog(path.parent)


def test_tables_that_are_no_catalogs_are_refused(path):
    content = path.read_bytes()
    path.write_bytes(content[:2000])
    with pytest.raises(FileFormatError, match="test.fits: (cannot be read|a FITS table)"):
        CosmosCatalog(path)
    Table({"IDENT": [1], "MAG": [22.0]}).write(path, overwrite=True)
    with pytest.raises(FileFormatError, match="GAL_FILENAME, .* not found"):
        CosmosCatalog(path)
    path.write_bytes(content)
    table = Table.read(path)
    table[:0].write(path, overwrite=True)
    with pytest.raises(InputError, match="at least one galaxy is wanted"):
        CosmosCatalog(path)
