r"""By what the stated errors of refined answers are multiplied, measured on simulations.

A normal distribution about one maximum leaves out other maxima, and what neither lens nor source
can be.  So the errors are held against the truth of simulations: with :math:`z` the distance of a
true number from the median of its draws in their standard deviations, the factor is the one below
which :math:`|z|` is in 68 per cent of all cases.  It grows with the signal-to-noise ratio, because
the stated errors fall and what is left out does not, and is measured in several ranges of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from tqdm import tqdm

from rimlens.errors import InputError
from rimlens.random import Stream, stream
from rimlens.reconstruction.samples import PosteriorSamples
from rimlens.rim.preparation import normalize
from rimlens.rim.refined import ERROR_SCALE_ENTRIES, Refinement
from rimlens.rim.solver import RIMSolver
from rimlens.training.fitting import new_output
from rimlens.training.recipes.solver import Recipe
from rimlens.training.simulations import simulator_of
from rimlens.typing import PathLike

if TYPE_CHECKING:
    from collections.abc import Sequence

RANGES = ((10.0, 20.0), (30.0, 50.0), (60.0, 120.0), (150.0, 300.0), (300.0, 600.0))
# Added to the seed of a recipe: neither training, scoring nor population uses these draws.
ERROR_SCALE_SEED = 7_000_000
DRAWS = 100
# Of a normal distribution so much lies within one standard deviation.
WITHIN = 0.6827
FEWEST = 10


def calibrate(
    weights: PathLike,
    output: PathLike,
    lenses: int = 60,
    seed: int | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> RIMSolver:
    """Measure the error scale of weights and write them anew with it.

    Parameters
    ----------
    weights : str or path
        A file, or the name of weights in the package.
    output : str or path
        The ASDF file to write.
    lenses : int, optional
        Simulations in each range of the signal-to-noise ratio.
    seed : int, optional
        Theirs; by default one that follows from the recipe's and that nothing else uses.
    overwrite : bool, optional
        Whether an existing file may be replaced.
    progress : bool, optional
        Whether to show a progress bar.

    Returns
    -------
    RIMSolver
        With the new scale.

    Raises
    ------
    OutputExistsError
        If the output exists and may not be overwritten.
    InputError
        If the weights cannot be refined, hold no recipe, or too few simulations are wanted.
    """
    output = new_output(output, overwrite)
    solver = RIMSolver.from_pretrained(weights)
    recipe = Recipe.from_dict(solver.weights.recipe, str(weights))
    seed = recipe.seed + ERROR_SCALE_SEED if seed is None else seed
    pairs = measure_error_scale(solver, recipe, lenses, seed, progress=progress)
    measured = dict(zip(ERROR_SCALE_ENTRIES, (pairs, lenses, seed)))
    refinement = {**(solver.weights.refinement or {}), **measured}
    solver.weights = replace(solver.weights, refinement=refinement)
    solver.save(output, overwrite=overwrite)
    return RIMSolver.from_pretrained(output)


def measure_error_scale(
    solver: RIMSolver,
    recipe: Recipe,
    n: int,
    seed: int,
    ranges: Sequence[tuple[float, float]] = RANGES,
    progress: bool = False,
) -> list[list[float]]:
    """Measure by what the stated errors of a solver's refined answers are to be multiplied.

    Parameters
    ----------
    solver : RIMSolver
        Trained.
    recipe : Recipe
        Says what is simulated, at other signal-to-noise ratios.
    n : int
        Simulations in each range, at least 10.
    seed : int
        Their seed, to be one that no training used.
    ranges : sequence of (float, float), optional
        Of the signal-to-noise ratio of the brightest pixel.
    progress : bool, optional
        Whether to show a progress bar.

    Returns
    -------
    list of [float, float]
        Of every range the median signal-to-noise ratio of the images and the factor: what
        `rimlens.rim.refined.ErrorScale` takes.

    Raises
    ------
    InputError
        If there are too few simulations, or answers of the solver cannot be refined.
    """
    if n < FEWEST:
        raise InputError(f"lenses: at least {FEWEST} in a range are wanted, found {n}")
    refinement = Refinement(solver.machine, solver.population)
    pairs = []
    with tqdm(total=n * len(ranges), desc="refined lenses", disable=not progress) as bar:
        for number, signal_to_noise in enumerate(ranges):
            domain = replace(recipe.domain, peak_signal_to_noise=signal_to_noise)
            simulator = simulator_of(replace(recipe, domain=domain))
            rng = stream(seed + number, Stream.HELD_BACK)
            ratios, distances = [], []
            for _ in range(n):
                answer, truth = _refined(solver, refinement, simulator.draw(1, rng))
                draws = numbers_of(answer.draws(DRAWS, rng), solver, answer.source_grid)
                true = numbers_of(truth, solver, solver.machine.source.grid)
                distances += [standardized(draws[name], true[name][0]) for name in true]
                ratios.append(answer.exposure.signal_to_noise)
                bar.update()
            factor = np.quantile(distances, WITHIN)
            pairs.append([float(f"{value:.3g}") for value in (np.median(ratios), factor)])
    return sorted(pairs)


def numbers_of(maps: dict[str, Any], solver: RIMSolver, source_grid: Any) -> dict[str, Any]:
    """Return the numbers by which errors are judged.

    Parameters
    ----------
    maps : dict of ndarray
        ``convergence`` and ``source`` of several lenses.
    solver : RIMSolver
        Knows the grid of the convergence.
    source_grid : Grid
        Of the sources.

    Returns
    -------
    dict of ndarray
        ``radius``, the logarithm of the Einstein radius in pixels of the image; ``slope``, as
        `PosteriorSamples` has it; and ``flux`` of the source.  One of every lens.
    """
    n = len(maps["convergence"])
    samples = PosteriorSamples(
        convergence=np.asarray(maps["convergence"], dtype=float),
        source=maps["source"],
        shear=np.zeros((n, 2)),
        magnification=np.ones(n),
        pixel_scale=solver.machine.lens.grid.pixel_scale * u.pixel,
    )
    return {
        "radius": np.log(samples.einstein_radius.value),
        "slope": samples.slope,
        "flux": np.sum(maps["source"], axis=(1, 2)) * source_grid.pixel_scale**2,
    }


def standardized(draws: np.ndarray, truth: float) -> float:
    """Return the distance of the truth from the median of draws, in their standard deviations.

    Parameters
    ----------
    draws : ndarray
        Of one number; those without a value do not count.
    truth : float
        Of that number.

    Returns
    -------
    float
        Infinite if there is no value of most draws, or of the truth.

    Examples
    --------
    >>> import numpy as np
    >>> float(round(standardized(np.random.default_rng(1).normal(1, 2, 10_000), 5.0), 1))
    2.0
    """
    finite = draws[np.isfinite(draws)]
    if 2 * len(finite) < len(draws) or not np.isfinite(truth):
        return np.inf
    return float(abs(truth - np.median(finite)) / max(np.std(finite), 1e-12))


def _refined(solver, refinement, batch):
    """Return the refined answer to one simulation, and its truth in the units of the answer."""
    image, sigma, peak = normalize(batch["image"], batch["sigma"], batch["weight"])
    inputs = {"image": image, "sigma": sigma, "weight": batch["weight"], "psf": batch["psf"]}
    inputs = {name: values.astype("float32") for name, values in inputs.items()}
    answer = refinement(inputs, solver.inference.solve_batch(inputs))
    source = batch["source"] / peak[:, None, None]
    return answer, {"convergence": batch["convergence"], "source": source}
