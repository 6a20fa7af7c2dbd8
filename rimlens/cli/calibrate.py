"""``rimlens calibrate``: how far the errors that refined answers state must be widened."""

from pathlib import Path

import click

from rimlens.cli.messages import quiet
from rimlens.cli.outputs import refuse_unwritable
from rimlens.startup import load_array_library


@click.command(name="calibrate")
@click.argument("weights")
@click.option(
    "-o",
    "--output",
    metavar="WEIGHTS.asdf",
    type=click.Path(dir_okay=False),
    required=True,
    help="The file of weights to write.",
)
@click.option(
    "-n",
    "--lenses",
    metavar="N",
    type=click.IntRange(min=10),
    default=60,
    show_default=True,
    help="Simulations in each of five ranges of the signal-to-noise ratio.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), help="Of the simulations; by default one of their own."
)
@click.option("--overwrite", is_flag=True, help="Replace weights that exist.")
def command(weights, output, lenses, seed, overwrite):
    """Measure on simulations by what the errors of refined answers are to be multiplied.

    WEIGHTS is a file, or the name of weights in the package.  They are written anew with what was
    found.  A lens takes some 5 to 60 seconds, the longer the higher its signal-to-noise ratio.
    """
    refuse_unwritable(Path(output).parent)
    load_array_library()
    from rimlens.training.solver import calibrate

    solver = calibrate(weights, output, lenses, seed, overwrite, progress=not quiet())
    click.echo(f"Written  {output}")
    click.echo("Signal-to-noise ratio  Factor")
    for ratio, factor in solver.error_scale.pairs:
        click.echo(f"{ratio:>21.3g}  {factor:>6.2f}")
