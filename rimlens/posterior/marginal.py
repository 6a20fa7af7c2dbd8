r"""The posterior of a lens, the source integrated out, with its gradient and curvature.

With :math:`G` the image of every cosine of a `SourceField` in units of the noise, :math:`D` the
deviations of their coefficients, :math:`H = G D` and :math:`A = 1 + H^T H`, the negative logarithm
of the posterior of the lens variables :math:`u` is

.. math::
    \tfrac12 \left( |d - H z|^2 + |z|^2 + \ln \det A + |u|^2 \right), \qquad z = A^{-1} H^T d

(Warren & Dye 2003, ApJ 590, 673; Suyu et al. 2006, MNRAS 371, 983).  Its curvature is that of
variable projection (Golub & Pereyra 2003, Inverse Problems 19, R1): of the change of the image
along a variable only counts what no change of the source undoes.  The gradient is exact, that of
the determinant included, up to `PROBES` cosines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg

from rimlens.posterior.exposure import Blur
from rimlens.posterior.source_field import SPECTRA, FieldValues

# With more cosines the gradient of the determinant is estimated from so many combinations of
# them, to a sixth of a standard deviation of the lens.
PROBES = 160


@dataclass(eq=False)
class Evaluation:
    """The posterior at one lens.

    Parameters
    ----------
    u : ndarray
        The lens variables, shape ``(m,)``.
    state : object
        The source's prior there: what `MarginalPosterior.followed` takes.
    value : float
        Negative logarithm of the posterior, up to a constant.
    gradient, curvature : ndarray
        By the lens variables, without the prior's curvature, which is one.
    rays : tuple of ndarray
        Source positions of the image's pixels.
    source : ndarray
        The source that fits best, as the state describes it.
    """

    u: np.ndarray
    state: object
    value: float
    rays: tuple
    source: np.ndarray
    gradient: Any = None
    curvature: Any = None
    images: Any = None
    residual: Any = None
    coefficients: Any = None
    triangle: Any = None
    response: Any = None
    affine: Any = None
    deviations: Any = None
    weight: Any = None


@dataclass(frozen=True, eq=False)
class FieldState:
    """A field and its spectrum, the prior of the source; the spectrum is None before it is known.

    Parameters
    ----------
    field : SourceField
        The field.
    spectrum : Spectrum or None
        Its spectrum.
    """

    field: object
    spectrum: object = None


class MarginalPosterior:
    """The posterior of a lens in front of a pixelated source.

    Parameters
    ----------
    exposure : Exposure
        The image.
    lens : LensVariables
        What is inferred of the lens.
    temperature : float, optional
        By what the variance of the noise is multiplied.
    evidence : bool, optional
        Whether the determinant counts; without, lens and source are maximized together.
    """

    def __init__(self, exposure, lens, temperature=1.0, evidence=True):
        self.exposure, self.lens = exposure, lens
        self.temperature, self.evidence = temperature, evidence

    def trace(self, u):
        """Return the source positions of the image's pixels."""
        return self.exposure.trace(self.lens, u)

    def evaluate(self, u, state, rays=None, derivatives=True):
        """Return the posterior at a lens.

        Parameters
        ----------
        u : ndarray
            Unit normal variables of the lens.
        state : FieldState
            The source's prior; of spectra near its own, the most likely is taken.
        rays : tuple of ndarray, optional
            Of the lens, if they are known.
        derivatives : bool, optional
            Whether gradient and curvature are wanted.

        Returns
        -------
        Evaluation
        """
        rays = self.trace(u) if rays is None else rays
        field = state.field
        box = self.exposure.box(*rays, field.frame)
        x, y = rays[0][box], rays[1][box]
        per_noise = self.exposure.per_noise[box] / np.sqrt(self.temperature)
        blur = Blur(self.exposure.psf, x.shape)
        data, total = self._data(box)
        images = FieldValues(field, x.ravel(), y.ravel()).all().reshape(-1, *x.shape)
        images = (blur(images) * per_noise).reshape(field.count, -1)
        # Prior and data differ by many decades: products in single precision would lose the prior.
        images = images.astype(float)
        foreground = self.exposure.foreground
        gram, pulled = foreground.gram(images, box), images @ data
        spectrum = self._spectrum(state, gram, pulled)
        deviations = field.deviations(spectrum)
        triangle = _triangle(gram, deviations)
        coefficients = scipy.linalg.cho_solve((triangle, True), deviations * pulled)
        weighted = deviations * coefficients
        residual = data - foreground.without((weighted @ images)[None], box)[0]
        value = total - (weighted @ images) @ (data + residual)
        value += coefficients @ coefficients + u @ u
        value += 2 * np.sum(np.log(np.diag(triangle))) if self.evidence else 0.0
        found = Evaluation(u, FieldState(field, spectrum), 0.5 * value, rays, weighted)
        found.coefficients, found.triangle, found.deviations = coefficients, triangle, deviations
        found.images, found.residual = images, residual
        return self.differentiate(found) if derivatives else found

    def differentiate(self, at):
        """Add gradient and curvature to an evaluation without, and return it."""
        field, deviations, images = at.state.field, at.deviations, at.images
        box = self.exposure.box(*at.rays, field.frame)
        change, of_x, of_y, affine, weight = self._changes(at, box, *self.lens.jacobian(at.u))
        # Only what no foreground explains counts.
        seen = self.exposure.foreground.without(change, box)
        shared = deviations[:, None] * (images @ seen.T)
        at.response = scipy.linalg.cho_solve((at.triangle, True), shared)
        at.curvature = change @ seen.T - shared.T @ at.response
        at.gradient = at.u - change @ at.residual
        if self.evidence:
            probes = _probes(field.count)
            spread = scipy.linalg.cho_solve((at.triangle, True), probes).T * deviations
            spread = self.exposure.foreground.without(spread @ images, box)
            spread = spread.astype("float32").reshape(-1, *weight.shape)
            per_noise = self.exposure.per_noise[box] / np.sqrt(self.temperature)
            blur = Blur(self.exposure.psf, weight.shape)
            spread = blur.transposed(spread * per_noise.astype("float32")).reshape(len(spread), -1)
            positions = (v[box].ravel() for v in at.rays)
            of_cosines = (deviations[:, None] * probes).astype("float32") @ spread
            pulls = FieldValues(field, *positions).summed_slopes(of_cosines)
            pull_x, pull_y = (pull.reshape(weight.shape) for pull in pulls)
            at.gradient -= np.tensordot(of_x, pull_x, 2) + np.tensordot(of_y, pull_y, 2)
        # The source plane moves against the deflection.
        at.affine = -affine
        at.weight = np.zeros(at.rays[0].shape)
        at.weight[box] = weight
        # They are large and have done their part.
        at.images = at.residual = None
        return at

    def score(self, at, of_x, of_y):
        """Return what the image says of further changes of the deflection, to first order.

        Parameters
        ----------
        at : Evaluation
            The maximum, with derivatives.
        of_x, of_y : ndarray
            The changes, shape ``(n, ny, nx)``.

        Returns
        -------
        score, information : ndarray
            Derivative of the logarithm of the posterior by the size of each change, and its
            curvature with lens and source at their most likely for each size: shape ``(n,)``.
            Of what is not seen at all it is zero up to rounding.
        """
        fresh = self.evaluate(at.u, at.state, at.rays, derivatives=False)
        field = fresh.state.field
        box = self.exposure.box(*fresh.rays, field.frame)
        of_lens, *_ = self._changes(fresh, box, *self.lens.jacobian(at.u))
        change, *_ = self._changes(fresh, box, of_x, of_y)

        def by_source(changes):
            return fresh.deviations[:, None] * (fresh.images @ changes.T)

        seen, seen_of_lens = (self.exposure.foreground.without(c, box) for c in (change, of_lens))
        shared = by_source(seen)
        response = scipy.linalg.cho_solve((fresh.triangle, True), shared)
        with_lens = of_lens @ seen.T - by_source(seen_of_lens).T @ response
        by_lens = np.linalg.solve(at.curvature + np.eye(len(at.u)), with_lens)
        information = np.einsum("np,np->n", change, seen) - np.einsum("kn,kn->n", shared, response)
        information -= np.einsum("mn,mn->n", with_lens, by_lens)
        # The lens follows every change, also to where the maximum was not quite reached.
        score = change @ fresh.residual + at.gradient @ by_lens
        return score, information

    def _changes(self, at, box, of_x, of_y):
        """Return the changes of the image along changes of the deflection in a box of it.

        Also those of the deflection beyond their affine part, that part, and with what weight
        positions counted for it.
        """
        x, y = at.rays[0][box], at.rays[1][box]
        per_noise = self.exposure.per_noise[box] / np.sqrt(self.temperature)
        slopes = FieldValues(at.state.field, x.ravel(), y.ravel()).slopes(at.source)
        slope_x, slope_y = (slope.reshape(x.shape) for slope in slopes)
        of_x, of_y = (np.ascontiguousarray(c[:, *box]) for c in (of_x, of_y))
        weight = (slope_x**2 + slope_y**2) * per_noise**2
        weight = np.maximum(weight, 1e-9 * weight.max() + 1e-30)
        affine = _affine_fit(x, y, weight, of_x, of_y)
        of_x, of_y = _without(affine, x, y, of_x, of_y)
        blur = Blur(self.exposure.psf, x.shape)
        change = (blur(-(slope_x * of_x + slope_y * of_y)) * per_noise).reshape(len(of_x), -1)
        return change.astype(float), of_x, of_y, affine, weight

    def followed(self, at, u):
        """Return the state and the rays of a lens near one that was evaluated.

        Parameters
        ----------
        at : Evaluation
            With derivatives.
        u : ndarray
            The new variables.

        Returns
        -------
        state : FieldState
        rays : tuple of ndarray
        """
        rays = self.trace(u)
        used = at.weight > 0
        design = _design(at.rays[0][used], at.rays[1][used])
        weighted = design * at.weight[used][:, None]
        moved = np.stack([component[used] for component in rays], axis=1)
        affine = np.linalg.solve(design.T @ weighted, weighted.T @ moved)
        return FieldState(at.state.field.followed(affine), at.state.spectrum), rays

    def _data(self, box):
        """Return the image without foreground in a box, and the surprise of all of it."""
        image = self.exposure.image * self.exposure.per_noise / np.sqrt(self.temperature)
        data = image - self.exposure.foreground.estimate(image)
        return data[box].ravel(), np.sum(image * data)

    def _spectrum(self, state, gram, pulled):
        candidates = SPECTRA if state.spectrum is None else state.spectrum.near()

        def surprise(spectrum):
            deviations = state.field.deviations(spectrum)
            triangle = _triangle(gram, deviations)
            half = scipy.linalg.solve_triangular(triangle, deviations * pulled, lower=True)
            return 2 * np.sum(np.log(np.diag(triangle))) - half @ half

        return min(candidates, key=surprise)


