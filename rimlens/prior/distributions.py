"""Distributions of one parameter, or of a pair: bijections to standard normal variables.

The ``value(u)`` of a standard normal `u` is a draw, and ``variable(value)`` is its inverse.
Models, names and shapes do not belong here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops
from scipy import special

from rimlens.prior.distribution import Distribution
from rimlens.prior.normal import (
    log_density,
    log_difference,
    log_sum,
    log_tail,
    log_upper,
    rounding,
    upper_inverse,
)
from rimlens.prior.pairs import Pair
from rimlens.typing import Tensor


@dataclass(frozen=True)
class Uniform(Distribution):
    """The same density everywhere between two bounds.

    Parameters
    ----------
    low, high : float or Quantity
        The bounds.

    Examples
    --------
    >>> from rimlens.prior import Uniform
    >>> float(Uniform(0.0, 2.0).value(0.0))
    1.0
    """

    low: float
    high: float

    dimensional = ("low", "high")

    def value(self, u: Tensor) -> Any:
        """Return the value of a standard normal variable."""
        return self.low + (self.high - self.low) * 0.5 * (1.0 + ops.erf(u / math.sqrt(2.0)))

    def variable(self, value: Any) -> Any:
        """Return the variable; values at a bound or beyond are moved inside."""
        x = 2.0 * (value - self.low) / (self.high - self.low) - 1.0
        inside = 1.0 - rounding(x)
        return math.sqrt(2.0) * ops.erfinv(ops.clip(x, -inside, inside))

    def log_density(self, value: Any) -> Any:
        """Return the natural logarithm of the density."""
        constant = ops.zeros_like(value) - math.log(self.high - self.low)
        return self._cut_off(value, constant)

    def _check(self):
        finite = math.isfinite(self.low) and math.isfinite(self.high)
        self._require(finite and self.low < self.high, "finite numbers low < high are wanted")


@dataclass(frozen=True)
class Normal(Distribution):
    """A normal distribution.

    Parameters
    ----------
    mean : float or Quantity
        Its center.
    sigma : float or Quantity
        Its standard deviation.

    Examples
    --------
    >>> from rimlens.prior import Normal
    >>> float(Normal(1.0, 0.5).value(2.0))
    2.0
    """

    mean: float
    sigma: float

    dimensional = ("mean", "sigma")
    support = ((-math.inf, math.inf),)

    def value(self, u: Tensor) -> Any:
        """Return the value of a standard normal variable."""
        return self.mean + self.sigma * u

    def variable(self, value: Any) -> Any:
        """Return the variable."""
        return (value - self.mean) / self.sigma

    def log_density(self, value: Any) -> Any:
        """Return the natural logarithm of the density."""
        return log_density(self.variable(value)) - math.log(self.sigma)

    def outside(self, low: Any, high: Any, part: Any = 0) -> Any:
        """Return the probability outside an interval."""
        below, above = (low - self.mean) / self.sigma, (self.mean - high) / self.sigma
        return float(special.ndtr(below) + special.ndtr(above))

    def _check(self):
        finite = math.isfinite(self.mean) and math.isfinite(self.sigma)
        self._require(finite and self.sigma > 0, "finite numbers and sigma > 0 are wanted")


@dataclass(frozen=True)
class LogNormal(Distribution):
    """A normal distribution of the natural logarithm.

    Parameters
    ----------
    median : float or Quantity
        Exponential of the mean of the logarithm.
    sigma : float
        Standard deviation of the natural logarithm; 0.1 is about ten per cent.

    Examples
    --------
    >>> from rimlens.prior import LogNormal
    >>> float(LogNormal(2.0, 0.5).value(0.0))
    2.0
    """

    median: float
    sigma: float

    dimensional = ("median",)
    support = ((0.0, math.inf),)

    def value(self, u: Tensor) -> Any:
        """Return the value of a standard normal variable."""
        return self.median * ops.exp(self.sigma * u)

    def variable(self, value: Any) -> Any:
        """Return the variable; values of zero or less are moved to the smallest number."""
        value = ops.maximum(value, float(np.finfo(ops.dtype(value)).tiny))
        return (ops.log(value) - math.log(self.median)) / self.sigma

    def log_density(self, value: Any) -> Any:
        """Return the natural logarithm of the density."""
        u = self.variable(value)
        log_value = math.log(self.median) + self.sigma * u
        density = log_density(u) - log_value - math.log(self.sigma)
        return ops.where(value > 0.0, density, -math.inf)

    def outside(self, low: Any, high: Any, part: Any = 0) -> Any:
        """Return the probability outside an interval."""
        low, high = (math.log(max(v, 0.0) or 1e-300) for v in (low, high))
        return Normal(math.log(self.median), self.sigma).outside(low, high)

    def _check(self):
        finite = math.isfinite(self.median) and math.isfinite(self.sigma)
        positive = self.median > 0 and self.sigma > 0
        self._require(finite and positive, "finite numbers median > 0 and sigma > 0 are wanted")


@dataclass(frozen=True)
class TruncatedNormal(Distribution):
    """A normal distribution without what lies beyond two bounds.

    Parameters
    ----------
    mean, sigma : float or Quantity
        Center and standard deviation before it is cut.
    low, high : float or Quantity
        The bounds; one or both may be infinite.

    Examples
    --------
    >>> from rimlens.prior import TruncatedNormal
    >>> round(float(TruncatedNormal(1.0, 0.5, 0.0, 2.0).value(0.0)), 6)
    1.0
    """

    mean: float
    sigma: float
    low: float
    high: float

    dimensional = ("mean", "sigma", "low", "high")

    def value(self, u: Tensor) -> Any:
        """Return the value of a standard normal variable."""
        # The probability beyond the value, on the side of the mean where that is small.
        a, b, log_mass = self._cut()
        zero = ops.zeros_like(u)
        lower = u < self._split(a, b, log_mass)
        edge = ops.where(lower, log_tail(-a) + zero, log_tail(b))
        z = upper_inverse(log_sum(edge, log_mass + log_upper(ops.where(lower, -u, u))))
        return self.mean + self.sigma * ops.where(lower, -z, z)

    def variable(self, value: Any) -> Any:
        """Return the variable; values at a bound or beyond are moved inside."""
        a, b, log_mass = self._cut()
        z = (value - self.mean) / self.sigma
        # Inside by a rounding error of the larger of position and width.
        margin = rounding(z) * max(abs(v) for v in (a, b, 1.0) if math.isfinite(v))
        z = ops.clip(z, a + margin, b - margin)
        lower = z < 0.0
        zero, here = ops.zeros_like(z), log_upper(ops.where(lower, -z, z))
        # The probabilities to both sides, between the value and the bounds.
        near = log_difference(ops.where(lower, log_tail(-b) + zero, log_tail(a)), here)
        far = log_difference(here, ops.where(lower, log_tail(-a) + zero, log_tail(b)))
        x = upper_inverse(ops.minimum(near, far) - log_mass)
        return ops.where(lower == (near < far), x, -x)

    def log_density(self, value: Any) -> Any:
        """Return the natural logarithm of the density."""
        z = (value - self.mean) / self.sigma
        density = log_density(z) - math.log(self.sigma) - self._cut()[2]
        return self._cut_off(value, density)

    def _cut(self):
        """Return the bounds in standard deviations, and the logarithm of the mass between."""
        a, b = ((v - self.mean) / self.sigma for v in (self.low, self.high))
        low, high = (-b, -a) if a > 0 else (a, b)
        below, total = special.log_ndtr([low, high])
        return a, b, float(total + np.log(-np.expm1(below - total)))

    @staticmethod
    def _split(a, b, log_mass):
        """Return the variable whose value is the mean; infinite if none is."""
        if a >= 0 or b <= 0:
            return -math.inf if a >= 0 else math.inf
        return float(special.ndtri((0.5 - special.ndtr(a)) / math.exp(log_mass)))

    def _check(self):
        finite = math.isfinite(self.mean) and math.isfinite(self.sigma)
        self._require(
            finite and self.sigma > 0 and self.low < self.high,
            "a finite mean, sigma > 0 and low < high are wanted",
        )
        self._require(math.isfinite(self._cut()[2]), "bounds nearer to the mean are wanted")


@dataclass(frozen=True)
class Fixed(Distribution):
    """One value, whatever else varies.

    Parameters
    ----------
    value : float or Quantity
        The value.

    Examples
    --------
    >>> from rimlens.prior import Fixed
    >>> Fixed(1.5)
    Fixed(value=1.5)
    """

    value: float

    size = 0
    dimensional = ("value",)

    @property
    def support(self) -> Any:
        """The interval of possible values of each parameter."""
        return ((self.value, self.value),)

    def _check(self):
        self._require(math.isfinite(self.value), "a finite number is wanted")


@dataclass(frozen=True)
class Linked(Distribution):
    """What another parameter of the same model has: ``scale * other + offset``.

    Parameters
    ----------
    to : str
        The other parameter; in a sum, one of any component.
    scale : float, optional
        Factor.
    offset : float or Quantity, optional
        Added afterwards.

    Examples
    --------
    >>> from rimlens.prior import Linked
    >>> Linked("sie_center_x").to
    'sie_center_x'
    """

    to: str
    scale: float = 1.0
    offset: float = 0.0

    size = 0
    dimensional = ("offset",)

    def interval(self, low: Any, high: Any) -> Any:
        """Return the other parameter's interval where this one lies between two bounds."""
        low, high = sorted((v - self.offset) / self.scale for v in (low, high))
        return low, high

    def _check(self):
        self._require(isinstance(self.to, str), "to: the name of a parameter is wanted")
        finite = math.isfinite(self.scale) and math.isfinite(self.offset)
        self._require(finite and self.scale != 0, "finite numbers and a scale but 0 are wanted")


