"""Files of trained weights and of simulations, and what every ASDF file of rimlens needs.

What is read and written here is plain data.  Observations are read by `rimlens.observation`,
reconstructions by `rimlens.reconstruction`; how objects become ASDF is in `rimlens.converters`.
"""

from rimlens.io.simulations import Simulations, read_simulations, write_simulations
from rimlens.io.weights import VAEWeights, Weights, read_weights, write_weights

__all__ = [
    "Simulations",
    "VAEWeights",
    "Weights",
    "read_simulations",
    "read_weights",
    "write_simulations",
    "write_weights",
]
