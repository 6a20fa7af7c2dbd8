"""An isothermal lens of finite mass."""

from __future__ import annotations

from typing import Any

import numpy as np

from rimlens.errors import InputError
from rimlens.lens.isothermal import (
    ellipsoid_convergence,
    ellipsoid_deflection,
    ellipsoid_potential,
)
from rimlens.lens.lens import Lens
from rimlens.models.coordinates import from_major_axis, to_major_axis
from rimlens.models.parameter import Parameter, ellipse


class DPIE(Lens):
    r"""The dual pseudo-isothermal ellipsoid, or pseudo-Jaffe ellipsoid.

    .. math::
        \kappa = \frac{\theta_E}{2} \left( \frac{1}{\sqrt{R^2 + r_{core}^2}}
            - \frac{1}{\sqrt{R^2 + r_{cut}^2}} \right), \qquad R^2 = q x^2 + y^2 / q

    along the major and the minor axis (Kassiola & Kovner 1993, ApJ 417, 450, section 4.1;
    Eliasdottir et al. 2007, arXiv:0710.5636, eq. A3): a difference of two cored isothermal
    ellipsoids.  `theta_E` is the Einstein radius in the limit of no core and no cut; with them
    that of the lens is smaller.  In Eliasdottir's letters
    :math:`\theta_E = 2 \, (\Sigma_0 / \Sigma_{cr}) \, a s / (s - a)` with :math:`a = r_{core}`
    and :math:`s = r_{cut}`.

    Raises
    ------
    InputError
        If the cut radius is not greater than the core radius, or as for any lens.

    Examples
    --------
    >>> from rimlens.lens import DPIE
    >>> DPIE(theta_E=1.0, r_core=0.1, r_cut=10.0).convergence(0.0, 0.0)
    4.95
    """

    parameters = {
        "theta_E": Parameter("arcsec", "Einstein radius without core and cut", 1.0, (0, None)),
        "r_core": Parameter("arcsec", "core radius", 0.1, (0, None)),
        "r_cut": Parameter("arcsec", "radius beyond which the density falls", 10.0, (0, None)),
        **ellipse(),
    }

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        core, cut = self.values["r_core"], self.values["r_cut"]
        if not np.all(cut > core):
            raise InputError(
                "DPIE: r_cut: more than r_core is wanted, found a difference of "
                f"{np.min(cut - core):g} arcsec"
            )

    def psi(self, x, y, p):
        """Return the potential."""
        return _difference(ellipsoid_potential, x, y, p)

    def alpha(self, x, y, p):
        """Return the deflection."""
        x, y = to_major_axis(x, y, p)
        inner = ellipsoid_deflection(x, y, p.q, p.r_core, p.theta_E)
        outer = ellipsoid_deflection(x, y, p.q, p.r_cut, p.theta_E)
        return from_major_axis(*(a - b for a, b in zip(inner, outer)), p)

    def kappa(self, x, y, p):
        """Return the convergence."""
        return _difference(ellipsoid_convergence, x, y, p)


def _difference(function, x, y, p):
    x, y = to_major_axis(x, y, p)
    return function(x, y, p.q, p.r_core, p.theta_E) - function(x, y, p.q, p.r_cut, p.theta_E)
