"""Checks of `rimlens weights`: what is listed, described and fetched."""

import hashlib
import json

import pytest

from rimlens.io import store_card
from rimlens.package_data import shipped_files
from web_server import web_server

CONTENT = shipped_files("weights")["analytic"].read_bytes()


@pytest.fixture
def site(tmp_path, monkeypatch):
    (tmp_path / "cache").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with web_server() as running:
        running.files["/files/hst-64.asdf"] = CONTENT
        yield running


@pytest.fixture
def registry(site, tmp_path):
    path = tmp_path / "registry.toml"
    path.write_text(
        f'[hst-64]\nurl = "{site.address}/files/hst-64.asdf"\nsize = {len(CONTENT)}\n'
        f'sha256 = "{hashlib.sha256(CONTENT).hexdigest()}"\ndescription = "Galaxies of HST"\n'
    )
    return path


def line_of(name, output):
    (found,) = [line for line in output.splitlines() if line.split()[0] == name]
    return found


@pytest.mark.parametrize("arguments", [[], ["list"]])
def test_the_weights_of_the_package_are_listed(call, site, arguments):
    result = call("weights", *arguments)
    assert result.exit_code == 0, result.output
    words = line_of("default", result.stdout)
    for text in ("package", "convergence map", "field 128", "rings 8 to 46", "6.8 MB", " h ", "%"):
        assert text in words
    assert "source maps" in line_of("vae_source", result.stdout)


def test_fetching_makes_a_name_known_everywhere(call, site, registry):
    before = line_of("hst-64", call("weights", "list", "--registry", registry).stdout)
    assert "registry" in before
    assert "Galaxies of HST" in before
    result = call("weights", "fetch", "hst-64", "--registry", registry)
    assert result.exit_code == 0, result.output
    assert "1.1 MB" in result.stderr
    after = line_of("hst-64", call("weights").stdout)
    assert "fetched" in after
    assert "sie + external_shear; sersic" in after
    assert "Parameters    563,036" in call("weights", "show", "hst-64").stdout


def test_a_name_and_a_file_are_described_alike(call, site, tmp_path):
    (tmp_path / "mine.asdf").write_bytes(CONTENT)
    by_name, by_file = (
        json.loads(call("weights", "show", which, "--json").stdout)
        for which in ("analytic", tmp_path / "mine.asdf")
    )
    assert by_file.pop("file") == str(tmp_path / "mine.asdf")
    assert by_name.pop("file") != by_file
    assert by_name == by_file
    lines = call("weights", "show", "analytic").stdout
    for text in ("image_size 64", "0.64 h", hashlib.sha256(CONTENT).hexdigest(), "none"):
        assert text in lines


def test_the_list_is_read_by_programs(call, site):
    rows = json.loads(call("weights", "list", "--json").stdout)
    (row,) = [row for row in rows if row["name"] == "epl"]
    assert row["domain"]["field"] == 64
    assert row["reduced_chi2"] == pytest.approx(0.95, abs=0.01)


def test_a_misspelt_name_is_one_line_with_a_question(call, site, registry):
    for arguments, meant in (
        (("show", "defualt"), "default"),
        (("show", "vae_sorce"), "vae_source"),
        (("fetch", "hst64", "--registry", registry), "hst-64"),
    ):
        result = call("weights", *arguments)
        assert result.exit_code == 2
        (line,) = result.stderr.splitlines()
        assert f"did you mean '{meant}'?" in line


def test_truncated_weights_are_one_line(call, site, tmp_path):
    (tmp_path / "mine.asdf").write_bytes(CONTENT[:-1])
    result = call("weights", "show", tmp_path / "mine.asdf")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "truncated or altered" in line


def test_a_fetched_file_that_was_damaged_stops_no_list(call, site, registry):
    call("weights", "fetch", "hst-64", "--registry", registry)
    (file,) = [
        line.split(maxsplit=1)[1]
        for line in call("weights", "show", "hst-64").stdout.splitlines()
        if line.startswith("File")
    ]
    with open(file, "ab") as damaged:
        damaged.write(b"more")
    result = call("weights")
    assert result.exit_code == 0
    assert "truncated or altered" in line_of("hst-64", result.stdout)
    assert "package" in line_of("default", result.stdout)


def test_a_wrong_checksum_is_one_line(call, site, registry):
    site.files["/files/hst-64.asdf"] = b"something else"
    result = call("weights", "fetch", "hst-64", "--registry", registry, "-q")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "checksum" in line


def test_an_interruption_keeps_nothing(call, site, registry, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("rimlens.cli.weights.fetch_weights", interrupt)
    result = call("weights", "fetch", "hst-64", "--registry", registry)
    assert result.exit_code == 130
    assert "Interrupted; nothing was kept." in result.stderr


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ({"format": 9, "dataset": {}, "cases": {}}, "of the format 9"),
        (
            {
                "format": 1,
                "dataset": {"lenses": 5, "name": "held-back"},
                "cases": {
                    "as drawn": {
                        "reduced_chi2": {"median": 1.25},
                        "theta_E_error": {"median": 0.01, "scatter": 0.02},
                    }
                },
            },
            "5 lenses of held-back: reduced chi-square 1.250, Einstein radius +1.00 +- 2.00 %",
        ),
    ],
)
def test_a_card_is_told_in_a_line(call, site, tmp_path, card, words):
    path = tmp_path / "mine.asdf"
    path.write_bytes(CONTENT)
    store_card(path, card)
    result = call("weights", "show", path)
    assert result.exit_code == 0, result.output
    assert words in result.stdout
