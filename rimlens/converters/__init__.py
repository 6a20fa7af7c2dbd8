"""The ASDF converters of rimlens, one module for each kind of object."""

from rimlens.converters.collection import MapCollectionConverter
from rimlens.converters.model import GridConverter, ModelConverter
from rimlens.converters.prior import DistributionConverter, PriorConverter
from rimlens.converters.reconstruction import ReconstructionConverter
from rimlens.converters.simulations import SimulationsConverter
from rimlens.converters.weights import WeightsConverter

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
