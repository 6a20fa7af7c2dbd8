"""Fetching a public sample, from a server on this machine."""

import io
import tarfile

import numpy as np
import pytest

from cosmos_files import galaxy_image, write_catalog
from rimlens.datasets import http
from rimlens.datasets.cosmos import CosmosCatalog, download_cosmos
from rimlens.errors import FileFormatError, InputError
from web_server import web_server

NAME = "COSMOS_23.5_training_sample"
RECORD = "/api/records/1"


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setattr(http, "_WAIT", 0.0)
    with web_server() as running:
        yield running


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample") / NAME
    folder.mkdir()
    write_catalog(folder, [galaxy_image()], name="real_galaxy_catalog_23.5")
    # It does not shrink, so that a server may break off in its middle.
    (folder / "noise.dat").write_bytes(np.random.default_rng(1).bytes(200_000))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.add(folder, NAME)
    return buffer.getvalue()


def archive_of(name, kind=tarfile.REGTYPE, link=""):
    """Return an archive whose second member is unlike the first."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        folder = tarfile.TarInfo(NAME)
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(folder)
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, link
        tar.addfile(member)
    return buffer.getvalue()


def test_sample_is_fetched_checked_and_unpacked(site, archive, tmp_path):
    record = site.add_record(RECORD, f"{NAME}.tar.gz", archive)
    reported = []
    path = download_cosmos(
        tmp_path / "data", "23.5", record=record, progress=lambda *n: reported.append(n)
    )
    assert path == tmp_path / "data" / NAME
    with CosmosCatalog(path) as catalog:
        assert catalog.galaxy(0).image.shape == (64, 64)
    assert [p.name for p in path.parent.iterdir()] == [NAME]
    assert reported[-1] == (len(archive), len(archive))
    asked = len(site.asked)
    assert download_cosmos(tmp_path / "data", "23.5", record=record) == path
    assert len(site.asked) == asked


@pytest.mark.parametrize("ranges", [True, False])
def test_download_goes_on_where_it_broke_off(site, archive, tmp_path, ranges):
    record = site.add_record(RECORD, f"{NAME}.tar.gz", archive)
    site.breaks_after, site.ranges = 30_000, ranges
    with pytest.raises(FileFormatError, match="5 tries; the same call goes on from there"):
        download_cosmos(tmp_path, "23.5", record=record)
    kept = (tmp_path / f"{NAME}.tar.gz.part").stat().st_size
    assert kept == (150_000 if ranges else 30_000)
    site.breaks_after = None
    path = download_cosmos(tmp_path, "23.5", record=record, keep_archive=True)
    assert site.asked[-1] == (f"/files/{NAME}.tar.gz", f"bytes={kept}-")
    assert (tmp_path / f"{NAME}.tar.gz").read_bytes() == archive
    assert (path / "noise.dat").stat().st_size == 200_000


def test_download_that_was_whole_is_not_fetched_again(site, archive, tmp_path):
    record = site.add_record(RECORD, f"{NAME}.tar.gz", archive)
    (tmp_path / f"{NAME}.tar.gz.part").write_bytes(archive)
    assert download_cosmos(tmp_path, "23.5", record=record).is_dir()
    assert site.asked[-1] == (f"/files/{NAME}.tar.gz", f"bytes={len(archive)}-")
    assert len(site.asked) == 2


def test_what_is_longer_than_the_file_is_thrown_away(site, archive, tmp_path):
    record = site.add_record(RECORD, f"{NAME}.tar.gz", archive)
    (tmp_path / f"{NAME}.tar.gz.part").write_bytes(archive + b"more")
    assert download_cosmos(tmp_path, "23.5", record=record).is_dir()


def test_archive_that_was_kept_is_checked_too(site, archive, tmp_path):
    record = site.add_record(RECORD, f"{NAME}.tar.gz", archive)
    (tmp_path / f"{NAME}.tar.gz").write_bytes(archive[:1000])
    with pytest.raises(FileFormatError, match="the file has been removed"):
        download_cosmos(tmp_path, "23.5", record=record)
    assert download_cosmos(tmp_path, "23.5", record=record).is_dir()


def test_altered_archive_is_refused_and_removed(site, archive, tmp_path):
    record = site.add_record(RECORD, f"{NAME}.tar.gz", archive, checksum="md5:" + "0" * 32)
    with pytest.raises(FileFormatError, match="the checksum 0{32} is wanted, found"):
        download_cosmos(tmp_path, "23.5", record=record)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        archive_of("../outside.txt"),
        archive_of(f"{NAME}/../../outside.txt"),
        archive_of(f"{NAME}/link", tarfile.SYMTYPE, "../../.."),
        archive_of(f"{NAME}/link", tarfile.SYMTYPE, "/etc/passwd"),
        archive_of(f"{NAME}/device", tarfile.CHRTYPE),
        b"this is no archive",
    ],
)
def test_archive_that_reaches_outside_is_refused(site, content, tmp_path):
    folder = tmp_path / "inner" / "data"
    record = site.add_record(RECORD, f"{NAME}.tar.gz", content)
    with pytest.raises(FileFormatError, match="cannot be unpacked"):
        download_cosmos(folder, "23.5", record=record)
    assert [p.name for p in tmp_path.rglob("*")] == ["inner", "data", f"{NAME}.tar.gz"]


def test_archive_of_something_else_is_refused(site, tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("else.txt"))
    record = site.add_record(RECORD, f"{NAME}.tar.gz", buffer.getvalue())
    with pytest.raises(FileFormatError, match=f"a folder {NAME} is wanted in it"):
        download_cosmos(tmp_path, "23.5", record=record)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"<html>", "a record with a file"),
        (b"[]", "a record with a file"),
        (b'{"files": []}', "a record with a file"),
    ],
)
def test_answer_that_is_no_record_is_refused(site, content, wanted, tmp_path):
    site.files[RECORD] = content
    with pytest.raises(FileFormatError, match=wanted):
        download_cosmos(tmp_path, "23.5", record=site.address + RECORD)


def test_record_without_a_checksum_is_refused(site, archive, tmp_path):
    record = site.add_record(RECORD, f"{NAME}.tar.gz", archive, checksum="adler32:1")
    with pytest.raises(FileFormatError, match="an md5 checksum"):
        download_cosmos(tmp_path, "23.5", record=record)


def test_server_that_is_not_there_is_told(site, tmp_path):
    with pytest.raises(InputError, match="there is nothing at this address"):
        download_cosmos(tmp_path, "23.5", record=site.address + "/nothing")
    with pytest.raises(InputError, match="an address with https is wanted"):
        download_cosmos(tmp_path, "23.5", record="file:///etc/passwd")
    with pytest.raises(InputError, match=r"one of 23.5, 25.2 is wanted, found '24'"):
        download_cosmos(tmp_path, "24")
