"""The physics of one exposure: from convergence, shear and source to an image and its chi-square.

Grids, deflection, ray tracing, sampling of the source, the point-spread function and the
likelihood live here.  Everything is differentiable, batched, and knows nothing of
networks or files.
"""

# First of all: the backend chooses the array library, and imports it quietly.
from rimlens import backend  # noqa: F401
from rimlens.imaging.deflection import ConvergenceDeflection, shear_deflection
from rimlens.imaging.forward import ForwardModel
from rimlens.imaging.grid import Grid
from rimlens.imaging.likelihood import chi2, reduced_chi2
from rimlens.imaging.psf import convolve, equivalent_fwhm, psf_transform
from rimlens.imaging.sampling import bilinear

__all__ = [
    "ConvergenceDeflection",
    "ForwardModel",
    "Grid",
    "bilinear",
    "chi2",
    "convolve",
    "equivalent_fwhm",
    "psf_transform",
    "reduced_chi2",
    "shear_deflection",
]
