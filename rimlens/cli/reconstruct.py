"""``rimlens reconstruct``: from the FITS image of a lens to its maps, a figure and a table."""

import json
import logging
import sys
import warnings
from collections import Counter
from functools import cache, partial
from pathlib import Path

import click
from tqdm import tqdm

from rimlens.cli.lenses import TABLE, LensTable, lens_files
from rimlens.cli.messages import progress
from rimlens.cli.outputs import new_outputs, output_stem, refuse_existing, refuse_unwritable
from rimlens.cli.report import doubt, failure, line, summary, table
from rimlens.errors import QualityWarning, RimlensError, RimlensWarning
from rimlens.io.registry import find_weights
from rimlens.startup import load_array_library

_log = logging.getLogger("rimlens.cli")
STEPS = 4
_SUFFIXES = (".asdf", ".fits", ".png")
NOT_GOOD = 3


@click.command(name="reconstruct")
@click.argument("files", metavar="LENS.fits...", nargs=-1, required=True)
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
    "--refine",
    is_flag=True,
    help="Search for the maximum of the posterior from the solver's answer, and state errors; "
    "takes some seconds a lens.",
)
@click.option(
    "--method",
    type=click.Choice(["evidence", "map", "latent", "ewc"]),
    help="How to refine, as `RIMSolver.reconstruct` says; by default evidence.  Implies --refine.",
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
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with an interrupted run of many lenses; those that failed are tried again.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a lens, not a table.")
@click.option(
    "--strict", is_flag=True, help=f"End with status {NOT_GOOD} if a quality is not good."
)
def command(files, weights, refine, method, folder, overwrite, resume, as_json, strict, **parts):
    """Find the convergence and the source of each lens.

    LENS.fits is a file, or a folder whose FITS files are all meant.  What is not given is looked
    for in the file under its usual name.  The maps are written to DIR/LENS_rimlens.asdf and
    DIR/LENS_rimlens.fits, a figure to DIR/LENS_rimlens.png; of several lenses there is a table,
    DIR/rimlens.ecsv, that has a row for each of them.
    """
    named = [weights, *(parts[k] for k in ("data", "uncertainty", "mask", "psf"))]
    others = [item for item in named if item is not None]
    folder = Path(folder)
    method = method or ("evidence" if refine else None)
    several = resume or len(files) > 1 or Path(files[0]).is_dir()
    if several:
        run = _Run(lens_files(files, others), others, folder, weights, method, parts, as_json)
        qualities = run.all(overwrite, resume)
    else:
        qualities = [_one(files[0], others, folder, weights, method, parts, overwrite, as_json)]
    failed = qualities.count("failed")
    if failed:
        raise RimlensError(
            f"{failed} of {len(qualities)} lenses failed; {folder / TABLE} says why, and --resume "
            "tries them again"
        )
    if strict and set(qualities) != {"good"}:
        raise SystemExit(NOT_GOOD)


def _one(file, others, folder, weights, method, parts, overwrite, as_json):
    """Reconstruct one lens, print what is known of it and return its quality."""
    stem = output_stem(file)
    names = output_names(stem)
    with (
        new_outputs(folder, names, overwrite, [file, *others]) as temporary,
        progress(STEPS, lines=False) as step,
    ):
        load = solver_loader(weights)
        reconstruction = reconstruct_file(file, temporary / stem, load, step, method, **parts)
    written = [path for path in (folder / name for name in names) if path.exists()]
    if as_json:
        click.echo(json.dumps(summary(reconstruction, file, written)))
    else:
        click.echo(table(reconstruction, written))
    return reconstruction.quality


class _Run:
    """The reconstruction of many lenses, which no bad one stops."""

    def __init__(self, files, others, folder, weights, method, parts, as_json):
        self.method = method
        self.files, self.folder, self.parts, self.as_json = files, folder, parts, as_json
        self.inputs = [*files, *others]
        self.weights = weights
        self.load = solver_loader(weights)
        self.table = None

    def all(self, overwrite, resume):
        """Return the qualities of all lenses, ``"failed"`` among them."""
        find_weights(self.weights)
        path = self.folder / TABLE
        resume = resume and path.exists()
        options = {"weights": self.weights, "refine": self.method, **self.parts}
        self.table = LensTable(path, options, resume)
        outputs = [path for file in self.files for path in self._outputs(file)]
        # The results of a run that goes on are its own; those of a lens without a row are partial.
        refuse_existing([path, *outputs], overwrite or resume, self.inputs)
        refuse_unwritable(self.folder)
        left = [file for file in self.files if not self._is_done(file)]
        if left:
            # A solver that cannot be loaded is reported before anything is written.
            self.load()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.table.write()
        try:
            with progress(len(self.files)) as step:
                qualities = [self._quality(file, step) for file in self.files]
        except KeyboardInterrupt:
            click.echo(
                "\nInterrupted; the same command with --resume goes on from here.", err=True
            )
            raise SystemExit(130) from None
        if not self.as_json:
            counts = ", ".join(f"{n} {q}" for q, n in Counter(sorted(qualities)).items())
            click.echo(f"{'Lenses':<20}{len(qualities)}: {counts}")
            click.echo(f"{'Table':<20}{path}")
        return qualities

    def _outputs(self, file):
        return [self.folder / name for name in output_names(output_stem(file))]

    def _is_done(self, file):
        *maps, _ = self._outputs(file)
        return self.table.done(file) is not None and all(path.exists() for path in maps)

    def _quality(self, file, step):
        """Take care of one lens and return its quality."""
        step(file)
        record = self._record_from_before(file)
        if record is None:
            record = self._record(file)
            self.table.put(record)
            self.table.write()
        if self.as_json:
            tqdm.write(json.dumps(record))
        else:
            tqdm.write(line(record))
        return record["quality"]

    def _record_from_before(self, file):
        """Return what is known of a lens that was reconstructed before; None if it was not."""
        from rimlens.reconstruction import Reconstruction

        *maps, figure = self._outputs(file)
        if not self._is_done(file):
            return None
        try:
            reconstruction = Reconstruction.read(maps[0])
        except RimlensError:
            return None
        written = [*maps, figure] if figure.exists() else maps
        return summary(reconstruction, file, written)

    def _record(self, file):
        """Reconstruct one lens and return what is known of it, or why it failed."""
        stem = output_stem(file)
        names = output_names(stem)
        try:
            with new_outputs(self.folder, names, overwrite=True) as temporary:
                reconstruction = reconstruct_file(
                    file,
                    temporary / stem,
                    self.load,
                    partial(_log.info, "%s: %s", file),
                    self.method,
                    **self.parts,
                )
        except Exception as error:  # noqa: BLE001 - one file must stop no others
            reason = " ".join(str(error).split())
            if not isinstance(error, RimlensError):
                reason = f"{type(error).__name__}: {reason}"
                _log.info("%s: failed", file, exc_info=True)
            reason = reason if file in reason else f"{file}: {reason}"
            tqdm.write(f"Error: {reason}", file=sys.stderr)
            return failure(file, reason)
        written = [path for path in self._outputs(file) if path.exists()]
        return summary(reconstruction, file, written)


def output_names(stem):
    """Return the names of the three files of a reconstruction."""
    return [stem + suffix for suffix in _SUFFIXES]


def solver_loader(weights):
    """Return a function that loads a solver when it is first called.

    The array library takes seconds to import; an input that cannot be read is refused before.

    Parameters
    ----------
    weights : str or path
        As in `RIMSolver.from_pretrained`.

    Returns
    -------
    callable
        Gives the same solver every time.
    """

    @cache
    def load():
        load_array_library()
        from rimlens.rim import RIMSolver

        return RIMSolver.from_pretrained(weights)

    return load


def reconstruct_file(path, output, load, step, method=None, **parts):
    """Reconstruct the lens in a file, write the results and warn of what is not good.

    Parameters
    ----------
    path : str or path
        A FITS file.
    output : path
        The results' path without suffix.
    load : callable
        Gives the solver, as that of `solver_loader`.
    step : callable
        Called at each of the `STEPS` steps with a sentence about it.
    method : str, optional
        How to refine, as `RIMSolver.reconstruct` takes it; by default not at all.
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
    solver = load()
    step("reconstructing")
    with warnings.catch_warnings():
        # The warning is given below, with the file's name and once there are results.
        warnings.simplefilter("ignore", QualityWarning)
        refinement = {} if method is None else {"refine": True, "method": method}
        reconstruction = solver.reconstruct(observation, progress=False, **refinement)
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
    except Exception as error:  # noqa: BLE001 - a figure must cost no maps
        # Part of a picture is worse than none.
        figure.unlink(missing_ok=True)
        reason = " ".join(str(error).split()) or type(error).__name__
        warnings.warn(
            f"{figure.name}: the figure cannot be drawn, and the maps are written without it: "
            f"{reason}",
            RimlensWarning,
            stacklevel=2,
        )
