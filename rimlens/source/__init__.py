"""Sources: the abstract class and the models of light.

A source has a surface brightness in its own plane.  Lensing and exposures do not belong here.
"""

from rimlens.source.composite import CompositeSource
from rimlens.source.gaussian import Gaussian
from rimlens.source.source import Source

__all__ = ["CompositeSource", "Gaussian", "Source"]
