r"""Where the image is magnified without bound.

With the convergence :math:`\kappa` and the shear :math:`\gamma`, the inverse magnification is

.. math::

    \det A = (1 - \kappa)^2 - |\gamma|^2

(Schneider, Ehlers & Falco 1992, eq. 5.25); critical curves are its zeros.  On the tangential one
the eigenvalue :math:`\lambda_t = 1 - \kappa - |\gamma|` is zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def inverse_magnification(
    convergence: np.ndarray, external_shear: tuple[float, ...] = (0.0, 0.0)
) -> np.ndarray:
    r"""Return the inverse magnification of a convergence map and an external shear.

    The shear of the map is its convolution with the kernel :math:`(y^2 - x^2, -2xy) / \pi r^4`
    (Schneider, Ehlers & Falco 1992, eq. 5.30), zero-padded so that nothing wraps around.

    Parameters
    ----------
    convergence : ndarray
        Convergence map, shape ``(ny, nx)``.
    external_shear : tuple of float, optional
        Components along the pixel axes.

    Returns
    -------
    ndarray
        Signed inverse magnification, shape ``(ny, nx)``.

    Examples
    --------
    >>> import numpy as np
    >>> inverse_magnification(np.zeros((2, 2)), external_shear=(0.5, 0.0))
    array([[0.75, 0.75],
           [0.75, 0.75]])
    """
    gamma1, gamma2 = _shear(convergence, external_shear)
    return (1.0 - convergence) ** 2 - gamma1**2 - gamma2**2


def tangential_eigenvalue(convergence: Any, external_shear: Any = (0.0, 0.0)) -> np.ndarray:
    r"""Return the eigenvalue that is zero on the tangential critical curve, negative inside.

    Parameters
    ----------
    convergence, external_shear
        As for `inverse_magnification`.

    Returns
    -------
    ndarray
        :math:`1 - \kappa - |\gamma|`, shape ``(ny, nx)``.

    Examples
    --------
    >>> import numpy as np
    >>> tangential_eigenvalue(np.zeros((1, 2)), external_shear=(0.3, 0.4))
    array([[0.5, 0.5]])
    """
    return 1.0 - convergence - np.hypot(*_shear(convergence, external_shear))


def _shear(convergence, external_shear):
    ny, nx = convergence.shape
    shape = (2 * ny, 2 * nx)
    y = np.fft.fftfreq(2 * ny, 1 / (2 * ny))[:, None]
    x = np.fft.fftfreq(2 * nx, 1 / (2 * nx))[None, :]
    r4 = (x**2 + y**2) ** 2
    r4[0, 0] = 1.0
    transform = np.fft.rfft2(convergence, shape)

    def convolved(kernel):
        return np.fft.irfft2(transform * np.fft.rfft2(kernel / np.pi / r4), shape)[:ny, :nx]

    return (
        convolved(y**2 - x**2) + external_shear[0],
        convolved(-2.0 * x * y) + external_shear[1],
    )
