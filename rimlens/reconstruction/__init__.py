"""What a solver returns, and what is derived from it.

The `Reconstruction`, its Einstein radius, its shear on the sky and its critical curves.  Figures
are drawn in `rimlens.plotting`; files are read and written in `rimlens.io`.
"""

from rimlens.reconstruction.critical_curves import inverse_magnification
from rimlens.reconstruction.einstein import convergence_center, einstein_radius
from rimlens.reconstruction.reconstruction import Reconstruction
from rimlens.reconstruction.shear import Shear

__all__ = [
    "Reconstruction",
    "Shear",
    "convergence_center",
    "einstein_radius",
    "inverse_magnification",
]
