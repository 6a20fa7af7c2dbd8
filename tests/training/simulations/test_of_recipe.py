"""Checks of recipes that say what is simulated, and of training on simulations in a folder."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from rimlens.errors import InputError, PluginError
from rimlens.prior import GeneratedConvergencePrior, MixturePrior
from rimlens.simulation import NoMasks, PaperCuts, PSFLibrary, WhiteNoise
from rimlens.training.recipes.solver import Recipe, read_recipe
from rimlens.training.simulations import simulate
from rimlens.training.simulations.of_recipe import simulation_pieces, simulator_of
from rimlens.training.solver.fit import train

TEXT = """
name = "other"
psf_size = 9

[architecture]
image_size = 64
convergence_size = 16
convergence_scale = 4.0
source_size = 32
source_scale = 1.0
latent_size = 16

[simulation.lens]
prior = "generated_convergence"
theta_E = [12.0, 20.0]
subhalo_number = 3

[simulation.source]
prior = "mixture"
weights = [0.2, 0.8]

[[simulation.source.priors]]
prior = "generated_galaxy"
source_radius = [4.0, 8.0]
offset = 4.0
dust_fraction = 1.0

[[simulation.source.priors]]
prior = "generated_galaxy"
source_radius = [4.0, 8.0]
offset = 4.0
dust_fraction = 0.0

[simulation.psfs]
kind = "gaussian"
mean = 1.6
sigma = 1.0
low = 1.2
high = 6.0

[simulation.noise]
kind = "white"
mean = 0.02

[simulation.masks]
kind = "none"

