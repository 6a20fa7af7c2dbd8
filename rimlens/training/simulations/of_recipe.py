"""The simulations that a recipe describes: drawn on the fly, or in a folder."""

from rimlens.errors import InputError
from rimlens.simulation import Simulator
from rimlens.training.recipes.simulation import pieces_from_table
from rimlens.training.simulations.stored import SimulationSet

# What a set of simulations must agree in with the recipe of a training.
_SECTIONS = ("domain", "lens", "source", "simulation", "psf_size")
_GRIDS = ("image_size", "convergence_size", "convergence_scale", "source_size", "source_scale")


def stored_for(recipe, folder):
    """Return the simulations in a folder, if they are those that a recipe describes.

    Parameters
    ----------
    recipe : Recipe
        Of a training.
    folder : str or path
        That ``rimlens simulate`` wrote.

    Returns
    -------
    rimlens.simulation.SimulationSet

    Raises
    ------
    InputError
        If they were made with another domain, other grids, priors or pieces.
    """
    stored = SimulationSet(folder)
    wanted, found = recipe.to_dict(), stored.manifest.recipe
    other = [name for name in _SECTIONS if wanted.get(name) != found.get(name)]
    other += [n for n in _GRIDS if wanted["architecture"][n] != found["architecture"][n]]
    if other:
        raise InputError(
            f"{folder}: simulations of the recipe {recipe.name!r} are wanted, found ones with "
            f"another {', '.join(other)}"
        )
    return stored


def simulator_of(recipe, fused=False):
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
