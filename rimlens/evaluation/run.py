"""From a solver and lenses to a report card."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from rimlens import __version__, backend
from rimlens.errors import InputError
from rimlens.evaluation.card import AS_DRAWN, ReportCard, by_noise, coherence_of, summarize
from rimlens.evaluation.changes import with_core_masked, with_stated_noise, with_wider_psf
from rimlens.evaluation.measures import BATCH, in_domain, measure, true_radii
from rimlens.progress import counted
from rimlens.simulation.candidates import part

if TYPE_CHECKING:
    from rimlens.rim.solver import RIMSolver

# Radius in pixels of a core mask where the weights state none.
_CORE = 6.0


def evaluate(
    solver: RIMSolver,
    lenses: dict[str, Any],
    name: str = "simulations",
    changed: int = 50,
    shifted: dict[str, dict[str, Any]] | None = None,
    progress: bool = False,
) -> ReportCard:
    """Measure what a solver reaches in one pass, and how it bears what it was not trained on.

    Lenses outside the domain of the weights are left out.  The first ones are solved again with
    their noise stated 1.2 and 1.5 times too low and too high, with the point-spread function
    stated 10 per cent too wide, and with and without a mask on the core; where the noise is
    misstated, chi-squares are still those by the true noise.

    Parameters
    ----------
    solver : RIMSolver
        Trained.
    lenses : dict of ndarray
        As `rimlens.simulation.Simulator.draw` gives them, on the grids of the solver.
    name : str, optional
        What to call them.
    changed : int, optional
        How many of them are solved with each change.
    shifted : dict of dict of ndarray, optional
        By a name, lenses from other priors.
    progress : bool, optional
        Whether to show a progress bar; a line about every tenth where there is no terminal.

    Returns
    -------
    ReportCard

    Raises
    ------
    InputError
        If the grids are others, or no lens is in the domain.

    Examples
    --------
    >>> from rimlens import RIMSolver
    >>> from rimlens.evaluation import evaluate
    >>> from rimlens.training.simulations import held_back_lenses
    >>> solver = RIMSolver.from_pretrained("analytic")
    >>> card = evaluate(solver, held_back_lenses(solver, 2), changed=0)
    >>> card.cases["as drawn"]["lenses"], len(card.per_lens["theta_E"])
    (2, 2)
    """
    total = len(lenses["image"])
    kept = _kept(solver, lenses, name)
    others = {key: _kept(solver, some, key) for key, some in (shifted or {}).items()}
    first = part(kept, slice(changed))
    cases = _changes(solver, first) if changed else {}
    count = _count(kept) + len(cases) * _count(first) + sum(map(_count, others.values()))
    found = {}
    with counted(count, "lenses", progress) as report:
        columns = measure(solver, kept, report)
        for case, (change, factor) in cases.items():
            found[case] = measure(solver, change(first), report)
            found[case]["reduced_chi2"] *= factor
        for case, some in others.items():
            found[f"prior {case}"] = measure(solver, some, report)
    return ReportCard(
        weights="untrained" if solver.weights is None else solver.weights.name,
        versions=_versions(),
        dataset={
            "name": name,
            "lenses": _count(kept),
            "left_out": total - _count(kept),
            "changed": min(changed, _count(kept)),
        },
        cases={
            AS_DRAWN: summarize(columns),
            **{case: summarize(values) for case, values in found.items()},
        },
        noise=by_noise(columns["peak_signal_to_noise"], columns["reduced_chi2"][:, -1]),
        coherence={kind: coherence_of(columns, kind) for kind in ("convergence", "source")},
        timing=_timing(columns["seconds"]),
        per_lens=columns,
    )


def _kept(solver, lenses, name):
    """Return the lenses in the domain, or raise an error if they do not fit the solver."""
    a = solver.architecture
    wanted = {"image": a.image_grid, "convergence": a.convergence_grid, "source": a.source_grid}
    for key, grid in wanted.items():
        if lenses[key].shape[1:] != grid.shape:
            raise InputError(
                f"{name}: {key} maps of {grid.shape} pixels are wanted, as the weights have them, "
                f"found {lenses[key].shape[1:]}"
            )
    inside = in_domain(solver, lenses)
    if not inside.any():
        raise InputError(
            f"{name}: lenses with Einstein radii of {solver.domain.get('theta_E')} pixels are "
            f"wanted, found none among {len(inside)}"
        )
    return part({key: lenses[key] for key in lenses if key != "noiseless"}, inside)


def _changes(solver, lenses):
    """Return the changes by name, each with what a chi-square is to be multiplied by."""
    largest = max(solver.domain.get("core_mask", (_CORE,)))
    radii = true_radii(solver, lenses)
    cases = {}
    for factor in (1 / 1.5, 1 / 1.2, 1.2, 1.5):
        words = f"{factor:g} times too high" if factor > 1 else f"{1 / factor:g} times too low"
        change = partial(with_stated_noise, factor=factor)
        cases[f"noise stated {words}"] = (change, factor**2)
    cases["PSF stated 10 % too wide"] = (partial(with_wider_psf, factor=1.1), 1.0)
    for masked, words in ((True, "core masked"), (False, "core not masked")):
        change = partial(with_core_masked, radii=radii, masked=masked, largest=largest)
        cases[words] = (change, 1.0)
    return cases


def _count(lenses):
    return len(lenses["image"])


def _timing(seconds):
    # The first batch waits for the compiler.
    later = seconds[BATCH:] if len(seconds) > BATCH else seconds
    return {
        "seconds_per_lens": round(float(np.median(later)), 4),
        "batch": BATCH,
        "cores": os.cpu_count(),
        "backend": backend.name(),
    }


def _versions():
    return {"rimlens": __version__, "keras": keras.__version__, **backend.versions()}
