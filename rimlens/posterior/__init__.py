"""The posterior of one lens: its maximum, its width, and draws from it."""

from rimlens.posterior.population import LensPopulation

__all__ = ["LensPopulation"]
