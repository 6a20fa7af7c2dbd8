"""Isothermal lenses: the density falls with the square of the radius."""

from keras import ops

from rimlens.coordinates import from_major_axis, to_center, to_major_axis
from rimlens.lens.lens import Lens
from rimlens.parameter import Parameter, center, ellipse

# Keeps square roots and their gradients finite; in arcsec, far below any accuracy that is wanted.
TINY = 1e-9

THETA_E = Parameter("arcsec", "Einstein radius", 1.0, (0, None))


class SIS(Lens):
    r"""The singular isothermal sphere.

    .. math::
        \psi = \theta_E r, \qquad \alpha = \theta_E \hat r, \qquad \kappa = \frac{\theta_E}{2 r}

    (Schneider, Ehlers & Falco 1992, section 8.1.4).

    Examples
    --------
    >>> from rimlens.lens import SIS
    >>> alpha_x, alpha_y = SIS(theta_E=1.2).deflection(3.0, 4.0)
    >>> round(alpha_x, 6), round(alpha_y, 6)
    (0.72, 0.96)
    """

    parameters = {"theta_E": THETA_E, **center()}

    def psi(self, x, y, p):
        """Return the potential."""
        return p.theta_E * _radius(*to_center(x, y, p))

    def alpha(self, x, y, p):
        """Return the deflection."""
        x, y = to_center(x, y, p)
        r = _radius(x, y)
        return p.theta_E * x / r, p.theta_E * y / r

    def kappa(self, x, y, p):
        """Return the convergence."""
        return 0.5 * p.theta_E / _radius(*to_center(x, y, p))


class SIE(Lens):
    r"""The singular isothermal ellipsoid.

    .. math::
        \kappa = \frac{\theta_E}{2 \sqrt{q x^2 + y^2 / q}}

    along the major and the minor axis (Kormann, Schneider & Bartelmann 1994, A&A 284, 285,
    eqs. 20 and 27); `theta_E` is the intermediate-axis radius.

    Examples
    --------
    >>> from rimlens.lens import SIE
    >>> SIE(theta_E=1.2, q=0.7, phi=30.0).convergence(0.6, 0.0) > 1
    True
    """

    parameters = {"theta_E": THETA_E, **ellipse()}

    def psi(self, x, y, p):
        """Return the potential: the deflection is of degree zero, so this is its radial part."""
        x_major, y_minor = to_major_axis(x, y, p)
        alpha_major, alpha_minor = self._own_axes(x_major, y_minor, p)
        return x_major * alpha_major + y_minor * alpha_minor

    def alpha(self, x, y, p):
        """Return the deflection."""
        return from_major_axis(*self._own_axes(*to_major_axis(x, y, p), p), p)

    def kappa(self, x, y, p):
        """Return the convergence."""
        x, y = to_major_axis(x, y, p)
        return 0.5 * p.theta_E / ops.sqrt(p.q * x * x + y * y / p.q + TINY**2)

    def _own_axes(self, x, y, p):
        # At q = 1 the formulas are 0 / 0; a hair below they are exact to rounding.
        q = ops.minimum(p.q, 1.0 - 1e-7)
        f = ops.sqrt(1.0 - q * q)
        r = ops.sqrt(q * q * x * x + y * y + TINY**2)
        factor = p.theta_E * ops.sqrt(q) / f
        return factor * ops.arctan(f * x / r), factor * ops.arctanh(f * y / r)


def _radius(x, y):
    return ops.sqrt(x * x + y * y + TINY**2)
