"""Files of trained weights and of simulations, and what every ASDF file of rimlens needs.

What is read and written here is plain data.  Observations are read by `rimlens.observation`,
reconstructions by `rimlens.reconstruction`; how objects become ASDF is in `rimlens.converters`.
"""

from rimlens.io.description import WeightsDescription, describe_weights
from rimlens.io.registry import (
    RegistryEntry,
    fetch_weights,
    fetched_weights,
    find_weights,
    read_registry,
)
from rimlens.io.simulations import Simulations, read_simulations, write_simulations
from rimlens.io.weights import VAEWeights, Weights, read_weights, store_card, write_weights

__all__ = [
    "RegistryEntry",
    "Simulations",
    "VAEWeights",
    "Weights",
    "WeightsDescription",
    "describe_weights",
    "fetch_weights",
    "fetched_weights",
    "find_weights",
    "read_registry",
    "read_simulations",
    "read_weights",
    "store_card",
    "write_simulations",
    "write_weights",
]
