"""Sets of simulations in a folder: their manifest and their shards, read.

A folder holds ``manifest.json``, which says what was simulated, and ``shard-00000.asdf`` and so
on, each with some observations.  `rimlens.training.simulations.simulate` writes them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rimlens.errors import FileFormatError, InputError
from rimlens.io.files import read_bytes
from rimlens.io.simulations import read_simulations
from rimlens.random import Stream, stream
from rimlens.simulation.candidates import joined, part
from rimlens.typing import PathLike

if TYPE_CHECKING:
    from rimlens.simulation.simulator import Simulator
    from rimlens.training.recipes.solver import Recipe

MANIFEST = "manifest.json"
FORMAT = 1
# What a set of simulations must agree in with the recipe of a training.
_SECTIONS = ("domain", "lens", "source", "simulation", "psf_size")
_GRIDS = ("image_size", "convergence_size", "convergence_scale", "source_size", "source_scale")
# Shards that are kept in memory: a batch may begin in one and end in the next.
_KEPT = 2


@dataclass(frozen=True)
class Manifest:
    """What a set of simulations was made from.

    Parameters
    ----------
    recipe : dict
        Plain values of a `rimlens.training.recipes.solver.Recipe`.
    seed : int
        Of the observations.
    lenses : int
        How many observations.
    shard_size : int
        How many of them are in a shard; the last may have fewer.
    versions : dict
        Of the packages that began the set.
    format : int
        Version of the layout.
    """

    recipe: dict
    seed: int
    lenses: int
    shard_size: int
    versions: dict
    format: int = FORMAT

    @property
    def set(self) -> Any:
        """A hash of what the observations depend on."""
        depends = {name: value for name, value in asdict(self).items() if name != "versions"}
        text = json.dumps(depends, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def sizes(self) -> Any:
        """How many observations each shard has."""
        whole, rest = divmod(self.lenses, self.shard_size)
        return [self.shard_size] * whole + [rest] * (rest > 0)

    def to_text(self) -> Any:
        """Return the text of the file."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def read(cls, folder: PathLike) -> Manifest:
        """Read the manifest in a folder.

        Parameters
        ----------
        folder : str or path-like
            The folder of a set.

        Returns
        -------
        Manifest

        Raises
        ------
        FileFormatError
            If there is none, or it is not one of this version.
        """
        path = Path(folder) / MANIFEST
        try:
            values = json.loads(read_bytes(path))
            found = cls(**values)
            found.sizes  # noqa: B018 - the numbers are numbers
        except (ValueError, TypeError, ZeroDivisionError) as error:
            raise FileFormatError(
                f"{path}: is not a manifest of simulations: {error}; write the set again"
            ) from error
        if found.format != FORMAT:
            raise FileFormatError(
                f"{path}: has the format {found.format}, this rimlens reads {FORMAT}; update it"
            )
        return found


def shard_path(folder, number):
    """Return the path of a shard."""
    return Path(folder) / f"shard-{number:05d}.asdf"


def read_shard(folder, manifest, number):
    """Return the arrays of a shard, or raise `FileFormatError` if it is not what it should be.

    Parameters
    ----------
    folder : path
        The folder of the set.
    manifest : Manifest
        What is wanted.
    number : int
        Which shard.

    Returns
    -------
    dict of ndarray
        As `Simulator.draw`; parameters of models under ``lens.NAME`` and the like.
    """
    path = shard_path(folder, number)
    found = read_simulations(path)
    if (found.set, found.number, len(found)) != (manifest.set, number, manifest.sizes[number]):
        raise FileFormatError(
            f"{path}: shard {number} of its set, with {manifest.sizes[number]} observations, is "
            f"wanted, found shard {found.number} with {len(found)} of "
            f"{'the same' if found.set == manifest.set else 'another'} set"
        )
    return found.arrays


