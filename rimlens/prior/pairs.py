"""Pairs of parameters whose Cartesian components are normal: ellipticity and shear.

The parameters themselves, and their names, are in `rimlens.prior.distributions`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from keras import ops

from rimlens import backend
from rimlens.prior.distribution import Distribution
from rimlens.prior.normal import log_sum, rounding

# Ellipticities and shears below this are moved to it, along phi = 0: a circle has no direction,
# and functions of (q, phi) have no gradient there although those of (e_1, e_2) have one.
CIRCLE = 1e-6


class Pair(Distribution):
    r"""Two Cartesian components, normal and independent, of a limited length.

    The length is :math:`r = \sigma \sqrt{-2 \ln(1 - (1 - e^{-m^2 / 2 \sigma^2})
    (1 - e^{-|u|^2/2}))}` for a scatter :math:`\sigma` and a maximum :math:`m`, and its direction
    is that of the two standard normal variables :math:`u`.

    Attributes
    ----------
    names : tuple of str
        The two parameters; a distribution is given under the first.
    components : tuple of str
        What the two variables stand for.
    """

    size = 2
    # Numbers and formulas of a subclass.
    scatter: float
    maximum: float
    _from_length: Callable[[Any], Any]
    _to_length: Callable[[Any], Any]
    _log_stretch: Callable[[Any], Any]

    def value(self, u_1: Any, u_2: Any) -> Any:
        """Return the two parameters of two standard normal variables."""
        square = ops.maximum(u_1 * u_1 + u_2 * u_2, 1e-12)
        ratio = self.scatter * ops.sqrt(2.0 * self._shrunk(0.5 * square) / square)
        x, y = ratio * u_1, ratio * u_2
        circle = x * x + y * y < CIRCLE**2
        x = ops.where(circle, x - ops.stop_gradient(x) + CIRCLE, x)
        y = ops.where(circle, y - ops.stop_gradient(y), y)
        r = ops.sqrt(x * x + y * y)
        # Half the direction, in degrees from -90 to 90.
        away = x < 0.0
        half = (180.0 / math.pi) * backend.arctan(y / (r + ops.where(away, -x, x)))
        behind = ops.where(y < 0.0, -90.0 - half, 90.0 - half)
        return self._from_length(r), ops.where(away, behind, half)

    def variable(self, first: Any, angle: Any) -> Any:
        """Return the two variables; lengths at the maximum or beyond are moved inside."""
        r = self._to_length(first)
        r = ops.clip(r, CIRCLE, self.maximum * (1.0 - 4.0 * rounding(r)))
        length = ops.sqrt(2.0 * self._stretched(0.5 * (r / self.scatter) ** 2))
        twice = angle * (math.pi / 90.0)
        return length * backend.cos(twice), length * backend.sin(twice)

    def log_density(self, first: Any, angle: Any) -> Any:
        """Return the natural logarithm of the density in the two parameters.

        It repeats every half turn of the angle, and is normalized over one.
        """
        r = self._to_length(first)
        inside = (r >= 0.0) & (r <= self.maximum * (1.0 + 8.0 * rounding(r)))
        r = ops.maximum(r, CIRCLE)
        normalization = math.log(2.0 * math.pi * self.scatter**2) + self._log_mass
        density = -0.5 * (r / self.scatter) ** 2 - normalization
        # Area in the plane of the components per length and degree.
        area = ops.log(r) + math.log(math.pi / 90.0) + self._log_stretch(first)
        return ops.where(inside, density + area, -math.inf) + 0.0 * angle

    @property
    def _edge(self):
        return 0.5 * (self.maximum / self.scatter) ** 2

    @property
    def _log_mass(self):
        return math.log(-math.expm1(-self._edge))

    def _shrunk(self, k):
        """Return half the squared length over scatter, of that of the variables."""
        mass = math.exp(self._log_mass)
        if self._edge < 1.0:
            return -ops.log1p(mass * ops.expm1(-k))
        # Far out `mass` is rounded to one; the same sum from its two small terms.
        far = k > 0.5
        near = -ops.log1p(mass * ops.expm1(-ops.where(far, 0.0, k)))
        k = ops.where(far, k, 0.5)
        return ops.where(far, -log_sum(-k, ops.log(-ops.expm1(-k)) - self._edge), near)

    def _stretched(self, k):
        """Return the inverse of `_shrunk`."""
        mass = math.exp(self._log_mass)
        if self._edge < 1.0:
            return -ops.log1p(ops.expm1(-k) / mass)
        far = k > 0.5
        near = -ops.log1p(ops.expm1(-ops.where(far, 0.0, k)) / mass)
        k = ops.where(far, k, 0.5)
        return ops.where(far, k + self._log_mass - ops.log(-ops.expm1(k - self._edge)), near)

    def _check(self):
        finite = math.isfinite(self.scatter) and self.scatter > 0
        self._require(
            finite and CIRCLE < self.maximum < 1,
            "a finite scatter > 0 and a maximum between 0 and 1 are wanted",
        )
