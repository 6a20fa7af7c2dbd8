"""Sets of simulations, written by several processes, and taken up where they were left.

Every shard has random numbers of its own, so that a set is the same whoever makes which part.
"""

from __future__ import annotations

import json
import warnings
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rimlens import __version__, backend
from rimlens.errors import (
    FileFormatError,
    InputError,
    OutputExistsError,
    RimlensError,
    RimlensWarning,
)
from rimlens.io.files import new_file
from rimlens.io.simulations import Simulations, write_simulations
from rimlens.progress import counted
from rimlens.random import Stream, stream
from rimlens.simulation.candidates import joined
from rimlens.startup import start_worker
from rimlens.training.simulations.stored import (
    MANIFEST,
    Manifest,
    SimulationSet,
    read_shard,
    shard_path,
)
from rimlens.typing import PathLike

if TYPE_CHECKING:
    from rimlens.training.recipes.solver import Recipe

# Observations that are drawn at once.
_AT_ONCE = 64
# A process has one core, whatever the machine, and no accelerator.
_ONE_CORE = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "-1",
    "JAX_PLATFORMS": "cpu",
}


def simulate(
    recipe: Recipe | PathLike,
    folder: PathLike,
    lenses: int,
    *,
    workers: int = 1,
    seed: int | None = None,
    shard_size: int = 256,
    overwrite: bool = False,
    executor: Executor | None = None,
    progress: bool = False,
) -> SimulationSet:
    """Simulate observations and write them to a folder.

    Shards that are there already and whole are kept: the same call goes on where an earlier one
    was interrupted.  What is written does not depend on the number of workers.

    Parameters
    ----------
    recipe : Recipe, str or path
        What to simulate: a recipe, a TOML file, or the name of a recipe in the package.
    folder : str or path-like
        Where; it is made if need be.
    lenses : int
        How many observations.
    workers : int, optional
        Processes, each on one core.
    seed : int, optional
        Of the observations; the recipe's by default.
    shard_size : int, optional
        Observations in a file.
    overwrite : bool, optional
        Whether another set in the folder may be replaced.
    executor : concurrent.futures.Executor, optional
        What runs the work in place of processes here: ``dask.distributed.Client.get_executor()``
        on many machines that share the folder.
    progress : bool, optional
        Whether to show a progress bar; a line about every tenth where there is no terminal.

    Returns
    -------
    SimulationSet

    Raises
    ------
    OutputExistsError
        If the folder holds another set and may not be overwritten, or files of another kind.
    InputError
        If a number is not a positive integer, the recipe cannot be used or its domain hardly
        yields a lens, or the folder cannot be written.

    Warns
    -----
    RimlensWarning
        If a shard was truncated or altered, and is made again.

    Examples
    --------
    .. code-block:: python

       from rimlens.training.simulations import simulate

       if __name__ == "__main__":  # the other processes read this file too
           simulate("default", "simulations", lenses=10_000, workers=2)
    """
    from rimlens.training.recipes.solver import Recipe, read_recipe
    from rimlens.training.simulations.of_recipe import simulation_pieces

    for name, value in (("lenses", lenses), ("workers", workers), ("shard_size", shard_size)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"{name}: a positive integer is wanted, found {value!r}")
    if not isinstance(recipe, Recipe):
        recipe = read_recipe(recipe)
    # What cannot be used is refused before anything is written.
    simulation_pieces(recipe)
    versions = {"rimlens": __version__, "numpy": np.__version__, **backend.versions()}
    seed = recipe.seed if seed is None else seed
    manifest = Manifest(recipe.to_dict(), seed, lenses, shard_size, versions)
    folder = Path(folder)
    with (
        _claimed(folder, manifest, overwrite),
        worker_pool(workers) if executor is None else nullcontext(executor) as pool,
        counted(lenses, "simulations", progress) as count,
    ):
        futures = {
            pool.submit(make_shard, str(folder), i): size for i, size in enumerate(manifest.sizes)
        }
        try:
            for future in as_completed(futures):
                for message in future.result():
                    warnings.warn(message, RimlensWarning, stacklevel=2)
                count(futures[future])
        finally:
            for future in futures:
                future.cancel()
    return SimulationSet(folder)


