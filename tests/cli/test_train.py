"""Checks of `rimlens train`: what it passes on and what it reports."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from rimlens.errors import TrainingError
from rimlens.training import autoencoder, distribution, solver
from rimlens.training.distribution import Workers

SCORES = {
    "lenses": 500,
    "reduced_chi2_median_per_step": [9.0, 1.125],
    "theta_E_median_absolute_error": 0.0123,
}


@pytest.fixture
def trained(monkeypatch):
    calls = []

    def train(recipe, output, overwrite=False, progress=True):
        print("1/2 progress of Keras")
        calls.append((recipe, output, overwrite, progress))
        return SimpleNamespace(
            weights=SimpleNamespace(scores=SCORES, training={"seconds": 5400.0})
        )

    monkeypatch.setattr(solver, "train", train)
    return calls


def test_scores_are_printed_and_progress_goes_to_standard_error(trained, call):
    result = call("train", "default", "-o", "weights.asdf")
    assert result.exit_code == 0, result.output
    assert trained == [("default", "weights.asdf", False, True)]
    assert "progress" in result.stderr
    assert "progress" not in result.stdout
    for text in ("weights.asdf", "1.50 h", "500", "1.125", "1.23 %"):
        assert text in result.stdout


def test_options_are_passed_on(monkeypatch, call):
    passed = {}

    def train(recipe, output, overwrite=False, progress=True, **given):
        passed.update(given)
        weights = SimpleNamespace(scores=SCORES, training={"seconds": 60.0})
        return SimpleNamespace(weights=weights)

    monkeypatch.setattr(solver, "train", train)
    result = call(
        "train", "default", "-o", "w.asdf", "--start-from", "epl", "--log", "logs"
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert passed == {"start_from": "epl", "log": "logs"}


@pytest.mark.parametrize("option", ["--start-from", "--simulations"])
def test_what_is_for_solvers_is_refused_with_an_autoencoder(tmp_path, call, option):
    result = call("train", "vae_source", "-o", tmp_path / "w.asdf", option, tmp_path)
    assert result.exit_code == 2
    assert f"{option} is for the recipe of a solver, found 'vae'" in result.stderr


def test_a_training_that_diverges_ends_with_one_line(monkeypatch, call):
    def train(*args, **kwargs):
        raise TrainingError("training: epoch 3, update 130: the loss is nan; train anew")

    monkeypatch.setattr(solver, "train", train)
    result = call("train", "default", "-o", "w.asdf")
    assert result.exit_code == 2
    assert "epoch 3, update 130: the loss is nan" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_an_output_that_exists_is_kept(tmp_path, call, content):
    (tmp_path / "weights.asdf").write_text("precious")
    result = call("train", "default", "-o", tmp_path / "weights.asdf")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert content(tmp_path) == {"weights.asdf": b"precious"}


@pytest.mark.parametrize(
    "text",
    [
        None,
        "seed = ",
        'name = "x"\nnonsense = 1\n',
        'name = "x"\nupdates_per_epoch = 0\n',
        'name = "x"\n[architecture]\nfilters = 1979-05-27\n',
        "kind = [1]\n",
        'name = "x"\n[lens]\nmodels = ["siee"]\n',
        'name = "x"\n[lens]\nmodels = ["sie"]\n[lens.prior]\nthetaE = { uniform = [1.0, 2.0] }\n',
        'name = "x"\n[simulation.noise]\nkind = "wihte"\n',
        'kind = "vae"\nname = "x"\n[[data]]\nprior = "generated_galaxy"\noffsets = 0.0\n',
    ],
)
def test_a_bad_recipe_is_one_line_and_writes_nothing(tmp_path, call, content, text):
    if text is not None:
        (tmp_path / "recipe.toml").write_text(text)
    before = content(tmp_path)
    result = call("train", tmp_path / "recipe.toml", "-o", tmp_path / "weights.asdf")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert content(tmp_path) == before


def test_an_interrupted_training_ends_at_once_and_tells_how_to_go_on(monkeypatch, call):
    # Guards against a process that Keras's threads kept alive after Ctrl-C.
    def train(*args, **kwargs):
        raise KeyboardInterrupt

    def leave(status):
        raise SystemExit(status)

    monkeypatch.setattr(solver, "train", train)
    monkeypatch.setattr("os._exit", leave)
    result = call("train", "default", "-o", "weights.asdf")
    assert result.exit_code == 130
    assert "the same command" in result.stderr


def test_a_folder_is_no_output(tmp_path, call):
    result = call("train", "default", "-o", tmp_path, "--overwrite")
    assert result.exit_code == 2
    assert "directory" in result.stderr


VAE_SCORES = {
    "maps": 1000,
    "mean_square_error": 0.002,
    "variance": 0.1,
    "latent_variance": [0.97, 1.0, 1.04],
    "frechet_distance": {"samples": 7.5, "other_maps": 0.25},
}


def test_a_recipe_for_an_autoencoder_trains_one(monkeypatch, call):
    calls = []

    def train(recipe, output, overwrite=False, progress=True):
        calls.append((recipe, output, overwrite, progress))
        weights = SimpleNamespace(scores=VAE_SCORES, training={"seconds": 1800.0})
        return SimpleNamespace(weights=weights)

    monkeypatch.setattr(autoencoder, "train", train)
    result = call("train", "vae_source", "-o", "weights.asdf", "--overwrite")
    assert result.exit_code == 0, result.output
    assert calls == [("vae_source", "weights.asdf", True, True)]
    for text in ("weights.asdf", "0.50 h", "1000", "0.002, 2 %", "0.970 to 1.040", "7.5", "0.25"):
        assert text in result.stdout


def test_an_unknown_kind_is_told_with_those_that_there_are(tmp_path, call):
    (tmp_path / "recipe.toml").write_text('kind = "cake"\n')
    result = call("train", tmp_path / "recipe.toml", "-o", tmp_path / "weights.asdf")
    assert result.exit_code == 2
    assert "one of ['solver', 'vae'] is wanted, found 'cake'" in result.stderr


AUTOENCODER = """
kind = "vae"
name = "tiny"
updates = 4
updates_per_epoch = 2
batch_size = 4
measured = 8
held_back = 8

