"""Weights that are fetched by name, from a server on this machine."""

import hashlib
import json

import pytest

from rimlens import RIMSolver
from rimlens.errors import FileFormatError, InputError
from rimlens.io import (
    RegistryEntry,
    fetch_weights,
    fetched_weights,
    find_weights,
    read_registry,
    registry,
)
from rimlens.package_data import shipped_files
from web_server import web_server

CONTENT = shipped_files("weights")["analytic"].read_bytes()


@pytest.fixture
def site(tmp_path, monkeypatch):
    (tmp_path / "cache").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with web_server() as running:
        yield running


def table(site, name="hst-64", content=CONTENT, **changes):
    """Put a file on the server and return its table in a registry."""
    site.files[f"/files/{name}.asdf"] = content
    entry = {
        "url": f"{site.address}/files/{name}.asdf",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "description": "A test",
        **changes,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in entry.items() if value is not None]
    return "\n".join([f"[{name}]", *lines, ""])


@pytest.fixture
def path(tmp_path, site):
    path = tmp_path / "registry.toml"
    path.write_text(table(site))
    return path


def test_fetched_weights_are_found_by_name_without_registry_and_network(site, path):
    assert fetched_weights() == {}
    fetched = fetch_weights("hst-64", path)
    assert fetched.read_bytes() == CONTENT
    path.unlink()
    site.files.clear()
    assert list(fetched_weights()) == ["hst-64"]
    assert find_weights("hst-64") == fetched
    assert RIMSolver.from_pretrained("hst-64").weights.name == "analytic"


def test_a_registry_is_read_from_an_address(site, path):
    site.files["/registry.toml"] = path.read_bytes()
    address = f"{site.address}/registry.toml"
    assert read_registry(address) == read_registry(path)
    fetch_weights("hst-64", address)
    # Guards against a registry that is taken from the cache after it grew.
    site.files["/registry.toml"] += table(site, "hst-128").encode()
    assert list(read_registry(address)) == ["hst-128", "hst-64"]


def test_what_was_fetched_is_not_fetched_again(site, path):
    fetch_weights("hst-64", path)
    asked = len(site.asked)
    fetch_weights("hst-64", path)
    assert len(site.asked) == asked


def test_a_newer_file_at_the_same_address_is_fetched(site, path):
    fetch_weights("hst-64", path)
    path.write_text(table(site, content=b"newer"))
    assert fetch_weights("hst-64", path).read_bytes() == b"newer"


def test_a_file_that_was_altered_in_the_cache_is_fetched_again(site, path):
    fetched = fetch_weights("hst-64", path)
    fetched.write_bytes(b"altered")
    assert fetch_weights("hst-64", path).read_bytes() == CONTENT


def test_a_wrong_checksum_is_told_and_nothing_is_kept(site, path):
    wrong = 64 * "0"
    path.write_text(table(site, sha256=wrong))
    with pytest.raises(FileFormatError, match=f"hst-64: the checksum {wrong} is wanted, found"):
        fetch_weights("hst-64", path)
    assert fetched_weights() == {}
    with pytest.raises(FileFormatError, match="no such weights"):
        find_weights("hst-64")


def test_a_transfer_that_breaks_off_is_told_and_nothing_is_kept(site, path):
    site.breaks_after = 100
    with pytest.raises(InputError, match=r"hst-64\.asdf: cannot be fetched"):
        fetch_weights("hst-64", path)
    site.breaks_after = None
    assert fetch_weights("hst-64", path).read_bytes() == CONTENT


def test_an_address_that_has_nothing_is_told(site, path):
    site.files.clear()
    with pytest.raises(InputError, match="the server says 404"):
        fetch_weights("hst-64", path)
    with pytest.raises(InputError, match="the server says 404"):
        read_registry(f"{site.address}/registry.toml")


def test_without_a_network_the_address_is_told(tmp_path, site):
    text = table(site)
    port = site.address.rpartition(":")[2]
    # Nobody listens on the last port of all.
    (tmp_path / "registry.toml").write_text(text.replace(f":{port}/", ":65535/"))
    with pytest.raises(InputError, match="cannot be fetched: .*; is there a network"):
        fetch_weights("hst-64", tmp_path / "registry.toml")


def test_an_unknown_name_is_told_with_those_that_there_are(path):
    with pytest.raises(InputError, match=r"it has \['hst-64'\], did you mean 'hst-64'"):
        fetch_weights("hst64", path)
    with pytest.raises(InputError, match="no such weights; it has none"):
        fetch_weights("hst-64")


def test_a_name_of_the_package_is_not_fetched(tmp_path, site):
    (tmp_path / "registry.toml").write_text(table(site, "default"))
    with pytest.raises(InputError, match="default: the package has weights of this name"):
        fetch_weights("default", tmp_path / "registry.toml")


def test_the_package_comes_before_what_was_fetched(site, path, monkeypatch):
    monkeypatch.setattr(registry, "fetched_weights", lambda: {"default": path})
    assert find_weights("default") == shipped_files("weights")["default"]


def test_a_cache_that_was_emptied_names_nothing(site, path):
    from astropy.utils.data import clear_download_cache

    fetch_weights("hst-64", path)
    clear_download_cache(pkgname="rimlens")
    assert fetched_weights() == {}


def test_a_damaged_note_names_nothing(site, path, tmp_path):
    fetch_weights("hst-64", path)
    (note,) = (tmp_path / "cache").rglob("hst-64.json")
    note.write_text("{")
    assert fetched_weights() == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "example.org"}, "url: an address with https, http or file is wanted"),
        ({"sha256": "12"}, "sha256: 64 hexadecimal digits"),
        ({"sha256": None}, r"\['sha256'\] are missing"),
        ({"size": 0}, "size: a positive number of bytes is wanted, found 0"),
        ({"size": True}, "size: a positive number"),
        ({"description": "two\nlines"}, "description: a line of text"),
        ({"sha265": "12"}, "unknown entries .*sha265.*did you mean 'sha256'"),
    ],
)
def test_a_bad_table_is_told_with_file_name_and_entry(site, path, changes, words):
    path.write_text(table(site, **changes))
    with pytest.raises(FileFormatError, match=rf"registry\.toml: .*hst-64.*{words}"):
        read_registry(path)


@pytest.mark.parametrize("text", ["hst = ", "hst = 3\n"])
def test_what_is_no_registry_is_refused(path, text):
    path.write_text(text)
    with pytest.raises(FileFormatError, match=r"registry\.toml: "):
        read_registry(path)


def test_a_registry_that_is_not_there_is_told(tmp_path):
    with pytest.raises(FileFormatError, match="there is no such file"):
        read_registry(tmp_path / "registry.toml")


def test_a_name_cannot_leave_the_folder_of_the_notes():
    with pytest.raises(InputError, match="letters, digits"):
        RegistryEntry("../note", "https://example.org", 64 * "0", 1, "A test")


def test_the_registry_of_the_package_can_be_read():
    assert all(entry.url.startswith("https://") for entry in read_registry().values())


def test_a_file_on_a_shared_disk_is_fetched(site, tmp_path):
    (tmp_path / "shared.asdf").write_bytes(CONTENT)
    (tmp_path / "registry.toml").write_text(table(site, url=f"file://{tmp_path}/shared.asdf"))
    assert fetch_weights("hst-64", tmp_path / "registry.toml").read_bytes() == CONTENT
