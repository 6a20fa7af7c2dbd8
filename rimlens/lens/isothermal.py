"""Isothermal lenses: the density falls with the square of the radius."""

from keras import ops

from rimlens import backend
from rimlens.lens.lens import Lens
from rimlens.models.coordinates import from_major_axis, to_center, to_major_axis
from rimlens.models.parameter import Parameter, center, ellipse

# Keeps square roots and their gradients finite; in arcsec, far below any accuracy that is wanted.
TINY = 1e-9
# Of 1 - q^2: below it a quotient of two small numbers is replaced.
FLAT = 1e-4

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
    >>> SIE(theta_E=1.2, q=0.7, phi=30.0).convergence(0.0, 0.6) > 1
    True
    """

    parameters = {"theta_E": THETA_E, **ellipse()}

    def psi(self, x, y, p):
        """Return the potential: the deflection is of degree zero, so this is its radial part."""
        return ellipsoid_potential(*to_major_axis(x, y, p), p.q, 0.0, p.theta_E)

    def alpha(self, x, y, p):
        """Return the deflection."""
        own = ellipsoid_deflection(*to_major_axis(x, y, p), p.q, 0.0, p.theta_E)
        return from_major_axis(*own, p)

    def kappa(self, x, y, p):
        """Return the convergence."""
        return ellipsoid_convergence(*to_major_axis(x, y, p), p.q, 0.0, p.theta_E)


class NIE(Lens):
    r"""The isothermal ellipsoid with a core.

    .. math::
        \kappa = \frac{\theta_E}{2 \sqrt{q x^2 + y^2 / q + s^2}}

    along the major and the minor axis (Kormann, Schneider & Bartelmann 1994, A&A 284, 285;
    deflection and potential as in Keeton & Kochanek 1998, ApJ 495, 157, eq. 8, and in Keeton
    2001, arXiv:astro-ph/0102341, with their core radius :math:`s / \sqrt q`).  `theta_E` is the
    Einstein radius that the lens would have without its core.

    Examples
    --------
    >>> from rimlens.lens import NIE
    >>> NIE(theta_E=1.2, s_scale=0.1, q=0.7).convergence(0.0, 0.0)
    6.0
    """

    parameters = {
        "theta_E": THETA_E,
        "s_scale": Parameter("arcsec", "core radius", 0.1, (0, None)),
        **ellipse(),
    }

    def psi(self, x, y, p):
        """Return the potential."""
        return ellipsoid_potential(*to_major_axis(x, y, p), p.q, p.s_scale, p.theta_E)

    def alpha(self, x, y, p):
        """Return the deflection."""
        own = ellipsoid_deflection(*to_major_axis(x, y, p), p.q, p.s_scale, p.theta_E)
        return from_major_axis(*own, p)

    def kappa(self, x, y, p):
        """Return the convergence."""
        return ellipsoid_convergence(*to_major_axis(x, y, p), p.q, p.s_scale, p.theta_E)


def ellipsoid_potential(x, y, q, s, theta_e):
    """Return the potential of an isothermal ellipsoid in arcsec^2; arguments as for the others."""
    alpha_x, alpha_y = ellipsoid_deflection(x, y, q, s, theta_e)
    core = _elliptical_radius(x, y, q, s) + s / ops.sqrt(q)
    logarithm = ops.log(core * core + (1.0 - q * q) * x * x)
    return x * alpha_x + y * alpha_y - 0.5 * theta_e * s * logarithm


def ellipsoid_deflection(x, y, q, s, theta_e):
    """Return the deflection of an isothermal ellipsoid along its own axes.

    Parameters
    ----------
    x, y : tensor
        In arcsec along the major and the minor axis, shape ``(batch, ny, nx)``.
    q, s, theta_e : tensor or float
        Axis ratio, core radius and Einstein radius, shape ``(batch, 1, 1)``.

    Returns
    -------
    alpha_x, alpha_y : tensor
        In arcsec, shape ``(batch, ny, nx)``.
    """
    root = ops.sqrt(q)
    r = _elliptical_radius(x, y, q, s)
    square = 1.0 - q * q
    return (
        theta_e * root * _over_root(backend.arctan, -1, square, x / (r + s / root)),
        theta_e * root * _over_root(backend.arctanh, 1, square, y / (r + s * q * root)),
    )


def ellipsoid_convergence(x, y, q, s, theta_e):
    """Return the convergence of an isothermal ellipsoid; arguments as for the deflection."""
    return 0.5 * theta_e / ops.sqrt(q * x * x + y * y / q + s * s + TINY**2)


def _radius(x, y):
    return ops.sqrt(x * x + y * y + TINY**2)


def _elliptical_radius(x, y, q, s):
    return ops.sqrt(q * (q * x * x + s * s) + y * y + TINY**2)


def _over_root(function, sign, square, u):
    """Return ``function(f u) / f`` with ``f = sqrt(square)``, also where that is 0 / 0.

    Both functions have the series ``u + sign f^2 u^3 / 3 + f^4 u^5 / 5 + ...``.  Near the circle
    `f` is kept from zero, and what that changes in these terms is put right, which is exact to
    2e-13 and has the right gradient towards the circle.
    """
    kept = ops.maximum(square, FLAT)
    f = ops.sqrt(kept)
    missing = sign * (square - kept) / 3 + (square * square - kept * kept) / 5 * u * u
    return function(f * u) / f + missing * u * u * u
