"""Sources: the abstract class and the models of light.

A source has a surface brightness in its own plane.  Lensing and exposures do not belong here.
"""

import rimlens.backend  # noqa: F401 - chooses the array library, before keras is imported
from rimlens.source.gaussian import Gaussian
from rimlens.source.pixelated import PixelatedSource
from rimlens.source.point import PointSource
from rimlens.source.sersic import CoreSersic, Exponential, Sersic
from rimlens.source.shapelets import Shapelets
from rimlens.source.source import CompositeSource, Source

__all__ = [
    "CompositeSource",
    "CoreSersic",
    "Exponential",
    "Gaussian",
    "PixelatedSource",
    "PointSource",
    "Sersic",
    "Shapelets",
    "Source",
]
