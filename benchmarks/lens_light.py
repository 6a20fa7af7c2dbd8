"""Subtraction of the lens light by rimlens on real HST lenses, against the published one.

``python benchmarks/lens_light.py FOLDER`` takes every lens that ``table.csv`` in FOLDER lists,
subtracts the lens light from the extension SCI without any mask and with one setting for all,
and reconstructs the lens from what remains and from the published subtraction (LENSSUB), both
inside the published mask and outside of the core that rimlens does not trust.  It prints both
Einstein radii beside the published one, both reduced chi-squares with their ratio, and of the
difference of the two subtractions in units of the noise the mean on the arcs and the scatter.

``--injection`` adds simulated arcs, two for each lens, to the published lens light with noise,
and prints how much of their flux is left by the subtraction.

``--figure`` writes a montage: SCI, model, what remains, and LENSSUB.

The lenses and the models are those of Project Dinos I (Tan et al. 2024, arXiv:2311.09307), the
images are from the HST archive.
"""

import json
import time
import warnings
from pathlib import Path

import click
import numpy as np
from astropy.io import fits
from astropy.table import Table
from scipy import ndimage, signal
from tqdm import tqdm

from rimlens import Observation
from rimlens.errors import RimlensError, RimlensWarning
from rimlens.observation.preparation.lens_light import fit_lens_light

ORIGIN = "Project Dinos I, Tan et al. 2024, arXiv:2311.09307; HST archive"
# Arcs of the injection: peak in units of the median noise, and offset of the source in Einstein
# radii.
INJECTED = ((15.0, 0.1), (8.0, 0.45))


