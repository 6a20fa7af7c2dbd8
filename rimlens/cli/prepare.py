"""``rimlens prepare``: from a raw frame to the file of an observation."""

import warnings
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from rimlens.cli.messages import progress
from rimlens.cli.outputs import file_of, new_outputs
from rimlens.errors import RimlensWarning

STEPS = 9
NONE = "none"


@click.command(name="prepare")
@click.argument("frame", metavar="FRAME.fits")
@click.option(
    "--position",
    metavar="'RA DEC'",
    help="Of the lens, in degrees or as 10:00:28.6 +02:12:21; by default the middle of the frame.",
)
@click.option(
    "--size",
    metavar="SIZE",
    default="7arcsec",
    show_default=True,
    help="Side of the cutout, with a unit, or in pixels.",
)
@click.option("--extension", metavar="EXT", help="The image: an extension's name or number.")
@click.option("--band", metavar="NAME", help="The band of a file that has several, such as VIS.")
@click.option("--unit", metavar="UNIT", help="Of the pixels, where BUNIT is missing or not known.")
@click.option("--exposure-time", metavar="SECONDS", type=click.FloatRange(min=0, min_open=True))
@click.option(
    "--gain",
    metavar="G",
    type=click.FloatRange(min=0, min_open=True),
    help="Electrons that a count stands for.",
)
@click.option("--zeropoint", metavar="MAG", type=float, help="AB magnitude of one unit of flux.")
@click.option(
    "--pixel-scale",
    metavar="ARCSEC",
    type=click.FloatRange(min=0, min_open=True),
    help="Side of a pixel, for a frame without WCS.",
)
@click.option("--uncertainty", metavar="EXT", help="The noise: an extension, or a file.")
@click.option(
    "--uncertainty-type",
    type=click.Choice(["std", "var", "ivar"]),
    help="Standard deviation, variance or inverse variance; found by itself if not given.",
)
@click.option("--mask", metavar="EXT", help="The mask, likewise; 0 where a pixel is used.")
@click.option(
    "--noise-ratio",
    metavar="R",
    type=click.FloatRange(min=0, min_open=True),
    help="Noise on large scales over that of single pixels, of a drizzled frame; by default it "
    "follows from the header.",
)
@click.option(
    "--psf",
    metavar="PSF",
    help="The point-spread function: a file, or the full width at half maximum of a Gaussian, "
    "such as 0.1arcsec; by default that of the file, else one that is made of stars.",
)
@click.option("--keep-background", is_flag=True, help="The sky is subtracted already.")
@click.option("--cosmic-rays", is_flag=True, help="Mask cosmic rays: for single exposures.")
@click.option("--no-center", is_flag=True, help="Do not look for the lens galaxy.")
@click.option("--keep-neighbors", is_flag=True, help="Mask no neighbors.")
@click.option("--regions", metavar="FILE", help="What to mask beside: a DS9 or FITS file.")
@click.option(
    "--lens-light",
    type=click.Choice(["mge", "sersic", "isophotes", NONE]),
    default="mge",
    show_default=True,
    help="How to fit the light of the lens galaxy, which is subtracted.",
)
@click.option("--plot", "figure", metavar="FIGURE", help="Draw every stage to this file.")
@click.option(
    "-o", "--output", metavar="LENS.fits", required=True, help="The file that is written."
)
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
def command(
    frame,
    position,
    size,
    lens_light,
    figure,
    output,
    overwrite,
    keep_background,
    no_center,
    keep_neighbors,
    **options,
):
    """Make an observation of a lens in a raw frame, ready for `rimlens reconstruct`.

    The sky is subtracted, noise and point-spread function are measured where the file has none,
    the lens is cut out and centered, neighbors are masked, and the light of the lens galaxy is
    fitted and subtracted.  The file that is written says what was done.
    """
    output = Path(output)
    outputs = {output.parent: [output.name]}
    if figure is not None:
        outputs.setdefault(Path(figure).parent, []).append(Path(figure).name)
    with progress(STEPS, lines=False) as step, _all_new(outputs, overwrite, frame) as temporary:
        from rimlens.observation import preparation_steps

        stages = []
        step("reading")
        for name, image in preparation_steps(
            frame,
            position,
            size,
            background=not keep_background,
            center=not no_center,
            neighbors=not keep_neighbors,
            lens_light=None if lens_light == NONE else lens_light,
            **options,
        ):
            step(name)
            stages.append((name, image))
        _, observation = stages[-1]
        observation.write(temporary[output.parent] / output.name)
        if figure is not None:
            from rimlens.plotting.preparation import preparation_figure

            path = Path(figure)
            try:
                figure_of_stages = preparation_figure(stages)
                figure_of_stages.savefig(temporary[path.parent] / path.name)
            except (OSError, ValueError) as error:
                warnings.warn(
                    f"{figure}: the figure cannot be drawn: {error}", RimlensWarning, stacklevel=2
                )
    for line in observation.meta["PREPARATION"]:
        click.echo(line)
    click.echo(f"Written  {output}: {observation}")


@contextmanager
def _all_new(outputs, overwrite, frame):
    """Give a temporary folder for the files of every folder, as `new_outputs` for one."""
    with ExitStack() as stack:
        yield {
            folder: stack.enter_context(new_outputs(folder, names, overwrite, [file_of(frame)]))
            for folder, names in outputs.items()
        }
