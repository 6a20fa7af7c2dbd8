"""Lenses: the abstract class and the models of mass.

A lens deflects light.  Images, point-spread functions and networks do not belong here.
"""

import rimlens.backend  # noqa: F401 - chooses the array library, before keras is imported
from rimlens.lens.composite import CompositeLens
from rimlens.lens.isothermal import SIE, SIS
from rimlens.lens.lens import Lens

__all__ = ["SIE", "SIS", "CompositeLens", "Lens"]
