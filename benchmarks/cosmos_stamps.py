"""Galaxies of COSMOS before and after, and how many are made a second.

``python benchmarks/cosmos_stamps.py FOLDER`` takes a folder in the layout of GalSim (Leauthaud et
al. 2007, ApJS 172, 219; Mandelbaum et al. 2012, MNRAS 420, 1518), makes maps of its first galaxies
with several settings, and prints how many a second of one core, the best of three times, and what
becomes of their flux.  The figure shows bright ones: as they are, denoised, and resampled.
"""

from time import process_time

import click
import numpy as np
from astropy.table import Table

REPETITIONS = 3
SHOWN = 6
SETTINGS = {
    "as it is": {"denoise": False, "neighbors": "keep", "taper": 0.0},
    "without neighbors": {"denoise": False},
    "denoised": {},
    "denoised, 0.05 arcsec": {"pixel_scale": 0.05, "size": 77},
    "denoised, PSF of 0.2 arcsec": {"psf_fwhm": 0.2},
}


def stamps_of(galaxies, correlation, settings):
    """Return stamps and the least time of a few on one core, in seconds."""
    from rimlens.datasets.cosmos import make_stamp

    seconds = []
    for _ in range(REPETITIONS):
        start = process_time()
        stamps = [make_stamp(galaxy, correlation, settings) for galaxy in galaxies]
        seconds.append(process_time() - start)
    return stamps, min(seconds)


def draw(path, titles, rows):
    """Draw rows of maps by name, each galaxy with a scale of its own."""
    from matplotlib.colors import AsinhNorm
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.9 * len(titles), 1.95 * len(rows)), dpi=110, layout="constrained")
    axes = figure.subplots(len(rows), len(titles))
    for i, (title, noise) in enumerate(titles):
        top = np.percentile(rows["as it is"][i], 99.9)
        for ax, (name, maps) in zip(axes[:, i], rows.items()):
            norm = AsinhNorm(2 * noise, vmin=-2 * noise, vmax=top)
            ax.imshow(maps[i], origin="lower", norm=norm, cmap="magma", interpolation="nearest")
            ax.set(xticks=[], yticks=[])
            if i == 0:
                ax.set_ylabel(name, fontsize="small")
        axes[0, i].set_title(title, fontsize="small")
    figure.savefig(path)


@click.command()
@click.argument("folder", type=click.Path(exists=True))
@click.option("-n", "--galaxies", type=click.IntRange(min=SHOWN), default=100, show_default=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    default="docs/_static/cosmos_stamps.png",
    show_default=True,
    help="The figure to write.",
)
def main(folder, galaxies, output):
    """Make maps of the galaxies in FOLDER."""
    from rimlens.datasets.cosmos import CosmosCatalog, StampSettings, measure_correlation

    with CosmosCatalog(folder) as catalog:
        correlation = measure_correlation(catalog)
        some = [catalog.galaxy(i) for i in range(min(galaxies, len(catalog)))]
        magnitudes = np.asarray(catalog.table["MAG"][: len(some)])
    shown = np.argsort(magnitudes)[:SHOWN]
    figures, rows = [], {}
    for name, options in SETTINGS.items():
        stamps, seconds = stamps_of(some, correlation, StampSettings(**options))
        kept = np.array([stamp.map_flux / stamp.flux for stamp in stamps])
        fwhm = np.median([stamp.effective_psf_fwhm for stamp in stamps])
        figures.append((name, len(stamps) / seconds, *np.percentile(kept, [16, 50, 84]), fwhm))
        rows[name] = [stamps[i].brightness for i in shown]
    names = ("maps", "a second", "flux kept 16 %", "50 %", "84 %", "PSF FWHM (arcsec)")
    table = Table(rows=figures, names=names)
    for name in names[1:]:
        table[name].format = ".1f" if name == "a second" else ".3f"
    print("\n".join(table.pformat(max_lines=-1, max_width=-1)))
    scale = [np.sqrt(some[i].noise_variance) / some[i].pixel_scale ** 2 for i in shown]
    titles = [(f"{magnitudes[i]:.1f} mag", noise) for i, noise in zip(shown, scale)]
    drawn = ("as it is", "denoised", "denoised, 0.05 arcsec")
    draw(output, titles, {name: rows[name] for name in drawn})


if __name__ == "__main__":
    main()
