"""The posterior of one lens in several bands, each with a source of its own.

The images are independent, so that the logarithms of their likelihoods add up; the prior of the
lens counts once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import gaussian_filter

from rimlens.posterior.laplace import LaplacePosterior
from rimlens.posterior.marginal import FieldState, MarginalPosterior
from rimlens.posterior.nonnegative import nonnegative
from rimlens.posterior.refine import WORTH, Effort, field_around, field_image, one_thread
from rimlens.posterior.search import maximize
from rimlens.posterior.starts import SMOOTHING, Start, traced_back

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rimlens.imaging import Grid
    from rimlens.posterior.exposure import Exposure


@dataclass(eq=False)
class JointEvaluation:
    """The posterior of all bands at one lens.

    Parameters
    ----------
    bands : list of Evaluation
        That of every band.
    value : float
        Negative logarithm of the posterior, up to a constant.
    gradient, curvature : ndarray
        By the lens variables, without the prior's curvature, which is one.
    """

    bands: list
    value: float
    gradient: Any = None
    curvature: Any = None

    @property
    def u(self) -> np.ndarray:
        """The lens variables, shape ``(m,)``."""
        return self.bands[0].u


class JointPosterior:
    """The posterior of a lens in front of a pixelated source in every band.

    Parameters
    ----------
    bands : sequence of MarginalPosterior
        Of the same lens.
    """

    def __init__(self, bands: Sequence[MarginalPosterior]) -> None:
        self._bands = list(bands)

    def evaluate(self, u, states, rays=None, derivatives=True):
        """Return the posterior at a lens.

        Parameters
        ----------
        u : ndarray
            Unit normal variables of the lens.
        states : sequence of FieldState
            The prior of the source in every band.
        rays : tuple of ndarray, optional
            Of the lens, if they are known.
        derivatives : bool, optional
            Whether gradient and curvature are wanted.

        Returns
        -------
        JointEvaluation
        """
        rays = self._bands[0].trace(u) if rays is None else rays
        found = [
            band.evaluate(u, state, rays, derivatives=False)
            for band, state in zip(self._bands, states)
        ]
        # Every band's value has the prior of the lens in it.
        surplus = (len(found) - 1) * 0.5 * (u @ u)
        at = JointEvaluation(found, sum(one.value for one in found) - surplus)
        return self.differentiate(at) if derivatives else at

    def differentiate(self, at):
        """Add gradient and curvature to an evaluation without, and return it."""
        for band, one in zip(self._bands, at.bands):
            band.differentiate(one)
        at.gradient = sum(one.gradient for one in at.bands) - (len(at.bands) - 1) * at.u
        at.curvature = sum(one.curvature for one in at.bands)
        return at

    def followed(self, at, u):
        """Return the states and the rays of a lens near one that was evaluated."""
        followed = [band.followed(one, u) for band, one in zip(self._bands, at.bands)]
        return [state for state, _ in followed], followed[0][1]


@one_thread
def refine_bands(
    exposures: Sequence[Exposure],
    reference: LaplacePosterior,
    source_grid: Grid,
    evidence: bool = True,
    report: Any = None,
) -> list[LaplacePosterior]:
    """Maximize the posterior of one lens in several bands.

    Parameters
    ----------
    exposures : sequence of Exposure
        The bands, on one grid of pixels; the first is that of the reference.
    reference : LaplacePosterior
        The maximum for the first band alone, from `rimlens.posterior.refine.refine_field`.
    source_grid : Grid
        Where the sources are looked for.
    evidence : bool, optional
        As in `MarginalPosterior`.
    report : callable, optional
        Called before every evaluation.

    Returns
    -------
    list of LaplacePosterior
        About the joint maximum: in every band the lens has the same variables and the same
        covariance.
    """
    lens, first, effort = reference.lens, reference.maximum, Effort()
    correlations, states = [reference.noise_correlation], [first.state]
    for exposure in exposures[1:]:
        correlation, state = _of_band(exposure, lens, first, source_grid)
        correlations.append(correlation)
        states.append(state)
    posterior = JointPosterior(
        [
            MarginalPosterior(exposure, lens, correlation, evidence)
            for exposure, correlation in zip(exposures, correlations)
        ]
    )
    at = posterior.evaluate(first.u, states, first.rays, derivatives=False)
    best = maximize(posterior, at, effort.steps, effort.tolerance, report)
    shared = {"gradient": best.gradient, "curvature": best.curvature}
    return [
        LaplacePosterior(nonnegative(replace(one, **shared)), lens, correlation)
        for one, correlation in zip(best.bands, correlations)
    ]


def _of_band(exposure, lens, first, source_grid):
    """Return the correlation of a band's noise and its source's prior, at a lens that fits."""
    source = gaussian_filter(traced_back(exposure, first.rays, source_grid), SMOOTHING)
    start = Start.of_map(first.u, source, source_grid)
    correlation, best = 1.0, None
    # The envelope follows the source of this lens, and its cosines are doubled while it pays.
    for finer in (1, 1, 2, 4, 8):
        own = MarginalPosterior(exposure, lens, correlation)
        field = field_around(exposure, start.brightness, source_grid, finer=finer)
        state = FieldState(field, start.spectrum)
        at = own.evaluate(first.u, state, first.rays, derivatives=False)
        if finer > 1 and (at.value > best.value - WORTH or field.count == best.state.field.count):
            break
        best, start = at, Start.after(at)
        if correlation == 1.0:
            correlation = exposure.noise_correlation(field_image(exposure, at))
    return correlation, best.state
