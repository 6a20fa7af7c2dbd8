"""One halo of a simulation and one real galaxy, lensed, observed and reconstructed.

``python benchmarks/real_maps.py FOLDER`` takes ``FOLDER/maps.npz``, a convergence map of
IllustrisTNG-100 (128 x 128 pixels, field 7.68 arcsec) and a galaxy of PROBES (256 x 256), as the
tutorials of caustics have them after Adam et al. (2023, ApJ 951, 6).  The galaxy is lensed by the
map, blurred and given noise as in an HST image with pixels of 0.03 arcsec, and reconstructed.
Chi-square, Einstein radius and the coherence with the truth are printed, whose 1 is perfect.
"""

from pathlib import Path

import click
import numpy as np
from astropy import units as u
from astropy.table import Table
from astropy.wcs.utils import proj_plane_pixel_area

KAPPA_SCALE = 7.68 / 128
PIXEL_SCALE = 0.03
SIZE = 128
# Of the galaxy, in arcsec: a typical size at redshift 1 to 2, and a place off the axis.
HALF_LIGHT_RADIUS = 0.15
OFFSET = (0.08, -0.05)
# Of the core of the lens, where its own light would be.
MASKED = 0.1
PEAK_SIGNAL_TO_NOISE = 30.0
SEED = 5
TAPER = 0.25
WAVELENGTHS = np.array([2.0, 1.0, 0.5, 0.3, 0.2, 0.15, 0.1])


def truth(path):
    """Return the lens and the source as models in arcsec, the lens in the middle."""
    from rimlens.datasets.cosmos import half_light_radius, taper
    from rimlens.imaging import Grid
    from rimlens.lens import PixelatedConvergence
    from rimlens.reconstruction import convergence_center
    from rimlens.source import PixelatedSource

    with np.load(path) as file:
        kappa, galaxy = (file[k][0].astype(float) for k in ("kappa_maps", "source_maps"))
    middle = (len(kappa) - 1) / 2
    center = tuple((middle - c) * KAPPA_SCALE for c in convergence_center(kappa))
    lens = PixelatedConvergence(Grid(kappa.shape, KAPPA_SCALE, center), convergence_map=kappa)
    galaxy = taper(galaxy, 0.1)
    radius = half_light_radius(galaxy, galaxy > 0.02 * galaxy.max())
    grid = Grid(galaxy.shape, HALF_LIGHT_RADIUS / radius, OFFSET)
    return lens, PixelatedSource(grid, brightness_map=galaxy / galaxy.max())


def observation_of(lens, source):
    """Return the observation of a source behind a lens, and its noise."""
    from astropy.wcs import WCS

    from rimlens import Observation
    from rimlens.imaging import ForwardModel, Grid
    from rimlens.simulation.psf import telescope_psf

    rng = np.random.default_rng(SEED)
    grid = Grid((SIZE, SIZE), PIXEL_SCALE)
    # 0.81 micrometre over 2.4 metre is 2.3 pixels.
    psf = telescope_psf(33, 2.3, rng)
    image = np.asarray(ForwardModel(lens, source, grid, psf=psf, oversampling=4)()[0], float)
    mask = grid.radius < MASKED
    sigma = image[~mask].max() / PEAK_SIGNAL_TO_NOISE
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crpix = [(SIZE + 1) / 2] * 2
    wcs.wcs.cdelt = [-PIXEL_SCALE / 3600, PIXEL_SCALE / 3600]
    wcs.wcs.crval = [150.0, 2.2]
    data = image + sigma * rng.standard_normal(image.shape)
    return Observation(
        data,
        uncertainty=np.full(image.shape, sigma),
        mask=mask,
        psf=psf,
        wcs=wcs,
        unit=u.electron / u.s,
        meta={"OBJECT": "IllustrisTNG halo, PROBES galaxy"},
    )


def on_pixels_of(nddata, model, move=(0.0, 0.0)):
    """Return the map of a true model on the pixels of one that was found, and their scale."""
    from rimlens.imaging import Grid
    from rimlens.prior.resampling import resample

    scale = np.sqrt(proj_plane_pixel_area(nddata.wcs.celestial)) * 3600
    (true,) = model.values.values()
    # The maps that were found are centered on the image.
    grid = Grid(nddata.data.shape, scale)
    shift = np.add(model.grid.center, move)
    return resample(true, grid, model.grid.pixel_scale, shift=shift), scale


def moved_source(nddata, source):
    """Return by how much the true source is moved, in arcsec, to where it fits the one found.

    A deflection that is the same everywhere moves the source and leaves the image alone; mass
    beyond the field has such a part, which is unknown.
    """
    from scipy.optimize import minimize

    def mismatch(move):
        true, _ = on_pixels_of(nddata, source, move)
        return -np.corrcoef(true.ravel(), nddata.data.ravel())[0, 1]

    simplex = 0.05 * np.array([[0, 0], [1, 0], [0, 1]])
    options = {"initial_simplex": simplex, "xatol": 1e-3, "fatol": 1e-6}
    return minimize(mismatch, np.zeros(2), method="Nelder-Mead", options=options).x


def compared(reconstruction, lens, source, moved):
    """Return found and true maps with their pixel scale, by name."""
    light, source_scale = on_pixels_of(reconstruction.source, source, moved)
    true, scale = on_pixels_of(reconstruction.convergence, lens)
    found = reconstruction.convergence.data
    return {
        "source": (reconstruction.source.data, light, source_scale),
        "convergence": (found, true, scale),
        "log10 convergence": (np.log10(found), np.log10(np.maximum(true, 1e-3)), scale),
    }


