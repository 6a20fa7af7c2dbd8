"""``rimlens reconstruct``: from the FITS image of a lens to its maps, a figure and a table."""

import json
import warnings
from pathlib import Path

import click

from rimlens.cli.messages import plain_warnings, progress
from rimlens.cli.outputs import new_outputs, output_stem
from rimlens.cli.report import doubt, summary, table
from rimlens.errors import RimlensWarning

STEPS = 4
_SUFFIXES = (".asdf", ".fits", ".png")
NOT_GOOD = 3


@click.command(name="reconstruct")
@click.argument("file", metavar="LENS.fits")
@click.option("--data", metavar="EXT", help="The image: an extension's name or number, or a file.")
@click.option("--uncertainty", metavar="EXT", help="Its noise, likewise.")
@click.option(
    "--uncertainty-type",
    type=click.Choice(["std", "var", "ivar"]),
    help="Standard deviation, variance or inverse variance; found by itself if not given.",
)
@click.option("--mask", metavar="EXT", help="Its mask, likewise; 0 where a pixel is used.")
@click.option("--psf", metavar="EXT", help="Its point-spread function, likewise.")
@click.option(
    "--pixel-scale",
    metavar="ARCSEC",
    type=click.FloatRange(min=0, min_open=True),
    help="Side of a pixel, for an image without WCS.",
)
@click.option(
    "--weights",
    metavar="NAME_OR_PATH",
    default="default",
    show_default=True,
    help="Weights in the package, or a file that `rimlens train` wrote.",
)
@click.option(
    "-o",
    "--output",
    "folder",
    metavar="DIR",
    default=".",
    help="Folder for the results; by default the current one.",
)
@click.option("--overwrite", is_flag=True, help="Replace results that exist.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, not a table.")
@click.option(
    "--strict", is_flag=True, help=f"End with status {NOT_GOOD} if the quality is not good."
)
def command(file, weights, folder, overwrite, as_json, strict, **parts):
    """Find the convergence and the source of a lens.

    What is not given is looked for in the file under its usual name.  The maps are written to
    DIR/LENS_rimlens.asdf and DIR/LENS_rimlens.fits, a figure to DIR/LENS_rimlens.png.
    """
    stem = output_stem(file)
    names = output_names(stem)
    files = [file, weights, *(parts[k] for k in ("data", "uncertainty", "mask", "psf"))]
    inputs = [item for item in files if item is not None]
    with (
        plain_warnings(),
        new_outputs(folder, names, overwrite, inputs) as temporary,
        progress(STEPS) as step,
    ):
        reconstruction = reconstruct_file(file, temporary / stem, weights, step, **parts)
    written = [path for path in (Path(folder) / name for name in names) if path.exists()]
    if as_json:
        click.echo(json.dumps(summary(reconstruction, file, written)))
    else:
        click.echo(table(reconstruction, written))
    if strict and reconstruction.quality != "good":
        raise SystemExit(NOT_GOOD)


def output_names(stem):
    """Return the names of the three files of a reconstruction."""
    return [stem + suffix for suffix in _SUFFIXES]


def reconstruct_file(path, output, weights, step, **parts):
    """Reconstruct the lens in a file, write the results and warn of what is not good.

    Parameters
    ----------
    path : str or path
        A FITS file.
    output : path
        The results' path without suffix.
    weights : str or path
        As in `RIMSolver.from_pretrained`.
    step : callable
        Told of each of the `STEPS` steps.
    **parts
        Passed to `Observation.read`.

    Returns
    -------
    Reconstruction
    """
    from rimlens.observation import Observation

    step("reading")
    observation = Observation.read(path, **parts)
    step("loading the solver")
    # The array library takes seconds to import; an input that cannot be read is refused before.
    from rimlens.rim import RIMSolver

    solver = RIMSolver.from_pretrained(weights)
    step("reconstructing")
    reconstruction = solver.reconstruct(observation, progress=False)
    step("writing")
    write_results(reconstruction, output)
    message = doubt(path, reconstruction.verdict)
    if message is not None:
        warnings.warn(message, RimlensWarning, stacklevel=2)
    return reconstruction


def write_results(reconstruction, output):
    """Write the maps and the figure of a reconstruction.

    A figure that cannot be drawn is a warning: it costs neither the maps nor the time that they
    took.

    Parameters
    ----------
    reconstruction : Reconstruction
        Of one lens.
    output : path
        The results' path without suffix.
    """
    asdf, fits, figure = (output.with_name(output.name + suffix) for suffix in _SUFFIXES)
    reconstruction.write(asdf)
    reconstruction.write(fits)
    try:
        reconstruction.plot(figure)
    except Exception as error:
        # Part of a picture is worse than none.
        figure.unlink(missing_ok=True)
        reason = " ".join(str(error).split()) or type(error).__name__
        warnings.warn(
            f"{figure.name}: the figure cannot be drawn, and the maps are written without it: "
            f"{reason}",
            RimlensWarning,
            stacklevel=2,
        )
