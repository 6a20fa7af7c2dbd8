"""How near refined answers come to what the data allow, at five signal-to-noise ratios.

``python benchmarks/limit.py`` draws held-back simulations of the domain of the weights with only
the peak signal-to-noise changed and prints, for the network's answer and the refined one:

* the reduced chi-square of all pixels in use, and on the arcs, chosen from the noiseless truth;
* the error of the Einstein radius, and its ratio to the limit: the width of the posterior at the
  truth (Gauss-Newton at the true unknowns, under the prior of the population);
* the error of the source, rms relative to the truth, beside the limit, which is the width of its
  posterior at the truth, and beside that of a source that is inverted behind the true lens;
* coverage: how often the stated 68 and 95 per cent intervals, which the ``error_scale`` of the
  weights has widened, hold radius, slope, flux of the source and map pixels, and the factor by
  which the errors of the radius would still have to be multiplied;
* TARP (Lemos et al. 2023, ICML): the largest difference between the distribution of the part of
  the draws of radius, slope and shear that are nearer to a random point than the truth, and a
  uniform one; a posterior that is right has less than 1.36 over the root of the lenses in 95 per
  cent of all cases.
"""

import json
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from astropy.table import Table
from scipy import stats
from tqdm import tqdm

RANGES = ((10, 20), (30, 50), (60, 120), (150, 300), (300, 600))
SEED = 8_000_001
DRAWS = 100
ARCS = 2.0
# Standard deviations that hold a half of a normal distribution.
HALF = 0.6745
# Mean and standard deviation of ln(radius in pixels), slope, gamma1 and gamma2 of TARP's points.
POINTS = np.array([[3.0, 2.0, 0.0, 0.0], [0.5, 0.3, 0.06, 0.06]])