@dataclass(frozen=True)
class Ellipticity(Pair):
    r"""Axis ratio and position angle of an ellipse of no preferred direction.

    .. math::
        (e_1, e_2) = e \, (\cos 2\phi, \sin 2\phi), \qquad e = \frac{1 - q}{1 + q}

    Both components are normal around zero; an ellipse rounder than :math:`e = 10^{-6}` is given
    that ellipticity, along :math:`\phi = 0`, so that gradients are right at a circle too.

    Parameters
    ----------
    scatter : float
        Standard deviation of each component before the cut.
    maximum : float, optional
        Largest `e`.

    Examples
    --------
    >>> from rimlens.lens import SIE
    >>> from rimlens.prior import AnalyticPrior, Ellipticity
    >>> AnalyticPrior(SIE(), q=Ellipticity(0.2)).labels
    ('e_1', 'e_2')
    """

    scatter: float
    maximum: float = 0.8

    names = ("q", "phi")
    components = ("e_1", "e_2")

    @property
    def support(self) -> Any:
        """The interval of possible values of each parameter."""
        return ((1.0 - self.maximum) / (1.0 + self.maximum), 1.0), (-90.0, 90.0)

    def _from_length(self, e):
        return (1.0 - e) / (1.0 + e)

    def _to_length(self, q):
        return (1.0 - q) / (1.0 + q)

    def _log_stretch(self, q):
        return math.log(2.0) - 2.0 * ops.log(1.0 + ops.maximum(q, 0.0))


@dataclass(frozen=True)
class Shear(Pair):
    r"""Strength and direction of an external shear of no preferred direction.

    .. math::
        (\gamma_1, \gamma_2) = \gamma_{ext} \, (\cos 2\phi_{ext}, \sin 2\phi_{ext})

    Both components are normal around zero; a shear below :math:`10^{-6}` is given that strength,
    along :math:`\phi_{ext} = 0`, so that gradients are right where there is none.

    Parameters
    ----------
    scatter : float
        Standard deviation of each component before the cut.
    maximum : float, optional
        Largest strength.

    Examples
    --------
    >>> from rimlens.prior import Shear
    >>> Shear(0.05).maximum
    0.5
    """

    scatter: float
    maximum: float = 0.5

    names = ("gamma_ext", "phi_ext")
    components = ("gamma_1", "gamma_2")

    @property
    def support(self) -> Any:
        """The interval of possible values of each parameter."""
        return (0.0, self.maximum), (-90.0, 90.0)

    def _from_length(self, gamma):
        return gamma

    def _to_length(self, gamma):
        return gamma

    def _log_stretch(self, gamma):
        return 0.0
