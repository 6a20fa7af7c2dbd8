"""Checks of `rimlens simulate`: what it passes on and what it reports."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

import rimlens.training.simulations


class Simulated:
    """A set of simulations that costs nothing."""

    manifest = SimpleNamespace(sizes=[256, 44])

    def __init__(self, folder):
        self.folder = folder

    def __len__(self):
        return 300


@pytest.fixture
def calls(monkeypatch, tmp_path):
    calls = []

    def simulate(recipe, folder, lenses, **options):
        calls.append((recipe, folder, lenses, options))
        return Simulated(tmp_path)

    monkeypatch.setattr(rimlens.training.simulations, "simulate", simulate)
    return calls


def test_arguments_are_passed_on_and_the_set_is_told(calls, call):
    result = call("simulate", "default", "-o", "set", "--lenses", 300, "--workers", 2)
    assert result.exit_code == 0, result.output
    ((recipe, folder, lenses, options),) = calls
    assert (recipe, folder, lenses) == ("default", "set", 300)
    assert options == {
        "workers": 2,
        "seed": None,
        "shard_size": 256,
        "overwrite": False,
        "progress": True,
    }
    for text in ("set", "300", "Shards       2", "MiB"):
        assert text in result.stdout


@pytest.mark.parametrize(
    "text",
    [None, "seed = ", 'name = "x"\n[simulation]\nnoize = {}\n', 'name = "x"\nkind = "vae"\n'],
)
def test_a_bad_recipe_is_one_line_and_writes_nothing(tmp_path, call, content, text):
    if text is not None:
        (tmp_path / "recipe.toml").write_text(text)
    before = content(tmp_path)
    result = call("simulate", tmp_path / "recipe.toml", "-o", tmp_path / "set", "--lenses", 3)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert content(tmp_path) == before


def test_an_output_that_is_no_set_is_kept(tmp_path, call, content):
    (tmp_path / "thesis.tex").write_text("precious")
    result = call("simulate", "default", "-o", tmp_path, "--lenses", 3, "--overwrite")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert content(tmp_path) == {"thesis.tex": b"precious"}


@pytest.mark.parametrize("option", ["--lenses", "--workers", "--shard-size"])
def test_numbers_below_one_are_refused(call, option):
    result = call("simulate", "default", "-o", "set", "--lenses", 3, option, 0)
    assert result.exit_code == 2
    assert option in result.stderr


def test_an_interruption_tells_how_to_go_on(monkeypatch, call):
    def simulate(*args, **kwargs):
        raise KeyboardInterrupt

    def leave(status):
        raise SystemExit(status)

    monkeypatch.setattr(rimlens.training.simulations, "simulate", simulate)
    monkeypatch.setattr("os._exit", leave)
    result = call("simulate", "default", "-o", "set", "--lenses", 3)
    assert result.exit_code == 130
    assert "the same command" in result.stderr


def test_progress_is_plain_lines_where_there_is_no_terminal(tmp_path):
    # In a process of its own: what the array library writes in the workers would be seen.
    command = [sys.executable, "-m", "rimlens", "simulate", "default", "-o", tmp_path / "set"]
    options = ["--lenses", "3", "--shard-size", "2"]
    found = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    assert found.stderr.splitlines() == ["simulations: 2 of 3", "simulations: 3 of 3"]
    assert "Simulations  3" in found.stdout
