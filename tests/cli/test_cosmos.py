"""``rimlens cosmos``."""

import io
import tarfile

import pytest

from cosmos_files import galaxy_image, write_catalog
from rimlens.datasets import MapCollection
from rimlens.datasets.cosmos import build, download
from web_server import web_server


@pytest.fixture
def sample(tmp_path):
    (tmp_path / "sample").mkdir()
    write_catalog(tmp_path / "sample", [galaxy_image((40, 40), f) for f in (5.0, 10.0, 20.0)])
    return tmp_path / "sample"


def test_build_writes_the_maps_that_are_asked_for(sample, tmp_path, call):
    output = tmp_path / "galaxies.asdf"
    result = call(
        "cosmos", "build", sample, "-o", output, "--magnitude", 21.5, 30, "--pixel-scale", 0.06,
        "--size", 32, "--no-denoise", "--neighbors", "zero", "--taper", 0,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "Galaxies  2 of 2 selected" in result.stdout
    assert "32 x 32 pixels of 0.06 arcsec" in result.stdout
    collection = MapCollection.read(output)
    assert collection.table["group"].tolist() == [101, 102]
    assert collection.meta["settings"]["neighbors"] == "zero"
    assert collection.meta["settings"]["denoise"] is False
    assert collection.meta["selection"]["magnitude"] == [21.5, 30.0]


def test_galaxies_left_out_are_counted_in_a_line(sample, tmp_path, call):
    result = call(
        "cosmos", "build", sample, "-o", tmp_path / "g.asdf", "--size", 32, "--flux", 8, 15
    )
    assert result.exit_code == 0, result.output
    assert "Warning: 2 of 3 galaxies are left out (outside the selection: 2)" in result.stderr


@pytest.mark.parametrize("wrong", ["nowhere", "sample"])
def test_what_cannot_be_built_is_told_in_a_line(tmp_path, call, wrong):
    (tmp_path / "sample").mkdir()
    result = call("cosmos", "build", tmp_path / wrong, "-o", tmp_path / "g.asdf")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert not (tmp_path / "g.asdf").exists()


def test_interrupted_build_tells_how_to_go_on(sample, tmp_path, call, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "make_stamp", interrupted)
    result = call("cosmos", "build", sample, "-o", tmp_path / "g.asdf", "--size", 32)
    assert result.exit_code == 130
    assert "the same command goes on from here" in result.stderr


def test_existing_maps_are_left_alone(sample, tmp_path, call):
    output = tmp_path / "galaxies.asdf"
    output.write_text("precious")
    result = call("cosmos", "build", sample, "-o", output)
    assert result.exit_code == 2
    assert "exists already" in result.stderr
    assert output.read_text() == "precious"
    assert (
        call("cosmos", "build", sample, "-o", output, "--size", 32, "--overwrite").exit_code == 0
    )


def test_download_tells_where_the_sample_is(tmp_path, call, monkeypatch):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        folder = tarfile.TarInfo("COSMOS_25.2_training_sample")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(folder)
    with web_server() as site:
        record = site.add_record(
            "/record", "COSMOS_25.2_training_sample.tar.gz", buffer.getvalue()
        )
        monkeypatch.setattr(download, "RECORD", record)
        result = call("cosmos", "download", tmp_path / "data", "--sample", "25.2")
    assert result.exit_code == 0, result.output
    assert "COSMOS_25.2_training_sample" in result.stdout
    assert (tmp_path / "data" / "COSMOS_25.2_training_sample").is_dir()
