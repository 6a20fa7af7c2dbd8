"""Training a recurrent inference machine on simulations drawn on the fly."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from rimlens.errors import InputError
from rimlens.io.pretrained import in_half_precision
from rimlens.io.weights import Weights
from rimlens.progress import keras_verbosity
from rimlens.rim import RIMSolver
from rimlens.rim.constants import CONSTANTS, description
from rimlens.rim.recurrence import RecurrentInferenceMachine
from rimlens.training.distribution import ALONE, Workers
from rimlens.training.fitting import (
    Progress,
    TrainingClock,
    checkpoint_of,
    checkpoint_path,
    checkpoints,
    fit_epochs,
    new_output,
    provenance,
)
from rimlens.training.logs import log_callbacks
from rimlens.training.recipes.solver import Recipe, read_recipe
from rimlens.training.simulations import open_stored, simulator_of
from rimlens.training.solver.calibration import measure_error_covariance
from rimlens.training.solver.compilation import compile_machine
from rimlens.training.solver.population import (
    POPULATION_SEED,
    measure_population,
    stored_population,
)
from rimlens.training.solver.scoring import HeldBackScores, score, summary
from rimlens.training.solver.start import Start, read_start
from rimlens.training.solver.training_set import TrainingSet
from rimlens.typing import PathLike

if TYPE_CHECKING:
    from rimlens.simulation.simulator import Simulator
    from rimlens.training.recipes.solver import Recipe
    from rimlens.training.simulations.stored import SimulationSet


def fit(
    machine: RecurrentInferenceMachine,
    simulator: Simulator | SimulationSet,
    recipe: Recipe,
    checkpoint: PathLike | None = None,
    verbose: Any = "auto",
    callbacks: Sequence[Any] = (),
    workers: Workers = ALONE,
    clock: TrainingClock | None = None,
) -> Progress:
    """Train a machine as a recipe says.

    Parameters
    ----------
    machine : RecurrentInferenceMachine
        Trained in place.
    simulator : Simulator
        Draws the simulations.
    recipe : Recipe
        Updates, learning rate and seed.
    checkpoint : path, optional
        Folder in which progress is kept after every epoch, and from which an interrupted training
        goes on.
    verbose : optional
        As in `keras.Model.fit`.
    callbacks : sequence of keras.callbacks.Callback, optional
        More of them.
    workers : Workers, optional
        Devices and processes that share the batches; the machine was built in their scope.
    clock : TrainingClock, optional
        Counts the time, and may end the training early.

    Returns
    -------
    Progress
        Through all parts of the training.

    Raises
    ------
    TrainingError
        If the loss or a weight is no longer finite.
    InputError
        If progress cannot be kept.
    """
    workers.require_batch(recipe.batch_size)
    if workers.processes > 1 and (recipe.minutes is not None or recipe.score_every):
        raise InputError(
            "minutes, score_every: one process alone can look at its clock or score on the way; "
            f"leave both out for {workers.processes} processes, and bound examples instead"
        )
    training_set = TrainingSet(
        simulator,
        machine,
        recipe.batch_size,
        recipe.updates_per_epoch,
        recipe.seed,
        recipe.reuse,
        workers,
    )
    losses_of_epochs: list[float] = []
    machine.recompute = recipe.recompute
    before = number = done = 0
    for part in recipe.rounds:
        training_set.begin(part.seed, before // recipe.updates_per_epoch)
        fine_tuning = [(machine.architecture.steps, part.fine_tuning)] if part.fine_tuning else []
        for place, (steps, updates) in enumerate([*part.stages, *fine_tuning]):
            name = f"stage_{number}"
            begun = checkpoint is not None and checkpoints(Path(checkpoint) / name)
            if clock is not None and clock.is_over and not begun:
                break
            if place == len(part.stages):
                compile_machine(machine, part, part.learning_rate / 2, updates, linear=True)
            elif place == 0:
                compile_machine(machine, part, part.learning_rate, part.updates - part.fine_tuning)
            machine.unrolled_steps = steps
            # Keras makes another one, when all that it depends on is built.
            machine.train_function = None
            progress = fit_epochs(
                machine,
                training_set,
                epochs=(before + updates) // recipe.updates_per_epoch,
                first=before // recipe.updates_per_epoch,
                checkpoint=checkpoint,
                callbacks=callbacks,
                verbose=verbose,
                workers=workers,
                part=name,
                clock=clock,
            )
            losses_of_epochs += progress.losses
            done = progress.epochs
            before += updates
            number += 1
    machine.unrolled_steps = machine.architecture.steps
    machine.recompute = machine.answers_image = False
    return Progress(losses_of_epochs, done)


def train_solver(
    solver: RIMSolver,
    simulator: Simulator | SimulationSet,
    recipe: Recipe,
    checkpoint: Any = None,
    verbose: Any = "auto",
    workers: Workers = ALONE,
    callbacks: Sequence[Any] = (),
    start: Start | None = None,
) -> list[float]:
    """Train a `RIMSolver` in place, score it on held-back simulations and describe its weights.

    Parameters
    ----------
    solver : RIMSolver
        Trained in place.
    simulator : Simulator
        Draws the simulations.
    recipe : Recipe
        What the training depends on.
    checkpoint, verbose, workers, callbacks
        As in `fit`; of several processes the first alone scores and describes.
    start : Start, optional
        Arrays to begin with, in place of random ones.

    Returns
    -------
    list of float
        The loss after each epoch of this run.

    Raises
    ------
    InputError
        If the simulator's grids are not the solver's, or the arrays are those of another
        architecture.
    TrainingError
        If the loss is no longer finite.
    """
    a = solver.architecture
    grids = (a.image_grid, a.convergence_grid, a.source_grid)
    if grids != (simulator.image_grid, simulator.convergence_grid, simulator.source_grid):
        raise InputError(
            "simulator: its image, convergence and source grids must be those of the solver, "
            f"{grids}"
        )
    if start is not None:
        start.require_fit(solver)
    keras.utils.set_random_seed(recipe.seed)
    on_the_fly = simulator.on_the_fly()
    if recipe.score_every:
        callbacks = [HeldBackScores(solver, on_the_fly, recipe), *callbacks]
    clock = TrainingClock(checkpoint if workers.writes else None, recipe.minutes)
    with workers.scope():
        machine = RecurrentInferenceMachine(a, recipe.precision, solver.lens, solver.source)
        if start is not None:
            for weight in machine.trainable_weights:
                weight.assign(start.arrays[weight.path])
        progress = fit(machine, simulator, recipe, checkpoint, verbose, callbacks, workers, clock)
    arrays = {w.path: ops.convert_to_numpy(w.value) for w in machine.trainable_weights}
    solver.set_arrays(arrays, "training")
    if workers.writes:
        updates = progress.epochs * recipe.updates_per_epoch
        describe(solver, on_the_fly, recipe, clock.spent, updates, start)
    return progress.losses


def describe(solver, simulator, recipe, spent, updates, start=None):
    """Calibrate and score a trained solver and describe it, as is stored with its weights.

    Parameters
    ----------
    solver : RIMSolver
        Trained; its `weights` are set.
    simulator : Simulator
        Draws the simulations for it.
    recipe : Recipe
        What it was trained with.
    spent : dict
        ``seconds`` and ``cpu_seconds`` that it took.
    updates : int
        That were made.
    start : Start, optional
        What it began with.
    """
    # The arrays are stored in half precision, so that is what is scored.
    solver.set_arrays(in_half_precision(solver.arrays), "training")
    refinement = None
    if recipe.calibration:
        seed = recipe.seed + 4_000_000
        factor = measure_error_covariance(solver, simulator, recipe.calibration, seed)
        # As in the file: what is scored is what a user loads.
        factor = [[float(f"{value:.6g}") for value in row] for row in factor]
        refinement = {
            "error_covariance_factor": factor,
            "simulations": recipe.calibration,
            "seed": seed,
        }
        solver.error_covariance_factor = np.array(factor, dtype="float32")
    if recipe.population:
        solver.population = measure_population(
            solver, simulator, recipe.seed + POPULATION_SEED, recipe.population
        )
    held_back_seed = recipe.seed + 1_000_000
    scores = score(solver, simulator, recipe.held_back, held_back_seed, recipe.theta_E_domain)
    a, d = recipe.architecture, recipe.domain
    drawn = {"simulations": updates * recipe.batch_size // recipe.reuse}
    if start is not None:
        drawn["started_from"] = start.note
    solver.weights = Weights(
        **provenance(recipe, spent, drawn, updates),
        **description(solver.architecture),
        architecture=solver.architecture.to_dict(),
        constants=CONSTANTS.to_dict(),
        domain={
            "theta_E": list(recipe.theta_E_domain),
            "fwhm": list(d.fwhm),
            "peak_signal_to_noise": list(d.peak_signal_to_noise),
            "core_mask": list(d.core_mask),
            "field": a.image_size,
        },
        scores={"held_back_seed": held_back_seed, **summary(scores)},
        arrays={},
        refinement=refinement,
        lens=solver.lens,
        source=solver.source,
        population=stored_population(solver.population),
    )


def train(
    recipe: Recipe | PathLike,
    output: PathLike,
    overwrite: bool = False,
    progress: bool = True,
    simulations: PathLike | None = None,
    workers: Workers = ALONE,
    start_from: PathLike | None = None,
    log: PathLike | None = None,
) -> RIMSolver:
    """Train a solver as a recipe says and write its weights.

    Progress is kept in the folder ``OUTPUT.checkpoint`` until the weights are written; a training
    that was interrupted goes on from there.

    Parameters
    ----------
    recipe : Recipe, str or path
        A recipe, a TOML file, or the name of a recipe in the package.
    output : str or path
        The ASDF file to write.
    overwrite : bool, optional
        Whether an existing file may be replaced.
    progress : bool, optional
        Whether to show a progress bar; a line an epoch where there is no terminal.
    simulations : str or path, optional
        A folder that ``rimlens simulate`` wrote, to train on in place of simulations drawn on the
        fly; the held-back ones are drawn.
    workers : Workers, optional
        From `rimlens.training.distribution.working`: the devices and processes that share the
        work, every process with the same arguments otherwise; the first one writes.
    start_from : str or path, optional
        Weights to begin with: a file, the name of weights in the package, or the folder
        ``OUTPUT.checkpoint`` of a training that did not end.
    log : str or path, optional
        Folder for what every epoch came to: see `rimlens.training.logs.log_callbacks`.

    Returns
    -------
    RIMSolver
        In another process than the first, without scores and a description.

    Raises
    ------
    OutputExistsError
        If the output exists and may not be overwritten.
    InputError
        If the checkpoint beside the output belongs to another recipe, the simulations are others
        than the recipe's, the weights to begin with are of another architecture, or progress
        cannot be kept.
    TrainingError
        If the loss is no longer finite.
    """
    output = new_output(output, overwrite) if workers.writes else Path(output)
    if not isinstance(recipe, Recipe):
        recipe = read_recipe(recipe)
    solver = RIMSolver(recipe.architecture, lens=recipe.lens_prior, source=recipe.source_prior)
    simulator = simulator_of(recipe) if simulations is None else open_stored(recipe, simulations)
    start = None if start_from is None else read_start(start_from)
    if start is not None:
        start.require_fit(solver)
    callbacks = log_callbacks(log) if workers.writes else []
    # A recipe that cannot be used leaves no folder that the corrected one would find.
    checkpoint = checkpoint_path(output)
    if workers.writes:
        checkpoint = checkpoint_of(output, recipe, None if start is None else start.note)
    verbose = keras_verbosity(progress and workers.writes)
    train_solver(solver, simulator, recipe, checkpoint, verbose, workers, callbacks, start)
    if workers.writes:
        solver.save(output, overwrite=overwrite)
        shutil.rmtree(checkpoint)
    return solver
