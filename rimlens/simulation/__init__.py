"""Mock observations: what a solver is trained and scored on.

Convergence maps, galaxies, point-spread functions, masks and noise are drawn here and put together
by `Simulator`.  Networks and files do not belong here.
"""

# First of all: the backend chooses the array library.
from rimlens import backend  # noqa: F401
from rimlens.simulation.acceptance import LensedLight, PaperCuts
from rimlens.simulation.pieces import HSTMasks, HSTNoise, NoMasks, PSFLibrary, WhiteNoise
from rimlens.simulation.simulator import Simulator

__all__ = [
    "HSTMasks",
    "HSTNoise",
    "LensedLight",
    "NoMasks",
    "PSFLibrary",
    "PaperCuts",
    "Simulator",
    "WhiteNoise",
]
