"""What is small enough to train in a test: an architecture, and priors of two models."""

from keras import ops

from rimlens.lens import SIE, ExternalShear
from rimlens.prior import AnalyticPrior, Ellipticity, Normal, Shear, Uniform
from rimlens.rim import Architecture
from rimlens.source import Gaussian

LENS = AnalyticPrior(
    SIE() + ExternalShear(),
    sie_theta_E=Uniform(8.0, 13.0),
    sie_q=Ellipticity(0.1, 0.4),
    sie_center_x=Normal(0.0, 0.5),
    externalshear_gamma_ext=Shear(0.05, 0.2),
)
SOURCE = AnalyticPrior(
    Gaussian(sigma=3.0),
    I_0=Uniform(0.3, 2.0),
    center_x=Normal(0.0, 1.5),
    center_y=Normal(0.0, 1.5),
)


def tiny_architecture(steps):
    """Return one whose field of 64 pixels holds the ring that the recurrence starts from."""
    return Architecture(
        image_size=64,
        convergence_size=16,
        convergence_scale=4.0,
        source_size=32,
        source_scale=1.0,
        steps=steps,
        latent_size=16,
        filters=(4, 8),
        vector_units=16,
    )


def convergence_and_shear(log_kappa, scaled_shear):
    """Return what the variables of a pixelated lens stand for."""
    return ops.exp(log_kappa * 2.302585092994046), 0.1 * scaled_shear
