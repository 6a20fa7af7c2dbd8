"""Lenses: the abstract class and the models of mass.

A lens deflects light.  Images, point-spread functions and networks do not belong here.
"""

import rimlens.backend  # noqa: F401 - chooses the array library, before keras is imported
from rimlens.lens.dpie import DPIE
from rimlens.lens.external import ConvergenceSheet, ExternalShear
from rimlens.lens.hernquist import Hernquist
from rimlens.lens.isothermal import NIE, SIE, SIS
from rimlens.lens.lens import CompositeLens, Lens
from rimlens.lens.multi_plane import MultiPlane
from rimlens.lens.multipole import Multipole
from rimlens.lens.nfw import NFW, EllipticalNFW, TruncatedNFW
from rimlens.lens.pixelated import PixelatedConvergence, PixelatedPotential
from rimlens.lens.point_mass import PointMass
from rimlens.lens.power_law import EPL
from rimlens.lens.sersic import SersicMass

__all__ = [
    "DPIE",
    "EPL",
    "NFW",
    "NIE",
    "SIE",
    "SIS",
    "CompositeLens",
    "ConvergenceSheet",
    "EllipticalNFW",
    "ExternalShear",
    "Hernquist",
    "Lens",
    "MultiPlane",
    "Multipole",
    "PixelatedConvergence",
    "PixelatedPotential",
    "PointMass",
    "SersicMass",
    "TruncatedNFW",
]
