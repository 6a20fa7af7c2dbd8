"""Checks of `rimlens reconstruct`: what it prints where, and what it never overwrites."""

import json

import numpy as np
import pytest

from rimlens import Reconstruction
from rimlens.cli.outputs import output_stem
from rimlens.reconstruction import Verdict

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


def test_the_table_says_what_was_taken_and_what_it_is_worth(folder, solver, call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "70")
    reasons = ("The lens is off. " * 6).strip(), "The sky is not subtracted."
    solver.answer._verdict = Verdict("suspect", reasons, {"chi2_arcs": 1.25})
    lines = call("reconstruct", "lens.fits").stdout.splitlines()
    assert lines[0] == "Quality             suspect"
    assert lines[1].startswith("Reason              The lens is off.")
    assert lines[2].startswith("                    The lens is off.")
    assert "Reason              The sky is not subtracted." in lines
    assert max(map(len, lines)) <= 70
    assert "    on the arcs     1.250" in lines
    assert "Extensions          data SCI, uncertainty ERR, mask DQ, psf PSF" in lines
    # (0.03, -0.04) along the pixel axes of a WCS that is turned by 30 degrees.
    assert "External shear      0.050 at " in "\n".join(lines)


def test_json_holds_every_number_and_what_it_is_worth(folder, solver, call):
    found = json.loads(call("reconstruct", "lens.fits", "--json", "-o", "new").stdout)
    answer = solver.answer
    shear = answer.shear
    assert found == {
        "file": "lens.fits",
        "quality": answer.quality,
        "reasons": list(answer.verdict.reasons),
        "theta_E": pytest.approx(answer.einstein_radius.value),
        "errors": {},
        "einstein_radii": {
            name: pytest.approx(radius.value) for name, radius in answer.einstein_radii.items()
        },
        "shear": {
            "gamma_ext": pytest.approx(0.05),
            "phi_ext": pytest.approx(shear.phi_ext.to_value("deg")),
        },
        "reduced_chi2": pytest.approx(answer.reduced_chi2),
        "chi2_arcs": pytest.approx(answer.verdict.measures["chi2_arcs"]),
        "measures": answer.verdict.to_dict()["measures"],
        "extensions": {"data": "SCI", "uncertainty": "ERR", "mask": "DQ", "psf": "PSF"},
        "weights": "default",
        "binning": 2,
        "elapsed": 1.25,
        "files": [f"new/lens_rimlens.{suffix}" for suffix in ("asdf", "fits", "png")],
    }


def test_a_refined_lens_states_its_errors(folder, solver, call):
    solver.answer.meta["errors"] = {"einstein_radius": 0.0123, "slope": float("nan")}
    found = json.loads(call("reconstruct", "lens.fits", "--refine", "--json").stdout)
    assert found["errors"] == {"einstein_radius": 0.0123, "slope": None}
    printed = call("reconstruct", "lens.fits", "--refine", "--overwrite").stdout
    assert " +- 0.012 arcsec\n" in printed
    call("reconstruct", "lens.fits", "--overwrite")
    call("reconstruct", "lens.fits", "--method", "latent", "--overwrite")
    assert solver.refined == ["evidence", "evidence", None, "latent"]


def test_the_methods_of_refinement_are_those_of_the_solver():
    from rimlens.cli.reconstruct import command
    from rimlens.rim.refined import METHODS

    (option,) = (p for p in command.params if p.name == "method")
    assert tuple(option.type.choices) == METHODS


def test_parts_of_other_files_are_named_with_them(folder, solver, call):
    (folder / "a b.fits").write_bytes((folder / "lens.fits").read_bytes())
    found = json.loads(call("reconstruct", "lens.fits", "--psf", "a b.fits[PSF]", "--json").stdout)
    assert found["extensions"]["psf"] == "a b.fits[PSF]"
    assert found["extensions"]["mask"] == "DQ"


def test_json_has_null_for_what_does_not_exist(folder, solver, call):
    solver.answer.convergence.data[:] = 0.1
    result = call("reconstruct", "lens.fits", "--json")
    assert "NaN" not in result.stdout
    found = json.loads(result.stdout)
    assert found["theta_E"] is None
    assert found["quality"] == "unconstrained"
    assert found["measures"]["einstein_radius"] is None


@pytest.mark.parametrize("quality", ["good", "suspect", "unconstrained"])
def test_what_is_not_good_is_told_and_strict_makes_it_a_status(folder, solver, call, quality):
    reasons = () if quality == "good" else ("It is off.", "It is dim.")
    solver.answer._verdict = Verdict(quality, reasons, {"chi2_arcs": np.nan})
    result = call("reconstruct", "lens.fits")
    assert result.exit_code == 0
    warning = f"Warning: lens.fits: the reconstruction is {quality}: It is off. It is dim.\n"
    assert result.stderr == ("" if quality == "good" else warning)
    result = call("reconstruct", "lens.fits", "--strict", "-o", "strict")
    assert result.exit_code == (0 if quality == "good" else 3)
    assert {path.name for path in (folder / "strict").iterdir()} == OUTPUTS


def test_warnings_are_one_line_on_standard_error(folder, with_bad_pixels, solver, call):
    solver.answer._verdict = Verdict()
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


def test_a_lens_that_cannot_be_reconstructed_is_one_line_and_writes_nothing(
    folder, lenses_are_hidden, call, content
):
    before = content(folder)
    result = call("reconstruct", "lens.fits", "-o", "new")
    assert result.exit_code == 2
    assert result.stderr == "Error: observation: every pixel is masked\n"
    assert content(folder) == before


@pytest.mark.parametrize("error", [RuntimeError("latex is\nmissing"), ZeroDivisionError()])
def test_a_figure_that_fails_costs_no_maps(folder, solver, call, monkeypatch, error):
    def fail(path):
        path.write_bytes(b"half a picture")
        raise error

    monkeypatch.setattr(solver.answer, "plot", fail)
    solver.answer._verdict = Verdict()
    (folder / "lens_rimlens.png").write_text("of another run")
    result = call("reconstruct", "lens.fits", "--json", "--overwrite")
    assert result.exit_code == 0
    (line,) = result.stderr.splitlines()
    assert line.startswith("Warning: lens_rimlens.png: the figure cannot be drawn")
    assert line.endswith("latex is missing" if str(error) else "ZeroDivisionError")
    maps = OUTPUTS - {"lens_rimlens.png"}
    assert set(json.loads(result.stdout)["files"]) == maps
    assert {path.name for path in folder.iterdir()} == {"lens.fits", *maps}


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


def test_a_failure_keeps_what_should_have_been_replaced(folder, lenses_are_hidden, call, content):
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
