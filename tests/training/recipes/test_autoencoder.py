"""Checks of the recipes of autoencoders."""

import datetime
import json
from dataclasses import fields, replace

import pytest

from rimlens.errors import FileFormatError, InputError
from rimlens.prior.vae import VAEArchitecture
from rimlens.training.autoencoder import Annealing, VAERecipe, read_vae_recipe
from rimlens.training.recipes.solver import read_recipe
from tiny_vae import tiny_recipe

DATA = '[[data]]\nprior = "generated_galaxy"\n'


@pytest.mark.parametrize("name", ["vae_convergence", "vae_source"])
def test_shipped_recipes_train_the_small_presets_in_whole_epochs(name):
    recipe = read_vae_recipe(name)
    assert recipe.name == name
    assert recipe.architecture.maps == name.removeprefix("vae_")
    # What is annealed is at its end long before the training is.
    assert max(recipe.beta.updates, recipe.bottleneck.updates) <= recipe.updates / 2
    assert recipe.bottleneck.final == 0


@pytest.mark.parametrize("maps", ["convergence", "source"])
def test_a_recipe_survives_a_file(maps):
    recipe = tiny_recipe(maps)
    assert VAERecipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_a_recipe_is_read_from_toml(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'kind = "vae"\nname = "mine"\nupdates = 200\n[beta]\ninitial = 1.0\nfinal = 2.0\n'
        '[architecture]\npreset = "small_source"\nlatent = 5\n' + DATA
    )
    recipe = read_vae_recipe(path)
    assert (recipe.name, recipe.updates, recipe.beta.final) == ("mine", 200, 2.0)
    assert (recipe.architecture.latent, recipe.architecture.output) == (5, "sigmoid")
    assert recipe == replace(
        VAERecipe("mine", ({"prior": "generated_galaxy"},)),
        updates=200,
        beta=recipe.beta,
        architecture=recipe.architecture,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (DATA, "the entry 'name' is missing"),
        ('name = "a"\ncolor = 3\n' + DATA, r"unknown entries \['color'\]"),
        ('name = "a"\n[beta]\ncolor = 3\n' + DATA, r"\[beta\]: unknown entries \['color'\]"),
        ('name = "a"\n', "data: at least one table with a 'prior' is wanted, found none"),
        ('name = "a"\n[[data]]\nshare = 1.0', "data: a 'prior' is wanted"),
        ('name = "a"\n[[data]]\nprior = "x"\nshare = 0.0', "data: share: a finite number above 0"),
        ('name = "a"\nupdates = 150\n' + DATA, "updates: a multiple of updates_per_epoch 100"),
        ('name = "a"\nreuse = 3\n' + DATA, "reuse: a number that divides .* 3200, found 3"),
        (
            'name = "a"\nheld_back_part = 1.0\n' + DATA,
            "held_back_part: a finite number above 0 and below 1",
        ),
        (
            'name = "a"\nweight_decay = -0.1\n' + DATA,
            "weight_decay: a finite number of at least 0",
        ),
        ('name = "a"\nmeasured = 16\n' + DATA, "measured: more maps than latent numbers, 16, are"),
        ('name = "a"\n[architecture]\npreset = "x"\n' + DATA, "preset: one of"),
        (
            'name = "a"\n[architecture]\npreset = "small_sorce"\n' + DATA,
            "preset: .* found 'small_sorce', did you mean 'small_source'",
        ),
        ('name = "a"\n[architecture]\nlatnet = 3\n' + DATA, "did you mean 'latent'"),
        ('name = "a"\n[bottleneck]\npwoer = 2\n' + DATA, "did you mean 'power'"),
    ],
)
def test_a_wrong_entry_is_refused_by_name(tmp_path, text, message):
    path = tmp_path / "wrong.toml"
    path.write_text('kind = "vae"\n' + text)
    with pytest.raises(InputError, match=message):
        read_vae_recipe(path)


@pytest.mark.parametrize(
    "value",
    [datetime.date(1979, 5, 27), -1, "nonsense", [[1]], {"nested": {"table": 1}}, float("nan")],
    ids=repr,
)
@pytest.mark.parametrize("part", [VAERecipe, Annealing, VAEArchitecture])
def test_no_entry_takes_what_is_not_of_its_kind(part, value):
    section = {VAERecipe: None, Annealing: "beta", VAEArchitecture: "architecture"}[part]
    for entry in fields(part):
        if isinstance(value, str) and entry.name == "name":
            continue
        table = {"name": "a", "data": [{"prior": "generated_galaxy"}]}
        table |= {entry.name: value} if section is None else {section: {entry.name: value}}
        with pytest.raises(InputError, match="^mine.toml"):
            VAERecipe.from_dict(table, "mine.toml")


def test_recipes_of_the_other_kind_are_refused():
    with pytest.raises(InputError, match="kind: a recipe of kind 'vae' is wanted, found 'solver'"):
        read_vae_recipe("default")
    with pytest.raises(InputError, match="kind: a recipe of kind 'solver' is wanted, found 'vae'"):
        read_recipe("vae_source")


def test_a_prior_that_does_not_take_its_arguments_is_told():
    recipe = tiny_recipe("source", data=({"prior": "generated_galaxy", "color": 3.0},))
    with pytest.raises(InputError, match="color"):
        recipe.priors()
    recipe = tiny_recipe("source", data=({"prior": "collection"},))
    with pytest.raises(InputError, match="prior 'collection': .*collection"):
        recipe.priors()


def test_a_file_of_galaxies_that_is_absent_is_told(tmp_path):
    absent = tmp_path / "galaxies.asdf"
    recipe = tiny_recipe("source", data=({"prior": "collection", "collection": str(absent)},))
    ((prior, _),) = recipe.priors()
    with pytest.raises(FileFormatError, match=r"galaxies.asdf: there is no such file"):
        prior.sample(1, rng=1)