[[data]]
prior = "generated_convergence"

[architecture]
size = 16
latent = 2
layers = 2
filters = 2
first_kernel_size = 3
"""


def test_progress_is_plain_lines_where_there_is_no_terminal(tmp_path, call):
    (tmp_path / "recipe.toml").write_text(AUTOENCODER)
    result = call("train", tmp_path / "recipe.toml", "-o", tmp_path / "weights.asdf")
    assert result.exit_code == 0, result.output
    assert not set("\r\b\x1b") & set(result.stderr)
    epochs = [line for line in result.stderr.splitlines() if "loss: " in line]
    assert [line.partition(" ")[0] for line in epochs] == ["2/2", "2/2"]
    assert "loss: " not in result.stdout


def test_quiet_shows_no_progress(tmp_path, call):
    (tmp_path / "recipe.toml").write_text(AUTOENCODER)
    options = ["-o", tmp_path / "weights.asdf", "--log", tmp_path / "logs", "-q"]
    result = call("train", tmp_path / "recipe.toml", *options)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert (tmp_path / "logs" / "epochs.csv").read_text().count("\n") == 3


def test_workers_are_made_of_the_options_and_only_the_first_process_reports(monkeypatch, call):
    given = []

    @contextmanager
    def working(**place):
        given.append(place)
        yield Workers(devices=2, process=place.get("process", 0), processes=2)

    monkeypatch.setattr(distribution, "working", working)

    def train(recipe, output, overwrite=False, progress=True, workers=None):
        given.append(workers)
        return SimpleNamespace(
            weights=SimpleNamespace(scores=SCORES, training={"seconds": 5400.0})
        )

    monkeypatch.setattr(solver, "train", train)
    options = ("--devices", "2", "--processes", "2", "--coordinator", "host:1")
    outputs = [
        call("train", "default", "-o", "w.asdf", *options, "--process", k).stdout for k in (0, 1)
    ]
    place = {"devices": "2", "processes": 2, "coordinator": "host:1"}
    assert given[::2] == [{**place, "process": k} for k in (0, 1)]
    assert [workers.process for workers in given[1::2]] == [0, 1]
    assert "w.asdf" in outputs[0]
    assert outputs[1] == ""


@pytest.mark.parametrize(
    ("recipe", "options", "message"),
    [
        ("default", ["--devices", "none"], "devices: a number of at least 1 or 'all' is wanted"),
        ("default", ["--process", "1"], "process: a number from 0 to 0 is wanted for 1 processes"),
        ("default", ["--processes", "2"], "coordinator: HOST:PORT of the first process"),
        ("vae_source", ["--devices", "2"], "are for the recipe of a solver, found 'vae'"),
    ],
)
def test_workers_that_cannot_be_are_refused(tmp_path, call, recipe, options, message):
    result = call("train", recipe, "-o", tmp_path / "w.asdf", *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())
