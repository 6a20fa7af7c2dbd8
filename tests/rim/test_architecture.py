"""Checks of a solver's description."""

import json

import pytest

from rimlens.errors import InputError
from rimlens.imaging import Grid
from rimlens.rim import Architecture
from rimlens.training.recipes.solver import read_recipe


def test_a_description_survives_a_file(architecture):
    assert Architecture.from_dict(json.loads(json.dumps(architecture.to_dict()))) == architecture


def test_grids_are_those_described(architecture):
    assert architecture.image_grid == Grid((64, 64))
    assert architecture.convergence_grid == Grid((16, 16), 4.0)
    assert architecture.source_grid == Grid((32, 32))


@pytest.mark.parametrize("name", ["image_size", "convergence_size", "source_size"])
def test_a_size_that_does_not_fold_is_refused(name):
    with pytest.raises(
        InputError, match=f"{name}: a multiple of latent_size 32 is wanted, found 70"
    ):
        Architecture(**{name: 70})


def test_a_latent_size_that_cannot_be_halved_often_enough_is_refused():
    with pytest.raises(InputError, match="a multiple of 8 is wanted for 4 levels, found 12"):
        Architecture(
            image_size=48,
            convergence_size=24,
            source_size=48,
            latent_size=12,
            filters=(1, 2, 3, 4),
        )


def test_a_recurrence_without_steps_is_refused():
    with pytest.raises(InputError, match="steps: at least 1 is wanted, found 0"):
        Architecture(steps=0)


def test_an_unknown_entry_is_refused_by_name():
    with pytest.raises(InputError, match=r"unknown entries \['color'\]; known are \['block"):
        Architecture.from_dict({"color": 3})


@pytest.mark.parametrize("name", ["default", "analytic", "epl"])
def test_presets_are_those_of_the_weights_in_the_package(name):
    assert Architecture.preset(name) == read_recipe(name).architecture


def test_a_preset_s_entries_can_be_changed():
    changed = Architecture.preset("epl", steps=4, filters=[8, 8])
    assert (changed.steps, changed.filters, changed.source_size) == (4, (8, 8), 48)


def test_an_unknown_preset_is_refused():
    with pytest.raises(InputError, match="preset: one of .* found 'papr', did you mean 'paper'?"):
        Architecture.preset("papr")


@pytest.mark.parametrize(
    ("name", "value"),
    [("network", "compat"), ("preconditioner", "rms"), ("recurrent_unit", "lstm")],
)
def test_an_unknown_word_is_refused(name, value):
    with pytest.raises(InputError, match=f"{name}: one of .* is wanted, found '{value}'"):
        Architecture(**{name: value})


def test_a_kernel_without_pixels_is_refused():
    with pytest.raises(InputError, match="kernel_size: at least 1 is wanted, found 0"):
        Architecture(kernel_size=0)


def test_a_description_from_before_there_was_a_choice_of_networks_reads_as_it_did():
    assert not {"network", "preconditioner", "first_guess"} & set(Architecture().to_dict())
    assert Architecture.preset("paper").to_dict()["network"] == "paper"
    assert Architecture.from_dict(Architecture.preset("paper").to_dict()).network == "paper"
