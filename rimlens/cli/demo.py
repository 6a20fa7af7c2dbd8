"""``rimlens demo``: a lens whose truth is known, simulated to a FITS file and reconstructed."""

from pathlib import Path

import click

from rimlens.cli.messages import progress
from rimlens.cli.outputs import new_outputs, output_stem
from rimlens.cli.reconstruct import STEPS, output_names, reconstruct_file, solver_loader
from rimlens.cli.report import radius_text
from rimlens.startup import load_array_library

_FILE = "demo_lens.fits"


@click.command(name="demo")
@click.option(
    "-o",
    "--output",
    "folder",
    metavar="DIR",
    default=".",
    help="Folder for the image and the results; by default the current one.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Which lens to draw."
)
@click.option(
    "--weights",
    metavar="NAME_OR_PATH",
    default="default",
    show_default=True,
    help="Weights in the package, or a file that `rimlens train` wrote.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
def command(folder, seed, weights, overwrite):
    """Reconstruct a simulated lens.

    An HST-like image is written to DIR/demo_lens.fits; from there on all is as if
    `rimlens reconstruct DIR/demo_lens.fits` had been called.  The truth is printed beside the
    result.
    """
    stem = output_stem(_FILE)
    names = [_FILE, *output_names(stem)]
    with (
        new_outputs(folder, names, overwrite, inputs=[weights]) as temporary,
        progress(1 + STEPS, lines=False) as step,
    ):
        step("simulating")
        load_array_library()
        from rimlens.simulation.hst import simulate_observation

        observation, truth = simulate_observation(seed)
        observation.write(temporary / _FILE)
        load = solver_loader(weights)
        reconstruction = reconstruct_file(temporary / _FILE, temporary / stem, load, step)
    click.echo(_comparison(reconstruction, truth))
    for path in (Path(folder) / name for name in names):
        if path.exists():
            click.echo(f"Written {path}")


def _comparison(reconstruction, truth):
    """Return a table of the truth beside the result."""
    shear = reconstruction.shear
    rows = [
        ("Quality", "", reconstruction.quality),
        ("Einstein radius", f"{truth['theta_E']:.3f} arcsec", radius_text(reconstruction)),
        ("Shear gamma1", f"{truth['shear'][0]:+.3f}", f"{shear.pixel_frame_gamma1:+.3f}"),
        ("Shear gamma2", f"{truth['shear'][1]:+.3f}", f"{shear.pixel_frame_gamma2:+.3f}"),
        ("Reduced chi-square", "1 expected", f"{reconstruction.reduced_chi2:.3f}"),
        ("Time", "", f"{reconstruction.meta['elapsed']:.1f} s"),
    ]
    lines = [("", "truth", "found"), *rows]
    return "\n".join(f"{name:<20}{true:<14}{found}" for name, true, found in lines)