def quiet_observation(data, err, psf, wcs, mask=None):
    """Return an observation without the warnings, which would tear the progress bar."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RimlensWarning)
        return Observation(data, uncertainty=err, psf=psf, wcs=wcs, mask=mask)


def quiet_fit(observation, method):
    """Return the fitted light, whether its mask has settled, and the seconds that it took."""
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RimlensWarning)
        light = fit_lens_light(observation, method)
    return light, not caught, time.perf_counter() - start


def load(path):
    """Return the arrays of a lens by extension, and the WCS of the image."""
    from astropy.wcs import WCS

    with fits.open(path) as hdus:
        names = ("SCI", "LENSSUB", "ERR", "DQ", "PSF")
        return {name: np.array(hdus[name].data, dtype=float) for name in names} | {
            "wcs": WCS(hdus["SCI"].header)
        }


def reconstructed(solver, data, lens, mask):
    """Return Einstein radius and reduced chi-square, NaN where the reconstruction fails."""
    from rimlens.cli.report import summary

    observation = quiet_observation(data, lens["ERR"], lens["PSF"], lens["wcs"], mask)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RimlensWarning)
            found = summary(solver.reconstruct(observation))
    except RimlensError:
        return np.nan, np.nan
    return tuple(np.nan if found.get(k) is None else found[k] for k in ("theta_E", "reduced_chi2"))


def compare(solver, lens, published, method):
    """Return a row of the table, and the fitted light."""
    image = quiet_observation(lens["SCI"], lens["ERR"], lens["PSF"], lens["wcs"])
    light, settled, seconds = quiet_fit(image, method)
    mask = (lens["DQ"] != 0) | light.core
    data = lens["SCI"] - light.model
    difference = (data - lens["LENSSUB"]) / lens["ERR"]
    arcs = ~mask & (ndimage.gaussian_filter(lens["LENSSUB"] / lens["ERR"], 1) > 1.5)
    row = {
        "name": str(published["lens"]),
        "grade": str(published["grade"]),
        "scatter": float(np.sqrt(np.mean(difference[~mask] ** 2))),
        "on arcs": float(difference[arcs].mean()) if arcs.any() else np.nan,
        "core px": int(light.core.sum()),
        "settled": settled,
        "seconds": seconds,
    }
    if solver:
        radius = float(published["tE_pub"])
        for name, values in (("published", lens["LENSSUB"]), ("own", data)):
            found, row[f"chi2 {name}"] = reconstructed(solver, values, lens, mask)
            row[f"error % {name}"] = 100 * (found / radius - 1)
        row["ratio"] = row["chi2 own"] / row["chi2 published"]
    return row, light


def arcs_of(shape, center, radius, offset, angle, psf):
    """Return the image of an exponential source behind an isothermal sphere with shear.

    The deflection is ``radius`` in the direction from the center, the shear 0.05.
    """
    y, x = (grid - c for grid, c in zip(np.indices(shape, dtype=float), center[::-1]))
    distance = np.hypot(x, y) + 1e-6
    c, s = 0.05 * np.cos(2 * angle), 0.05 * np.sin(2 * angle)
    source_x = x * (1 - radius / distance) - c * x - s * y - offset * np.cos(angle)
    source_y = y * (1 - radius / distance) - s * x + c * y - offset * np.sin(angle)
    image = np.exp(-np.hypot(source_x, source_y) / (0.06 * radius + 0.5))
    return signal.fftconvolve(image, psf / psf.sum(), mode="same")


def inject(lens, published, method, number):
    """Return rows on the arcs that were added to the published light of a lens."""
    galaxy = lens["SCI"] - lens["LENSSUB"]
    peak = np.unravel_index(np.argmax(ndimage.gaussian_filter(galaxy, 1)), galaxy.shape)
    radius = min(published["tE_pub"] / published["pix"], 0.35 * min(galaxy.shape))
    for case, (brightness, offset) in enumerate(INJECTED):
        rng = np.random.default_rng([number, case])
        angle = rng.uniform(0, 2 * np.pi)
        arcs = arcs_of(galaxy.shape, peak[::-1], radius, offset * radius, angle, lens["PSF"])
        arcs *= brightness * np.median(lens["ERR"]) / arcs.max()
        data = galaxy + arcs + rng.normal(size=galaxy.shape) * lens["ERR"]
        image = quiet_observation(data, lens["ERR"], lens["PSF"], lens["wcs"])
        light, settled, _ = quiet_fit(image, method)
        seen = (arcs > 0.1 * arcs.max()) & ~light.core
        weight = arcs[seen] / lens["ERR"][seen] ** 2
        yield {
            "name": str(published["lens"]),
            "peak S/N": brightness,
            "flux": float(((data - light.model)[seen] * weight).sum() / (arcs[seen] @ weight)),
            "bias": float(((galaxy - light.model) / lens["ERR"])[seen].mean()),
            "settled": settled,
        }


def figure(path, pictures):
    """Write the montage."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    rows = -(-len(pictures) // 3)
    fig, axes = plt.subplots(rows, 12, figsize=(24, 2 * rows), squeeze=False)
    for axis in axes.ravel():
        axis.axis("off")
    for i, (name, lens, light) in enumerate(pictures):
        shown = axes[i // 3, 4 * (i % 3) : 4 * (i % 3) + 4]
        own = np.where(light.core, np.nan, lens["SCI"] - light.model)
        images = (lens["SCI"], light.model, own, lens["LENSSUB"])
        for k, (axis, values) in enumerate(zip(shown, images)):
            scaled = values / lens["ERR"]
            limits = (0, 4.5) if k < 2 else (-3, 10)
            scaled = np.arcsinh(scaled) if k < 2 else scaled
            axis.imshow(scaled, origin="lower", vmin=limits[0], vmax=limits[1])
        shown[0].set_title(name, fontsize=7, pad=1)
    fig.subplots_adjust(0, 0, 1, 0.98, 0.01, 0.06)
    fig.savefig(path, dpi=70)


def shown(row):
    """Return a line on a lens, printed at once: a run that is cut short has said what it found."""
    texts = (f"{v:.2f}" if isinstance(v, float) else str(v) for v in row.values())
    return ", ".join(f"{name}={text}" for name, text in zip(row, texts))


def scores(table):
    """Return the figures over several lenses; what failed counts as infinitely wrong."""

    def error(name):
        return float(np.median(np.nan_to_num(np.abs(table[f"error % {name}"]), nan=np.inf)))

    return {
        "lenses": len(table),
        "median |theta_E error| (%) from LENSSUB": error("published"),
        "median |theta_E error| (%) from own subtraction": error("own"),
        "ratio of the two": error("own") / error("published"),
        "chi2 within 1.3 times that of LENSSUB (%)": 100 * float(np.mean(table["ratio"] <= 1.3)),
        "median ratio of chi2": float(np.median(table["ratio"])),
    }


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--method", type=click.Choice(["mge", "sersic", "isophotes"]), default="mge")
@click.option("--injection", is_flag=True, help="Inject arcs instead.")
@click.option("--no-reconstruction", is_flag=True, help="Compare the subtractions only.")
@click.option("--every", type=click.IntRange(min=1), default=1, help="Only each so many-th lens.")
@click.option("--grade", help="Only lenses of this grade.")
@click.option("--figure", "png", type=click.Path(dir_okay=False), help="Write a montage.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False), help="Write all figures.")
def main(folder, method, injection, no_reconstruction, every, grade, png, json_path):
    """Subtract the lens light of the lenses in FOLDER and compare with the published result."""
    published = Table.read(folder / "table.csv", format="ascii.csv")
    if grade:
        published = published[published["grade"] == grade]
    published = published[::every]
    solver = None
    if not (injection or no_reconstruction):
        from rimlens import RIMSolver

        solver = RIMSolver.from_pretrained("default")
    rows, pictures = [], []
    for number, entry in enumerate(tqdm(published, desc="lenses", disable=None)):
        lens = load(folder / f"{entry['lens']}_{entry['band']}.fits")
        try:
            if injection:
                for row in inject(lens, entry, method, number):
                    rows.append(row)
                    tqdm.write(shown(row))
                continue
            row, light = compare(solver, lens, entry, method)
        except RimlensError as failure:
            print(f"{entry['lens']}: {failure}")
            continue
        rows.append(row)
        tqdm.write(shown(row))
        pictures.append((row["name"], lens, light))
    table = Table(rows=rows)
    for name in table.colnames:
        if table[name].dtype.kind == "f":
            table[name].format = ".2f"
    print(f"Lens light by {method}: {ORIGIN}")
    print("\n".join(table.pformat(max_lines=-1, max_width=-1)))
    summary = {}
    if injection:
        summary["median flux of the arcs that is left"] = float(np.median(table["flux"]))
        summary["within 5 % (%)"] = 100 * float(np.mean(np.abs(table["flux"] - 1) < 0.05))
        summary["median bias on the arcs (noise)"] = float(np.median(table["bias"]))
    elif solver:
        chosen = table[table["grade"] == "A"]
        summary = {f"grade A: {k}": v for k, v in scores(chosen).items()} if len(chosen) else {}
        summary |= {f"all: {k}": v for k, v in scores(table).items()}
    for name, value in summary.items():
        print(f"{name:60s} {value:.3g}")
    if png and pictures:
        figure(png, pictures)
    if json_path:
        content = {"origin": ORIGIN, "method": method, "lenses": rows, "summary": summary}
        Path(json_path).write_text(json.dumps(content, indent=1))


if __name__ == "__main__":
    main()
