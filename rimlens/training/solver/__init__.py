"""Training a solver: its recipe, its losses, the fit, and the scores on held-back lenses."""

# First of all: the backend chooses the array library.
from rimlens import backend  # noqa: F401
from rimlens.training.recipes.solver import Recipe, read_recipe
from rimlens.training.solver.error_scale import calibrate
from rimlens.training.solver.fit import fit, train, train_solver
from rimlens.training.solver.scoring import score, summary

__all__ = [
    "Recipe",
    "calibrate",
    "fit",
    "read_recipe",
    "score",
    "summary",
    "train",
    "train_solver",
]
