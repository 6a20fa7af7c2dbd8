import pytest
from click.testing import CliRunner

import simulation_files as files
from rimlens.cli import main
from rimlens.datasets import MapCollection


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*words):
        return CliRunner().invoke(main, ["tng", *words])

    return call


SMALL = ("--pixels", "16", "--neighbors", "16", "--field", "100 kpc")


def test_snapshot_and_catalog_become_maps(run, tmp_path):
    files.two_groups(tmp_path)
    words = ("rasterize", "snap_099.hdf5", "-o", "maps.asdf", *SMALL)
    done = run(*words, "--groups", "fof_subhalo_tab_099.hdf5", "--projection", "1,1,0")
    assert done.exit_code == 0, done.output
    assert "Halos                 2\nMaps                   2" in done.output
    maps = MapCollection.read(tmp_path / "maps.asdf")
    assert list(maps.table["projection"]) == ["1,1,0", "1,1,0"]
    again = run(*words)
    assert again.exit_code == 2
    assert "maps.asdf: exists already" in again.output
    assert run(*words, "--overwrite", "--radius", "80").exit_code == 0


def test_cutouts_become_maps(run, tmp_path):
    files.two_groups(tmp_path)
    done = run("rasterize", "snap_099.hdf5", "-o", "maps.asdf", *SMALL)
    assert done.exit_code == 0, done.output
    assert "With Einstein radius   0" in done.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--relaxed",), "--groups: a group catalog is wanted to choose halos"),
        (("--min-mass", "1e12"), "--groups: a group catalog is wanted to choose halos"),
        (("--groups", "cat", "--radius", "3"), "--groups: one SNAPSHOT without --center"),
        (("--field", "3 pears"), "--field: a size as '12 arcsec' or '105 kpc' is wanted"),
        (("--projection", "w"), "projections: x, y, z or a direction"),
        (("--feild", "3"), "No such option"),
    ],
)
def test_words_that_do_not_fit_are_refused_before_the_work(run, words, message):
    done = run("rasterize", "none.hdf5", "-o", "maps.asdf", *words)
    assert done.exit_code == 2
    assert message in done.output


def test_download_wants_a_key(run, monkeypatch):
    monkeypatch.delenv("TNG_API_KEY", raising=False)
    done = run("download", "TNG100-1", "99", "--halo", "3")
    assert done.exit_code == 2
    assert "set the environment variable TNG_API_KEY" in done.output


def test_download_passes_on_what_is_asked_for(run, monkeypatch, tmp_path):
    from rimlens.datasets import tng

    seen = {}

    def fake(**arguments):
        seen.update(arguments)
        return [tmp_path / "a.hdf5"]

    monkeypatch.setattr(tng, "download", fake)
    monkeypatch.setenv("TNG_API_KEY", "secret")
    done = run("download", "TNG50-1", "67", "--halo", "3", "--halo", "5", "--groups", "-o", "here")
    assert done.exit_code == 0, done.output
    assert "a.hdf5" in done.output
    del seen["progress"]
    assert seen == {
        "simulation": "TNG50-1",
        "snapshot": 67,
        "folder": "here",
        "halos": (3, 5),
        "groups": True,
        "offsets": False,
        "chunks": False,
        "key": "secret",
    }


def test_interruption_is_told_and_the_same_command_goes_on(run, monkeypatch, tmp_path):
    from rimlens.datasets.tng import GroupHalos

    files.two_groups(tmp_path)
    words = ("rasterize", "snap_099.hdf5", "-o", "maps.asdf", *SMALL)
    words = (*words, "--groups", "fof_subhalo_tab_099.hdf5")
    read = GroupHalos.halo

    def interrupted(self, name):
        if name == "group_1":
            raise KeyboardInterrupt
        return read(self, name)

    with monkeypatch.context() as patch:
        patch.setattr(GroupHalos, "halo", interrupted)
        done = run(*words)
    assert done.exit_code == 130
    assert "Interrupted; the same command goes on from here" in done.output
    assert (tmp_path / "maps.asdf.parts" / "group_0.asdf").exists()
    assert run(*words).exit_code == 0
    assert not (tmp_path / "maps.asdf.parts").exists()
