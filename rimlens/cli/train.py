"""``rimlens train``: from a recipe to weights."""

import os
import sys
from contextlib import redirect_stdout

import click

from rimlens.cli.messages import plain_warnings


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
@click.option("--overwrite", is_flag=True, help="Replace weights that exist.")
def command(recipe, output, overwrite):
    """Train a solver on simulated lenses.

    RECIPE is a TOML file, or the name of a recipe in the package: it says all that the training
    depends on.  Progress is kept in WEIGHTS.asdf.checkpoint; the same command continues a
    training that was interrupted.
    """
    # Keras shows the progress of a training on standard output.
    with plain_warnings(), redirect_stdout(sys.stderr):
        from rimlens.rim.training import train

        try:
            solver = train(recipe, output, overwrite=overwrite, progress=True)
        except KeyboardInterrupt:
            click.echo("\nInterrupted; the same command goes on from the last epoch.", err=True)
            # Threads in which Keras waits for simulations would keep the process alive.
            os._exit(130)
    scores = solver.weights.scores
    hours = solver.weights.training["seconds"] / 3600
    chi2 = scores["reduced_chi2_median_per_step"][-1]
    error = scores["theta_E_median_absolute_error"]
    click.echo(f"Written                     {output}")
    click.echo(f"Training time               {hours:.2f} h")
    click.echo(f"Held-back lenses            {scores['lenses']}")
    click.echo(f"Median reduced chi-square   {chi2:.3f}")
    click.echo(f"Median |error| of theta_E   {100 * error:.2f} %")
