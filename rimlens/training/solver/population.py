"""The population of lenses that the simulations of a training show: the refinement's prior."""

import numpy as np

from rimlens.posterior.population import LensPopulation
from rimlens.random import Stream, stream
from rimlens.rim.lens_unknowns import PixelatedLens

# Added to the seed of a recipe: neither training, scoring nor calibration uses these draws.
POPULATION_SEED = 5_000_000
AT_ONCE = 400
MODES = 60


def measure_population(solver, simulator, seed, draws):
    """Return what the lenses of simulations look like.

    Parameters
    ----------
    solver : RIMSolver
        Of convergence maps; a solver of models has its prior, and needs no population.
    simulator : Simulator
        Draws the lenses, those alone that look like lenses in their image.
    seed : int
        Their seed.
    draws : int
        How many.

    Returns
    -------
    LensPopulation or None
        In half precision, as a file of weights has it.
    """
    if not isinstance(solver.machine.lens, PixelatedLens):
        return None
    rng = stream(seed, Stream.HELD_BACK)
    convergence, shear = [], []
    for count in [AT_ONCE] * (draws // AT_ONCE) + [draws % AT_ONCE] * bool(draws % AT_ONCE):
        batch = simulator.draw(count, rng)
        convergence.append(batch["convergence"])
        shear.append(batch["shear"])
    convergence, shear = np.concatenate(convergence), np.concatenate(shear)
    grid = solver.machine.lens.grid
    count = min(MODES, draws // 4, convergence[0].size - 1)
    found = LensPopulation.from_maps(convergence, shear, count, grid)
    stored = stored_population(found).items()
    halved = {name: array.astype("float16").astype(float) for name, array in stored}
    scatter = float(halved.pop("shear_scatter")[0])
    return LensPopulation(grid, shear_scatter=scatter, **halved)


def stored_population(population):
    """Return the arrays that a file of weights holds, or None."""
    if population is None:
        return None
    return {
        "mean": population.mean,
        "root": population.root,
        "modes": population.modes,
        "shear_scatter": np.array([population.shear_scatter]),
    }
