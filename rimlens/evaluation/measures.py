"""What a solver's answers are measured by, lens by lens."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from rimlens.analysis import (
    coherence_spectrum,
    logarithmic_slope,
    mass_sheet_lambda,
    peak_signal_to_noise_ratio,
    relative_rms,
    structural_similarity,
)
from rimlens.maps import convergence_center, einstein_radius
from rimlens.rim.preparation import normalize

if TYPE_CHECKING:
    from rimlens.rim.solver import RIMSolver

# Lenses that are solved at once; each number of them is compiled anew.
BATCH = 10
# Part of a convergence map, at each of its ends, that is brought to the mean before its spectrum
# is taken: it does not fall to zero by itself, as a source does.
_TAPER = 0.5
_INPUTS = ("image", "sigma", "weight", "psf")


def measure(
    solver: RIMSolver,
    lenses: dict[str, Any],
    count: Callable[[int], Any] | None = None,
) -> dict[str, np.ndarray]:
    """Solve lenses, in batches, and compare the answers with the truth.

    Parameters
    ----------
    solver : RIMSolver
        Whose grids are those of the truths.
    lenses : dict of ndarray
        As `rimlens.simulation.Simulator.draw` gives them.
    count : callable, optional
        Called with the number of lenses that are done since the last call.

    Returns
    -------
    dict of ndarray
        The first axis is that of the lenses.  ``reduced_chi2`` of every step,
        ``peak_signal_to_noise``, ``theta_E`` and ``theta_E_true`` in pixels of the image,
        ``mass_sheet_lambda``, ``slope`` and ``slope_true`` (mean logarithmic slopes of the
        convergence), ``source_psnr``, ``source_ssim`` and ``source_rms`` (relative), as
        `rimlens.analysis` defines them; ``convergence_coherence`` (of its logarithm) and
        ``source_coherence``, cross-correlations ring by ring, and the
        ``convergence_wave_number`` and ``source_wave_number`` of the rings in cycles a pixel of
        the image; ``seconds`` that a lens took.

    Examples
    --------
    >>> found = measure(solver, simulator.draw(20, rng=1))  # doctest: +SKIP
    """
    columns: dict[str, list] = {}
    radii = true_radii(solver, lenses)
    for first in range(0, len(radii), BATCH):
        numbers = range(first, min(first + BATCH, len(radii)))
        inputs = {name: _padded(lenses[name][first : numbers.stop]) for name in _INPUTS}
        answers = _answered(solver, inputs)
        for i, lens in enumerate(numbers):
            answer = {name: values[i] for name, values in answers.items()}
            row = {
                **_compared(solver, answer, lenses, lens, radii[lens]),
                "reduced_chi2": answer["reduced_chi2"],
                "peak_signal_to_noise": _peak_signal_to_noise(
                    *(lenses[name][lens] for name in ("image", "sigma", "weight"))
                ),
                "theta_E": answer["theta_E"],
                "theta_E_true": radii[lens],
                "seconds": answer["seconds"],
            }
            for name, value in row.items():
                columns.setdefault(name, []).append(value)
        if count is not None:
            count(len(numbers))
    return {name: np.array(values, dtype=float) for name, values in columns.items()}


def true_radii(solver: RIMSolver, lenses: dict[str, Any]) -> np.ndarray:
    """Return the true Einstein radii of lenses in pixels of the image.

    Parameters
    ----------
    solver : RIMSolver
        Whose grids are those of the truths.
    lenses : dict of ndarray
        As for `measure`.

    Returns
    -------
    ndarray
        Shape ``(n,)``: that of the model where a model is the truth, else that of the map; nan
        where there is none.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens import RIMSolver
    >>> from rimlens.evaluation import true_radii
    >>> solver = RIMSolver.from_pretrained("analytic")
    >>> true_radii(solver, {"lens": {}, "theta_E": np.array([2.0, 0.0])})
    array([ 2., nan])
    """
    if "lens" in lenses:
        radii = np.array(lenses["theta_E"], dtype=float)
        return np.where(radii > 0, radii, np.nan)
    scale = solver.architecture.convergence_scale
    return np.array([einstein_radius(convergence, scale) for convergence in lenses["convergence"]])


def in_domain(solver: RIMSolver, lenses: dict[str, Any]) -> np.ndarray:
    """Return which lenses have an Einstein radius for which the weights may be used.

    Parameters
    ----------
    solver : RIMSolver
        With weights.
    lenses : dict of ndarray
        As for `measure`.

    Returns
    -------
    ndarray of bool
        Shape ``(n,)``.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens import RIMSolver
    >>> from rimlens.evaluation import in_domain
    >>> solver = RIMSolver.from_pretrained("analytic")
    >>> in_domain(solver, {"lens": {}, "theta_E": np.array([2.0, 10.0])})
    array([False,  True])
    """
    low, high = solver.domain.get("theta_E", (0.0, np.inf))
    radii = true_radii(solver, lenses)
    return (radii >= low) & (radii <= high)


def _answered(solver, inputs):
    """Return the answers to a batch of images: maps in physical units, radii and times."""
    image, sigma, peak = normalize(inputs["image"], inputs["sigma"], inputs["weight"])
    start = perf_counter()
    result = solver.inference.answer_batch({**inputs, "image": image, "sigma": sigma})
    seconds = perf_counter() - start
    # An answer that ran away is no map, and has no radius.
    kept = np.isfinite(result["convergence"]).all(axis=(1, 2))
    kept &= np.isfinite(result["source"]).all(axis=(1, 2))
    for name in ("convergence", "source"):
        result[name] = np.where(kept[:, None, None], result[name], 0.0).astype(float)
    return {
        "convergence": result["convergence"],
        "source": result["source"] * peak[:, None, None],
        "reduced_chi2": result["reduced_chi2"].T,
        "theta_E": solver.machine.lens.einstein_radii(result),
        "seconds": np.full(len(kept), seconds / len(kept)),
        "kept": kept,
    }


def _compared(solver, answer, lenses, lens, true_radius):
    """Return how the maps of one lens compare with the truth."""
    a = solver.architecture
    convergence, source = answer["convergence"], answer["source"]
    true_convergence, true_source = (
        lenses[name][lens].astype(float) for name in ("convergence", "source")
    )
    center = convergence_center(true_convergence)
    radius = true_radius / a.convergence_scale
    # Models have poles and holes that a logarithm does not.
    logarithms = [np.log10(np.maximum(m, 1e-6)) for m in (convergence, true_convergence)]
    of_lens = coherence_spectrum(*logarithms, taper=_TAPER)
    of_source = coherence_spectrum(source, true_source)
    measures = {
        "mass_sheet_lambda": mass_sheet_lambda(convergence, true_convergence, center),
        "slope": logarithmic_slope(convergence, radius, center),
        "slope_true": logarithmic_slope(true_convergence, radius, center),
        "source_psnr": peak_signal_to_noise_ratio(source, true_source),
        "source_ssim": structural_similarity(source, true_source),
        "source_rms": relative_rms(source, true_source),
        "convergence_coherence": of_lens.cross_correlation,
        "source_coherence": of_source.cross_correlation,
    }
    if not answer["kept"]:
        measures = {name: np.nan * value for name, value in measures.items()}
    return {
        **measures,
        "convergence_wave_number": of_lens.wave_number / a.convergence_scale,
        "source_wave_number": of_source.wave_number / a.source_scale,
    }


def _peak_signal_to_noise(image, sigma, weight):
    """Return the third largest signal-to-noise ratio, which one bad pixel cannot be."""
    ratios = np.sort((image / sigma)[weight > 0])
    return ratios[-min(3, ratios.size)] if ratios.size else np.nan


def _padded(values):
    """Return a batch of the usual size: of one that is not full, the last is repeated."""
    return np.concatenate([values, np.repeat(values[-1:], BATCH - len(values), axis=0)])
