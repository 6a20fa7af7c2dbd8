"""From a catalog to a collection."""

import numpy as np
import pytest
from astropy.table import Table

from cosmos_files import CORRELATION, SIGMA, galaxy_image, write_catalog
from rimlens.datasets import MapCollection
from rimlens.datasets.cosmos import Selection, StampSettings, build, correlated_noise
from rimlens.datasets.cosmos.build import build_cosmos
from rimlens.errors import FileFormatError, InputError, OutputExistsError, RimlensWarning

SETTINGS = StampSettings(0.05, 32)
FLUXES = np.linspace(5.0, 30.0, 7)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(build, "_PART", 3)


@pytest.fixture
def path(tmp_path):
    images = [
        galaxy_image((48, 48), flux)
        + SIGMA * correlated_noise((48, 48), CORRELATION, np.random.default_rng(i))
        for i, flux in enumerate(FLUXES)
    ]
    return write_catalog(tmp_path, images)


def change(path, **columns):
    table = Table.read(path)
    for name, (row, value) in columns.items():
        table[name][row] = value
    table.write(path, overwrite=True)


def made(path, output="galaxies.asdf", **options):
    options = {"settings": SETTINGS, "correlation": CORRELATION, **options}
    return build_cosmos(path, path.with_name(output), **options)


def test_collection_holds_the_galaxies_and_where_they_come_from(path):
    collection = made(path)
    assert collection == MapCollection.read(path.with_name("galaxies.asdf"))
    assert collection.maps.shape == (7, 32, 32)
    assert collection.unit == "electron s-1 arcsec-2"
    assert collection.table["group"].tolist() == list(range(100, 107))
    # Of the noise in the sum of a stamp, and the taper.
    assert np.allclose(collection.table["flux"], FLUXES, atol=0.6)
    total = collection.maps.sum(axis=(1, 2)) * 0.05**2
    assert np.allclose(total, collection.table["map_flux"], rtol=1e-5)
    assert collection.table["psf"].shape == (7, 31, 31)
    meta = collection.meta
    assert meta["catalog"] == "real_galaxy_catalog_test.fits"
    assert meta["settings"]["denoise"] is True
    assert meta["selected"] == 7
    assert "Leauthaud" in meta["references"][0]
    assert not path.with_name("galaxies.asdf.parts").exists()
    parts = collection.split([0.7, 0.3], rng=1)
    assert not set(parts[0].table["group"]) & set(parts[1].table["group"])


def test_galaxies_that_are_left_out_are_counted_by_reason(path):
    change(path, GAL_HDU=(1, 70), PSF_FILENAME=(3, "none.fits"), NOISE_VARIANCE=(2, np.nan))
    selection = Selection(magnitude=(None, 22.8), flux=(None, 22.0))
    reasons = (
        r"4 of 6 galaxies are left out \(stamp absent: 2, stamp unusable: 1, outside the "
        r"selection: 1\)"
    )
    with pytest.warns(RimlensWarning, match=reasons):
        collection = made(path, selection=selection)
    assert collection.table["group"].tolist() == [100, 104]


def test_interrupted_build_goes_on_and_ends_alike(path, monkeypatch):
    whole = made(path, "whole.asdf")
    change(path, GAL_HDU=(1, 70))
    with pytest.warns(RimlensWarning, match="1 of 7"):
        without = made(path, "without.asdf")
    make, calls = build.make_stamp, []

    def counted(*arguments):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return make(*arguments)

    monkeypatch.setattr(build, "make_stamp", counted)
    with pytest.raises(KeyboardInterrupt):
        made(path)
    with pytest.warns(RimlensWarning, match=r"1 of 7 .*\(in parts made before: 1\)"):
        resumed = made(path)
    # Two of the first part, with the absent one, two before the end, and two parts after it.
    assert len(calls) == 2 + 3 + 4
    assert resumed == without
    assert len(whole) == 7


def test_interrupted_build_with_other_settings_is_refused(path, monkeypatch):
    monkeypatch.setattr(build, "make_stamp", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        made(path)
    with pytest.raises(InputError, match=r"had other settings \(settings\)"):
        made(path, settings=StampSettings(0.05, 40))


def test_nothing_is_overwritten_unless_asked(path):
    made(path)
    before = path.with_name("galaxies.asdf").read_bytes()
    with pytest.raises(OutputExistsError):
        made(path)
    assert path.with_name("galaxies.asdf").read_bytes() == before
    again = made(path, overwrite=True, settings=StampSettings(0.05, 24))
    assert again.maps.shape[1:] == (24, 24)


def test_truncated_file_ends_the_build_and_keeps_the_parts(path):
    stamps = path.with_name("real_galaxy_images.fits")
    content = stamps.read_bytes()
    stamps.write_bytes(content[: int(0.7 * len(content))])
    with pytest.raises(FileFormatError, match="real_galaxy_images.fits: cannot be read"):
        made(path)
    assert path.with_name("galaxies.asdf.parts").is_dir()
    stamps.write_bytes(content)
    assert len(made(path)) == 7


def test_build_without_a_galaxy_is_refused(path):
    with pytest.raises(InputError, match="at least one map is wanted"):
        made(path, selection=Selection(magnitude=(10.0, 11.0)))


def test_correlation_is_measured_where_none_is_given(path):
    change(path, GAL_HDU=(1, 70))
    with pytest.warns(RimlensWarning, match="stamp absent: 1"):
        collection = made(path, correlation=None)
    found = np.array(collection.meta["noise_correlation"])
    assert found.shape == (7, 7)
    # Next neighbors; six stamps measure it to some hundredths.
    assert found[3, 4] == pytest.approx(CORRELATION[2, 3], abs=0.15)


def test_progress_tells_of_every_part(path):
    reported = []
    made(path, progress=lambda names: reported.extend(names) or reported.append)
    assert reported == ["000000", "000003", "000006"] * 2
