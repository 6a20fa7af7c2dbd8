"""Priors: the abstract class, distributions of parameters, and priors made of them.

A prior is over the parameters of a lens or a source.  Simulated images and the networks of solvers
do not belong here.
"""

import rimlens.backend  # noqa: F401 - chooses the array library, before keras is imported
from rimlens.prior.analytic import AnalyticPrior
from rimlens.prior.collection import CollectionPrior
from rimlens.prior.composite import CompositePrior
from rimlens.prior.cosmos import CosmosPrior
from rimlens.prior.distributions import (
    Ellipticity,
    Fixed,
    Linked,
    LogNormal,
    Normal,
    Shear,
    TruncatedNormal,
    Uniform,
)
from rimlens.prior.generated import GeneratedConvergencePrior, GeneratedGalaxyPrior
from rimlens.prior.mixture import MixturePrior
from rimlens.prior.prior import Prior
from rimlens.prior.table import prior_from_table
from rimlens.prior.tng import TNGPrior
from rimlens.prior.vae.prior import VAEPrior

__all__ = [
    "AnalyticPrior",
    "CollectionPrior",
    "CompositePrior",
    "CosmosPrior",
    "Ellipticity",
    "Fixed",
    "GeneratedConvergencePrior",
    "GeneratedGalaxyPrior",
    "Linked",
    "LogNormal",
    "MixturePrior",
    "Normal",
    "Prior",
    "Shear",
    "TNGPrior",
    "TruncatedNormal",
    "Uniform",
    "VAEPrior",
    "prior_from_table",
]