class SimulationSet:
    """Simulations in a folder, for training in place of a `Simulator`.

    Parameters
    ----------
    folder : str or path-like
        That ``rimlens simulate`` wrote.

    Attributes
    ----------
    manifest : Manifest
        What was simulated.
    recipe : rimlens.training.recipes.solver.Recipe
        The same, as a recipe.

    Raises
    ------
    FileFormatError
        If there is no manifest, or shards are missing; at the first use of a shard, if it was
        truncated or altered.

    Examples
    --------
    .. code-block:: python

       simulations = SimulationSet("simulations")
       train_solver(solver, simulations, simulations.recipe)
    """

    def __init__(self, folder: PathLike) -> None:
        from rimlens.training.recipes.solver import Recipe

        self.folder = Path(folder)
        self.manifest = Manifest.read(folder)
        self.recipe = Recipe.from_dict(self.manifest.recipe, str(self.folder / MANIFEST))
        sizes = self.manifest.sizes
        missing = [i for i in range(len(sizes)) if not shard_path(folder, i).is_file()]
        if missing:
            raise FileFormatError(
                f"{self.folder}: {len(sizes)} shards are wanted, found {len(missing)} missing, "
                f"first {shard_path(folder, missing[0]).name}; the same `rimlens simulate` "
                "makes them"
            )
        a = self.recipe.architecture
        self.image_grid, self.convergence_grid = a.image_grid, a.convergence_grid
        self.source_grid = a.source_grid
        self._first = np.concatenate([[0], np.cumsum(sizes)])
        self.shard = lru_cache(_KEPT)(self.shard)

    def __len__(self) -> int:
        """Return how many observations there are."""
        return self.manifest.lenses

    def shard(self, number: int) -> dict[str, np.ndarray]:
        """Return the observations of a shard.

        Parameters
        ----------
        number : int
            From 0.

        Returns
        -------
        dict of ndarray
            As `Simulator.draw`, but for ``noiseless``; all float32.

        Raises
        ------
        FileFormatError
            If the shard was truncated or altered, or belongs to another set.
        """
        nested = {}
        for name, values in read_shard(self.folder, self.manifest, number).items():
            group, _, own = name.rpartition(".")
            target = nested.setdefault(group, {}) if group else nested
            target[own] = values.astype("float32")
        return nested

    def batch(self, number: int, n: int, seed: int) -> dict[str, np.ndarray]:
        """Return one of a series of batches that goes through the set again and again.

        Every time shards and the observations in them come in another order; no observation comes
        twice before all have come, but for fewer than `n` at the end, which are left out.

        Parameters
        ----------
        number : int
            Place in the series.
        n : int
            Observations in a batch.
        seed : int
            Of the series.

        Returns
        -------
        dict of ndarray
            As `shard`.

        Raises
        ------
        InputError
            If the set has fewer observations.
        """
        if n > len(self):
            raise InputError(
                f"{self.folder}: batches of {n} are wanted, found {len(self)} observations"
            )
        turn, place = divmod(number, len(self) // n)
        rng = stream(seed, Stream.ORDER_OF_SHARDS, turn)
        shards = rng.permutation(len(self._first) - 1)
        sizes = np.diff(self._first)[shards]
        first = np.concatenate([[0], np.cumsum(sizes)])
        parts = []
        for i, shard in enumerate(shards):
            low, high = (np.clip(place * n + k - first[i], 0, sizes[i]) for k in (0, n))
            if low < high:
                order = stream(seed, Stream.ORDER_IN_SHARD, turn, shard).permutation(sizes[i])
                parts.append(part(self.shard(int(shard)), order[low:high]))
        return joined(parts)

    def on_the_fly(self) -> Simulator:
        """Return the simulator of the same recipe, which draws others.

        Returns
        -------
        Simulator
        """
        from rimlens.training.simulations.of_recipe import simulator_of

        return simulator_of(self.recipe)


def open_stored(recipe: Recipe, folder: PathLike) -> SimulationSet:
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
