"""The simulations that a recipe describes: drawn on the fly, or written to a folder and read."""

# First of all: the backend chooses the array library.
from rimlens import backend  # noqa: F401
from rimlens.training.simulations.held_back import held_back_lenses, stored_lenses
from rimlens.training.simulations.of_recipe import simulator_of
from rimlens.training.simulations.stored import SimulationSet, open_stored
from rimlens.training.simulations.writing import simulate

__all__ = [
    "SimulationSet",
    "held_back_lenses",
    "open_stored",
    "simulate",
    "simulator_of",
    "stored_lenses",
]
