"""``rimlens tng``: convergence maps of halos in IllustrisTNG, and the files to make them of."""

from pathlib import Path

import click

from rimlens.cli.messages import note, progress
from rimlens.cli.outputs import refuse_unwritable


@click.group(name="tng")
def command():
    """Make convergence maps of simulated halos, and fetch IllustrisTNG."""


@command.command(name="rasterize")
@click.argument("snapshots", metavar="SNAPSHOT...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    metavar="MAPS.asdf",
    type=click.Path(dir_okay=False),
    required=True,
    help="The file of maps to write.",
)
@click.option("--groups", metavar="PATH", help="Group catalog of the snapshot, to choose halos.")
@click.option("--offsets", metavar="FILE", help="TNG's file of offsets for the catalog.")
@click.option(
    "--group",
    "numbers",
    metavar="N",
    type=click.IntRange(min=0),
    multiple=True,
    help="A group of the catalog; may be repeated. By default all.",
)
@click.option("--min-mass", metavar="MSUN", type=float, default=0.0, help="Smallest M200.")
@click.option("--max-mass", metavar="MSUN", type=float, default=float("inf"), help="Largest M200.")
@click.option("--relaxed", is_flag=True, help="Leave out groups that are not relaxed.")
@click.option("--central", is_flag=True, help="Take central subhalos, not whole groups.")
@click.option(
    "--center",
    metavar="X Y Z",
    type=float,
    nargs=3,
    help="Of the halo, in the snapshot's unit; where it is densest by default.",
)
@click.option("--radius", metavar="KPC", type=float, help="Take particles inside a sphere only.")
@click.option("--z-lens", type=float, default=0.5, show_default=True, help="Of the halo.")
@click.option("--z-source", type=float, default=1.5, show_default=True, help="Of the source.")
@click.option(
    "--cosmology", metavar="NAME", help="One of astropy's; by default the one that astropy has."
)
@click.option("--pixels", type=int, default=188, show_default=True, help="A side of the map.")
@click.option(
    "--field",
    metavar="SIZE",
    default="105 kpc",
    show_default=True,
    help="Side of the map, as '12 arcsec' or '105 kpc'; a bare number is in arcsec.",
)
@click.option(
    "--projection",
    "projections",
    metavar="AXIS",
    multiple=True,
    default=("x", "y", "z"),
    show_default=True,
    help="Line of sight: x, y, z or a direction as 1,0.5,0; may be repeated.",
)
@click.option(
    "--neighbors",
    type=int,
    default=64,
    show_default=True,
    help="The neighbor whose distance sets how wide a particle is smoothed.",
)
@click.option(
    "--length-unit", metavar="UNIT", help="Of a file that does not state it, as 'kpc/h'."
)
@click.option("--mass-unit", metavar="UNIT", help="Likewise, as '1e10 Msun/h'.")
@click.option("--allow-missing", is_flag=True, help="Go on without chunks that are missing.")
@click.option("--overwrite", is_flag=True, help="Replace maps that exist.")
def rasterize(snapshots, output, **options):
    """Make convergence maps of the halos in a snapshot.

    SNAPSHOT is a file or folder of Arepo or Gadget in HDF5.  With --groups, halos are chosen from
    a catalog; without, every SNAPSHOT is one halo, such as a cutout.  Halos that are done are
    kept in MAPS.asdf.parts; the same command continues one that was interrupted.
    """
    refuse_unwritable(Path(output).parent)
    # Cosmology and tables take a second to import.
    from rimlens.datasets import tng

    settings = _settings(tng, options)
    halos = _halos(tng, snapshots, options)
    with progress(len(halos.names)) as step:
        try:
            maps = tng.rasterize(halos, output, settings, options["overwrite"], step)
        except KeyboardInterrupt:
            click.echo("\nInterrupted; the same command goes on from here.", err=True)
            raise SystemExit(130) from None
    radii = maps.table["theta_E"]
    lenses = radii[radii > 0]
    click.echo(f"Written                {output}")
    click.echo(f"Halos                 {len(halos.names)}")
    click.echo(f"Maps                   {len(maps)}")
    click.echo(f"Pixel scale            {maps.pixel_scale.value:.4f} arcsec")
    click.echo(f"With Einstein radius   {len(lenses)}")
    if len(lenses):
        click.echo(f"Einstein radii         {lenses.min():.3f} to {lenses.max():.3f} arcsec")


