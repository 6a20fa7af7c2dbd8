"""What the models of a lens galaxy's light share: the pixels, and fits with linear amplitudes.

A model of light is a sum of components of given shape, each times a flux that is not negative.
For given shapes the fluxes are the solution of a linear problem, so that only the shapes are
searched for (variable projection: Golub & Pereyra 1973, SIAM J. Numer. Anal. 10, 413).  Which
shapes there are does not belong here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

# Evaluations of the shapes in a fit: the next round, with another mask, goes on from there.
_STEPS = 5


@dataclass(frozen=True)
class LightImage:
    """The pixels that a model of light is fitted to.

    Parameters
    ----------
    data, sigma : ndarray
        Image and the error that a fit goes by, shape ``(ny, nx)``; finite.
    psf : ndarray or None
        Sum 1.
    center : tuple of float
        Where the fit begins: column and row.
    sky : float or None
        The level of the sky, or None if it is to be fitted.
    """

    data: np.ndarray
    sigma: np.ndarray
    psf: np.ndarray | None
    center: tuple[float, float]
    sky: float | None


@dataclass(frozen=True)
class LightFit:
    """A fitted model of light.

    Parameters
    ----------
    image : ndarray
        The model with the sky, shape ``(ny, nx)``.
    sky : float
        Level of the sky, fitted or given.
    shape : object
        What a later fit begins with; private to the model.
    parameters : dict
        Plain values by name.
    parts : ndarray
        What adds up to the light without the sky, shape ``(k, ny, nx)``.
    """

    image: np.ndarray
    sky: float
    shape: Any
    parameters: dict[str, Any]
    parts: np.ndarray

    @property
    def center(self) -> tuple[float, float]:
        """Column and row of the center, from 0."""
        return self.parameters["x"], self.parameters["y"]


class LightModel(ABC):
    """A model of light with parameters that are fitted to an image.

    Parameters
    ----------
    image : LightImage
        The pixels.
    """

    def __init__(self, image: LightImage) -> None:
        self.image = image

    @abstractmethod
    def fit(self, used: np.ndarray, before: LightFit | None) -> LightFit:
        """Return the model that fits the pixels in use.

        Parameters
        ----------
        used : ndarray of bool
            Pixels to fit.
        before : LightFit or None
            An earlier fit, from which this one goes on.

        Returns
        -------
        LightFit

        Raises
        ------
        InputError
            If it cannot be fitted to so few pixels.
        """


def solve_fluxes(
    image: LightImage, columns: np.ndarray, used: np.ndarray, penalty: np.ndarray | None = None
) -> tuple[np.ndarray, float, np.ndarray]:
    """Return the fluxes that fit best and are not negative, the sky, and what remains.

    Parameters
    ----------
    image : LightImage
    columns : ndarray
        Image of each component for unit flux, shape ``(n, ny, nx)``.
    used : ndarray of bool
        Pixels to fit.
    penalty : ndarray, optional
        Rows of shape ``(k, n)``; the squares of their products with the fluxes are added to the
        chi-square.

    Returns
    -------
    fluxes : ndarray
        Shape ``(n,)``.
    sky : float
    residual : ndarray
        Of the pixels in units of their errors, then of the penalty.
    """
    from scipy.optimize import nnls

    matrix = (columns[:, used] / image.sigma[used]).T
    target = (image.data[used] - (image.sky or 0.0)) / image.sigma[used]
    if penalty is not None:
        matrix = np.concatenate([matrix, penalty])
        target = np.concatenate([target, np.zeros(len(penalty))])
    if image.sky is None:
        # Both signs of the sky are allowed.
        level = np.concatenate([1 / image.sigma[used], np.zeros(len(matrix) - used.sum())])
        matrix = np.column_stack([matrix, level, -level])
    scale = np.sqrt((matrix**2).sum(axis=0))
    scale[scale == 0] = 1.0
    matrix /= scale
    # Normal equations by their Cholesky factor: as many rows as components, not as pixels.
    factor = np.linalg.cholesky(matrix.T @ matrix + 1e-9 * np.eye(len(scale)))
    solution, _ = nnls(factor.T, np.linalg.solve(factor, matrix.T @ target))
    residual = matrix @ solution - target
    solution /= scale
    if image.sky is None:
        return solution[:-2], solution[-2] - solution[-1], residual
    return solution, image.sky, residual


def fit_shape(
    residual: Callable[[np.ndarray], np.ndarray],
    start: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    scale: np.ndarray,
) -> np.ndarray:
    """Return the parameters of the shapes after a few steps of least squares.

    Parameters
    ----------
    residual : callable
        Residual of the best fluxes for given parameters.
    start, lower, upper, scale : ndarray
        Where it begins, bounds, and typical changes of the parameters.

    Returns
    -------
    ndarray
    """
    from scipy.optimize import least_squares

    inside = np.clip(start, lower + 1e-3 * scale, upper - 1e-3 * scale)
    return least_squares(
        residual, inside, bounds=(lower, upper), x_scale=scale, max_nfev=_STEPS, ftol=1e-4
    ).x


def ellipse_matrix(e1: float, e2: float) -> np.ndarray:
    """Return the symmetric matrix of determinant 1 that makes a circle an ellipse.

    Parameters
    ----------
    e1, e2 : float
        Ellipticity ``(1 - q) / (1 + q)`` for the axis ratio ``q``, times the cosine and the sine
        of twice the angle of the major axis from the rows' direction.

    Returns
    -------
    ndarray
        Shape ``(2, 2)``, for vectors of column and row.
    """
    matrix = np.array([[1 + e1, e2], [e2, 1 - e1]])
    return matrix / np.sqrt(1 - e1**2 - e2**2)


def axis_ratio_and_angle(e1: float, e2: float) -> tuple[float, float]:
    """Return axis ratio and angle of the major axis in degrees, from columns to rows.

    Parameters
    ----------
    e1, e2 : float
        As for `ellipse_matrix`.

    Returns
    -------
    tuple of float
    """
    e = float(np.hypot(e1, e2))
    return (1 - e) / (1 + e), float(np.degrees(0.5 * np.arctan2(e2, e1)))
