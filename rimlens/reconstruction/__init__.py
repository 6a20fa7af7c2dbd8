"""What a solver returns, and what is derived from it.

The `Reconstruction`, its Einstein radius, its shear on the sky, its critical curves, and the
`Verdict` on whether it can be believed; a `Failure` stands for one that there is not.  Figures are
drawn in `rimlens.plotting`; files are read and written in `rimlens.io`.
"""

from rimlens.maps.critical_curves import inverse_magnification
from rimlens.maps.einstein import convergence_center, einstein_radius
from rimlens.reconstruction.failure import Failure
from rimlens.reconstruction.measures import SolverDiagnostics, measure
from rimlens.reconstruction.reconstruction import Reconstruction
from rimlens.reconstruction.samples import PosteriorSamples
from rimlens.reconstruction.shear import Shear
from rimlens.reconstruction.verdict import GOOD, SUSPECT, UNCONSTRAINED, Verdict, assess

__all__ = [
    "GOOD",
    "SUSPECT",
    "UNCONSTRAINED",
    "SolverDiagnostics",
    "PosteriorSamples",
    "Failure",
    "Reconstruction",
    "Shear",
    "Verdict",
    "assess",
    "convergence_center",
    "einstein_radius",
    "inverse_magnification",
    "measure",
]
