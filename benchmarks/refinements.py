"""The methods of refinement beside each other, on the same held-back simulations.

``python benchmarks/refinements.py`` prints, for the network's answer and for every method, medians
of the reduced chi-square of all pixels in use and on the arcs (chosen from the noiseless truth),
of the errors of Einstein radius and source, of that of log10 convergence, weighted with the root
of the true convergence, and the seconds a lens.
"""

import sys
import time
import warnings
from dataclasses import replace

import click
import numpy as np
from astropy.table import Table
from tqdm import tqdm

SEED = 8_000_021
ARCS = 2.0


def figures_of(found, source, truth, exposure, arcs, scale):
    """Return the figures of one answer, without batches."""
    from rimlens.maps import einstein_radius

    model = found["model"] + found.get("foreground", 0.0)
    residual = ((exposure.image - model) * exposure.per_noise) ** 2
    radius = einstein_radius(truth["convergence"], scale)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found_radius = einstein_radius(found["convergence"].astype(float), scale)
    log_ratio = np.log10(found["convergence"] / truth["convergence"])
    weight = np.sqrt(truth["convergence"])
    error = np.sum((source - truth["source"]) ** 2) / np.sum(truth["source"] ** 2)
    return {
        "chi2": residual[exposure.used].mean(),
        "arcs": residual[arcs].mean(),
        # A map without a radius is as wrong as can be.
        "radius %": 100 * min(abs(np.nan_to_num(found_radius / radius - 1, nan=np.inf)), 1.0),
        "source": np.sqrt(error),
        "log10 kappa": np.sqrt(np.average(log_ratio**2, weights=weight)),
    }


@click.command()
@click.argument("weights", default="default")
@click.option("-n", "--lenses", type=click.IntRange(min=1), default=12, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=SEED, show_default=True)
@click.option(
    "--signal-to-noise",
    type=(float, float),
    default=(30.0, 50.0),
    show_default=True,
    metavar="LOW HIGH",
)
@click.option("--method", "methods", multiple=True, help="By default all.")
def main(weights, lenses, seed, signal_to_noise, methods):
    """Refine the same lenses with every method, with WEIGHTS of maps."""
    from rimlens import RIMSolver
    from rimlens.posterior.exposure import Exposure
    from rimlens.posterior.starts import interpolated
    from rimlens.rim.preparation import normalize
    from rimlens.rim.refined import METHODS, Refinement
    from rimlens.training.recipes.solver import Recipe
    from rimlens.training.simulations import simulator_of

    solver = RIMSolver.from_pretrained(weights)
    machine = solver.machine
    grid, scale = machine.source.grid, machine.lens.grid.pixel_scale
    refinements = {
        method: Refinement(machine, solver.population, method, solver.error_covariance_factor)
        for method in methods or METHODS
    }
    recipe = Recipe.from_dict(solver.weights.recipe, weights)
    domain = replace(recipe.domain, peak_signal_to_noise=signal_to_noise)
    simulator = simulator_of(replace(recipe, seed=seed, domain=domain))
    batch = simulator.draw(lenses, np.random.default_rng(seed))
    rows = {name: [] for name in ("network", *refinements)}
    for i in tqdm(range(lenses), disable=not sys.stderr.isatty()):
        one = {name: batch[name][i : i + 1] for name in ("image", "sigma", "weight", "psf")}
        image, sigma, peak = normalize(one["image"], one["sigma"], one["weight"])
        inputs = {
            name: value.astype("float32")
            for name, value in {**one, "image": image, "sigma": sigma}.items()
        }
        exposure = Exposure(*(inputs[name][0] for name in ("image", "sigma", "weight", "psf")))
        truth = {
            "convergence": batch["convergence"][i].astype(float),
            "source": batch["source"][i] / peak[0],
        }
        arcs = exposure.used & (batch["noiseless"][i] / peak[0] > ARCS * sigma[0])
        start = time.perf_counter()
        result = solver.inference.solve_batch(inputs)
        seconds = time.perf_counter() - start
        names = ("convergence", "source", "model")
        found = {name: result[name][0] for name in names}
        figures = figures_of(found, found["source"], truth, exposure, arcs, scale)
        rows["network"].append({**figures, "seconds": seconds})
        for method, refinement in refinements.items():
            start = time.perf_counter()
            answer = refinement(inputs, result)
            seconds = time.perf_counter() - start
            found = answer.result()
            source = interpolated(found["source"], answer.source_grid, grid.x, grid.y)
            figures = figures_of(found, source, truth, exposure, arcs, scale)
            rows[method].append({**figures, "seconds": seconds})
    table = Table(
        rows=[
            {"method": name, **{k: float(np.median([f[k] for f in every])) for k in every[0]}}
            for name, every in rows.items()
        ]
    )
    for name in table.colnames[1:]:
        table[name].format = ".3g"
    print("\n".join(table.pformat(max_lines=-1, max_width=-1)))


if __name__ == "__main__":
    main()