class Bench:
    """Runs one solver on one lens at a time."""

    def __init__(self, weights):
        from rimlens import RIMSolver
        from rimlens.rim.refined import Refinement

        self.solver = RIMSolver.from_pretrained(weights)
        self.refinement = Refinement(self.solver.machine, self.solver.population)

    def lens(self, batch, i):
        """Return the figures of the lens `i` of a batch."""
        from rimlens.maps import einstein_radius
        from rimlens.rim.preparation import normalize
        from rimlens.training.solver.error_scale import numbers_of, standardized

        one = {name: batch[name][i : i + 1] for name in ("image", "sigma", "weight", "psf")}
        image, sigma, peak = normalize(one["image"], one["sigma"], one["weight"])
        inputs = {**one, "image": image, "sigma": sigma}
        inputs = {name: value.astype("float32") for name, value in inputs.items()}
        start = time.perf_counter()
        result = self.solver.inference.solve_batch(inputs)
        seconds = time.perf_counter() - start
        start = time.perf_counter()
        answer = self.refinement(inputs, result)
        error_scale = self.solver.error_scale(answer.exposure.signal_to_noise)
        draws = answer.draws(DRAWS, np.random.default_rng(1), error_scale)
        refinement_seconds = time.perf_counter() - start

        rng = np.random.default_rng((3, i))
        truth, true_source = batch["convergence"][i], batch["source"][i] / peak[0]
        used = one["weight"][0] > 0
        arcs = used & (batch["noiseless"][i] / peak[0] > ARCS * sigma[0])
        scale = self.solver.machine.lens.grid.pixel_scale
        radius = einstein_radius(truth, scale)

        def chi2(model):
            residual = ((image[0] - model) / sigma[0]) ** 2
            return residual[used].mean(), residual[arcs].mean()

        def radius_error(convergence):
            return einstein_radius(convergence, scale) / radius - 1

        def source_error(source):
            return np.sqrt(np.sum((source - true_source) ** 2) / np.sum(true_source**2))

        found = answer.result()
        source = self._on_true_grid(found["source"], answer.source_grid)
        limit, inverted, width = self._limit(
            answer, truth, batch["shear"][i], true_source.astype(float)
        )
        error = radius_error(found["convergence"])
        maps = np.abs(np.log(truth / found["convergence"]))
        maps = maps / np.log(draws["convergence"]).std(axis=0)
        chi2_network = chi2(result["model"][0])
        chi2_refined = chi2(found["model"] + found["foreground"])
        numbers = numbers_of(draws, self.solver, answer.source_grid)
        true = {"convergence": truth[None], "source": true_source[None]}
        true = numbers_of(true, self.solver, self.solver.machine.source.grid)
        figures = {
            "chi2 network": chi2_network[0],
            "arcs network": chi2_network[1],
            "chi2": chi2_refined[0],
            "arcs": chi2_refined[1],
            "radius network": 100 * abs(radius_error(result["convergence"][0])),
            "radius": 100 * abs(error),
            "limit": 100 * limit * HALF,
            "source network": source_error(result["source"][0]),
            "source": source_error(source),
            "source limit": width,
            "inverted": source_error(inverted),
            "pull": standardized(numbers["radius"], true["radius"][0]),
            "pull of slope": standardized(numbers["slope"], true["slope"][0]),
            "pull of flux": standardized(numbers["flux"], true["flux"][0]),
            "nearer": _nearer(
                _point(numbers, draws["shear"]), _point(true, batch["shear"][i : i + 1])[0], rng
            ),
            "pixels within 1": np.mean(maps < 1),
            "pixels within 2": np.mean(maps < 2),
            "network s": seconds,
            "refinement s": refinement_seconds,
        }
        return {name: float(value) for name, value in figures.items()}

    def _on_true_grid(self, source, grid):
        """Return a source on the grid of the truth."""
        from scipy import ndimage

        wanted = self.solver.machine.source.grid
        (ny, nx), (x0, y0) = grid.shape, grid.center
        rows = (wanted.y - y0) / grid.pixel_scale + (ny - 1) / 2
        columns = (wanted.x - x0) / grid.pixel_scale + (nx - 1) / 2
        return ndimage.map_coordinates(source, [rows, columns], order=1, mode="constant")

    def _limit(self, answer, convergence, shear, source):
        """Return the radius' width at the truth, and the source inverted behind it and its width.

        The widths are the standard deviation of the logarithm of the radius, and the rms of the
        source's draws about the inverted source relative to it.
        """
        from rimlens.maps import einstein_radius
        from rimlens.posterior.laplace import LaplacePosterior
        from rimlens.posterior.marginal import FieldState, MarginalPosterior
        from rimlens.posterior.refine import field_around
        from rimlens.posterior.starts import Start

        grid, lens = self.solver.machine.source.grid, self.refinement.variables
        # Of most lenses nothing is in the components beside the power law.
        at_truth = lens.start(convergence.astype(float), shear)
        rest = at_truth[lens.smooth.size :]
        if rest @ rest < 1.0:
            lens = lens.smooth
        correlation = answer.posterior.noise_correlation
        posterior = MarginalPosterior(answer.exposure, lens, correlation)
        start = Start.of_map(at_truth[: lens.size], source, grid)
        for _ in range(2):
            field = field_around(answer.exposure, start.brightness, grid)
            at = posterior.evaluate(start.u, FieldState(field))
            start = Start.after(at)
        posterior_at_truth = LaplacePosterior(at, lens, correlation)
        variables, coefficients = posterior_at_truth.draw(DRAWS, np.random.default_rng(2))
        radii = [einstein_radius(lens.physical(v)["convergence"]) for v in variables]
        inverted = start.brightness(grid.x, grid.y)
        scatter = posterior_at_truth.sources(variables, coefficients, grid) - inverted
        width = np.median(np.sqrt(np.sum(scatter**2, axis=(1, 2)) / np.sum(inverted**2)))
        return np.std(radii) / np.mean(radii), inverted, width


def _point(numbers, shear):
    """Return what TARP looks at of every lens, shape ``(n, 4)``."""
    return np.column_stack([numbers["radius"], numbers["slope"], shear])


