"""The ASDF converters of rimlens, one module for each kind of object."""

from rimlens.io.converters.collection import MapCollectionConverter
from rimlens.io.converters.model import GridConverter, ModelConverter
from rimlens.io.converters.prior import DistributionConverter, PriorConverter
from rimlens.io.converters.reconstruction import ReconstructionConverter
from rimlens.io.converters.simulations import SimulationsConverter
from rimlens.io.converters.weights import WeightsConverter

__all__ = [
    "DistributionConverter",
    "GridConverter",
    "MapCollectionConverter",
    "ModelConverter",
    "PriorConverter",
    "ReconstructionConverter",
    "SimulationsConverter",
    "WeightsConverter",
]
