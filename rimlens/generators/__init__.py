"""Convergence maps and galaxies that are drawn from formulas.

Halos with substructure, clumpy galaxies with dust and spirals, the random fields in both, and the
ranges that all are drawn from.  Priors over such maps live in `rimlens.prior`, mock observations
in `rimlens.simulation`.
"""

import rimlens.backend  # noqa: F401 - chooses the array library, before keras is imported
from rimlens.generators.convergence import convergence_maps, draw_convergence_parameters
from rimlens.generators.domain import SimulationDomain
from rimlens.generators.galaxy import draw_galaxy_parameters, galaxy_images

__all__ = [
    "SimulationDomain",
    "convergence_maps",
    "draw_convergence_parameters",
    "draw_galaxy_parameters",
    "galaxy_images",
]
