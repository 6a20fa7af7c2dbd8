"""What lies outside the field: its shear and its convergence, uniform across the field."""

from __future__ import annotations

import math
from typing import Any

from keras import ops

from rimlens import backend
from rimlens.lens.lens import Lens
from rimlens.models.coordinates import to_center
from rimlens.models.parameter import Parameter, center
from rimlens.typing import Tensor


class ExternalShear(Lens):
    r"""A uniform shear.

    .. math::
        \psi = \tfrac12 \gamma_{ext} r^2 \cos 2 (\theta - \phi_{ext}), \qquad
        \gamma_1 + i \gamma_2 = -\gamma_{ext} e^{2 i \phi_{ext}}

    (Keeton, Kochanek & Seljak 1997, ApJ 482, 604; angles as in COOLEST, Galan et al. 2023,
    JOSS 8, 5567).  Both angles count from +y towards -x; :math:`\gamma_1` and
    :math:`\gamma_2` refer to the x axis, hence the sign.  Images are stretched along
    `phi_ext`; a mass outside that causes the shear lies across it.

    Examples
    --------
    >>> from rimlens.lens import ExternalShear
    >>> gamma_1, gamma_2 = ExternalShear(gamma_ext=0.05, phi_ext=90.0).shear(0.0, 0.0)
    >>> round(gamma_1, 6)
    0.05
    """

    parameters = {
        "gamma_ext": Parameter("", "strength of the shear", 0.0, (0, None)),
        "phi_ext": Parameter("deg", "direction of the shear, from +y towards -x", 0.0),
        **center(),
    }

    def psi(self, x, y, p):
        """Return the potential."""
        x, y = to_center(x, y, p)
        gamma_1, gamma_2 = _components(p)
        return 0.5 * gamma_1 * (x * x - y * y) + gamma_2 * x * y

    def alpha(self, x, y, p):
        """Return the deflection."""
        x, y = to_center(x, y, p)
        gamma_1, gamma_2 = _components(p)
        return gamma_1 * x + gamma_2 * y, gamma_2 * x - gamma_1 * y

    def kappa(self, x, y, p):
        """Return the convergence, which is zero."""
        return ops.zeros_like(x)

    def external_shear(self, values: dict[str, Tensor]) -> Any:
        """Return the components of the shear: see `Lens.external_shear`."""
        # The angle counts from +y; the components from +x, half a turn of 2 phi away.
        twice = 2 * math.pi / 180 * values["phi_ext"]
        gamma = values["gamma_ext"]
        return -ops.stack([gamma * ops.cos(twice), gamma * ops.sin(twice)], axis=-1)


class ConvergenceSheet(Lens):
    r"""A uniform convergence.

    .. math::
        \psi = \tfrac12 \kappa_0 r^2, \qquad \alpha = \kappa_0 \, (x, y), \qquad \kappa = \kappa_0

    (Falco, Gorenstein & Shapiro 1985, ApJ 289, L1).  A negative one is allowed: with a mass
    scaled up to match, it is a mass-sheet transformation.

    Examples
    --------
    >>> from rimlens.lens import ConvergenceSheet
    >>> ConvergenceSheet(kappa_0=0.1).deflection(2.0, 1.0)
    (0.2, 0.1)
    """

    parameters = {"kappa_0": Parameter("", "convergence", 0.0), **center()}

    def psi(self, x, y, p):
        """Return the potential."""
        x, y = to_center(x, y, p)
        return 0.5 * p.kappa_0 * (x * x + y * y)

    def alpha(self, x, y, p):
        """Return the deflection."""
        x, y = to_center(x, y, p)
        return p.kappa_0 * x, p.kappa_0 * y

    def kappa(self, x, y, p):
        """Return the convergence."""
        return p.kappa_0 + ops.zeros_like(x)


def _components(p):
    twice = p.phi_ext * (math.pi / 90.0)
    return -p.gamma_ext * backend.cos(twice), -p.gamma_ext * backend.sin(twice)
