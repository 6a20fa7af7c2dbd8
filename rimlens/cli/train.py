"""``rimlens train``: from a recipe to weights."""

import os
import sys
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path

import click

from rimlens.cli.messages import quiet
from rimlens.cli.outputs import refuse_unwritable
from rimlens.errors import InputError
from rimlens.startup import load_array_library
from rimlens.training.recipes.files import read_table

# The module that trains, by the kind of the recipe.
_MODULES = {"solver": "rimlens.training.solver", "vae": "rimlens.training.autoencoder"}


@click.command(name="train")
@click.argument("recipe")
@click.option(
    "-o",
    "--output",
    metavar="WEIGHTS.asdf",
    type=click.Path(dir_okay=False),
    required=True,
    help="The file of weights to write.",
)
@click.option(
    "--simulations",
    metavar="FOLDER",
    type=click.Path(file_okay=False),
    help="Train a solver on what `rimlens simulate` wrote, not on simulations drawn on the fly.",
)
@click.option(
    "--start-from",
    metavar="WEIGHTS",
    help="Begin with the arrays of these weights: a file, a name, or the progress of a training.",
)
@click.option(
    "--log",
    metavar="FOLDER",
    type=click.Path(file_okay=False),
    help="Write what every epoch comes to: a table, and events for TensorBoard.",
)
@click.option("--overwrite", is_flag=True, help="Replace weights that exist.")
@click.option(
    "--devices",
    metavar="N|all",
    default="1",
    help="Devices of this machine that share every batch; with JAX.",
)
@click.option("--process", metavar="I", type=int, help="The number of this process, from 0.")
@click.option("--processes", metavar="N", type=int, help="Processes that share every batch.")
@click.option(
    "--coordinator", metavar="HOST:PORT", help="Where the other processes reach the first one."
)
def command(
    recipe,
    output,
    simulations,
    start_from,
    log,
    overwrite,
    devices,
    process,
    processes,
    coordinator,
):
    """Train a solver on simulated lenses, or a variational autoencoder on maps.

    RECIPE is a TOML file, or the name of a recipe in the package: it says what is trained and all
    that the training depends on.  Progress is kept in WEIGHTS.asdf.checkpoint; the same command
    continues a training that was interrupted.

    A batch is split over the devices of one machine (--devices), or over those of several
    processes, on one machine or several: the same command in each, with a --process of its own.
    """
    kind = read_table(recipe)["kind"]
    if kind not in list(_MODULES):
        raise InputError(f"{recipe}: kind: one of {sorted(_MODULES)} is wanted, found {kind!r}")
    of_solvers = {"simulations": simulations, "start_from": start_from}
    given = {name: value for name, value in of_solvers.items() if value is not None}
    place = {"process": process, "processes": processes, "coordinator": coordinator}
    place = {"devices": devices, **{k: v for k, v in place.items() if v is not None}}
    if kind != "solver" and given:
        option = "--" + next(iter(given)).replace("_", "-")
        raise InputError(f"{recipe}: {option} is for the recipe of a solver, found {kind!r}")
    if kind != "solver" and place != {"devices": "1"}:
        raise InputError(
            f"{recipe}: several devices and processes are for the recipe of a solver, found "
            f"{kind!r}"
        )
    given |= {} if log is None else {"log": log}
    refuse_unwritable(Path(output).parent)
    load_array_library()
    # Keras shows the progress of a training on standard output.
    with redirect_stdout(sys.stderr):
        training = import_module(_MODULES[kind])
        try:
            with _workers(place) as workers:
                given |= {"workers": workers} if workers.count > 1 else {}
                trained = training.train(
                    recipe, output, overwrite=overwrite, progress=not quiet(), **given
                )
        except KeyboardInterrupt:
            click.echo("\nInterrupted; the same command goes on from the last epoch.", err=True)
            # Threads in which Keras waits for simulations would keep the process alive.
            os._exit(130)
    if not workers.writes:
        return
    scores = trained.weights.scores
    hours = trained.weights.training["seconds"] / 3600
    lines = {"Written": output, "Training time": f"{hours:.2f} h"}
    lines |= _of_solver(scores) if kind == "solver" else _of_vae(scores)
    for name, value in lines.items():
        click.echo(f"{name:<28}{value}")


def _workers(place):
    # A module that imports the array library.
    from rimlens.training.distribution import working

    return working(**place)


def _of_solver(scores):
    return {
        "Held-back lenses": scores["lenses"],
        "Median reduced chi-square": f"{scores['reduced_chi2_median_per_step'][-1]:.3f}",
        "Median |error| of theta_E": f"{100 * scores['theta_E_median_absolute_error']:.2f} %",
    }


def _of_vae(scores):
    low, _, high = scores["latent_variance"]
    lost = scores["mean_square_error"] / scores["variance"]
    return {
        "Held-back maps": scores["maps"],
        "Mean square error": f"{scores['mean_square_error']:.3g}, {100 * lost:.2g} % of variance",
        "Variance of the latents": f"{low:.3f} to {high:.3f}",
        "Frechet distance of samples": (
            f"{scores['frechet_distance']['samples']:.3g}, of other maps "
            f"{scores['frechet_distance']['other_maps']:.3g}"
        ),
    }
