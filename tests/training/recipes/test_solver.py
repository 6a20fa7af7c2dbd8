"""Checks of training recipes."""

import datetime
import json
from dataclasses import asdict, fields, replace

import pytest

from rimlens.errors import FileFormatError, InputError, RimlensError
from rimlens.generators import SimulationDomain
from rimlens.io import read_weights
from rimlens.package_data import find
from rimlens.rim import Architecture
from rimlens.training.recipes.loss import LossWeights
from rimlens.training.recipes.solver import Recipe, read_recipe
from rimlens.training.simulations.of_recipe import simulation_pieces

DATE = datetime.date(1979, 5, 27)


def test_the_shipped_recipe_unrolls_all_steps_in_whole_epochs():
    recipe = read_recipe("default")
    assert recipe.name == "default"
    for part in recipe.rounds:
        assert part.stages[-1][0] == recipe.architecture.steps
        assert all(updates % recipe.updates_per_epoch == 0 for _, updates in part.stages)
        assert part.updates == sum(updates for _, updates in part.stages) + part.fine_tuning
    assert recipe.updates == sum(part.updates for part in recipe.rounds)


def test_the_shipped_weights_are_valid_inside_what_they_were_trained_on():
    recipe = read_recipe("default")
    low, high = recipe.theta_E_domain
    assert recipe.domain.theta_E[0] <= low < high <= recipe.domain.theta_E[1]


def test_a_recipe_survives_a_file(recipe):
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_a_recipe_is_read_from_toml(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\nseed = 5\nstages = [[2, 50]]\n'
        "[architecture]\nsteps = 2\n[domain]\ntheta_E = [8.0, 9.0]\n"
    )
    recipe = read_recipe(path)
    assert (recipe.name, recipe.seed, recipe.stages) == ("mine", 5, ((2, 50),))
    assert recipe.architecture.steps == 2
    assert recipe.domain.theta_E == (8.0, 9.0)
    assert recipe == replace(Recipe("mine"), seed=5, stages=((2, 50),),
                             architecture=recipe.architecture, domain=recipe.domain)  # fmt: skip


def test_a_recipe_may_be_continued(tmp_path):
    path = tmp_path / "longer.toml"
    path.write_text(
        'name = "longer"\nstages = [[2, 100]]\n'
        "[[continued]]\nseed = 7\nlearning_rate = 1e-4\nstages = [[8, 50]]\nfine_tuning = 150\n"
    )
    recipe = read_recipe(path)
    first, second = recipe.rounds
    assert first == replace(recipe, continued=())
    assert (second.seed, second.learning_rate, second.stages) == (7, 1e-4, ((8, 50),))
    assert recipe.updates == 300
    assert Recipe.from_dict(recipe.to_dict()) == recipe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed = 1", "the entry 'name' is missing"),
        ('name = "a"\ncolor = 3', r"unknown entries \['color'\]"),
        ('name = "a"\n[domain]\ncolor = 3', r"\[domain\]: unknown entries \['color'\]"),
        ('name = "a"\n[architecture]\ncolor = 3', r"unknown entries \['color'\]"),
        ('name = "a"\n[[continued]]\ncolor = 3', r"continued: unknown entries \['color'\]"),
        ('name = "a"\n[domain]\nq_mni = 0.3', r"\[domain\]: .*, did you mean 'q_min'\?$"),
        (
            'name = "a"\n[architecture]\nstpes = 3',
            r"\[architecture\]: .*, did you mean 'steps'\?$",
        ),
        ('name = "a"\n[[continued]]\nsede = 3', r"continued: .*, did you mean 'seed'\?$"),
        (
            'name = "a"\n[architecture]\npreset = "papr"',
            r"\[architecture\]: preset: .*, did you mean 'paper'\?$",
        ),
        ('name = "a"\n[architecture]\npreset = "epl"\ncolor = 3', r"unknown entries \['color'\]"),
        ('name = "a"\n[loss]\nsteps = "first"', "loss: steps: one of .* found 'first'"),
        ('name = "a"\n[loss]\nshare = 1', r"\[loss\]: unknown entries \['share'\]"),
        ('name = "a"\n[loss]\nsorce = 1.0', r"\[loss\]: .* did you mean 'source'"),
        ('name = "a"\n[loss]\nimage = -1.0', "loss: image: .* at least 0 is wanted"),
        ('name = "a"\narchitecture = 3', r"\[architecture\]: a table is wanted, found 3"),
        ('name = "a"\n[continued]\nseed = 3', r"a list of tables is wanted, .*\[\[continued\]\]"),
        ('name = "a"\n[[continued]]\nseed = 1', r"a seed of its own is wanted .* found \[1, 1\]"),
        ('name = "a"\n[[continued]]\nseed = 2\nstages = [[1, 7]]', r"stages: .* found \[1, 7\]"),
        ('name = "a"\noptimizer = "adamx"', "optimizer: .* found 'adamx', did you mean 'adamax'"),
        ('name = "a"\naveraging = 1.0', "averaging: .* at least 0 and below 1 is wanted"),
        ('name = "a"\nrecompute = 1', "recompute: true or false is wanted, found 1"),
        ('name = "a"\nexamples = 10', "examples: at least those of an epoch, .* 1200, found 10"),
        ('name = "a"\npsf_size = 32', "psf_size: an odd number is wanted, found 32"),
        ('name = "a"\n[lens]\nmodels = 3', r"\[lens\]: "),
        ('name = "a"\n[simulation]\npsfs = { kind = [] }', "simulation, psfs: a kind of"),
        ('name = "a"\nfine_tuning = 60', "fine_tuning: a multiple of updates_per_epoch"),
        ('name = "a"\ncalibration = 3', "calibration: 0 or at least 10 simulations are wanted"),
        ('name = "a"\n[architecture]\nimage_size = 70', "image_size: a multiple of latent_size"),
    ],
)
def test_a_recipe_with_a_wrong_entry_is_refused_by_name(tmp_path, text, message):
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        simulation_pieces(read_recipe(path))