@command.command(name="download")
@click.argument("simulation")
@click.argument("snapshot", type=click.IntRange(min=0))
@click.option(
    "-o",
    "--output",
    "folder",
    metavar="DIR",
    default=".",
    help="Folder for the files; by default the current one.",
)
@click.option(
    "--halo",
    "halos",
    metavar="N",
    type=click.IntRange(min=0),
    multiple=True,
    help="Fetch the cutout of a FoF group; may be repeated.",
)
@click.option("--groups", is_flag=True, help="Fetch the group catalog.")
@click.option("--offsets", is_flag=True, help="Fetch the file of offsets.")
@click.option("--chunks", is_flag=True, help="Fetch all chunks of the snapshot (up to terabytes).")
@click.option(
    "--api-key",
    "key",
    metavar="KEY",
    envvar="TNG_API_KEY",
    help="Of your profile at www.tng-project.org; by default the variable TNG_API_KEY.",
)
@click.option("--url", metavar="URL", help="Another address of the interface.")
def download(url, **options):
    """Fetch files of SIMULATION, as TNG100-1 99, with your own key.

    What is there is not fetched again, and a file that was interrupted goes on where it stopped.
    """
    refuse_unwritable(options["folder"])
    from rimlens.datasets.tng import download as tng_download

    def report(total, done, name):
        note(f"{done + 1} of {total}: {name}")

    address = {} if url is None else {"url": url}
    try:
        paths = tng_download(progress=report, **address, **options)
    except KeyboardInterrupt:
        click.echo("\nInterrupted; the same command goes on from here.", err=True)
        raise SystemExit(130) from None
    for path in paths:
        click.echo(f"Written {path}")


def _settings(tng, options):
    """Return what maps are to be."""
    from astropy import units as u

    from rimlens.errors import InputError

    names = ("pixels", "projections", "z_lens", "z_source", "cosmology", "neighbors")
    try:
        field = u.Quantity(options["field"])
    except (TypeError, ValueError) as error:
        raise InputError(
            f"--field: a size as '12 arcsec' or '105 kpc' is wanted, found {options['field']!r}"
        ) from error
    field = field.value if field.unit == u.dimensionless_unscaled else field
    return tng.MapSettings(field=field, **{name: options[name] for name in names})


def _halos(tng, snapshots, options):
    """Return what maps are to be made of."""
    from rimlens.errors import InputError

    reading = {name: options[name] for name in ("allow_missing", "length_unit", "mass_unit")}
    choices = [n for n in ("offsets", "numbers", "relaxed", "central") if options[n]]
    if options["groups"] is None:
        if choices or options["min_mass"] > 0 or options["max_mass"] < float("inf"):
            raise InputError("--groups: a group catalog is wanted to choose halos, found none")
        place = {name: options[name] for name in ("center", "radius")}
        return tng.SingleHalos(snapshots, **place, **reading)
    if len(snapshots) > 1 or options["center"] or options["radius"]:
        raise InputError(
            "--groups: one SNAPSHOT without --center and --radius is wanted with a catalog, "
            f"found {len(snapshots)}"
        )
    selection = tng.Selection(
        options["min_mass"], options["max_mass"], options["relaxed"], options["numbers"] or None
    )
    snapshot = tng.Snapshot(snapshots[0], **reading)
    catalog = tng.GroupCatalog(
        options["groups"], options["offsets"], options["length_unit"], options["mass_unit"]
    )
    return tng.GroupHalos(snapshot, catalog, selection, options["central"])