def _nearer(draws, truth, rng):
    """Return the part of draws that are nearer to a random point than the truth."""
    mean, deviation = POINTS
    point = mean + deviation * rng.standard_normal(len(mean))
    draws = draws[np.all(np.isfinite(draws), axis=1)]
    distances = np.linalg.norm((draws - point) / deviation, axis=1)
    return np.mean(distances < np.linalg.norm((truth - point) / deviation))


def _within(pulls, limit):
    return float(np.mean(np.array(pulls) < limit))


def row(low, high, figures):
    """Return a row of the table from the figures of all lenses in a range."""

    def median(name):
        return float(np.median([f[name] for f in figures]))

    def percentile(name):
        return float(np.percentile([f[name] for f in figures], 84))

    pulls = np.array([f["pull"] for f in figures])
    scale = float(np.median(pulls) / HALF)
    return {
        "peak S/N": f"{low}-{high}",
        "chi2 network": median("chi2 network"),
        "chi2": median("chi2"),
        "84 %": percentile("chi2"),
        "arcs network": median("arcs network"),
        "arcs": median("arcs"),
        "radius network %": median("radius network"),
        "radius %": median("radius"),
        "limit %": median("limit"),
        "ratio": float(np.median([f["radius"] / f["limit"] for f in figures])),
        "source network": median("source network"),
        "source": median("source"),
        "source limit": median("source limit"),
        "inverted": median("inverted"),
        "error scale": scale,
        "within 1": _within(pulls, 1),
        "within 2": _within(pulls, 2),
        "slope within 1": _within([f["pull of slope"] for f in figures], 1),
        "slope within 2": _within([f["pull of slope"] for f in figures], 2),
        "flux within 1": _within([f["pull of flux"] for f in figures], 1),
        "flux within 2": _within([f["pull of flux"] for f in figures], 2),
        "tarp": _largest_difference([f["nearer"] for f in figures]),
        "pixels within 1": float(np.mean([f["pixels within 1"] for f in figures])),
        "pixels within 2": float(np.mean([f["pixels within 2"] for f in figures])),
        "refinement s": median("refinement s"),
        "longest s": max(f["refinement s"] for f in figures),
    }


def _largest_difference(values):
    """Return the largest difference of a distribution from the uniform one from 0 to 1."""
    return float(stats.kstest(values, "uniform").statistic)


@click.command()
@click.argument("weights", default="default")
@click.option("-n", "--lenses", type=click.IntRange(min=2), default=200, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=SEED, show_default=True)
@click.option("--row", "rows", type=click.IntRange(0, len(RANGES) - 1), multiple=True)
@click.option("--json", "json_path", type=click.Path(dir_okay=False), help="Write all figures.")
def main(weights, lenses, seed, rows, json_path):
    """Compare refined answers of WEIGHTS, of maps, with what the data allow."""
    from rimlens.training.recipes.solver import Recipe
    from rimlens.training.simulations import simulator_of

    warnings.simplefilter("ignore")
    bench = Bench(weights)
    recipe = Recipe.from_dict(bench.solver.weights.recipe, weights)
    table, everything = [], {}
    for number in rows or range(len(RANGES)):
        low, high = RANGES[number]
        domain = replace(recipe.domain, peak_signal_to_noise=(low, high))
        simulator = simulator_of(replace(recipe, seed=seed, domain=domain))
        batch = simulator.draw(lenses, np.random.default_rng(seed))
        name = f"S/N {low}-{high}"
        figures = [
            bench.lens(batch, i)
            for i in tqdm(range(lenses), name, disable=not sys.stderr.isatty())
        ]
        everything[name] = figures
        table.append(row(low, high, figures))
        # Each row takes long: what is known is printed and kept.
        print(Table(rows=table[-1:]).pformat(max_width=-1)[-1], flush=True)
        if json_path:
            Path(json_path).write_text(json.dumps(everything, indent=1))
    table = Table(rows=table)
    for name in table.colnames[1:]:
        table[name].format = ".3g"
    print("\n".join(table.pformat(max_lines=-1, max_width=-1)))


if __name__ == "__main__":
    main()
