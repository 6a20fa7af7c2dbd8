"""The weights that a training begins with, where it does not begin with random ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rimlens.errors import FileFormatError, InputError
from rimlens.io.files import checksum
from rimlens.io.registry import find_weights
from rimlens.rim import RIMSolver
from rimlens.rim.architecture import Architecture
from rimlens.training.fitting import RECIPE, UNREADABLE, last_checkpoint, set_state
from rimlens.training.recipes.solver import Recipe
from rimlens.typing import PathLike

# Arrays may serve other grids and another number of calls, where their shapes allow it.
_GRIDS = {
    "image_size",
    "convergence_size",
    "convergence_scale",
    "source_size",
    "source_scale",
    "latent_size",
    "steps",
}


@dataclass(frozen=True, eq=False)
class Start:
    """Arrays to begin with, and where they come from.

    Parameters
    ----------
    name : str
        Of the weights.
    checksum : str
        SHA-256 of the file that they were read from.
    architecture : Architecture
        Theirs.
    arrays : dict of ndarray
        By the names of `RIMSolver.arrays`.
    """

    name: str
    checksum: str
    architecture: Architecture
    arrays: dict[str, np.ndarray]

    @property
    def note(self) -> dict[str, str]:
        """What the record of a training says of it."""
        return {"name": self.name, "sha256": self.checksum}

    def require_fit(self, solver: RIMSolver) -> None:
        """Raise `InputError` if the arrays are not those of a solver's architecture.

        Parameters
        ----------
        solver : RIMSolver
            Which is to be trained.
        """
        found, wanted = self.architecture.to_dict(), solver.architecture.to_dict()
        differing = [name for name in wanted if found.get(name) != wanted[name]]
        shapes = {name: array.shape for name, array in solver.arrays.items()}
        fits = shapes == {name: np.shape(array) for name, array in self.arrays.items()}
        if fits and set(differing) <= _GRIDS:
            return
        decisive = [name for name in differing if name not in _GRIDS] or differing
        if not decisive:
            raise InputError(
                f"start: {self.name}: weights for the unknowns that the recipe's [lens] and "
                "[source] say are wanted, found ones for others: their arrays have other shapes"
            )
        name = decisive[0]
        raise InputError(
            f"start: {self.name}: architecture: {name}: {wanted[name]} is wanted, as in the "
            f"recipe, found {found.get(name)}"
        )


def read_start(name_or_path: PathLike) -> Start:
    """Read the weights that a training begins with.

    Parameters
    ----------
    name_or_path : str or path
        A file of weights, the name of weights in the package or of fetched ones, or the folder in
        which a training keeps its progress.

    Returns
    -------
    Start

    Raises
    ------
    FileFormatError
        If there are none, or they cannot be read.
    """
    if Path(name_or_path).is_dir():
        return _of_checkpoint(Path(name_or_path))
    path = find_weights(name_or_path)
    solver = RIMSolver.from_pretrained(path)
    weights: Any = solver.weights
    return Start(weights.name, checksum(path), solver.architecture, solver.arrays)


def _of_checkpoint(folder):
    """Return the weights after the last epoch of a training that did not end."""
    last = last_checkpoint(folder)
    if last is None or not (folder / RECIPE).is_file():
        raise FileFormatError(f"{folder}: no progress of a training is in this folder")
    values = json.loads((folder / RECIPE).read_text())
    values.pop("started_from", None)
    recipe = Recipe.from_dict(values, str(folder / RECIPE))
    solver = RIMSolver(recipe.architecture, lens=recipe.lens_prior, source=recipe.source_prior)
    try:
        set_state({"weight": solver.machine.weights}, last)
    except UNREADABLE as error:
        raise FileFormatError(f"{last}: the weights cannot be read: {error}") from error
    return Start(recipe.name, checksum(last), solver.architecture, solver.arrays)
