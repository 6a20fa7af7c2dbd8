"""Weights on simulations of their own training domain that were held back from the training.

``python benchmarks/held_back.py [WEIGHTS]`` draws lenses as the recipe in the weights says, with a
seed that the training did not use, and prints the median reduced chi-square after each step (its
ratio to 1 is what noise alone would leave) and percentiles of the Einstein radius' error.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from astropy.table import Table

PERCENTILES = (5, 16, 50, 84, 95)
# Added to the recipe's seed; the scores in the weights are those of another million.
HELD_BACK = 2_000_000


def figures_of(scores):
    """Return the figures that are printed, from what `rimlens.training.solver.score` gives."""
    signed = 100 * (scores["theta_E"] / scores["theta_E_true"] - 1)
    # A map without an Einstein radius counts as infinitely wrong.
    error = np.where(np.isnan(signed), np.inf, np.abs(signed))
    steps = np.median(scores["reduced_chi2"], axis=1)
    return {
        "lenses": len(error),
        "without Einstein radius": int(np.isnan(signed).sum()),
        "median reduced chi2 per step": steps.tolist(),
        "falls at every step": bool(np.all(np.diff(steps) < 0)),
        "theta_E error percentiles (%)": dict(
            zip(map(str, PERCENTILES), np.nanpercentile(signed, PERCENTILES).tolist())
        ),
        "median |theta_E error| (%)": float(np.median(error)),
        "within 5 % (%)": 100 * float(np.mean(error <= 5)),
        "within 10 % (%)": 100 * float(np.mean(error <= 10)),
        "median shear rms": float(np.median(scores["shear_rms"])),
        "median log10 kappa rms": float(np.median(scores["log10_kappa_rms"])),
        "median relative source error": float(np.median(scores["source_error"])),
    }


@click.command()
@click.argument("weights", default="default")
@click.option("-n", "--lenses", type=click.IntRange(min=1), default=500, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), help="Another seed than the usual one.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False), help="Write all figures.")
def main(weights, lenses, seed, json_path):
    """Score WEIGHTS, a name or a file, on held-back simulations."""
    from rimlens import RIMSolver
    from rimlens.training.recipes.solver import Recipe
    from rimlens.training.simulations import simulator_of
    from rimlens.training.solver.scoring import score

    solver = RIMSolver.from_pretrained(weights)
    recipe = Recipe.from_dict(solver.weights.recipe, weights)
    seed = recipe.seed + HELD_BACK if seed is None else seed
    # Another seed gives other point-spread functions, too.
    simulator = simulator_of(replace(recipe, seed=seed))
    scores = score(
        solver, simulator, lenses, seed, recipe.theta_E_domain, progress=sys.stderr.isatty()
    )
    figures = {"weights": weights, "seed": seed, **figures_of(scores)}
    steps = figures["median reduced chi2 per step"]
    table = Table({"step": range(1, len(steps) + 1), "median reduced chi2": steps})
    table["median reduced chi2"].format = ".3f"
    print("\n".join(table.pformat(max_lines=-1)))
    for name, value in figures.items():
        if isinstance(value, dict):
            value = ", ".join(f"{p}th {v:+.2f}" for p, v in value.items())
        elif isinstance(value, list):
            continue
        elif isinstance(value, float):
            value = f"{value:.3g}"
        print(f"{name:<32}{value}")
    if json_path:
        Path(json_path).write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