def make_shard(folder, number):
    """Make a shard of the set in a folder, unless it is there already and whole.

    Parameters
    ----------
    folder : str
        With the set's manifest.
    number : int
        Which shard.

    Returns
    -------
    list of str
        What the user should be warned of.
    """
    manifest, path = Manifest.read(folder), shard_path(folder, number)
    messages = []
    if path.exists():
        try:
            read_shard(folder, manifest, number)
        except FileFormatError as error:
            messages.append(f"{error}; it is made again")
        else:
            return messages
    simulator = _simulator(json.dumps(manifest.recipe))
    rng = stream(manifest.seed, Stream.SHARD, number)
    size = manifest.sizes[number]
    parts = [
        simulator.draw(min(_AT_ONCE, size - first), rng) for first in range(0, size, _AT_ONCE)
    ]
    simulations = Simulations(manifest.set, number, _stored(joined(parts)))
    write_simulations(path, simulations, overwrite=True)
    return messages


@lru_cache(maxsize=1)
def _simulator(recipe):
    """Return the simulator of a recipe, which is given as text: once for all shards."""
    from rimlens.training.recipes.solver import Recipe
    from rimlens.training.simulations.of_recipe import simulator_of

    return simulator_of(Recipe.from_dict(json.loads(recipe), MANIFEST), fused=True)


def _stored(batch):
    """Return the arrays of a batch as they are stored."""
    arrays = {}
    for name, values in batch.items():
        if isinstance(values, dict):
            # Maps are there as truths; once is enough.
            small = {k: v for k, v in values.items() if v.ndim < 3}
            arrays |= {f"{name}.{k}": v for k, v in small.items()}
        elif name == "weight":
            arrays[name] = values.astype("uint8")
        elif name != "noiseless":
            arrays[name] = values
    return arrays


@contextmanager
def _claimed(folder, manifest, overwrite):
    """Hold a folder for a set, and leave it again if the set cannot be made.

    What a recipe that fails leaves behind would stand in the way of the corrected one.
    """
    had_folder = folder.exists()
    _claim(folder, manifest, overwrite)
    try:
        yield
    except RimlensError:
        if not any(folder.glob("shard-*.asdf")):
            (folder / MANIFEST).unlink(missing_ok=True)
            if not had_folder and not any(folder.iterdir()):
                folder.rmdir()
        raise


def _claim(folder, manifest, overwrite):
    """Write the manifest, unless the set was begun already."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror or error}") from error
    path = folder / MANIFEST
    others = [p for p in folder.iterdir() if not p.name.endswith(".part") and p != path]
    if path.is_file():
        try:
            same = Manifest.read(folder).set == manifest.set
        except FileFormatError:
            same = False
        if same:
            return
        if not overwrite:
            raise OutputExistsError(
                f"{folder}: holds another set of simulations, or one with another seed or size; "
                "ask to overwrite it or give another folder"
            )
    elif others:
        raise OutputExistsError(
            f"{folder}: holds {others[0].name}, and no set of simulations; give another folder"
        )
    path.unlink(missing_ok=True)
    for shard in folder.glob("shard-*.asdf"):
        shard.unlink()
    with new_file(path) as temporary:
        temporary.write_text(manifest.to_text())


def worker_pool(workers):
    """Return an executor of processes with a core each, and no accelerator.

    They set their environment themselves, before they import the array library; that of this
    process is left alone.

    Parameters
    ----------
    workers : int
        How many processes.

    Returns
    -------
    concurrent.futures.ProcessPoolExecutor
    """
    return ProcessPoolExecutor(workers, get_context("spawn"), start_worker, (_ONE_CORE,))
