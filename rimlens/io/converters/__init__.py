"""One converter for each class that rimlens stores in ASDF."""

from rimlens.io.converters.reconstruction import ReconstructionConverter
from rimlens.io.converters.weights import WeightsConverter

__all__ = ["ReconstructionConverter", "WeightsConverter"]
