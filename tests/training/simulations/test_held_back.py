"""Lenses to evaluate on: drawn as a recipe says, or the first ones of a folder."""

from dataclasses import replace

import numpy as np
import pytest

from rimlens.errors import FileFormatError, InputError
from rimlens.evaluation import true_radii
from rimlens.rim import RIMSolver
from rimlens.training.simulations import held_back_lenses, simulate, stored_lenses
from rimlens.training.solver.scoring import score
from solver_fixtures import ARCHITECTURE, RECIPE
from weights_file import describe


@pytest.fixture(scope="module")
def solver():
    return describe(RIMSolver(ARCHITECTURE))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulations") / "set"
    simulate(RECIPE, folder, 7, shard_size=3)
    return folder


def test_held_back_lenses_are_in_the_domain_and_the_same_every_time(solver):
    solver = describe(RIMSolver(ARCHITECTURE), domain={"theta_E": [13.0, 16.0]})
    counted = []
    first = held_back_lenses(solver, 5, count=counted.append)
    assert sum(counted) == len(first["image"]) == 5
    radii = true_radii(solver, first)
    assert np.all((radii >= 13.0) & (radii <= 16.0))
    np.testing.assert_array_equal(held_back_lenses(solver, 5)["image"], first["image"])
    other = held_back_lenses(solver, 5, seed=1)
    assert not np.any(np.isin(other["theta_E"], first["theta_E"]))


def test_held_back_lenses_are_none_of_those_that_gave_the_scores(solver, simulator):
    drawn = held_back_lenses(solver, 5)
    scored = score(solver, simulator, 10, RECIPE.seed + 1_000_000)
    assert not np.any(np.isin(true_radii(solver, drawn), scored["theta_E_true"]))


def test_another_recipe_draws_on_the_grids_of_the_weights(solver):
    lens = {
        "models": ["sie"],
        "prior": {"theta_E": {"uniform": [12.0, 18.0]}},
    }
    other = replace(RECIPE, lens=lens, architecture=replace(ARCHITECTURE, source_size=48))
    found = held_back_lenses(solver, 3, recipe=other)
    assert found["source"].shape == (3, 32, 32)
    np.testing.assert_array_equal(true_radii(solver, found), found["theta_E"])


def test_a_domain_that_is_never_hit_is_told():
    solver = describe(RIMSolver(ARCHITECTURE), domain={"theta_E": [1.0, 1.1]})
    with pytest.raises(InputError, match=r"\[1\.0, 1\.1\] pixels are wanted, found 0 among"):
        held_back_lenses(solver, 3)


def test_a_solver_without_weights_has_no_recipe(untrained):
    with pytest.raises(InputError, match="a trained solver is wanted"):
        held_back_lenses(untrained, 3)


def test_stored_lenses_are_the_first_ones_across_files(folder):
    whole = stored_lenses(folder)
    assert len(whole["image"]) == 7
    some = stored_lenses(folder, 5)
    np.testing.assert_array_equal(some["image"], whole["image"][:5])
    assert len(np.unique(whole["theta_E"])) == 7


def test_more_lenses_than_there_are_are_refused(folder):
    with pytest.raises(InputError, match="9 lenses are wanted, found 7"):
        stored_lenses(folder, 9)


def test_a_folder_that_is_not_there_may_have_meant_a_word(tmp_path):
    with pytest.raises(InputError, match="no such folder, did you mean 'held-back'"):
        stored_lenses("heldback")
    with pytest.raises(FileFormatError, match=r"manifest\.json"):
        stored_lenses(tmp_path)


def test_a_truncated_file_is_told(folder, tmp_path):
    import shutil

    shutil.copytree(folder, tmp_path / "set")
    shard = tmp_path / "set" / "shard-00001.asdf"
    shard.write_bytes(shard.read_bytes()[:-10])
    assert len(stored_lenses(tmp_path / "set", 3)["image"]) == 3
    with pytest.raises(FileFormatError, match=r"shard-00001\.asdf"):
        stored_lenses(tmp_path / "set", 4)