# TOML has all of these; no entry of a recipe may be any of them.
NOTHING = [DATE, -1, "nonsense", [[1]], {"nested": {"table": 1}}, 10**30, float("nan")]
# But for these.
FITTING = {
    "-1": {"subhalo_slope", "field_slope"},
    repr("nonsense"): {"name"},
    repr(NOTHING[4]): {"lens", "source"},
}


@pytest.mark.parametrize("part", [Recipe, Architecture, SimulationDomain])
@pytest.mark.parametrize("value", NOTHING, ids=repr)
def test_no_entry_takes_what_is_not_of_its_kind(part, value):
    section = {Recipe: None, Architecture: "architecture", SimulationDomain: "domain"}[part]
    for name in sorted({entry.name for entry in fields(part)} - FITTING.get(repr(value), set())):
        table = {"name": "a", **({name: value} if section is None else {section: {name: value}})}
        with pytest.raises(InputError, match=rf"^mine.toml.*{name}"):
            Recipe.from_dict(table, "mine.toml")


@pytest.mark.parametrize("name", ["lens", "source"])
@pytest.mark.parametrize("value", NOTHING, ids=repr)
def test_no_prior_is_made_of_what_does_not_make_one(name, value):
    for table in ({"models": value}, {"prior": value}, {"priors": value, "prior": "mixture"}):
        with pytest.raises(RimlensError):
            simulation_pieces(Recipe.from_dict({"name": "a", name: table}))


@pytest.mark.parametrize("name", ["analytic", "default", "epl"])
def test_recipes_in_files_of_weights_can_be_read_and_are_written_as_they_were(name):
    stored = read_weights(find(name, "weights", "weights")).recipe
    assert Recipe.from_dict(stored).to_dict() == stored


def test_new_entries_are_written_where_they_differ_from_what_they_were_before_they_were_new():
    changed = {
        "examples": 24 * 50 * 3,
        "minutes": 5.0,
        "optimizer": "adamw",
        "schedule": "constant",
        "averaging": 0.99,
        "loss": LossWeights(image=0.1),
        "recompute": True,
        "score_every": 2,
    }
    assert not set(Recipe("a").to_dict()) & set(changed)
    recipe = Recipe("a", **changed)
    written = changed | {"loss": asdict(changed["loss"])}
    assert {name: recipe.to_dict()[name] for name in changed} == written
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


@pytest.mark.parametrize(
    ("updates", "expected"),
    [
        (300, [((1, 100), (2, 200))]),
        (299, [((1, 100), (2, 150))]),
        (100, [((1, 100),)]),
        (320, [((1, 100), (2, 200))]),
        (400, [((1, 100), (2, 200)), ((2, 50),)]),
        (10_000, [((1, 100), (2, 200)), ((2, 150),)]),
    ],
)
def test_a_bound_on_the_examples_cuts_the_rounds_in_whole_epochs(updates, expected):
    recipe = Recipe(
        "a",
        batch_size=2,
        stages=((1, 100), (2, 200)),
        fine_tuning=50,
        continued=({"seed": 2, "stages": ((2, 150),), "fine_tuning": 0},),
        examples=2 * updates,
    )
    assert [part.stages for part in recipe.rounds] == expected
    assert recipe.rounds[0].fine_tuning == (50 if updates >= 350 else 0)
    # Never more than was asked for, and less than an epoch less where the recipe has enough.
    assert min(updates, 500) - 50 < recipe.updates <= updates


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe\x00"])
def test_a_file_that_is_no_toml_is_refused(tmp_path, content):
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"broken.toml: not a TOML file"):
        read_recipe(path)


def test_a_recipe_that_does_not_exist_is_refused_with_those_that_do(tmp_path):
    with pytest.raises(
        FileFormatError, match=r"no such recipe; give a file or one of \['analytic', 'default"
    ):
        read_recipe(tmp_path / "missing.toml")


def test_an_architecture_can_be_a_preset_with_changes_and_the_loss_a_table(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(
        'name = "a"\narchitecture = { preset = "epl", steps = 4 }\n'
        '[loss]\nsource = 1.0\nsteps = "quadratic"\n'
    )
    recipe = read_recipe(path)
    assert recipe.architecture == Architecture.preset("epl", steps=4)
    assert recipe.loss == LossWeights(source=1.0, steps="quadratic")
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    # Files from before there was a choice have none.
    assert "loss" not in Recipe(name="a").to_dict()
