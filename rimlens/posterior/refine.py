"""From a first answer to the maximum of the posterior, and its width there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from rimlens.maps import einstein_radius
from rimlens.posterior.exposure import Blur
from rimlens.posterior.laplace import LaplacePosterior
from rimlens.posterior.marginal import FieldState, MarginalPosterior
from rimlens.posterior.mean import mean_along_radius
from rimlens.posterior.model_source import ModelPosterior
from rimlens.posterior.nonnegative import nonnegative
from rimlens.posterior.search import maximize
from rimlens.posterior.source_field import SourceField
from rimlens.posterior.starts import Start, likely_starts
from rimlens.posterior.substructure import SIGNIFICANT, PerturbedVariables, scan

# So many cosines resolve a source at this signal-to-noise; they grow with its root.
ORDINARY_SIGNAL_TO_NOISE = 40.0
ORDINARY_COUNT = 260
FEWEST, MOST = 60, 1200
# Light is told from noise down to this part of the peak, at most and at least.
FAINTEST, BRIGHTEST = 0.01, 0.1
# A search begins with noise of so much more variance that the first answer fits to this reduced
# chi-square, and the signal-to-noise is not higher than this; it cools by this factor.
FIRST_CHI2 = 2.0
WARM_SIGNAL_TO_NOISE = 8.0
COOLING = 4.0
# A maximum may be a wrong one where the arcs have more than this reduced chi-square, or half the
# square of the lens variables is more than this.  Then other starts are tried from this
# signal-to-noise on, of which one is taken if the logarithm of the posterior gains so much.
WRONG_CHI2 = 1.3
UNLIKELY = 12.0
LIKELY_SIGNAL_TO_NOISE = 5.0
COMPARED_SIGNAL_TO_NOISE = 20.0
BETTER = 25.0
ARC_THRESHOLD = 2.0
# Up to this signal-to-noise the image changes in proportion to the mass of a subhalo.
LINEAR_SIGNAL_TO_NOISE = 50.0
# A subhalo is believed where the logarithm of the evidence gains so much, ten standard deviations
# (Vegetti et al. 2014, MNRAS 442, 2017): small errors of the point-spread function look like one.
SUBHALO_WORTH = 50.0
# Twice the cosines are worth it where the logarithm of the evidence gains so much.
WORTH = 5.0


@dataclass(frozen=True)
class Effort:
    """How long the search goes on.

    Parameters
    ----------
    steps, warm_steps : int
        Steps at the noise of the image, and at every higher one, at most.
    tolerance, warm_tolerance : float
        The searches end where a step gains less in the logarithm of the posterior.
    """

    steps: int = 15
    warm_steps: int = 6
    tolerance: float = 0.1
    warm_tolerance: float = 1.0


# The matrices are small: threads would spend more time on each other than on them.
one_thread = threadpool_limits.wrap(limits=1, user_api="blas")


@one_thread
def refine_field(
    exposure, lens, u, source, source_grid, model, evidence=True, effort=None, report=None
):
    """Maximize the posterior of a lens in front of a pixelated source.

    Parameters
    ----------
    exposure : Exposure
        The image.
    lens : LensVariables
        What is inferred of the lens.
    u : ndarray
        Its first answer.
    source : ndarray
        The first answer's map.
    source_grid : Grid
        Of that map.
    model : ndarray
        The first answer's image, which says where the sky is empty.
    evidence : bool, optional
        As in `MarginalPosterior`.
    effort : Effort, optional
        How long to search.
    report : callable, optional
        Called before every evaluation.

    Returns
    -------
    LaplacePosterior
    """
    smooth = lens.smooth
    search = _FieldSearch(exposure, smooth, source_grid, evidence, effort or Effort(), report)
    first = Start.of_map(u[: smooth.size], source, source_grid)
    search.noise_correlation = exposure.noise_correlation(model)
    hottest = _temperature(exposure, search.image(first))
    found, temperature = search.first(first, _cooling(hottest, 1.0))
    candidates = [found]
    if search.looks_wrong(found, temperature):
        others = likely_starts(exposure, smooth, first.u, source_grid)
        other = search.best_of(others, temperature)
        if other.value < found.value - BETTER:
            candidates.append(other)
    if temperature > 1.0:
        cooler = _cooling(temperature, 1.0)[1:]
        candidates = [search.run(Start.after(at), cooler) for at in candidates]
    # Less noise may show that it was right in the first place.
    found = candidates[0]
    if candidates[-1].value < found.value - BETTER:
        found = candidates[-1]
    best, lens = search.finished(found, lens)
    best = nonnegative(mean_along_radius(search.posterior(1.0, lens), best))
    return LaplacePosterior(best, lens, search.noise_correlation)


@one_thread
def refine_models(exposure, lens, u, source_prior, v, effort=None, report=None):
    """Maximize the posterior of the parameters of a lens and of a source model.

    Parameters
    ----------
    exposure, lens, u
        As for `refine_field`.
    source_prior : rimlens.prior.Prior
        Over the source's parameters.
    v : ndarray
        The first answer's unit normal variables of the source.
    effort, report
        As for `refine_field`.

    Returns
    -------
    LaplacePosterior
    """
    effort = effort or Effort()
    first = ModelPosterior(exposure, lens, source_prior)
    start = np.concatenate([u, v])
    model = first.image(start)
    correlation = exposure.noise_correlation(model)
    hottest = _temperature(exposure, model)
    for temperature in _cooling(hottest, 1.0):
        posterior = ModelPosterior(exposure, lens, source_prior, temperature * correlation)
        last = temperature == 1.0
        best = maximize(
            posterior,
            posterior.evaluate(start, None, derivatives=False),
            effort.steps if last else effort.warm_steps,
            effort.tolerance if last else effort.warm_tolerance,
            report,
        )
        start = best.u
    return LaplacePosterior(best, lens, correlation)


class _FieldSearch:
    def __init__(self, exposure, lens, source_grid, evidence, effort, report):
        self._exposure, self._lens, self._grid = exposure, lens, source_grid
        self._evidence, self._effort, self._report = evidence, effort, report
        self.noise_correlation = 1.0

    def first(self, start, temperatures):
        """Return the maximum reached from a first answer, and where the search was broken off."""
        cold = (self._exposure.signal_to_noise / COMPARED_SIGNAL_TO_NOISE) ** 2
        for temperature in temperatures:
            found = self._maximum(self._first(start, temperature), temperature)
            if temperature > cold and self.looks_wrong(found, temperature):
                break
            start = Start.after(found)
        return found, temperature

    def run(self, start, temperatures):
        """Return the maximum that is reached from a start while the noise cools."""
        for temperature in temperatures:
            found = self._maximum(self._first(start, temperature), temperature)
            start = Start.after(found)
        return found

    def best_of(self, starts, coldest):
        """Return the best maximum that is reached from several starts, of which few get far."""
        hottest = (self._exposure.signal_to_noise / LIKELY_SIGNAL_TO_NOISE) ** 2
        for temperature in _cooling(hottest, coldest):
            found = [self._maximum(self._first(s, temperature), temperature) for s in starts]
            found.sort(key=lambda at: at.value)
            starts = [Start.after(at) for at in found[: (len(found) + 1) // 2]]
        return found[0]

    def finished(self, found, lens):
        """Return the maximum with all that the image asks for, of source and lens, and its lens.

        A finely resolved source explains what a subhalo does, at the price of many cosines, and
        far above the noise a subhalo is no small change any more.  So the lens is completed
        before the source and with more noise, and where nothing was found, at the end.
        """
        smooth = self.resolved(found, self._lens)
        warm = (self._exposure.signal_to_noise / LINEAR_SIGNAL_TO_NOISE) ** 2
        temperatures = _cooling(warm, 1.0) if warm > 1.0 else [1.0]
        if warm > 1.0:
            found = self._maximum(self._first(Start.after(found), warm), warm)
        early, kind = self.completed(found, lens, temperatures[0])
        if kind is self._lens:
            return self.completed(smooth, lens)
        for temperature in temperatures[1:]:
            first = self._first(Start.after(early), temperature, 1, kind)
            early = self._maximum(first, temperature, lens=kind)
        early = self.resolved(early, kind)
        gain = smooth.value + _occam(smooth) - early.value - _occam(early)
        return (early, kind) if gain > WORTH else (smooth, self._lens)

    def resolved(self, best, lens):
        """Return the maximum with as many cosines of the source as the evidence asks for."""
        finer = 1
        while best.state.field.count < MOST:
            finer *= 2
            first = self._first(Start.after(best), 1.0, finer, lens)
            if first.value > best.value - WORTH:
                break
            best = self._maximum(first, 1.0, self._effort.warm_steps, lens)
        return best

    def completed(self, best, lens, temperature=1.0):
        """Return the maximum with what few lenses have, if it is worth it, and its lens."""
        found = [(best, self._lens)]
        if lens is not self._lens:
            found += self._with_components(best, lens, temperature)
            found += self._with_subhalo(best, lens.population.grid, temperature)
        return min(found, key=lambda pair: pair[0].value + _occam(pair[0]))

    def _with_components(self, best, lens, temperature):
        """Return the maximum with the components of the population, if it is worth it."""
        full = self._extended(best, lens, temperature)
        if _expected_gain(full) - _occam(full) + _occam(best) < WORTH:
            return []
        return self._if_better(self._maximum(full, temperature, lens=lens), best, lens, WORTH)

    def _with_subhalo(self, best, grid, temperature):
        """Return the maximum with a subhalo, if it is worth it."""
        exposure = self._exposure
        physical = self._lens.physical(best.u)
        radius = einstein_radius(physical["convergence"], grid.pixel_scale)
        if not np.isfinite(radius):
            return []
        found = scan(self.posterior(temperature), best, radius)
        candidates = []
        for place in found.peaks():
            lens = PerturbedVariables(self._lens, found, place, grid, exposure.grid)
            first = self._extended(best, lens, temperature)
            at = self._maximum(first, temperature, self._effort.warm_steps, lens)
            candidates.append((at, lens))
        if not candidates:
            return []
        at, lens = min(candidates, key=lambda pair: pair[0].value + _occam(pair[0]))
        at = self._maximum(at, temperature, lens=lens)
        if lens.strength_error(at) > np.sqrt(temperature) / SIGNIFICANT:
            return []
        return self._if_better(at, best, lens, SUBHALO_WORTH)

    def _extended(self, best, lens, temperature):
        """Return the evaluation of a lens with further variables, which are zero."""
        rest = np.zeros(lens.size - self._lens.size)
        u = np.concatenate([best.u, rest])
        posterior = self.posterior(temperature, lens)
        return posterior.evaluate(u, *posterior.followed(best, u))

    def _if_better(self, at, best, lens, worth):
        gain = best.value + _occam(best) - at.value - _occam(at)
        return [(at, lens)] if gain > worth else []

    def image(self, start):
        """Return the image that a start predicts."""
        lensed = start.brightness(*self._exposure.trace(self._lens, start.u))
        return Blur(self._exposure.psf, lensed.shape)(lensed).astype(float)

    def posterior(self, temperature, lens=None):
        """Return the posterior with so much more variance of the noise, of another lens maybe."""
        # The gradient of the determinant costs as much as the rest and hardly matters on the way.
        return MarginalPosterior(
            self._exposure,
            lens or self._lens,
            temperature * self.noise_correlation,
            self._evidence and temperature == 1.0,
        )

    def _first(self, start, temperature, finer=1, lens=None):
        """Return the evaluation at a start, with a field about its source."""
        posterior = self.posterior(temperature, lens)
        rays = posterior.trace(start.u)
        # The envelope follows the source of this lens before the lens moves.
        for _ in range(2):
            field = field_around(self._exposure, start.brightness, self._grid, temperature, finer)
            state = FieldState(field, start.spectrum)
            at = posterior.evaluate(start.u, state, rays, derivatives=False)
            start = Start.after(at)
        return at

    def _maximum(self, first, temperature, steps=None, lens=None):
        """Return the maximum that is reached from an evaluation without derivatives."""
        last = temperature == 1.0
        steps = steps or (self._effort.steps if last else self._effort.warm_steps)
        return maximize(
            self.posterior(temperature, lens),
            first,
            steps,
            self._effort.tolerance if last else self._effort.warm_tolerance,
            self._report,
        )

    def looks_wrong(self, at, temperature):
        """Return whether a maximum does not fit the arcs, or only with an unlikely lens."""
        if 0.5 * at.u @ at.u > UNLIKELY:
            return True
        model, sigma = field_image(self._exposure, at), np.sqrt(temperature)
        bright = self._exposure.used & (model > ARC_THRESHOLD * sigma * self._exposure.sigma)
        if not bright.any():
            return True
        residual = self._exposure.residual(model) / sigma
        return np.mean(residual[bright] ** 2) > WRONG_CHI2


def field_around(exposure, brightness, grid, temperature=1.0, finer=1):
    """Return a field about a source that resolves what an image of its noise can show.

    Parameters
    ----------
    exposure : Exposure
        The image.
    brightness : callable
        Of source positions.
    grid : Grid
        Where the light is looked for.
    temperature : float, optional
        By what the variance of the noise is multiplied.
    finer : int, optional
        By what the usual number of cosines is multiplied.

    Returns
    -------
    SourceField
    """
    signal_to_noise = exposure.signal_to_noise / np.sqrt(temperature)
    wanted = finer * ORDINARY_COUNT * np.sqrt(signal_to_noise / ORDINARY_SIGNAL_TO_NOISE)
    faint = float(np.clip(1 / signal_to_noise, FAINTEST, BRIGHTEST))
    return SourceField.around(brightness, grid, int(np.clip(wanted, FEWEST, MOST)), faint)


def field_image(exposure, at):
    """Return the image that an evaluation predicts, shape ``(ny, nx)``."""
    lensed = at.state.field.brightness(at.source, *at.rays)
    return Blur(exposure.psf, lensed.shape)(lensed).astype(float)


def _expected_gain(at):
    """Return what a step to the maximum of the quadratic approximation gains."""
    precision = at.curvature + np.eye(len(at.u))
    return 0.5 * at.gradient @ np.linalg.solve(precision, at.gradient)


def _occam(at):
    """Return what the variables of a lens cost in the logarithm of the evidence."""
    return 0.5 * np.linalg.slogdet(at.curvature + np.eye(len(at.u)))[1]


def _temperature(exposure, model):
    """Return the factor of the noise's variance with which a search begins."""
    warm = (exposure.signal_to_noise / WARM_SIGNAL_TO_NOISE) ** 2
    bright = exposure.used & (model > ARC_THRESHOLD * exposure.sigma)
    if not bright.any():
        return float(max(warm, 1.0))
    chi2 = np.mean(exposure.residual(model)[bright] ** 2)
    return float(max(chi2 / FIRST_CHI2, warm, 1.0))


def _cooling(hottest, coldest):
    """Return falling temperatures, the last of them the coldest."""
    count = max(0, int(np.ceil(np.log(hottest / coldest) / np.log(COOLING))))
    return [*np.geomspace(hottest, coldest, count + 1)[:-1], coldest]