def affine_step(at, u):
    """Return the affine map that the source plane goes through from an evaluation to a lens.

    Parameters
    ----------
    at : Evaluation
        With derivatives.
    u : ndarray
        The variables of the lens.

    Returns
    -------
    ndarray
        Constant, and coefficients of x and y, of the new x and y: shape ``(3, 2)``.
    """
    identity = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    return identity + np.tensordot(u - at.u, at.affine, axes=1)


def _probes(count):
    """Return vectors whose outer products have the mean one, columns of shape ``(count, n)``.

    The trace of a matrix is the mean of its products with them (Hutchinson 1990, Commun. Stat.
    Simul. Comput. 19, 433).  They are always the same, so that a search sees one function.
    """
    if count <= PROBES:
        return np.eye(count)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (count, PROBES))
    return signs / np.sqrt(PROBES)


def _triangle(gram, deviations):
    matrix = gram * np.outer(deviations, deviations)
    # Rounding grows with the largest value and could outdo the one of the prior.
    matrix[np.diag_indices_from(matrix)] += 1.0 + 1e-12 * matrix.diagonal().max()
    return scipy.linalg.cholesky(matrix, lower=True, overwrite_a=True, check_finite=False)


def _design(x, y):
    return np.stack([np.ones(x.size), x.ravel(), y.ravel()], axis=1)


def _affine_fit(x, y, weight, *components):
    """Return the affine part of changes of the source position, shape ``(m, 3, 2)``."""
    design = _design(x, y)
    weighted = design * weight.ravel()[:, None]
    normal = design.T @ weighted
    parts = [np.linalg.solve(normal, (c.reshape(len(c), -1) @ weighted).T) for c in components]
    return np.stack(parts, axis=-1).transpose(1, 0, 2)


def _without(affine, x, y, *components):
    """Return changes of the source position without their affine part."""
    design = _design(x, y)
    return [c - (affine[:, :, i] @ design.T).reshape(c.shape) for i, c in enumerate(components)]
