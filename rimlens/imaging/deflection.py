r"""Deflection of a convergence map and of an external shear.

The deflection is the convolution (Schneider, Ehlers & Falco 1992, eq. 5.9)

.. math::

    \alpha(\theta) = \frac{1}{\pi} \int \kappa(\theta')
        \frac{\theta - \theta'}{|\theta - \theta'|^2} \, d^2\theta'

summed over pixels, with the value at zero separation zero by symmetry.
"""

import numpy as np
from keras import ops
from scipy.fft import next_fast_len

from rimlens import backend
from rimlens.errors import InputError


class ConvergenceDeflection:
    """The deflection field of a convergence map by zero-padded Fourier transforms.

    The convolution is linear, not circular: it equals the direct sum over pixels.  The map may
    have coarser pixels than the grid on which the deflection is wanted; the field is then
    interpolated with cubic polynomials, which its smoothness allows.

    Parameters
    ----------
    convergence_grid : Grid
        The grid of the map.
    image_grid : Grid, optional
        Where the deflection is wanted; the map's own grid if not given.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import ConvergenceDeflection, Grid
    >>> deflection = ConvergenceDeflection(Grid((8, 8), 0.1))
    >>> alpha_x, alpha_y = deflection(np.ones((1, 8, 8), "float32"))
    >>> bool(alpha_x[0, 4, 7] > 0)
    True
    """

    def __init__(self, convergence_grid, image_grid=None):
        self.convergence_grid = convergence_grid
        self.image_grid = image_grid or convergence_grid
        ny, nx = convergence_grid.shape
        self._fft_shape = (next_fast_len(2 * ny - 1, True), next_fast_len(2 * nx - 1, True))
        transform_x, transform_y = (np.fft.rfft2(k) for k in self._kernels())
        self._transforms = np.stack([transform_x, transform_y])
        self._interpolation = None
        if self.image_grid != convergence_grid:
            self._interpolation = tuple(
                _cubic_interpolation(convergence_grid, self.image_grid, axis) for axis in (0, 1)
            )

    def _kernels(self):
        """Return the kernel of each component, stored circularly around index (0, 0)."""
        py, px = self._fft_shape
        step_y = np.fft.fftfreq(py, 1 / py)[:, None]
        step_x = np.fft.fftfreq(px, 1 / px)[None, :]
        r2 = step_x**2 + step_y**2
        r2[0, 0] = 1.0
        # In pixels the cell's area and the kernel's 1/length leave one factor of the pixel scale.
        factor = self.convergence_grid.pixel_scale / np.pi / r2
        return step_x * factor, step_y * factor

    def __call__(self, convergence):
        """Return the two components of the deflection.

        Parameters
        ----------
        convergence : tensor
            Shape ``(batch, ny, nx)``.

        Returns
        -------
        alpha_x, alpha_y : tensor
            On the image grid, in its unit of length, shape ``(batch, ny, nx)``.

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
        ny, nx = self.convergence_grid.shape
        complex_type = "complex128" if ops.dtype(convergence) == "float64" else "complex64"
        kernels = ops.convert_to_tensor(self._transforms.astype(complex_type))
        product = backend.rfft2(convergence, self._fft_shape)[:, None] * kernels
        alpha = backend.irfft2(product, self._fft_shape)[:, :, :ny, :nx]
        if self._interpolation is not None:
            rows, columns = (
                ops.convert_to_tensor(m.astype(ops.dtype(alpha))) for m in self._interpolation
            )
            alpha = ops.matmul(ops.matmul(rows, alpha), ops.transpose(columns))
        return alpha[:, 0], alpha[:, 1]


def _cubic_interpolation(coarse, fine, axis):
    """Return the matrix that takes values on one axis of `coarse` to those of `fine`.

    Four-point Lagrange interpolation; near the edges the four outermost points serve.
    """
    n = coarse.shape[axis]
    if n < 4:
        raise InputError(f"convergence grid: at least 4 pixels a side are wanted, found {n}")
    position = fine._axis(axis) / coarse.pixel_scale + (n - 1) / 2
    first = np.clip(np.floor(position).astype(int) - 1, 0, n - 4)
    matrix = np.zeros((len(position), n))
    nodes = np.arange(4)
    for k in nodes:
        others = nodes[nodes != k]
        weight = np.prod((position - first)[:, None] - others, axis=1) / np.prod(k - others)
        matrix[np.arange(len(position)), first + k] += weight
    return matrix


def shear_deflection(shear, x, y):
    r"""Return the deflection of an external shear.

    .. math::

        \alpha_x = \gamma_1 x + \gamma_2 y, \qquad \alpha_y = \gamma_2 x - \gamma_1 y

    (Schneider, Ehlers & Falco 1992, eq. 5.36, centred on the grid).

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
    gamma1, gamma2 = shear[:, 0, None, None], shear[:, 1, None, None]
    return gamma1 * x + gamma2 * y, gamma2 * x - gamma1 * y