[simulation.cuts]
lensed_light = { one_sided = 0.9 }
paper = { edge_tolerance = 0.4 }
"""


@pytest.fixture
def other(tmp_path):
    """Return a recipe whose simulations are of other priors and pieces."""
    (tmp_path / "other.toml").write_text(TEXT)
    return read_recipe(tmp_path / "other.toml")


def test_a_recipe_names_what_is_simulated(other):
    pieces = simulation_pieces(other)
    assert isinstance(pieces["lens"], GeneratedConvergencePrior)
    assert pieces["lens"].grid == other.architecture.convergence_grid
    assert isinstance(pieces["source"], MixturePrior)
    np.testing.assert_allclose(pieces["source"].weights, [0.2, 0.8])
    assert isinstance(pieces["psfs"], PSFLibrary)
    assert pieces["psfs"].size == 9
    assert pieces["noise"] == WhiteNoise(mean=0.02)
    assert pieces["masks"] == NoMasks()
    assert pieces["cuts"][1] == PaperCuts(edge_tolerance=0.4)


def test_such_a_recipe_survives_a_file_and_others_are_as_before(other, recipe):
    assert Recipe.from_dict(json.loads(json.dumps(other.to_dict()))) == other
    assert "simulation" not in recipe.to_dict()


def test_such_a_recipe_is_simulated(other):
    batch = simulator_of(other).draw(3, rng=1)
    assert batch["weight"].min() == 1
    assert batch["convergence"].shape == (3, 16, 16)
    assert np.all(np.ptp(batch["sigma"], axis=(1, 2)) == 0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[simulation.psfs]", "[simulation.psf]", r"\[simulation\]: .*, did you mean 'psfs'\?$"),
        ('kind = "white"', 'kind = "wihte"', "a kind of .*, did you mean 'white'"),
        ("mean = 0.02", "maen = 0.02", "unexpected .* 'maen', did you mean 'mean'"),
        ("mean = 1.6", "sgima = 1.6", "unexpected .* 'sgima', did you mean 'sigma'"),
        ('kind = "white"', 'kind = "pink"', "simulation, noise: a kind of"),
        (
            "mean = 0.02",
            "level = 0.02",
            "simulation, noise: .*unexpected keyword argument 'level'",
        ),
        ("mean = 1.6", "", "simulation, psfs: .*missing 1 required"),
        ("{ edge_tolerance", "{ edge_tolerence", "cuts: .*did you mean 'edge_tolerance'"),
        ("paper =", "papre =", "cuts: a kind of .*, did you mean 'paper'"),
        ("subhalo_number", "subhalo_nmber", "lens: .*, did you mean 'subhalo_number'"),
        ("weights = [0.2, 0.8]", "weights = [0.2, -0.8]", "simulation, source: .*not negative"),
        ("weights = [0.2, 0.8]", "weights = [0, 0]", "simulation, source: .*above zero"),
        (
            "weights = [0.2, 0.8]",
            "wieghts = [1, 1]",
            "source: the entries .*, did you mean 'weights'",
        ),
    ],
)
def test_a_typo_is_told_with_its_place(tmp_path, old, new, message):
    assert TEXT.count(old) == 1
    (tmp_path / "wrong.toml").write_text(TEXT.replace(old, new))
    with pytest.raises(InputError, match=message):
        simulation_pieces(read_recipe(tmp_path / "wrong.toml"))


def test_an_unknown_prior_is_refused_by_name(tmp_path):
    (tmp_path / "wrong.toml").write_text(TEXT.replace("generated_convergence", "generated"))
    with pytest.raises(PluginError, match="there is no prior plugin 'generated'"):
        simulation_pieces(read_recipe(tmp_path / "wrong.toml"))


def test_a_section_that_is_no_table_is_refused(tmp_path):
    (tmp_path / "wrong.toml").write_text('name = "a"\n[simulation]\nnoise = "white"\n')
    with pytest.raises(InputError, match=r"\[simulation\], noise: a table is wanted"):
        read_recipe(tmp_path / "wrong.toml")


def test_parameters_that_are_inferred_are_drawn_from_their_own_prior(recipe):
    table = {"models": ["sis"], "prior": {"theta_E": {"uniform": [8.0, 12.0]}}}
    with pytest.raises(InputError, match=r"\[lens\] or \[simulation.lens\] is wanted"):
        replace(recipe, lens=table, simulation={"lens": table})


SHORT = {
    "stages": ((1, 4),),
    "updates_per_epoch": 2,
    "batch_size": 2,
    "warmup": 2,
    "held_back": 4,
    "precision": "float32",
}


def test_a_solver_trains_on_the_priors_of_its_recipe(other, recipe, tmp_path, capsys):
    a = replace(recipe.architecture, steps=2)
    solver = train(replace(other, architecture=a, **SHORT), tmp_path / "w.asdf")
    output = capsys.readouterr().out
    assert [line[:4] for line in output.splitlines() if "loss: " in line] == ["2/2 ", "2/2 "]
    assert not set("\r\b\x1b") & set(output)
    assert solver.weights.recipe["simulation"]["noise"] == {"kind": "white", "mean": 0.02}
    assert np.all(np.isfinite(list(solver.weights.scores["reduced_chi2_median_per_step"])))


def test_a_solver_trains_on_simulations_in_a_folder(recipe, tmp_path, monkeypatch):
    short = replace(recipe, **SHORT, architecture=replace(recipe.architecture, steps=2))
    with ThreadPoolExecutor(1) as pool:
        stored = simulate(short, tmp_path / "set", 6, shard_size=3, executor=pool)
    seen = []
    monkeypatch.setattr(type(stored), "batch", lambda self, *a: seen.append(a) or _batch(self, *a))
    solver = train(short, tmp_path / "w.asdf", progress=False, simulations=tmp_path / "set")
    # Four updates; Keras looks at some batches to build its pipeline.
    assert {(number, 2, 3) for number in range(4)} <= set(seen)
    assert solver.weights.scores["lenses"] == 4

    other = replace(short, domain=replace(short.domain, q_min=0.8), psf_size=11)
    with pytest.raises(InputError, match="found ones with another domain, psf_size"):
        train(other, tmp_path / "v.asdf", progress=False, simulations=tmp_path / "set")


def _batch(stored, number, n, seed):
    return {k: v[:n] for k, v in stored.shard(number % 2).items()}
