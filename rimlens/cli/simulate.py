"""``rimlens simulate``: from a recipe to a folder of simulated observations."""

import os

import click

from rimlens.cli.messages import quiet
from rimlens.cli.outputs import refuse_unwritable
from rimlens.startup import load_array_library


@click.command(name="simulate")
@click.argument("recipe")
@click.option(
    "-o",
    "--output",
    "folder",
    metavar="FOLDER",
    required=True,
    type=click.Path(file_okay=False),
    help="Folder for the simulations; it is made if need be.",
)
@click.option(
    "--lenses", metavar="N", type=click.IntRange(min=1), required=True, help="How many to make."
)
@click.option(
    "--workers",
    metavar="W",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes, each on one core.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), help="Of the simulations; by default the recipe's."
)
@click.option(
    "--shard-size",
    metavar="N",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    help="Simulations in a file.",
)
@click.option("--overwrite", is_flag=True, help="Replace another set in the folder.")
def command(recipe, folder, lenses, workers, seed, shard_size, overwrite):
    """Simulate lenses as a recipe says, and write them to a folder.

    RECIPE is the TOML file of a solver's training, or the name of one in the package.  The same
    command goes on where an interrupted one was, and makes the same lenses with any number of
    workers.  `rimlens train --simulations FOLDER` trains on them.
    """
    refuse_unwritable(folder)
    load_array_library()
    from rimlens.training.simulations import simulate

    try:
        made = simulate(
            recipe,
            folder,
            lenses,
            workers=workers,
            seed=seed,
            shard_size=shard_size,
            overwrite=overwrite,
            progress=not quiet(),
        )
    except KeyboardInterrupt:
        click.echo("\nInterrupted; the same command goes on from the last shard.", err=True)
        os._exit(130)
    size = sum(path.stat().st_size for path in made.folder.iterdir()) / 2**20
    click.echo(f"Written      {folder}")
    click.echo(f"Simulations  {len(made)}")
    click.echo(f"Shards       {len(made.manifest.sizes)}")
    click.echo(f"Size         {size:.1f} MiB")
