r"""Deflection and potential of a convergence map, and the deflection of an external shear.

The deflection and the potential are the convolutions (Schneider, Ehlers & Falco 1992, eqs. 5.9 and
5.7)

.. math::

    \alpha(\theta) = \frac{1}{\pi} \int \kappa(\theta')
        \frac{\theta - \theta'}{|\theta - \theta'|^2} \, d^2\theta', \qquad
    \psi(\theta) = \frac{1}{\pi} \int \kappa(\theta') \ln |\theta - \theta'| \, d^2\theta'

summed over pixels.  At zero separation the deflection is zero by symmetry, and the logarithm is
its mean over the pixel.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops

from rimlens import backend
from rimlens.errors import InputError
from rimlens.imaging.convolution import Convolution
from rimlens.typing import Tensor

if TYPE_CHECKING:
    from rimlens.imaging.grid import Grid

# Mean of ln r over a square of side 1 about its center.
_MEAN_LOG = -0.5 * math.log(2) + math.pi / 4 - 1.5
# Fraction of a pixel within which two grids coincide.
_COINCIDENT = 1e-6


class ConvergenceField:
    """What `ConvergenceDeflection` and `ConvergencePotential` share.

    Parameters
    ----------
    convergence_grid : Grid
        The grid of the map.
    image_grid : Grid, optional
        Where the field is wanted, of any shape, pixel scale and center; the map's own grid if not
        given.
    """

    def __init__(self, convergence_grid: Grid, image_grid: Grid | None = None) -> None:
        self.convergence_grid = convergence_grid
        self.image_grid = image_grid or convergence_grid
        first, shape, matrices = zip(
            *(
                _lattice(own, wanted, convergence_grid.pixel_scale)
                for own, wanted in (
                    (convergence_grid.y_axis, self.image_grid.y_axis),
                    (convergence_grid.x_axis, self.image_grid.x_axis),
                )
            )
        )
        inputs = convergence_grid.shape
        low = [f - n + 1 for f, n in zip(first, inputs)]
        steps = [np.arange(k, f + m) for k, f, m in zip(low, first, shape)]
        kernels = self._kernels(steps[1][None, :], steps[0][:, None])
        if backend.on_cpu() and backend.prefers_matrices(kernels, inputs, shape):
            self._convolution: Any = backend.SymmetricConvolution(kernels, inputs, shape)
        else:
            # The result begins at the lattice's first pixel: displacements are counted from there.
            start = [k - f for k, f in zip(low, first)]
            self._convolution = Convolution(kernels, start, inputs, shape)
        self._interpolation = None if all(m is None for m in matrices) else matrices

    def _kernels(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the kernels at displacements in pixels, shape ``(n, ny, nx)``."""
        raise NotImplementedError

    def __call__(self, convergence: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the field of convergence maps.

        Parameters
        ----------
        convergence : tensor
            Dimensionless, shape ``(batch, ny, nx)`` of the convergence grid.

        Returns
        -------
        tensor or tuple of tensor
            Each of shape ``(batch, ny, nx)`` of the image grid.

        Raises
        ------
        InputError
            If the map does not have the shape of the convergence grid.
        """
        convergence = ops.convert_to_tensor(convergence)
        if tuple(convergence.shape[1:]) != self.convergence_grid.shape:
            raise InputError(
                f"convergence: shape (batch, {self.convergence_grid.shape[0]}, "
                f"{self.convergence_grid.shape[1]}) is wanted, found {tuple(convergence.shape)}"
            )
        field = self._convolution(convergence)
        if self._interpolation is not None:
            rows, columns = (
                None if m is None else ops.convert_to_tensor(m.astype(ops.dtype(field)))
                for m in self._interpolation
            )
            field = field if rows is None else ops.matmul(rows, field)
            field = field if columns is None else ops.matmul(field, ops.transpose(columns))
        fields = tuple(ops.unstack(field, axis=1))
        return fields if len(fields) > 1 else fields[0]


class ConvergenceDeflection(ConvergenceField):
    """The deflection field of a convergence map, by products of matrices or Fourier transforms.

    Maps of middle size that lie centered on the image are convolved by matrices on a CPU, all
    others by zero-padded transforms.  The convolution is linear, not circular: it equals the
    direct sum over pixels (`direct_deflection`).  Where the pixels of the image are not those of
    the map, the sum is taken on the map's lattice, continued as far as the image reaches, and
    interpolated with cubic polynomials, which the smoothness of the field allows.

    Parameters
    ----------
    convergence_grid : Grid
        The grid of the map.
    image_grid : Grid, optional
        Where the deflection is wanted, of any shape, pixel scale and center; the map's own grid if
        not given.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import ConvergenceDeflection, Grid
    >>> deflection = ConvergenceDeflection(Grid((8, 8), 0.1))
    >>> alpha_x, alpha_y = deflection(np.ones((1, 8, 8), "float32"))
    >>> bool(alpha_x[0, 4, 7] > 0)
    True
    """

    def _kernels(self, x, y):
        r2 = np.where((x == 0) & (y == 0), np.inf, x**2 + y**2)
        return self.convergence_grid.pixel_scale / np.pi * np.stack([x / r2, y / r2])


class ConvergencePotential(ConvergenceField):
    """The potential of a convergence map, as `ConvergenceDeflection` does it.

    In the unit of the coordinates squared; its zero depends on that unit and has no meaning.

    Parameters
    ----------
    convergence_grid : Grid
        The grid of the map.
    image_grid : Grid, optional
        Where the potential is wanted, of any shape, pixel scale and center; the map's own grid if
        not given.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import ConvergencePotential, Grid
    >>> potential = ConvergencePotential(Grid((9, 9)))(np.ones((1, 9, 9), "float32"))
    >>> bool(potential[0, 4, 8] > potential[0, 4, 4])
    True
    """

    def _kernels(self, x, y):
        scale = self.convergence_grid.pixel_scale
        at_zero = (x == 0) & (y == 0)
        log_r = np.where(at_zero, _MEAN_LOG, 0.5 * np.log(np.where(at_zero, 1, x**2 + y**2)))
        return scale**2 / np.pi * (log_r + np.log(scale))[None]


def direct_deflection(
    convergence: np.ndarray, convergence_grid: Grid, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the deflection of one convergence map by the sum over its pixels, at any positions.

    Its cost is the number of pixels times the number of positions: it is there to check
    `ConvergenceDeflection`, and for a few positions.

    Parameters
    ----------
    convergence : ndarray
        Dimensionless, the shape of its grid.
    convergence_grid : Grid
        The grid of the map.
    x, y : ndarray
        Positions, in the unit of the grid.

    Returns
    -------
    alpha_x, alpha_y : ndarray
        Double precision, shaped as `x`.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import Grid, direct_deflection
    >>> alpha_x, _ = direct_deflection(np.ones((1, 1)), Grid((1, 1)), np.array(2.0), np.array(0.0))
    >>> round(float(alpha_x), 4)  # 1 / (2 pi)
    0.1592
    """
    x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
    least = (_COINCIDENT * convergence_grid.pixel_scale) ** 2
    mass = np.asarray(convergence, float) * convergence_grid.pixel_scale**2 / np.pi
    alpha = np.zeros((2, *x.shape))
    for position in np.ndindex(x.shape):
        dx = x[position] - convergence_grid.x_axis
        dy = y[position] - convergence_grid.y_axis[:, None]
        r2 = dx**2 + dy**2
        pull = np.divide(mass, r2, out=np.zeros_like(r2), where=r2 > least)
        alpha[:, *position] = np.sum(pull * dx), np.sum(pull * dy)
    return alpha[0], alpha[1]


def _lattice(own, wanted, scale):
    """Continue the lattice of one axis of a map as far as an image reaches.

    Parameters
    ----------
    own, wanted : ndarray
        Coordinates of the map's pixels and of the image's.
    scale : float
        Pixel scale of the map.

    Returns
    -------
    first, length : int
        The lattice's first pixel, counted from the map's, and how many there are.
    matrix : ndarray or None
        Four-point Lagrange interpolation from the lattice to the image; None where they coincide.
    """
    position = (wanted - own[0]) / scale
    nearest = np.rint(position).astype(int)
    if np.array_equal(np.diff(nearest), np.ones(len(wanted) - 1)) and np.all(
        np.abs(position - nearest) < _COINCIDENT
    ):
        return nearest[0], len(wanted), None
    cell = np.floor(position).astype(int) - 1
    first = cell[0]
    matrix = np.zeros((len(wanted), cell[-1] + 4 - first))
    nodes = np.arange(4)
    for k in nodes:
        others = nodes[nodes != k]
        weight = np.prod((position - cell)[:, None] - others, axis=1) / np.prod(k - others)
        matrix[np.arange(len(wanted)), cell - first + k] += weight
    return first, matrix.shape[1], matrix


def shear_deflection(shear: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    r"""Return the deflection of an external shear.

    .. math::

        \alpha_x = \gamma_1 x + \gamma_2 y, \qquad \alpha_y = \gamma_2 x - \gamma_1 y

    (Schneider, Ehlers & Falco 1992, eq. 5.36, centered on the grid).

    Parameters
    ----------
    shear : tensor
        The components gamma_1 and gamma_2 along the pixel axes, shape ``(batch, 2)``.
    x, y : tensor
        Coordinates, shape ``(ny, nx)``.

    Returns
    -------
    alpha_x, alpha_y : tensor
        In the unit of the coordinates, shape ``(batch, ny, nx)``.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones((1, 1), "float32")
    >>> alpha_x, alpha_y = shear_deflection(np.array([[0.5, 0.0]], "float32"), one, one)
    >>> float(alpha_x[0, 0, 0]), float(alpha_y[0, 0, 0])
    (0.5, -0.5)
    """
    gamma1, gamma2 = ops.split(ops.reshape(shear, (-1, 2, 1)), 2, axis=1)
    return gamma1 * x + gamma2 * y, gamma2 * x - gamma1 * y
