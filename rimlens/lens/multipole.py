"""Departures of a lens from the ellipse."""

from __future__ import annotations

import numbers
from types import SimpleNamespace
from typing import Any

from keras import ops

from rimlens.errors import InputError
from rimlens.lens.isothermal import TINY
from rimlens.lens.lens import Lens
from rimlens.models.coordinates import from_major_axis, to_major_axis
from rimlens.models.parameter import Parameter, center

ORDERS = 1, 3, 4


class Multipole(Lens):
    r"""A circular multipole, to be added to a lens: lopsided, triangular, or boxy and disky.

    .. math::
        \kappa = \frac{a_m}{2 r} \cos m (\theta - \phi_m), \qquad
        \psi = \frac{a_m}{1 - m^2} \, r \cos m (\theta - \phi_m) \quad (m > 1), \qquad
        \psi = \frac{a_1}{2} \, r \ln r \cos (\theta - \phi_1)

    (Xu et al. 2015, MNRAS 447, 3189, eq. B12, for m > 1; the potential for m = 1 has the
    same convergence).  In the logarithm `r` is in arcsec; another unit would add a uniform
    deflection, which no image shows.

    Parameters
    ----------
    m : int
        Order: 1, 3 or 4.

    Raises
    ------
    InputError
        If `m` is another, or as for any lens.

    Examples
    --------
    >>> from rimlens.lens import SIE, Multipole
    >>> boxy = SIE(theta_E=1.0, q=0.8) + Multipole(m=4, a_m=-0.02)
    >>> round(boxy.convergence(0.0, 1.0) - SIE(theta_E=1.0, q=0.8).convergence(0.0, 1.0), 6)
    -0.01
    """

    parameters = {
        "a_m": Parameter("arcsec", "amplitude", 0.0),
        "phi_m": Parameter("deg", "direction of a maximum, from +y towards -x", 0.0),
        **center(),
    }

    def __init__(self, m: int, **values: Any) -> None:
        if not isinstance(m, numbers.Integral) or m not in ORDERS:
            raise InputError(f"Multipole: m: 1, 3 or 4 is wanted, found {m!r}")
        self.m = int(m)
        super().__init__(**values)

    @property
    def configuration(self) -> Any:
        """The order."""
        return {"m": self.m}

    def psi(self, x, y, p):
        """Return the potential."""
        r, cosine, sine, _ = _polar(x, y, p)
        along, _ = _multiple(cosine, sine, self.m)
        radial = 0.5 * ops.log(r) if self.m == 1 else 1.0 / (1.0 - self.m**2)
        return p.a_m * radial * r * along

    def alpha(self, x, y, p):
        """Return the deflection."""
        r, cosine, sine, axis = _polar(x, y, p)
        if self.m == 1:
            major, minor = ops.log(r) + cosine * cosine, cosine * sine
            factor = 0.5 * p.a_m
        else:
            along, across = _multiple(cosine, sine, self.m)
            major = cosine * along + self.m * sine * across
            minor = sine * along - self.m * cosine * across
            factor = p.a_m / (1.0 - self.m**2)
        return from_major_axis(factor * major, factor * minor, axis)

    def kappa(self, x, y, p):
        """Return the convergence."""
        r, cosine, sine, _ = _polar(x, y, p)
        return 0.5 * p.a_m * _multiple(cosine, sine, self.m)[0] / r


def _polar(x, y, p):
    """Return radius, cosine and sine of the angle from `phi_m`, and the axes for the way back."""
    axis = SimpleNamespace(phi=p.phi_m, center_x=p.center_x, center_y=p.center_y)
    major, minor = to_major_axis(x, y, axis)
    r = ops.sqrt(major * major + minor * minor + TINY**2)
    return r, major / r, minor / r, axis


def _multiple(cosine, sine, m):
    """Return cosine and sine of m times an angle."""
    real, imaginary = cosine, sine
    for _ in range(m - 1):
        real, imaginary = cosine * real - sine * imaginary, cosine * imaginary + sine * real
    return real, imaginary
