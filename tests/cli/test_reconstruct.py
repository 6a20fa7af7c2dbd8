"""Laws of `rimlens reconstruct`: what it prints where, and what it never overwrites."""

import json

import numpy as np
import pytest

from rimlens import Reconstruction
from rimlens.cli.outputs import output_stem

OUTPUTS = {"lens_rimlens.asdf", "lens_rimlens.fits", "lens_rimlens.png"}


def test_three_files_are_written_and_two_of_them_are_read_again(folder, solver, call):
    result = call("reconstruct", "lens.fits", "-o", "new/results")
    assert result.exit_code == 0, result.output
    results = folder / "new" / "results"
    assert {path.name for path in results.iterdir()} == OUTPUTS
    for suffix in ("asdf", "fits"):
        read = Reconstruction.read(results / f"lens_rimlens.{suffix}")
        np.testing.assert_array_equal(read.convergence.data, solver.answer.convergence.data)
    assert (results / "lens_rimlens.png").read_bytes().startswith(b"\x89PNG")


def test_results_go_to_the_current_folder(folder, solver, call):
    assert call("reconstruct", "lens.fits").exit_code == 0
    assert {path.name for path in folder.iterdir()} == {"lens.fits", *OUTPUTS}


def test_the_table_has_radius_chi2_time_and_files(folder, solver, call):
    out = call("reconstruct", "lens.fits").stdout
    assert f"{solver.answer.einstein_radius.value:.3f} arcsec" in out
    assert f"{solver.answer.reduced_chi2:.3f}" in out
    assert "1.2 s" in out
    assert all(name in out for name in OUTPUTS)


def test_json_is_one_object_with_three_numbers(folder, solver, call):
    found = json.loads(call("reconstruct", "lens.fits", "--json").stdout)
    assert found == {
        "theta_E": pytest.approx(solver.answer.einstein_radius.value),
        "reduced_chi2": pytest.approx(solver.answer.reduced_chi2),
        "elapsed": 1.25,
    }


def test_json_has_null_for_a_radius_that_does_not_exist(folder, solver, call):
    solver.answer.convergence.data[:] = 0.1
    found = json.loads(call("reconstruct", "lens.fits", "--json").stdout)
    assert found["theta_E"] is None


def test_warnings_are_one_line_on_standard_error(folder, with_bad_pixels, solver, call):
    result = call("reconstruct", "lens.fits", "--json")
    json.loads(result.stdout)
    (line,) = result.stderr.splitlines()
    assert line.startswith("Warning: ")
    assert "3 " in line


def test_parts_are_read_from_where_they_are_said_to_be(folder, solver, call):
    result = call(
        "reconstruct", "lens.fits", "--data", 1, "--uncertainty", "ERR", "--mask", "lens.fits[DQ]"
    )
    assert result.exit_code == 0, result.output
    (seen,) = solver.seen
    np.testing.assert_array_equal(seen.mask, solver.answer.observation.mask)


@pytest.mark.parametrize(
    "arguments",
    [
        ("lens.fits", "--data", "NOTHING"),
        ("lens.fits", "--psf", "absent.fits"),
        ("absent.fits",),
        ("lens.fits", "-o", "lens.fits"),
        ("lens.fits", "-o", "lens.fits/below"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(folder, solver, call, content, arguments):
    before = content(folder)
    result = call("reconstruct", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert content(folder) == before


def test_unknown_weights_are_one_line_and_write_nothing(folder, call, content):
    before = content(folder)
    result = call("reconstruct", "lens.fits", "--weights", "absent")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "absent" in result.stderr
    assert content(folder) == before


def test_a_lens_outside_the_domain_is_one_line_and_writes_nothing(
    folder, rings_are_too_large, call, content
):
    before = content(folder)
    result = call("reconstruct", "lens.fits", "-o", "new")
    assert result.exit_code == 2
    assert result.stderr == "Error: observation: its ring is too large for these weights\n"
    assert content(folder) == before


def test_a_figure_that_fails_leaves_no_maps(folder, solver, call, content, monkeypatch):
    def fail(path):
        raise RuntimeError("no figure")

    monkeypatch.setattr(solver.answer, "plot", fail)
    before = content(folder)
    result = call("reconstruct", "lens.fits")
    assert isinstance(result.exception, RuntimeError), "unexpected errors keep their traceback"
    assert content(folder) == before


@pytest.mark.parametrize("name", sorted(OUTPUTS))
def test_each_output_that_exists_is_refused_before_the_work(folder, solver, call, content, name):
    (folder / name).write_text("precious")
    before = content(folder)
    result = call("reconstruct", "lens.fits")
    assert result.exit_code == 2
    assert name in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert solver.seen == []
    assert content(folder) == before


def test_outputs_are_replaced_when_asked(folder, solver, call):
    for name in OUTPUTS:
        (folder / name).write_text("old")
    assert call("reconstruct", "lens.fits", "--overwrite").exit_code == 0
    assert Reconstruction.read(folder / "lens_rimlens.fits")
    assert not any((folder / name).read_bytes() == b"old" for name in OUTPUTS)


def test_a_failure_keeps_what_should_have_been_replaced(
    folder, rings_are_too_large, call, content
):
    for name in OUTPUTS:
        (folder / name).write_text("old")
    before = content(folder)
    assert call("reconstruct", "lens.fits", "--overwrite").exit_code == 2
    assert content(folder) == before


@pytest.mark.parametrize("option", ["--psf", "--weights"])
def test_no_input_is_replaced_even_when_asked(folder, solver, call, content, option):
    (folder / "lens.fits").rename(folder / "other.fits")
    (folder / "other_rimlens.fits").write_bytes((folder / "other.fits").read_bytes())
    before = content(folder)
    arguments = ("other.fits", option, "other_rimlens.fits", "--overwrite")
    result = call("reconstruct", *arguments)
    assert result.exit_code == 2
    assert "input" in result.stderr
    assert content(folder) == before


@pytest.mark.parametrize(
    "path",
    ["lens", "lens.fits", "lens.FIT", "a/lens.fits.gz", "lens.fits[SCI]", "lens.fits.fz[1]"],
)
def test_results_are_named_after_the_input(path):
    assert output_stem(path) == "lens_rimlens"
