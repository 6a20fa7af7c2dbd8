"""Shapelets: sources of any form."""

from __future__ import annotations

import math
import numbers
from typing import Any

from keras import ops

from rimlens.errors import InputError
from rimlens.models.coordinates import to_center
from rimlens.models.parameter import BRIGHTNESS, Parameter, center
from rimlens.source.source import Source


class Shapelets(Source):
    r"""A sum of Cartesian shapelets up to an order.

    .. math::
        I = \sum_{n_1 + n_2 \le n_{max}} a_{n_1 n_2} \,
            \phi_{n_1}(x / \beta) \, \phi_{n_2}(y / \beta), \qquad
        \phi_n(x) = \frac{H_n(x) \, e^{-x^2 / 2}}{\sqrt{2^n \sqrt\pi \, n!}}

    with the Hermite polynomials :math:`H_n` (Refregier 2003, MNRAS 338, 35, eqs. 1 and 18,
    without their factor :math:`1 / \beta`, so that the amplitudes are surface brightnesses).
    The amplitudes are ordered by :math:`n_1 + n_2`, then by :math:`n_2`: 00, 10, 01, 20, 11, 02.

    Parameters
    ----------
    n_max : int
        The highest order, from 0 on.
    amplitudes : array or Quantity
        Amplitudes, surface brightness in any unit, shape ``((n_max + 1) (n_max + 2) / 2,)``.
    beta : float, array or Quantity, optional
        Scale, in arcsec, at least 0.001; default 0.1.
    center_x, center_y : float, array or Quantity, optional
        Center, in arcsec; default 0.

    Raises
    ------
    InputError
        If `n_max` is not an integer from 0 on, or as for any source.

    Examples
    --------
    >>> from rimlens.source import Shapelets
    >>> source = Shapelets(1, amplitudes=[1.0, 0.0, 0.5], beta=0.2)
    >>> source.surface_brightness(0.0, 0.1) > source.surface_brightness(0.0, -0.1)
    True
    """

    def __init__(self, n_max: int, **values: Any) -> None:
        if not isinstance(n_max, numbers.Integral) or n_max < 0:
            raise InputError(f"Shapelets: n_max: an integer from 0 on is wanted, found {n_max!r}")
        self.n_max = int(n_max)
        terms = (self.n_max + 1) * (self.n_max + 2) // 2
        self.parameters = {
            "amplitudes": Parameter(BRIGHTNESS, "amplitudes", shape=(terms,)),
            "beta": Parameter("arcsec", "scale", 0.1, (1e-3, None)),
            **center(),
        }
        super().__init__(**values)

    @property
    def configuration(self) -> Any:
        """The order."""
        return {"n_max": self.n_max}

    def brightness(self, x, y, p):
        """Return the surface brightness."""
        x, y = to_center(x, y, p)
        phi_x, phi_y = self._functions(x / p.beta), self._functions(y / p.beta)
        orders = [(n - k, k) for n in range(self.n_max + 1) for k in range(n + 1)]
        return sum(
            p.amplitudes[:, i, None, None] * phi_x[n_1] * phi_y[n_2]
            for i, (n_1, n_2) in enumerate(orders)
        )

    def _functions(self, x):
        """Return the one-dimensional functions of all orders, by their recurrence."""
        phi = [math.pi**-0.25 * ops.exp(-0.5 * x * x)]
        lower = 0.0
        for n in range(self.n_max):
            higher = math.sqrt(2 / (n + 1)) * x * phi[n] - math.sqrt(n / (n + 1)) * lower
            lower = phi[n]
            phi.append(higher)
        return phi
