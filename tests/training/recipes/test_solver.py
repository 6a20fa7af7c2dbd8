"""Checks of training recipes."""

import json
from dataclasses import replace

import pytest

from rimlens.errors import FileFormatError, InputError
from rimlens.training.recipes.solver import Recipe, read_recipe


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
        ('name = "a"\narchitecture = 3', r"\[architecture\]: a table is wanted, found 3"),
        ('name = "a"\n[continued]\nseed = 3', r"a list of tables is wanted, .*\[\[continued\]\]"),
        ('name = "a"\n[[continued]]\nseed = 1', r"a seed of its own is wanted .* found \[1, 1\]"),
        ('name = "a"\n[[continued]]\nseed = 2\nstages = [[1, 7]]', r"stages: .* found \[1, 7\]"),
        ('name = "a"\nfine_tuning = 60', "fine_tuning: a multiple of updates_per_epoch"),
        ('name = "a"\ncalibration = 3', "calibration: 0 or at least 10 simulations are wanted"),
        ('name = "a"\n[architecture]\nimage_size = 70', "image_size: a multiple of latent_size"),
    ],
)
def test_a_recipe_with_a_wrong_entry_is_refused_by_name(tmp_path, text, message):
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_recipe(path)


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
