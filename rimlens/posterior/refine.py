"""From a first answer to the maximum of the posterior, and its width there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import ndimage

from rimlens.posterior.exposure import Blur
from rimlens.posterior.laplace import LaplacePosterior
from rimlens.posterior.marginal import FieldState, MarginalPosterior
from rimlens.posterior.model_source import ModelPosterior
from rimlens.posterior.search import maximize
from rimlens.posterior.source_field import SourceField, rows_and_columns

# Signal-to-noise up to which a source is resolved to this many pixels of the image.
ORDINARY_SIGNAL_TO_NOISE = 50.0
RESOLUTION = 0.7
# Cosines at least and at most.
FEWEST, MOST = 200, 1500
# The search begins with noise of so much more variance that the first answer would fit to this
# reduced chi-square, at most this much, and cools by this factor.
FIRST_CHI2 = 2.0
HOTTEST = 100.0
COOLING = 4.0
# Above this reduced chi-square on the arcs another start is tried.
WRONG_BASIN = 1.5
ARC_THRESHOLD = 2.0
# Standard deviation, in pixels of the source map, of the Gaussian that makes an envelope.
SMOOTHING = 2.0


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


def refine_field(exposure, lens, u, source, source_grid, evidence=True, effort=None, report=None):
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
    search = _FieldSearch(exposure, lens, source_grid, evidence, effort or Effort(), report)
    best = search.run(u, source)
    if search.chi2_on_arcs(best) > WRONG_BASIN:
        # The first answer may lie in a wrong basin: another start keeps its radius and forgets the
        # rest, so that the noise that is annealed decides.
        forgetful = np.where(np.arange(len(u)) < 1, u, 0.0)
        other = search.run(forgetful, search.source_behind(forgetful), HOTTEST)
        best = min(best, other, key=lambda found: found.value)
    return LaplacePosterior(best, lens, search.noise_correlation)


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
    for temperature in _cooling(hottest):
        posterior = ModelPosterior(exposure, lens, source_prior, temperature * correlation)
        last = temperature == 1.0
        best = maximize(
            posterior,
            start,
            None,
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
        self._count = partial(cosines, exposure)
        self.noise_correlation = None

    def run(self, u, source, hottest=None):
        """Return the maximum that is reached from a start."""
        posterior = MarginalPosterior(self._exposure, self._lens)
        rays = posterior.trace(u)
        model = self._image(rays, source)
        if self.noise_correlation is None:
            self.noise_correlation = self._exposure.noise_correlation(model)
        hottest = _temperature(self._exposure, model) if hottest is None else hottest
        spectrum = None
        for temperature in _cooling(hottest):
            posterior.temperature = temperature * self.noise_correlation
            last = temperature == 1.0
            # Its gradient costs as much as the rest, and on the way it hardly matters.
            posterior.evidence = self._evidence and last
            # The envelope follows the source of this lens before the lens moves.
            for _ in range(2):
                field = SourceField.around(source, self._grid, SMOOTHING, self._count)
                state = FieldState(field, spectrum)
                at = posterior.evaluate(u, state, rays, derivatives=False)
                source, spectrum = field.on_grid(at.source, self._grid), at.state.spectrum
            best = maximize(
                posterior,
                u,
                at.state,
                self._effort.steps if last else self._effort.warm_steps,
                self._effort.tolerance if last else self._effort.warm_tolerance,
                self._report,
            )
            u, rays = best.u, best.rays
            spectrum = best.state.spectrum
            source = best.state.field.on_grid(best.source, self._grid)
        return best

    def source_behind(self, u):
        """Return a first map of the source behind a lens: the image traced back, smoothed."""
        rays = MarginalPosterior(self._exposure, self._lens).trace(u)
        return ndimage.gaussian_filter(_traced_back(self._exposure, rays, self._grid), 3.0)

    def chi2_on_arcs(self, at):
        """Return the reduced chi-square where the model is bright."""
        model = field_image(self._exposure, at)
        bright = self._exposure.used & (model > ARC_THRESHOLD * self._exposure.sigma)
        if not bright.any():
            return np.inf
        return np.mean(((self._exposure.image - model) * self._exposure.per_noise)[bright] ** 2)

    def _image(self, rays, source):
        where = rows_and_columns(self._grid, *rays)
        lensed = ndimage.map_coordinates(source, where, order=1, mode="constant")
        return Blur(self._exposure.psf, lensed.shape)(lensed)


def cosines(exposure, half):
    """Return how many cosines resolve what an image of its noise can show.

    Parameters
    ----------
    exposure : Exposure
        The image.
    half : float
        Half a side of the source's frame, in pixels of the image.

    Returns
    -------
    int
    """
    sharper = max(1.0, exposure.signal_to_noise / ORDINARY_SIGNAL_TO_NOISE) ** 0.25
    wanted = 0.25 * np.pi * (2 * half * sharper / RESOLUTION) ** 2
    affordable = min(MOST, 2 * FEWEST + 4 * exposure.signal_to_noise)
    return int(np.clip(wanted, FEWEST, affordable))


def field_image(exposure, at):
    """Return the image that an evaluation predicts, shape ``(ny, nx)``."""
    value, *_ = at.state.field.frame.sampling(*at.rays)
    lensed = (value @ at.source).reshape(at.rays[0].shape)
    return Blur(exposure.psf, lensed.shape)(lensed).astype(float)


def _traced_back(exposure, rays, grid):
    """Return the mean brightness of the pixels whose rays end in each pixel of the source."""
    ny, nx = grid.shape
    row, column = (np.round(v).astype(int) for v in rows_and_columns(grid, *rays))
    inside = exposure.used & (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
    where = row[inside] * nx + column[inside]
    total = np.bincount(where, exposure.image[inside], ny * nx)
    hits = np.bincount(where, minlength=ny * nx)
    return (total / np.maximum(hits, 1)).reshape(ny, nx)


def _temperature(exposure, model):
    """Return the factor of the noise's variance with which a search begins."""
    bright = exposure.used & (model > ARC_THRESHOLD * exposure.sigma)
    if not bright.any():
        return 1.0
    chi2 = np.mean(((exposure.image - model) * exposure.per_noise)[bright] ** 2)
    return float(np.clip(chi2 / FIRST_CHI2, 1.0, HOTTEST))


def _cooling(hottest):
    """Yield falling temperatures, the last of them one."""
    temperature = hottest
    while temperature > 1.0:
        yield temperature
        temperature /= COOLING
    yield 1.0
