"""``rimlens cosmos``: real galaxies from the COSMOS field, fetched and made into maps."""

from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from rimlens.cli.messages import bytes_progress, progress
from rimlens.cli.outputs import refuse_unwritable

_RANGE: dict[str, Any] = {"type": float, "nargs": 2, "metavar": "LOW HIGH"}
_POSITIVE = click.FloatRange(min=0, min_open=True)


@click.group(name="cosmos")
def command():
    """Make maps of real galaxies for the prior `cosmos`."""


@command.command(name="build")
@click.argument("catalog", metavar="FOLDER")
@click.option(
    "-o",
    "--output",
    metavar="GALAXIES.asdf",
    type=click.Path(dir_okay=False),
    required=True,
    help="The file of maps to write.",
)
@click.option("--magnitude", help="Range of the magnitude in F814W.", **_RANGE)
@click.option("--flux", help="Range of the flux, electron/s.", **_RANGE)
@click.option("--half-light-radius", help="Range of the half-light radius, arcsec.", **_RANGE)
@click.option(
    "--clean/--all",
    default=True,
    help="Leave out stamps that the public sample's table calls suspect, or do not.",
)
@click.option(
    "--pixel-scale",
    metavar="ARCSEC",
    type=_POSITIVE,
    default=0.03,
    show_default=True,
    help="Side of a map's pixel.",
)
@click.option(
    "--size",
    metavar="PIXELS",
    type=click.IntRange(min=4),
    default=128,
    show_default=True,
    help="Side of a map.",
)
@click.option(
    "--neighbors",
    type=click.Choice(["noise", "zero", "keep"]),
    default="noise",
    show_default=True,
    help="What stands in the place of other galaxies.",
)
@click.option("--denoise/--no-denoise", default=True, help="Remove noise, or do not.")
@click.option(
    "--taper",
    type=click.FloatRange(0, 0.5),
    default=0.1,
    show_default=True,
    help="Part of a stamp's side, at each end, over which its light falls to zero.",
)
@click.option(
    "--psf-fwhm",
    metavar="ARCSEC",
    type=_POSITIVE,
    help="Give all galaxies a Gaussian point-spread function of this width.",
)
@click.option("--overwrite", is_flag=True, help="Replace maps that exist.")
def build(catalog, output, magnitude, flux, half_light_radius, clean, overwrite, **how):
    """Make maps of the galaxies in FOLDER.

    FOLDER holds a catalog real_galaxy_catalog*.fits and its stamps, or is the catalog itself.
    Maps are kept in GALAXIES.asdf.parts until the end; the same command goes on after an
    interruption.
    """
    from rimlens.datasets.cosmos import Selection, StampSettings, build_cosmos

    selection = Selection(magnitude, flux, half_light_radius, clean)
    refuse_unwritable(Path(output).parent)
    with _resumable(), ExitStack() as stack:
        collection = build_cosmos(
            catalog,
            output,
            selection,
            StampSettings(**how),
            overwrite,
            progress=lambda parts: stack.enter_context(progress(len(parts))),
        )
    n, ny, nx = collection.maps.shape
    click.echo(f"Written   {output}")
    click.echo(f"Galaxies  {n} of {collection.meta['selected']} selected")
    click.echo(f"Maps      {ny} x {nx} pixels of {how['pixel_scale']:g} arcsec")


@command.command(name="download")
@click.argument("folder", metavar="DIR", default=".")
@click.option(
    "--sample",
    type=click.Choice(["23.5", "25.2"]),
    default="23.5",
    show_default=True,
    help="The limiting magnitude.",
)
@click.option("--keep-archive", is_flag=True, help="Keep the archive when it is unpacked.")
def download(folder, sample, keep_archive):
    """Fetch a public sample of galaxies into DIR.

    It comes from Zenodo, record 3242143, and takes some 4 GB, and as much again while it is
    unpacked.  The same command goes on after an interruption.
    """
    from rimlens.datasets.cosmos import download_cosmos

    refuse_unwritable(folder)
    with _resumable(), bytes_progress() as show:
        path = download_cosmos(folder, sample, keep_archive=keep_archive, progress=show)
    click.echo(f"Unpacked  {path}")


@contextmanager
def _resumable():
    """Report how to go on after an interruption."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo("\nInterrupted; the same command goes on from here.", err=True)
        raise SystemExit(130) from None
