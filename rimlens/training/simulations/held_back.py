"""Lenses to evaluate a solver on: drawn anew as a recipe says, or read from a folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rimlens.errors import InputError
from rimlens.evaluation import in_domain
from rimlens.random import Stream, stream
from rimlens.simulation.candidates import joined, part
from rimlens.spelling import did_you_mean
from rimlens.training.recipes.solver import Recipe, read_recipe
from rimlens.training.simulations.of_recipe import simulator_of
from rimlens.training.simulations.stored import SimulationSet
from rimlens.typing import PathLike

if TYPE_CHECKING:
    from rimlens.rim.solver import RIMSolver

HELD_BACK = "held-back"
# Added to the seed of a recipe: what neither training nor scoring nor calibration has seen.
SEED = 6_000_000
# Lenses that are drawn at once.
_AT_ONCE = 32
# A domain that so small a part of the draws is in is given up.
_SMALLEST_PART = 0.02


def held_back_lenses(
    solver: RIMSolver,
    n: int,
    seed: int | None = None,
    recipe: Recipe | PathLike | None = None,
    count: Callable[[int], Any] | None = None,
) -> dict[str, Any]:
    """Draw lenses in the domain of a solver that its training has not seen.

    Parameters
    ----------
    solver : RIMSolver
        With weights.
    n : int
        How many lenses.
    seed : int, optional
        Of the lenses and of their point-spread functions; by default one of its own, that follows
        from the seed of the training.
    recipe : Recipe, str or path, optional
        What to draw, on the grids of the solver; by default as the solver was trained.
    count : callable, optional
        Called with the number of lenses that were drawn since the last call.

    Returns
    -------
    dict of ndarray
        As `rimlens.simulation.Simulator.draw`.

    Raises
    ------
    InputError
        If the solver was never trained, the recipe cannot be used, or hardly a lens is in the
        domain.

    Examples
    --------
    >>> from rimlens import RIMSolver
    >>> from rimlens.training.simulations import held_back_lenses
    >>> solver = RIMSolver.from_pretrained("analytic")
    >>> held_back_lenses(solver, 3)["image"].shape
    (3, 64, 64)
    """
    if solver.weights is None:
        raise InputError("solver: a trained solver is wanted, found one without weights")
    seed = solver.weights.seed + SEED if seed is None else seed
    if recipe is None:
        recipe = Recipe.from_dict(solver.weights.recipe, f"the recipe of {solver.weights.name!r}")
    elif not isinstance(recipe, Recipe):
        recipe = read_recipe(recipe)
    simulator = simulator_of(replace(recipe, seed=seed, architecture=solver.architecture))
    rng = stream(seed, Stream.HELD_BACK)
    found, accepted, drawn = [], 0, 0
    while accepted < n:
        batch = simulator.draw(min(_AT_ONCE, n), rng)
        inside = np.flatnonzero(in_domain(solver, batch))[: n - accepted]
        found.append(part(batch, inside))
        accepted, drawn = accepted + len(inside), drawn + len(batch["image"])
        if count is not None:
            count(len(inside))
        if drawn > 200 and accepted < _SMALLEST_PART * drawn:
            raise InputError(
                f"{recipe.name}: lenses with Einstein radii of {solver.domain.get('theta_E')} "
                f"pixels are wanted, found {accepted} among {drawn}"
            )
    return joined(found)


def stored_lenses(folder: PathLike, n: int | None = None) -> dict[str, Any]:
    """Read lenses that ``rimlens simulate`` wrote.

    Parameters
    ----------
    folder : str or path
        Of the set.
    n : int, optional
        How many, the first ones; by default all.

    Returns
    -------
    dict of ndarray
        As `rimlens.simulation.Simulator.draw`, but for ``noiseless``.

    Raises
    ------
    InputError
        If there is no such folder, or it has fewer lenses.
    FileFormatError
        If it is no set of simulations, or a file of it is missing, truncated or altered.

    Examples
    --------
    >>> stored_lenses("simulations", 100)  # doctest: +SKIP
    """
    if not Path(folder).is_dir():
        raise InputError(
            f"{folder}: a folder that `rimlens simulate` wrote, or {HELD_BACK!r}, is wanted, "
            f"found no such folder{did_you_mean(folder, [HELD_BACK])}"
        )
    stored = SimulationSet(folder)
    if n is not None and n > len(stored):
        raise InputError(f"{folder}: {n} lenses are wanted, found {len(stored)}")
    n = len(stored) if n is None else n
    shards, there = [], 0
    while there < n:
        shards.append(part(stored.shard(len(shards)), slice(n - there)))
        there += len(shards[-1]["image"])
    return joined(shards)
