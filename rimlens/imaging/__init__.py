"""The physics of one exposure: from convergence, shear and source to an image and its chi-square.

Grids, deflection, ray tracing, sampling of the source, the point-spread function and the
likelihood live here.  Everything is differentiable, batched, and knows nothing of
networks or files.
"""

# First of all: the backend chooses the array library.
from rimlens import backend  # noqa: F401
from rimlens.imaging.convolution import convolve, psf_transform
from rimlens.imaging.correlated_noise import CorrelatedNoise
from rimlens.imaging.deflection import (
    ConvergenceDeflection,
    ConvergencePotential,
    direct_deflection,
    shear_deflection,
)
from rimlens.imaging.forward import ForwardModel
from rimlens.imaging.grid import Grid
from rimlens.imaging.joint import JointModel
from rimlens.imaging.likelihood import chi2, reduced_chi2
from rimlens.imaging.noise import ConstantNoise, Noise, NoiseMap, PoissonNoise
from rimlens.imaging.psf import PSF
from rimlens.imaging.sampling import bicubic, bilinear
from rimlens.observation.psf import equivalent_fwhm

__all__ = [
    "PSF",
    "ConstantNoise",
    "ConvergenceDeflection",
    "ConvergencePotential",
    "CorrelatedNoise",
    "ForwardModel",
    "Grid",
    "JointModel",
    "Noise",
    "NoiseMap",
    "PoissonNoise",
    "bicubic",
    "bilinear",
    "chi2",
    "convolve",
    "direct_deflection",
    "equivalent_fwhm",
    "psf_transform",
    "reduced_chi2",
    "shear_deflection",
]
