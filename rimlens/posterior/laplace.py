r"""The posterior about its maximum, as a normal distribution of the lens and of the source.

The lens variables have the covariance :math:`(J + 1)^{-1}` with the curvature :math:`J`; given
them, the coefficients of the source have the mean :math:`z - A^{-1} H^T C \, (u - \hat u)` and the
covariance :math:`A^{-1}`, on a frame that follows the lens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg

from rimlens.posterior.marginal import affine_step


@dataclass(frozen=True, eq=False)
class LaplacePosterior:
    """A normal distribution about the maximum of a posterior.

    Parameters
    ----------
    maximum : Evaluation
        With derivatives.
    lens : LensVariables
        What its variables mean.
    noise_correlation : float
        The factor by which the noise's variance was multiplied for its correlation.
    """

    maximum: Any
    lens: Any
    noise_correlation: float

    def draw(self, n, rng):
        """Return draws of the variables, and of the source's coefficients if it is a field.

        Parameters
        ----------
        n : int
            How many.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        u : ndarray
            Shape ``(n, m)``.
        coefficients : ndarray or None
            Shape ``(n, count)``.
        """
        at = self.maximum
        precision = at.curvature + np.eye(len(at.u))
        triangle = np.linalg.cholesky(precision)
        white = rng.standard_normal((len(at.u), n))
        steps = scipy.linalg.solve_triangular(triangle.T, white).T
        if at.state is None:
            return at.u + steps, None
        white = rng.standard_normal((len(at.coefficients), n))
        own = scipy.linalg.solve_triangular(at.triangle.T, white).T
        return at.u + steps, at.coefficients - steps @ at.response.T + own

    def sources(self, u, coefficients, grid):
        """Return the sources of draws on a grid.

        Parameters
        ----------
        u, coefficients : ndarray
            From `draw`, of a field.
        grid : Grid
            In pixels of the image.

        Returns
        -------
        ndarray
            Shape ``(n, ny, nx)``.
        """
        at = self.maximum
        found = np.empty((len(u), *grid.shape))
        for i, (lens, values) in enumerate(zip(u, coefficients * at.deviations)):
            field = at.state.field.followed(affine_step(at, lens))
            found[i] = field.brightness(values, grid.x, grid.y)
        return found
