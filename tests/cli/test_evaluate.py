"""Checks of `rimlens evaluate`: what it writes, and what it refuses before the work."""

import json

import numpy as np
import pytest

import rimlens.evaluation
from rimlens import RIMSolver
from rimlens.io import read_weights
from rimlens.package_data import shipped_files
from rimlens.training.simulations import held_back, simulate
from solver_fixtures import ARCHITECTURE, RECIPE
from weights_file import describe


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tiny.asdf"
    describe(RIMSolver(ARCHITECTURE)).save(path)
    return path


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulations") / "set"
    simulate(RECIPE, folder, 4, shard_size=4)
    return folder


@pytest.fixture
def work(monkeypatch):
    """Return what was asked for; nothing is drawn and nothing solved."""
    calls = []

    def interrupted(*args, **kwargs):
        calls.append((args, kwargs))
        raise KeyboardInterrupt

    monkeypatch.setattr(rimlens.evaluation, "evaluate", interrupted)
    monkeypatch.setattr(held_back, "held_back_lenses", lambda *args, **kwargs: {})
    return calls


@pytest.mark.slow
def test_a_folder_is_evaluated_and_everything_is_written(call, weights, dataset, tmp_path):
    mine = tmp_path / "mine.asdf"
    mine.write_bytes(weights.read_bytes())
    page, numbers = tmp_path / "report.html", tmp_path / "report.json"
    result = call(
        "evaluate",
        mine,
        dataset,
        "-n",
        3,
        "--changed",
        2,
        "-o",
        page,
        "--json",
        numbers,
        "--store",
    )
    assert result.exit_code == 0, result.output
    card = json.loads(numbers.read_text())
    assert card["dataset"] == {"name": str(dataset), "lenses": 3, "left_out": 0, "changed": 2}
    assert len(card["per_lens"]["theta_E"]) == 3
    assert read_weights(mine).card == {k: v for k, v in card.items() if k != "per_lens"}
    assert "Report card of the weights &#x27;tiny&#x27;" in page.read_text()
    for words in ("Reduced chi-square", "Failures", "Mass-sheet lambda", "Source SSIM", str(page)):
        assert words in result.stdout
    assert "lenses: " in result.stderr
    # The weights are as good as before.
    for name, array in read_weights(weights).arrays.items():
        np.testing.assert_array_equal(read_weights(mine).arrays[name], array)
    shown = call("weights", "show", mine)
    assert f"3 lenses of {dataset}" in shown.stdout


def test_held_back_lenses_and_shifted_ones_are_drawn(call, weights, tmp_path):
    recipe = tmp_path / "sie.toml"
    recipe.write_text(
        'name = "sie"\npsf_size = 9\n[lens]\nmodels = ["sie"]\n[lens.prior]\n'
        "theta_E = { uniform = [12.0, 18.0] }\n"
    )
    result = call(
        "evaluate", weights, "held-back", "-n", 2, "--changed", 0, "--shifted", recipe,
        "--json", tmp_path / "report.json", "-q",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    card = json.loads((tmp_path / "report.json").read_text())
    assert card["dataset"]["name"] == f"held-back (seed {RECIPE.seed + 6_000_000})"
    assert list(card["cases"]) == ["as drawn", f"prior of the recipe {recipe}"]
    assert card["cases"]["as drawn"]["lenses"] == 2


def one_line(result, *words):
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    for word in words:
        assert word in line


def test_a_misspelt_name_is_told(call, work):
    one_line(call("evaluate", "defualt", "held-back"), "did you mean 'default'?")
    one_line(call("evaluate", "default", "heldback"), "did you mean 'held-back'?")
    one_line(call("evaluate", "default", "held-back", "--shifted", "elp"), "did you mean 'epl'?")
    assert work == []


def test_a_folder_without_simulations_is_told(call, work, weights, tmp_path):
    one_line(call("evaluate", weights, tmp_path), "manifest.json")
    assert work == []


def test_outputs_that_exist_are_kept(call, work, weights, tmp_path, content):
    (tmp_path / "report.html").write_text("precious")
    (tmp_path / "report.json").write_text("precious")
    for option, name in (("-o", "report.html"), ("--json", "report.json")):
        result = call("evaluate", weights, "held-back", option, tmp_path / name)
        one_line(result, name, "--overwrite")
    assert set(content(tmp_path).values()) == {b"precious"}
    assert work == []


def test_the_weights_are_never_an_output(call, work, weights):
    before = weights.read_bytes()
    one_line(call("evaluate", weights, "held-back", "-o", weights, "--overwrite"), "is an input")
    assert weights.read_bytes() == before


def test_truncated_weights_are_told(call, work, weights, tmp_path):
    (tmp_path / "w.asdf").write_bytes(weights.read_bytes()[:-1])
    one_line(call("evaluate", tmp_path / "w.asdf", "held-back"), "truncated or altered")
    assert work == []


def test_an_autoencoder_is_refused(call, work):
    path = shipped_files("vae")["vae_source"]
    one_line(call("evaluate", path, "held-back"), "weights of a solver are wanted")


def test_a_card_is_stored_in_a_file_that_is_named(call, work):
    one_line(call("evaluate", "analytic", "held-back", "--store"), "--store", "analytic.asdf")
    assert work == []


def test_an_interruption_writes_nothing(call, work, weights, tmp_path, content):
    mine = tmp_path / "mine.asdf"
    mine.write_bytes(weights.read_bytes())
    before = content(tmp_path)
    result = call("evaluate", mine, "held-back", "-o", tmp_path / "report.html", "--store")
    assert result.exit_code == 130
    assert "Interrupted; nothing was written." in result.stderr
    assert len(work) == 1
    assert content(tmp_path) == before


def test_lenses_on_other_grids_are_told(call, dataset):
    one_line(call("evaluate", "epl", dataset), "maps of", "pixels are wanted, as the weights have")


def test_the_card_that_is_printed_may_stand_alone(call, monkeypatch, weights, dataset, tmp_path):
    monkeypatch.chdir(tmp_path)
    result = call("evaluate", weights, dataset, "--changed", 0)
    assert result.exit_code == 0, result.output
    assert "Written" not in result.stdout
    assert list(tmp_path.iterdir()) == []
