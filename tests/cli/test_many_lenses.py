"""Checks of `rimlens reconstruct` with several lenses: one table, which no bad lens stops."""

import json
import shutil

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Table

from rimlens import RIMSolver
from rimlens.cli.lenses import lens_files
from rimlens.errors import InputError
from rimlens.reconstruction import Verdict

SUFFIXES = ("asdf", "fits", "png")


def table(folder):
    return Table.read(folder / "rimlens.ecsv", format="ascii.ecsv")


def outputs(*names):
    return {f"{name}_rimlens.{suffix}" for name in names for suffix in SUFFIXES}


def names(folder):
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def lenses(folder):
    """Return a folder of three lenses, the second of which is no FITS file."""
    lenses = folder / "lenses"
    lenses.mkdir()
    for name in ("a.fits", "c.FIT"):
        shutil.copy(folder / "lens.fits", lenses / name)
    (lenses / "b.fits").write_text("not FITS")
    return lenses


def test_all_of_a_folder_is_reconstructed_and_a_bad_file_is_a_row(lenses, solver, call):
    result = call("reconstruct", lenses, "-o", "out")
    assert result.exit_code == 2
    out = lenses.parent / "out"
    assert names(out) == {"rimlens.ecsv", *outputs("a", "c")}
    rows = table(out)
    assert list(rows["file"]) == [str(lenses / n) for n in ("a.fits", "b.fits", "c.FIT")]
    quality = solver.answer.quality
    assert list(rows["quality"]) == [quality, "failed", quality]
    assert "b.fits" in rows["reasons"][1]
    assert rows["theta_E"].unit == u.arcsec
    radius = solver.answer.einstein_radius.value
    np.testing.assert_allclose(rows["theta_E"], [radius, np.nan, radius])
    for name, value in solver.answer.verdict.measures.items():
        np.testing.assert_allclose(rows[name], [value, np.nan, value], err_msg=name)
    np.testing.assert_allclose(rows["gamma_ext"], [0.05, np.nan, 0.05])
    assert rows["extensions"][0] == "data=SCI uncertainty=ERR mask=DQ psf=PSF"
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: 1 of 3 lenses failed; out/rimlens.ecsv says why")
    assert f"3: 1 failed, 2 {quality}" in result.stdout


def test_where_there_is_no_terminal_progress_is_a_line_a_lens(lenses, solver, call):
    result = call("reconstruct", lenses)
    assert "\r" not in result.stderr
    for line in (f"1/3 {lenses}/a.fits", f"2/3 {lenses}/b.fits", f"3/3 {lenses}/c.FIT"):
        assert line in result.stderr.splitlines()


def test_the_solver_is_loaded_once(lenses, solver, call, monkeypatch):
    loaded = []
    monkeypatch.setattr(RIMSolver, "from_pretrained", lambda name: loaded.append(name) or solver)
    (lenses / "b.fits").unlink()
    assert call("reconstruct", lenses).exit_code == 0
    assert loaded == ["default"]
    assert len(solver.seen) == 2


def test_json_is_an_object_a_line(lenses, solver, call):
    result = call("reconstruct", lenses, "--json")
    a, b, c = map(json.loads, result.stdout.splitlines())
    assert [x["file"] for x in (a, b, c)] == list(lens_files([str(lenses)]))
    assert a["files"] == ["a_rimlens.asdf", "a_rimlens.fits", "a_rimlens.png"]
    assert a["reduced_chi2"] == pytest.approx(solver.answer.reduced_chi2)
    assert b["quality"] == "failed"
    assert b["theta_E"] is None
    assert b.keys() == a.keys() == c.keys()


@pytest.mark.parametrize("error", [RuntimeError("no memory"), InputError("every pixel is masked")])
def test_any_error_of_a_lens_is_its_own(lenses, solver, call, error):
    (lenses / "b.fits").unlink()
    solver.error = error
    result = call("reconstruct", lenses)
    assert result.exit_code == 2
    assert list(table(lenses.parent)["quality"]) == ["failed", "failed"]
    assert all(str(error) in reason for reason in table(lenses.parent)["reasons"])
    assert f"Error: {lenses}/a.fits: " in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("quality", ["good", "suspect"])
def test_strict_is_a_status_of_its_own(lenses, solver, call, quality):
    (lenses / "b.fits").unlink()
    solver.answer._verdict = Verdict(quality, ("Why.",) if quality == "suspect" else ())
    assert call("reconstruct", lenses).exit_code == 0
    result = call("reconstruct", lenses, "--strict", "-o", "new")
    assert result.exit_code == (0 if quality == "good" else 3)


def test_an_interrupted_run_keeps_its_rows_and_goes_on(lenses, solver, call, monkeypatch):
    (lenses / "b.fits").unlink()
    reconstruct = type(solver).reconstruct

    def interrupted(self, observation, progress=None, refine=False, method="evidence"):
        if self.seen:
            raise KeyboardInterrupt
        return reconstruct(self, observation)

    monkeypatch.setattr(type(solver), "reconstruct", interrupted)
    result = call("reconstruct", lenses)
    assert result.exit_code == 130
    assert "--resume" in result.stderr
    assert list(table(lenses.parent)["file"]) == [str(lenses / "a.fits")]

    monkeypatch.setattr(type(solver), "reconstruct", reconstruct)
    result = call("reconstruct", lenses, "--resume", "--json")
    assert result.exit_code == 0, result.stderr
    assert len(solver.seen) == 2
    a, c = map(json.loads, result.stdout.splitlines())
    # What is read again is what was written, but for the files' names and the rounding of a WCS.
    assert a["theta_E"] == pytest.approx(c["theta_E"], rel=1e-9)
    assert a["einstein_radii"] == pytest.approx(c["einstein_radii"], rel=1e-9)
    own = {"file": 0, "files": 0, "theta_E": 0, "einstein_radii": 0}
    assert a | own == c | own
    assert list(table(lenses.parent)["theta_E"]) == pytest.approx([a["theta_E"]] * 2)


