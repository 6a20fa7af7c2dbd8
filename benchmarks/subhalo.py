"""Whether a subhalo of ten thousand million solar masses on the ring of a lens is found.

``python benchmarks/subhalo.py`` puts a pseudo-Jaffe subhalo on a bright part of the ring of an
elliptical power law with shear (lens at a redshift of 0.3, source at 1.0, 0.05 arcsec pixels, a
ring of 1.15 arcsec, sources of the generator), reconstructs the image with refinement, and prints
how the convergence minus its smooth part correlates with that of the subhalo within 1.6 Einstein
radii, how far off its peak is, the place and the mass found, and the significance that the stated
error gives.  Every other image has no subhalo.
"""

import sys
import time
import warnings
from dataclasses import replace

import astropy.units as u
import click
import numpy as np
from astropy.cosmology import Planck18
from astropy.nddata import StdDevUncertainty
from astropy.table import Table
from astropy.wcs import WCS
from tqdm import tqdm

PIXEL_SCALE, THETA_E = 0.05, 1.15
REDSHIFTS = 0.3, 1.0
MASS = 1e10 * u.Msun
SEED = 8_000_031
# The core of the lens galaxy is masked within so many pixels.
CORE_MASK = 6.0


def area_of(mass):
    """Return a mass over the critical surface density, in square arcsec."""
    from rimlens.cosmology import critical_surface_density

    density = critical_surface_density(*REDSHIFTS, cosmology=Planck18)
    distance = Planck18.angular_diameter_distance(REDSHIFTS[0])
    return (mass / (density * distance**2 / u.rad**2)).to_value(u.arcsec**2)


def simulated(seed, with_subhalo, signal_to_noise, solver, source_batch):
    """Return an observation, and the subhalo, a `DPIE`."""
    from rimlens.imaging import PSF, ForwardModel, Grid
    from rimlens.lens import DPIE, EPL, CompositeLens, ExternalShear
    from rimlens.observation import Observation
    from rimlens.source import PixelatedSource

    rng = np.random.default_rng(seed)
    architecture = solver.architecture
    grid = Grid((architecture.image_size,) * 2, PIXEL_SCALE)
    scale = PIXEL_SCALE * architecture.source_scale
    brightness = source_batch["source"][0] / source_batch["source"][0].max()
    centered = Grid(brightness.shape, scale)
    middle = [np.average(v, weights=brightness**2) for v in (centered.x, centered.y)]
    place = tuple(0.1 * rng.normal() - m for m in middle)
    source = PixelatedSource(Grid(brightness.shape, scale, place), brightness_map=brightness)
    smooth = [
        EPL(theta_E=THETA_E, gamma=2.05, q=0.78, phi=rng.uniform(0, 180)),
        ExternalShear(gamma_ext=0.04, phi_ext=rng.uniform(0, 180)),
    ]
    psf = PSF(source_batch["psf"][0])

    def image_of(lenses):
        model = ForwardModel(CompositeLens(lenses), source, grid, psf=psf)
        return np.asarray(model(), dtype=float).reshape(grid.shape)

    image = image_of(smooth)
    ring = np.abs(np.hypot(grid.x, grid.y) - THETA_E) < 0.12
    bright = np.argwhere(ring & (image > 0.3 * image[ring].max()))
    row, column = bright[rng.integers(len(bright))]
    theta_E = (area_of(MASS) / np.pi / np.sqrt(THETA_E)) ** (2 / 3)
    subhalo = DPIE(
        theta_E=theta_E,
        r_core=1e-4,
        r_cut=np.sqrt(theta_E * THETA_E),
        center_x=grid.x[row, column],
        center_y=grid.y[row, column],
    )
    if with_subhalo:
        image = image_of([*smooth, subhalo])
    sigma = image.max() / signal_to_noise
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crpix = [(n + 1) / 2 for n in reversed(grid.shape)]
    wcs.wcs.cdelt = [-PIXEL_SCALE / 3600, PIXEL_SCALE / 3600]
    observation = Observation(
        image + rng.normal(0, sigma, image.shape),
        uncertainty=StdDevUncertainty(np.full(image.shape, sigma)),
        mask=np.hypot(grid.x, grid.y) < CORE_MASK * PIXEL_SCALE,
        psf=source_batch["psf"][0],
        wcs=wcs,
    )
    return observation, subhalo


def figures_of(found, subhalo, grid):
    """Return the figures of one lens."""
    from rimlens.lens import DPIE

    x, y = (float(np.ravel(subhalo.values[name])[0]) for name in ("center_x", "center_y"))
    said = found.meta.get("subhalo")
    if said is None:
        return {"found": False}
    own = DPIE(r_core=1e-4, **said)
    # The cusp of a pixel is no mean; within a pixel of the map it does not count.
    near = grid.radius < 1.6 * THETA_E
    maps = [np.asarray(lens.convergence(grid.x, grid.y)) for lens in (own, subhalo)]
    maps = [np.minimum(m, 5.0)[near] for m in maps]
    area = np.pi * said["theta_E"] * said["r_cut"]
    return {
        "found": True,
        "correlation": np.corrcoef(*maps)[0, 1],
        "off (arcsec)": np.hypot(said["center_x"] - x, said["center_y"] - y),
        "mass (1e10)": area / area_of(1e10 * u.Msun),
        "significance": said["theta_E"] / found.errors["subhalo.theta_E"],
    }


@click.command()
@click.option("-n", "--lenses", type=click.IntRange(min=1), default=12, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=SEED, show_default=True)
@click.option("--signal-to-noise", default=60.0, show_default=True, help="Of the brightest pixel.")
def main(lenses, seed, signal_to_noise):
    """Look for subhalos in simulated images."""
    from rimlens import RIMSolver
    from rimlens.imaging import Grid
    from rimlens.training.recipes.solver import Recipe
    from rimlens.training.simulations import simulator_of

    warnings.simplefilter("ignore")
    solver = RIMSolver.from_pretrained()
    recipe = Recipe.from_dict(solver.weights.recipe, "default")
    domain = replace(recipe.domain, theta_E=(20.0, 26.0), source_radius=(4.0, 8.0))
    simulator = simulator_of(replace(recipe, seed=seed, domain=domain))
    architecture = solver.architecture
    scale = PIXEL_SCALE * architecture.convergence_scale
    grid = Grid((architecture.convergence_size,) * 2, scale)
    rows = []
    for i in tqdm(range(lenses), disable=not sys.stderr.isatty()):
        batch = simulator.draw(1, np.random.default_rng(seed + i))
        there = i % 2 == 0
        observation, subhalo = simulated(seed + i, there, signal_to_noise, solver, batch)
        start = time.perf_counter()
        found = solver.reconstruct(observation, refine=True)
        seconds = time.perf_counter() - start
        figures = figures_of(found, subhalo, grid)
        rows.append(
            {
                "there": there,
                **dict.fromkeys(("correlation", "off (arcsec)", "mass (1e10)"), np.nan),
                "significance": np.nan,
                **figures,
                "quality": found.quality,
                "radius (arcsec)": found.einstein_radius.to_value("arcsec"),
                "seconds": seconds,
            }
        )
    table = Table(rows=rows)
    for name in table.colnames:
        if table[name].dtype.kind == "f":
            table[name].format = ".3g"
    print("\n".join(table.pformat(max_lines=-1, max_width=-1)))


if __name__ == "__main__":
    main()
