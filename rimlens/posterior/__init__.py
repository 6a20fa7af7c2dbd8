"""The posterior of one lens: its maximum, its width, and its density for samplers."""

from rimlens.posterior.density import Posterior
from rimlens.posterior.population import LensPopulation

__all__ = ["LensPopulation", "Posterior"]
