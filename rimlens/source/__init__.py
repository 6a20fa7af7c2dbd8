"""Sources: the abstract class and the models of light.

A source has a surface brightness in its own plane.  Lensing and exposures do not belong here.
"""

import rimlens.backend  # noqa: F401 - chooses the array library, before keras is imported
from rimlens.source.composite import CompositeSource
from rimlens.source.gaussian import Gaussian
from rimlens.source.source import Source

__all__ = ["CompositeSource", "Gaussian", "Source"]
