"""The search for the maximum of a posterior: Gauss-Newton steps, and noise that is annealed."""

from __future__ import annotations

import numpy as np

DAMPING = 1e-2
# Beyond this damping no step leads down any more.
LARGEST_DAMPING = 1e3


def maximize(posterior, first, steps, tolerance, report=None):
    """Take damped Gauss-Newton steps (Levenberg 1944, Marquardt 1963) to a maximum.

    Parameters
    ----------
    posterior : MarginalPosterior or ModelPosterior
        What is maximized.
    first : Evaluation
        Where to start; derivatives are added to it if it has none.
    steps : int
        At most.
    tolerance : float
        The search ends where a step gains less than this in the logarithm of the posterior.
    report : callable, optional
        Called before every evaluation.

    Returns
    -------
    Evaluation
        The best that was found, with derivatives.
    """
    report = report or (lambda: None)
    report()
    best = first if first.gradient is not None else posterior.differentiate(first)
    damping = DAMPING
    for _ in range(steps):
        gained = None
        while damping < LARGEST_DAMPING:
            matrix = best.curvature.copy()
            matrix[np.diag_indices_from(matrix)] *= 1 + damping
            matrix[np.diag_indices_from(matrix)] += 1.0
            tried = best.u - np.linalg.solve(matrix, best.gradient)
            state, rays = posterior.followed(best, tried)
            report()
            found = posterior.evaluate(tried, state, rays, derivatives=False)
            if found.value < best.value:
                gained = best.value - found.value
                best, damping = posterior.differentiate(found), damping / 5
                break
            damping = max(10 * damping, DAMPING)
        if gained is None or gained < tolerance:
            break
    return best
