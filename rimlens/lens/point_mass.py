"""A mass without extent."""

from keras import ops

from rimlens.lens.isothermal import THETA_E
from rimlens.lens.lens import Lens
from rimlens.models.coordinates import to_center
from rimlens.models.parameter import center

# Softens the point, in arcsec; the deflection at a radius r feels it as (SOFTENING / r)^2.
SOFTENING = 1e-6


class PointMass(Lens):
    r"""A point mass.

    .. math::
        \psi = \theta_E^2 \ln r, \qquad \alpha = \frac{\theta_E^2}{r} \hat r

    (Schneider, Ehlers & Falco 1992, section 8.1.2).  Here :math:`r^2 = x^2 + y^2 + \epsilon^2`
    with a softening of one micro-arcsecond, so that everything is finite; the convergence is
    that of the softened mass, :math:`\kappa = \theta_E^2 \epsilon^2 / r^4`, which is zero to
    rounding wherever a pixel can be, but for the very point.

    Examples
    --------
    >>> from rimlens.lens import PointMass
    >>> alpha_x, alpha_y = PointMass(theta_E=1.0).deflection(2.0, 0.0)
    >>> round(alpha_x, 6)
    0.5
    """

    parameters = {"theta_E": THETA_E, **center()}

    def psi(self, x, y, p):
        """Return the potential."""
        return 0.5 * p.theta_E**2 * ops.log(_square_radius(*to_center(x, y, p)))

    def alpha(self, x, y, p):
        """Return the deflection."""
        x, y = to_center(x, y, p)
        factor = p.theta_E**2 / _square_radius(x, y)
        return factor * x, factor * y

    def kappa(self, x, y, p):
        """Return the convergence."""
        root = p.theta_E * SOFTENING / _square_radius(*to_center(x, y, p))
        return root * root


def _square_radius(x, y):
    return x * x + y * y + SOFTENING**2
