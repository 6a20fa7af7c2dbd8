"""Checks of the weights in the package."""

from importlib import resources

import pytest

from rimlens import RIMSolver
from rimlens.training.recipes.solver import Recipe, read_recipe
from rimlens.training.solver.fit import simulator_of
from rimlens.training.solver.scoring import score, summary


@pytest.fixture(scope="module", params=RIMSolver.presets())
def solver(request):
    return RIMSolver.from_pretrained(request.param)


def test_the_recipe_in_the_weights_is_that_in_the_package(solver):
    assert solver.weights.recipe == read_recipe(solver.weights.name).to_dict()


def test_weights_are_small(solver):
    folder = resources.files("rimlens") / "data" / "weights"
    assert (folder / f"{solver.weights.name}.asdf").stat().st_size < 12e6


@pytest.mark.slow
def test_weights_find_the_lenses_that_they_were_trained_for(solver):
    recipe = Recipe.from_dict(solver.weights.recipe)
    seed = recipe.seed + 3_000_000
    found = summary(score(solver, simulator_of(recipe), 30, seed, recipe.theta_E_domain))
    stated = solver.weights.scores
    # A median of thirty scatters by a fifth of the spread; broken weights are off by far more.
    name = "theta_E_median_absolute_error"
    assert found[name] < 2 * stated[name]
    chi2 = found["reduced_chi2_median_per_step"]
    assert chi2[-1] < 1.25 * stated["reduced_chi2_median_per_step"][-1]
    assert chi2[-1] < 0.9 * chi2[0]