def test_resuming_tries_again_what_failed_or_lost_a_file(lenses, solver, call):
    assert call("reconstruct", lenses).exit_code == 2
    shutil.copy(lenses / "a.fits", lenses / "b.fits")
    (lenses.parent / "c_rimlens.fits").unlink()
    solver.seen.clear()
    assert call("reconstruct", lenses, "--resume").exit_code == 0
    assert len(solver.seen) == 2
    assert "failed" not in table(lenses.parent)["quality"]
    assert outputs("a", "b", "c") < names(lenses.parent)


def test_a_lens_without_a_row_is_no_obstacle_to_going_on(lenses, solver, call):
    # Its files were written, and the run ended before its row was.
    (lenses / "b.fits").unlink()
    assert call("reconstruct", lenses).exit_code == 0
    rows = table(lenses.parent)
    rows[:1].write(lenses.parent / "rimlens.ecsv", format="ascii.ecsv", overwrite=True)
    assert call("reconstruct", lenses, "--resume").exit_code == 0
    assert len(table(lenses.parent)) == 2


def test_resuming_goes_on_with_the_same_options_only(lenses, solver, call, content):
    call("reconstruct", lenses)
    before = content(lenses.parent)
    for arguments in (("--weights", "epl"), ("--psf", "lens.fits[PSF]")):
        result = call("reconstruct", lenses, "--resume", *arguments)
        assert result.exit_code == 2
        assert arguments[0] in result.stderr
        assert len(result.stderr.splitlines()) == 1
    (lenses.parent / "other").mkdir()
    shutil.copy(lenses / "a.fits", lenses.parent / "other" / "a.fits")
    result = call("reconstruct", "other/a.fits", "--resume")
    assert result.exit_code == 2
    assert f"other/a.fits: the results of {lenses}/a.fits" in result.stderr
    shutil.rmtree(lenses.parent / "other")
    assert content(lenses.parent) == before


def test_resuming_wants_a_table_of_its_own(lenses, solver, call):
    (lenses.parent / "rimlens.ecsv").write_text("a b\n1 2\n")
    result = call("reconstruct", lenses, "--resume")
    assert result.exit_code == 2
    assert "rimlens.ecsv: is not a table of rimlens reconstruct" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert solver.seen == []


@pytest.mark.parametrize("name", ["rimlens.ecsv", "c_rimlens.png"])
def test_results_that_exist_are_refused_before_the_work(lenses, solver, call, content, name):
    (lenses.parent / name).write_text("precious")
    before = content(lenses.parent)
    result = call("reconstruct", lenses)
    assert result.exit_code == 2
    assert name in result.stderr
    assert solver.seen == []
    assert content(lenses.parent) == before
    assert call("reconstruct", lenses, "--overwrite").exit_code == 2
    assert len(table(lenses.parent)) == 3


def test_two_inputs_of_one_name_are_refused_with_both(lenses, solver, call, content):
    before = content(lenses.parent)
    shutil.copy(lenses / "a.fits", lenses / "a.fits.gz")
    for arguments, named in (
        ((lenses,), ("a.fits and", "a.fits.gz:")),
        (("lens.fits[SCI]", "lens.fits[ERR]"), ("lens.fits[SCI] and lens.fits[ERR]:",)),
        (("lens.fits", "lens.fits"), ("lens.fits and lens.fits:",)),
    ):
        result = call("reconstruct", *arguments)
        assert result.exit_code == 2
        (line,) = result.stderr.splitlines()
        assert all(text in line for text in named)
    (lenses / "a.fits.gz").unlink()
    assert solver.seen == []
    assert content(lenses.parent) == before


def test_a_folder_means_its_images_alone(lenses):
    for name in ("d.fits.gz", "e.fts", "._a.fits", "a_rimlens.fits", "notes.txt", "psf.fits"):
        (lenses / name).write_text("")
    (lenses / "folder.fits").mkdir()
    found = [path.rpartition("/")[2] for path in lens_files([lenses], [lenses / "psf.fits"])]
    assert found == ["a.fits", "b.fits", "c.FIT", "d.fits.gz", "e.fts"]
    with pytest.raises(InputError, match=r"folder\.fits: has no FITS files"):
        lens_files([lenses / "folder.fits"])


@pytest.mark.parametrize(
    "arguments", [("--weights", "defualt"), ("-o", "lens.fits/below"), ("empty",)]
)
def test_what_concerns_all_lenses_is_refused_before_the_work(
    lenses, solver, call, content, arguments
):
    (lenses.parent / "empty").mkdir()
    before = content(lenses.parent)
    result = call("reconstruct", lenses, *arguments)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert solver.seen == []
    assert content(lenses.parent) == before


def test_one_file_makes_no_table(folder, solver, call):
    assert call("reconstruct", "lens.fits").exit_code == 0
    assert names(folder) == {"lens.fits", *outputs("lens")}
