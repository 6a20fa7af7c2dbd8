"""Scores of a solver on simulations that it was not trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops
from tqdm import tqdm

from rimlens.errors import InputError
from rimlens.random import Stream, stream
from rimlens.rim.preparation import normalize

if TYPE_CHECKING:
    from rimlens.rim.solver import RIMSolver
    from rimlens.simulation.simulator import Simulator
    from rimlens.training.recipes.solver import Recipe

BATCH = 10
# Of the scores during a training: a few lenses, and what is added to the recipe's seed for them.
LENSES = 30
SEED = 2_000_000


def score(
    solver: RIMSolver,
    simulator: Simulator,
    n: int,
    seed: int,
    theta_E_domain: tuple[float, ...] | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Score a solver on `n` simulations.

    Parameters
    ----------
    solver : RIMSolver
        To be scored.
    simulator : Simulator
        Draws the simulations.
    n : int
        How many.
    seed : int
        Their seed, to be one that no training used.
    theta_E_domain : tuple of float, optional
        Only lenses with a true Einstein radius in this range of image pixels count.
    progress : bool, optional
        Whether to show a progress bar.

    Returns
    -------
    dict
        ``reduced_chi2`` ``(steps, n)``, ``theta_E`` and ``theta_E_true`` in image pixels,
        ``log10_kappa_rms`` (weighted with the square root of the convergence), ``shear_rms`` and
        ``source_error`` (relative root mean square) of every lens.

    Raises
    ------
    InputError
        If hardly a simulated lens is in `theta_E_domain`.
    """
    columns = {
        name: []
        for name in (
            "reduced_chi2",
            "theta_E",
            "theta_E_true",
            "log10_kappa_rms",
            "shear_rms",
            "source_error",
        )
    }
    rng = stream(seed, Stream.HELD_BACK)
    batches = 0
    with tqdm(total=n, desc="held-back lenses", disable=not progress) as bar:
        while len(columns["theta_E"]) < n:
            batches += 1
            if batches * BATCH > 20 * n + 100:
                raise InputError(f"theta_E_domain: hardly a simulated lens is in {theta_E_domain}")
            batch = simulator.draw(BATCH, rng)
            image, sigma, peak = normalize(batch["image"], batch["sigma"], batch["weight"])
            inputs = {
                "image": image,
                "sigma": sigma,
                "weight": batch["weight"],
                "psf": batch["psf"],
            }
            result = solver.inference.solve_batch(inputs)
            source = result["source"] * peak[:, None, None]
            lens = solver.machine.lens
            found_radii, true_radii = lens.einstein_radii(result), lens.einstein_radii(batch)
            for i in range(BATCH):
                true = true_radii[i]
                if theta_E_domain and not theta_E_domain[0] <= true <= theta_E_domain[1]:
                    continue
                if len(columns["theta_E"]) == n:
                    break
                weight = np.sqrt(batch["convergence"][i])
                ratio = np.log10(result["convergence"][i] / batch["convergence"][i])
                error = np.mean((source[i] - batch["source"][i]) ** 2)
                columns["reduced_chi2"].append(result["reduced_chi2"][:, i])
                columns["theta_E"].append(found_radii[i])
                columns["theta_E_true"].append(true)
                columns["log10_kappa_rms"].append(np.sqrt(np.average(ratio**2, weights=weight)))
                shear_error = result["shear"][i] - lens.external_shear(batch)[i]
                columns["shear_rms"].append(np.sqrt(np.mean(shear_error**2)))
                columns["source_error"].append(np.sqrt(error / np.mean(batch["source"][i] ** 2)))
                bar.update()
    scores = {name: np.array(values, dtype=float) for name, values in columns.items()}
    scores["reduced_chi2"] = scores["reduced_chi2"].T
    return scores


class HeldBackScores(keras.callbacks.Callback):
    """Scores a machine as it is trained, on a few simulations that are always the same.

    The scores are added to the logs of the epoch: ``val_reduced_chi2``, the median after the last
    step, and ``val_theta_E_error``, the median absolute relative error of the Einstein radius.
    They are those of the averaged weights, where the optimizer averages.

    Parameters
    ----------
    solver : RIMSolver
        Of the machine's architecture; its arrays are replaced.
    simulator : Simulator
        Draws the simulations.
    recipe : Recipe
        Says how often, and what seed.
    """

    def __init__(self, solver: RIMSolver, simulator: Simulator, recipe: Recipe) -> None:
        super().__init__()
        self._solver, self._simulator, self._recipe = solver, simulator, recipe

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Score after every so many epochs."""
        recipe = self._recipe
        if (epoch + 1) % recipe.score_every:
            return
        self._solver.set_arrays(averaged_arrays(self.model), "training")
        found = summary(
            score(
                self._solver,
                self._simulator,
                min(LENSES, recipe.held_back),
                recipe.seed + SEED,
                recipe.theta_E_domain,
            )
        )
        if logs is not None:
            logs["val_reduced_chi2"] = found["reduced_chi2_median_per_step"][-1]
            logs["val_theta_E_error"] = found["theta_E_median_absolute_error"]


def averaged_arrays(machine: keras.Model) -> dict[str, np.ndarray]:
    """Return the arrays that a machine would have if its training ended here.

    Parameters
    ----------
    machine : keras.Model
        Compiled; it is left as it is.

    Returns
    -------
    dict of ndarray
        By the weights' paths.
    """
    weights = machine.trainable_weights
    kept = [ops.convert_to_numpy(weight.value) for weight in weights]
    machine.optimizer.finalize_variable_values(weights)
    arrays = {weight.path: ops.convert_to_numpy(weight.value) for weight in weights}
    for weight, value in zip(weights, kept):
        weight.assign(value)
    return arrays


def summary(scores: dict[str, Any]) -> dict[str, Any]:
    """Return the medians and percentiles that are stored with the weights.

    Parameters
    ----------
    scores : dict
        From `score`.

    Returns
    -------
    dict
        Plain numbers.
    """
    error = np.abs(scores["theta_E"] / scores["theta_E_true"] - 1)
    error = np.where(np.isnan(error), np.inf, error)
    signed = scores["theta_E"] / scores["theta_E_true"] - 1
    return {
        "lenses": len(error),
        "reduced_chi2_median_per_step": [
            round(float(v), 4) for v in np.median(scores["reduced_chi2"], axis=1)
        ],
        "reduced_chi2_percentile_90": round(
            float(np.percentile(scores["reduced_chi2"][-1], 90)), 4
        ),
        "theta_E_median_absolute_error": round(float(np.median(error)), 5),
        "theta_E_median_error": round(float(np.nanmedian(signed)), 5),
        "theta_E_fraction_within_5_percent": round(float(np.mean(error < 0.05)), 4),
        "theta_E_fraction_within_10_percent": round(float(np.mean(error < 0.10)), 4),
        "log10_kappa_rms_median": round(float(np.median(scores["log10_kappa_rms"])), 5),
        "shear_rms_median": round(float(np.median(scores["shear_rms"])), 5),
        "source_relative_error_median": round(float(np.median(scores["source_error"])), 4),
    }
