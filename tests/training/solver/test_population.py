"""A training measures the population that a refinement takes for its prior, and stores it."""

import numpy as np
import pytest

from rimlens.errors import FileFormatError, InputError
from rimlens.io.weights import read_weights, write_weights
from rimlens.rim import RIMSolver
from rimlens.training.recipes.solver import Recipe
from rimlens.training.simulations import simulator_of
from rimlens.training.solver.population import measure_population, stored_population


@pytest.fixture(scope="module")
def solver():
    return RIMSolver.from_pretrained()


@pytest.fixture(scope="module")
def measured(solver):
    recipe = Recipe.from_dict(solver.weights.recipe, "default")
    return measure_population(solver, simulator_of(recipe), 7, 80)


def test_it_is_that_of_the_simulated_maps(measured):
    assert measured.modes.shape == (20, 64, 64)
    assert measured.shear_scatter == pytest.approx(0.06, rel=0.25)
    # A lens of the mean logarithm has its ring inside the domain.
    inside = measured.convergence(np.zeros(measured.size)) > 0.5
    assert 4 < np.sqrt(inside.sum() * 4 / np.pi) < 48


def test_a_file_gives_back_what_was_measured(solver, measured, tmp_path):
    path = tmp_path / "weights.asdf"
    solver.population = measured
    weights = solver.weights
    solver.weights = type(weights)(**{**vars(weights), "population": stored_population(measured)})
    solver.save(path)
    found = RIMSolver.from_pretrained(path).population
    for name in ("mean", "root", "modes", "shear_scatter"):
        np.testing.assert_allclose(getattr(found, name), getattr(measured, name), rtol=1e-6)


def test_a_population_of_other_maps_is_refused(solver, tmp_path):
    path = tmp_path / "weights.asdf"
    weights = read_weights(_shipped())
    population = dict(weights.population, mean=np.zeros((8, 8)))
    write_weights(path, type(weights)(**{**vars(weights), "population": population}))
    wanted = r"population: arrays of the shapes .*'mean': \(11,\).* found {'mean': \(8, 8\)"
    with pytest.raises(FileFormatError, match=wanted):
        RIMSolver.from_pretrained(path)


def test_a_solver_of_models_has_none():
    solver = RIMSolver.from_pretrained("epl")
    assert measure_population(solver, None, 1, 40) is None


def test_too_small_a_population_is_refused():
    with pytest.raises(
        InputError, match="population: 0 or at least 40 lenses are wanted, found 3"
    ):
        Recipe("a", population=3)


def _shipped():
    from rimlens.package_data import find

    return find("default", "weights", "weights")