def draw(path, reconstruction, maps, spectra):
    """Draw data, model and residual, and the maps with their coherence."""
    from matplotlib.colors import AsinhNorm, LogNorm, Normalize
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 9.5), dpi=110, layout="constrained")
    axes = figure.subplots(3, 3)
    seen = reconstruction.observation
    half = 0.5 * SIZE * PIXEL_SCALE

    def panel(ax, title, values, half, norm, cmap, label, ticks=None):
        image = ax.imshow(
            values, origin="lower", extent=(-half, half, -half, half), norm=norm, cmap=cmap,
            interpolation="nearest",
        )  # fmt: skip
        ax.set_facecolor("0.55")
        ax.set_title(title, fontsize="medium")
        ax.tick_params(labelsize="small")
        bar = figure.colorbar(image, ax=ax, shrink=0.85, ticks=ticks, format="{x:g}")
        bar.minorticks_off()
        bar.set_label(label, fontsize="small")
        bar.ax.tick_params(labelsize="small")

    sigma = float(np.median(seen.sigma))
    data = np.ma.MaskedArray(seen.data, seen.mask)
    norm = AsinhNorm(3 * sigma, vmin=-3 * sigma, vmax=data.max())
    ticks, label = [0, 0.03, 0.1, 0.3, 1], "electron / s"
    panel(axes[0, 0], "image", data, half, norm, "inferno", label, ticks)
    panel(axes[0, 1], "model", reconstruction.model.data, half, norm, "inferno", label, ticks)
    chi2 = rf"residual, $\chi^2_\nu$ = {reconstruction.reduced_chi2:.2f}"
    residual = reconstruction.normalized_residual
    panel(axes[0, 2], chi2, residual, half, Normalize(-5, 5), "RdBu_r", r"$\sigma$")
    for row, name in enumerate(("source", "convergence"), 1):
        found, true, scale = maps[name]
        half = 0.5 * scale * len(true)
        if name == "source":
            look = AsinhNorm(0.1 * true.max(), 0, true.max()), "inferno", label, ticks
        else:
            look = LogNorm(0.15, true.max()), "cividis", r"$\kappa$", [0.2, 0.5, 1, 2, 5]
        panel(axes[row, 0], f"{name}, true", true, half, *look)
        panel(axes[row, 1], f"{name}, found", found, half, *look)
        ax = axes[row, 2]
        styles = {"convergence": "-", "log10 convergence": "--", "source": "-"}
        for which in spectra:
            if name not in which:
                continue
            spectrum, style = spectra[which], styles[which]
            k = spectrum.wave_number.to_value("1/arcsec")
            of = r" of $\log_{10} \kappa$" if "log10" in which else ""
            ax.plot(k, spectrum.cross_correlation, style, color="C0", label=f"$r${of}")
            ax.plot(k, spectrum.transfer, style, color="C1", label=f"$T${of}")
        ax.axhline(1, color="0.7", lw=0.8)
        ax.axhline(0, color="0.7", lw=0.8)
        ax.set(xscale="log", ylim=(-0.25, 2.0))
        ax.set_xticks([0.5, 1, 2, 5, 10, 20], labels=["0.5", "1", "2", "5", "10", "20"])
        ax.minorticks_off()
        ax.set_xlim(k[0], k[-1])
        ax.set_xlabel("wave number [1 / arcsec]", fontsize="small")
        ax.set_title(f"{name}, coherence", fontsize="medium")
        ax.tick_params(labelsize="small")
        ax.legend(fontsize="small", ncols=2, frameon=False, loc="upper left")
    for ax in axes[:, :2].ravel():
        ax.set_xlabel("arcsec", fontsize="small")
    figure.savefig(path)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.option("--weights", default="default", show_default=True, help="A name or a file.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    default="docs/_static/tng_reconstruction.png",
    show_default=True,
    help="The figure to write.",
)
def main(folder, weights, output):
    """Reconstruct the halo and the galaxy in FOLDER/maps.npz."""
    from rimlens import RIMSolver
    from rimlens.analysis import coherence_spectrum
    from rimlens.reconstruction import einstein_radius

    lens, source = truth(Path(folder) / "maps.npz")
    observation = observation_of(lens, source)
    reconstruction = RIMSolver.from_pretrained(weights).reconstruct(observation)
    moved = moved_source(reconstruction.source, source)
    maps = compared(reconstruction, lens, source, moved)
    spectra = {
        name: coherence_spectrum(found, true, scale, TAPER)
        for name, (found, true, scale) in maps.items()
    }
    found = reconstruction.einstein_radius.to_value("arcsec")
    true = einstein_radius(lens.values["convergence_map"], KAPPA_SCALE)
    print(f"reduced chi-square   {reconstruction.reduced_chi2:.3f}")
    error = 100 * (found / true - 1)
    print(f"Einstein radius      {found:.4f} arcsec, true {true:.4f} ({error:+.2f} %)")
    print(f"source moved by      {moved[0]:+.3f}, {moved[1]:+.3f} arcsec")
    print(f"time                 {reconstruction.meta['elapsed']:.1f} s")
    table = Table({"wavelength (arcsec)": WAVELENGTHS})
    for name, spectrum in spectra.items():
        k = spectrum.wave_number.to_value("1/arcsec")
        for letter, values in (("r", spectrum.cross_correlation), ("T", spectrum.transfer)):
            column = f"{letter}, {name}"
            table[column] = np.interp(1 / WAVELENGTHS, k, values)
            table[column].format = ".3f"
    print("\n".join(table.pformat(max_lines=-1, max_width=-1)))
    draw(output, reconstruction, maps, spectra)


if __name__ == "__main__":
    main()
