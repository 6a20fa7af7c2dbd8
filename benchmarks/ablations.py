"""What each part of the solver is worth: variants trained at 64 x 64 pixels for equal budgets.

``python benchmarks/ablations.py FOLDER (--updates N | --minutes M) [--seeds N] [--variant NAME]``
trains every variant with ``rimlens.training.solver.train``, scores it on the same held-back
lenses, prints a table with the ratio of the error of log10 convergence to that of the base recipe,
and writes ``FOLDER/ablations.json``.  A variant whose weights are in FOLDER already is not trained
again, and one that was interrupted goes on.
With ``--minutes`` every variant has as many updates as fit into the time, by the pace of its first
ones: a cheaper step has more of them.

The variants answer the questions of the design: preconditioner, first guess or none, number of
steps, memory or none, how pixels and steps count in the loss, and the network of the paper.  Three
are not among them: refinement by fine-tuning weighs the last step alone; galaxies that are in both
the training and the test are a matter of collections, of which the generator has none; and a
kernel with the wrong spacing is the same error in the data and in the solution.
"""

import json
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import click
import keras
import numpy as np
from astropy.table import Table

from rimlens import RIMSolver
from rimlens.rim import RecurrentInferenceMachine, parameter_count
from rimlens.training.recipes.solver import Recipe
from rimlens.training.simulations import simulator_of
from rimlens.training.solver import fit, train

BASE = {
    "name": "base",
    "precision": "float32",
    "batch_size": 16,
    "learning_rate": 5e-4,
    "theta_E_domain": [4.0, 23.0],
    "architecture": {
        "image_size": 64,
        "convergence_size": 32,
        "convergence_scale": 2.0,
        "source_size": 48,
        "latent_size": 16,
        "filters": [32, 48, 64],
        "vector_units": 128,
    },
    "domain": {
        "theta_E": [4.0, 24.0],
        "source_radius": [1.0, 6.0],
        "fwhm": [1.4, 4.0],
        "peak_signal_to_noise": [8.0, 50.0],
        "core_mask": [2.0, 6.0],
    },
}
_WHOLE = dict.fromkeys(("convergence_size", "source_size", "latent_size"), 64)
# Entries that differ from those of the base, by section.
VARIANTS = {
    "base": {},
    **{
        f"preconditioner: {name}": {"architecture": {"preconditioner": name}}
        for name in ("none", "arcsinh", "tanh", "rmsprop", "adam")
    },
    "no first guess": {"architecture": {"first_guess": False}},
    **{f"steps: {steps}": {"architecture": {"steps": steps}} for steps in (1, 2, 4)},
    "no memory": {"architecture": {"recurrent_unit": "none"}},
    "pixels: uniform": {"loss": {"pixels": "uniform"}},
    **{
        f"loss of steps: {name}": {"loss": {"steps": name}}
        for name in ("linear", "quadratic", "last")
    },
    "network: paper": {
        "architecture": {
            **_WHOLE,
            "convergence_scale": 1.0,
            "source_scale": 0.5,
            "network": "paper",
            "preconditioner": "rmsprop",
            "filters": [16, 32, 48, 64],
        }
    },
}
# Pace: updates of two epochs, of which the first compiles.
PROBE = 3
SCORES = {
    "chi2 of the network": lambda s, steps: s["reduced_chi2_median_per_step"][steps - 1],
    "chi2": lambda s, steps: s["reduced_chi2_median_per_step"][-1],
    "theta_E (%)": lambda s, steps: 100 * s["theta_E_median_absolute_error"],
    "log10 kappa": lambda s, steps: s["log10_kappa_rms_median"],
    "source": lambda s, steps: s["source_relative_error_median"],
}


def recipe_of(variant, seed, updates, lenses):
    """Return the recipe of a variant."""
    table = {**BASE, "seed": seed, "held_back": lenses}
    for section, entries in VARIANTS[variant].items():
        table[section] = {**table.get(section, {}), **entries}
    steps = table["architecture"].get("steps", 8)
    # A checkpoint twenty times, and no stage with fewer steps: all variants are treated alike.
    epoch = max(updates // 20, 1)
    return Recipe.from_dict(
        {
            **table,
            "stages": [[steps, updates - updates % epoch]],
            "updates_per_epoch": epoch,
            "warmup": max(updates // 20, 1),
        }
    )


class Pace(keras.callbacks.Callback):
    """Times the epochs."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        """Start the clock."""
        self._start = perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Stop it."""
        self.seconds.append(perf_counter() - self._start)


def updates_in(minutes, variant):
    """Return how many updates of a variant fit into a time."""
    recipe = replace(recipe_of(variant, 1, 2 * PROBE, 1), updates_per_epoch=PROBE)
    pace = Pace()
    machine = RecurrentInferenceMachine(recipe.architecture, recipe.precision)
    fit(machine, simulator_of(recipe), recipe, verbose=0, callbacks=[pace])
    return max(int(60 * minutes * PROBE / pace.seconds[-1]), 1)


def trained(variant, seed, updates, minutes, lenses, folder):
    """Return the figures of a variant and a seed, trained now or before."""
    path = folder / f"{variant.replace(': ', '-').replace(' ', '-')}-{seed}.asdf"
    if path.exists():
        solver = RIMSolver.from_pretrained(path)
    else:
        updates = updates or updates_in(minutes, variant)
        solver = train(recipe_of(variant, seed, updates, lenses), path, progress=False)
    weights, steps = solver.weights, solver.architecture.steps
    return {
        "variant": variant,
        "seed": seed,
        "updates": weights.training["updates"],
        "seconds": weights.training["seconds"],
        "parameters": parameter_count(solver.architecture),
        **{name: score(weights.scores, steps) for name, score in SCORES.items()},
    }


def table_of(runs):
    """Return the means over seeds of every variant, and their ratios to those of the base."""
    rows = []
    base = [run for run in runs if run["variant"] == "base"]
    for variant in dict.fromkeys(run["variant"] for run in runs):
        own = [run for run in runs if run["variant"] == variant]
        row = {"variant": variant, "updates": own[0]["updates"]}
        row["minutes"] = np.mean([run["seconds"] for run in own]) / 60
        row["weights"] = own[0]["parameters"]
        for name in SCORES:
            row[name] = np.mean([run[name] for run in own])
        if base:
            name = "log10 kappa"
            row["to base"] = row[name] / np.mean([run[name] for run in base])
        rows.append(row)
    table = Table(rows)
    for name in table.colnames[2:]:
        table[name].format = "d" if name == "weights" else ".3f"
    return table


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--updates", type=click.IntRange(min=1), help="Of every variant.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="For every variant.")
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--variant", "variants", multiple=True, type=click.Choice(list(VARIANTS)))
@click.option("--lenses", type=click.IntRange(min=2), default=200, show_default=True)
def main(folder, updates, minutes, seeds, variants, lenses):
    """Train and score variants, with files in FOLDER."""
    if (updates is None) == (minutes is None):
        raise click.UsageError("one of --updates and --minutes is wanted")
    folder.mkdir(parents=True, exist_ok=True)
    runs = []
    for seed in range(1, seeds + 1):
        for variant in variants or VARIANTS:
            run = trained(variant, seed, updates, minutes, lenses, folder)
            click.echo(f"{variant}, seed {seed}: log10 kappa {run['log10 kappa']:.3f}", err=True)
            runs.append(run)
            (folder / "ablations.json").write_text(json.dumps(runs, indent=1))
    print("\n".join(table_of(runs).pformat(max_lines=-1, max_width=-1)))


if __name__ == "__main__":
    main()
