"""A file of weights of the tiny solver, which was never trained."""

from rimlens.io import Weights
from rimlens.rim.constants import CONSTANTS, DESCRIPTION
from solver_fixtures import RECIPE


def describe(solver, **changes):
    """Give a solver the description that a training would."""
    entries = {
        **DESCRIPTION,
        "architecture": solver.architecture.to_dict(),
        "constants": CONSTANTS.to_dict(),
        "domain": {"theta_E": [9.0, 24.0], "core_mask": [2.0, 11.0], "field": 64},
        "recipe": RECIPE.to_dict(),
        "seed": RECIPE.seed,
        "versions": {"rimlens": "0.1.0"},
        "training": {"seconds": 1.0},
        "scores": {},
        "arrays": {},
        "name": "tiny",
        **changes,
    }
    solver.weights = Weights(**entries)
    return solver
