"""The simulations that a recipe describes: drawn on the fly, or in a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rimlens.simulation import Simulator
from rimlens.training.recipes.simulation import pieces_from_table

if TYPE_CHECKING:
    from rimlens.training.recipes.solver import Recipe


def simulator_of(recipe: Recipe, fused: bool = False) -> Simulator:
    """Return the simulator that a `Recipe` describes.

    Parameters
    ----------
    recipe : Recipe
        What to draw.
    fused : bool, optional
        As for `rimlens.simulation.Simulator`.

    Returns
    -------
    rimlens.simulation.Simulator

    Raises
    ------
    InputError
        If something in the recipe's section on simulations cannot be used.
    """
    a, lens = recipe.architecture, recipe.lens_prior
    return Simulator(
        a.image_grid,
        a.convergence_grid,
        a.source_grid,
        recipe.domain,
        psf_size=recipe.psf_size,
        seed=recipe.seed,
        external_shear=lens is None or set(lens.variables) == {"map"},
        fused=fused,
        **simulation_pieces(recipe),
    )


def simulation_pieces(recipe):
    """Return what a `Recipe` says of priors and pieces, as arguments of a `Simulator`."""
    a = recipe.architecture
    pieces = {"lens": recipe.lens_prior, "source": recipe.source_prior}
    if recipe.simulation is not None:
        pieces |= pieces_from_table(
            recipe.simulation, a.convergence_grid, a.source_grid, recipe.psf_size, recipe.seed
        )
    return pieces
