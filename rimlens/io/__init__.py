"""Files of trained weights and of reconstructions.

The ASDF extension (tags, schemas, converters), the weight files and the two forms of a stored
reconstruction, ASDF and FITS.  Reading observations is the task of `rimlens.observation`.
"""

from rimlens.io.reconstruction import read_reconstruction, write_reconstruction
from rimlens.io.simulations import Simulations, read_simulations, write_simulations
from rimlens.io.weights import VAEWeights, Weights, read_weights, write_weights

__all__ = [
    "Simulations",
    "VAEWeights",
    "Weights",
    "read_reconstruction",
    "read_simulations",
    "read_weights",
    "write_reconstruction",
    "write_simulations",
    "write_weights",
]
