"""The bulge of Hernquist."""

from rimlens.lens.isothermal import TINY
from rimlens.lens.lens import Lens
from rimlens.lens.nfw import SCALE_RADIUS, arc, nfw_mean
from rimlens.models.coordinates import to_center
from rimlens.models.parameter import Parameter, center


class Hernquist(Lens):
    r"""A sphere with the density of Hernquist (1990, ApJ 356, 359).

    .. math::
        \psi = 2 \sigma_0 R_s^2 \left( \ln \tfrac x2 + f \right), \qquad
        \alpha = 2 \sigma_0 R_s \, x \, \frac{1 - f}{x^2 - 1} \hat r, \qquad
        \kappa = \sigma_0 \frac{(2 + x^2) f - 3}{(x^2 - 1)^2}

    with :math:`x = r / R_s` and `f` as in `NFW` (Keeton 2001, arXiv:astro-ph/0102341, eqs. 47,
    48 and 50).  The density in space is
    :math:`\rho = \rho_0 R_s^4 / [r (r + R_s)^3]` and
    :math:`\sigma_0 = \rho_0 R_s / \Sigma_{cr}`.

    Examples
    --------
    >>> from rimlens.lens import Hernquist
    >>> alpha_x, alpha_y = Hernquist(sigma_0=0.9, R_s=1.0).deflection(1.0, 0.0)
    >>> round(alpha_x, 6)
    0.6
    """

    parameters = {
        "sigma_0": Parameter("", "density times scale radius, in critical ones", 1.0, (0, None)),
        "R_s": SCALE_RADIUS,
        **center(),
    }

    def psi(self, x, y, p):
        """Return the potential."""
        r2 = _square_radius(*to_center(x, y, p))
        return 2.0 * p.sigma_0 * r2 * nfw_mean(r2 / p.R_s**2)

    def alpha(self, x, y, p):
        """Return the deflection."""
        x, y = to_center(x, y, p)
        factor = 2.0 * p.sigma_0 * arc(_square_radius(x, y) / p.R_s**2, 1)
        return factor * x, factor * y

    def kappa(self, x, y, p):
        """Return the convergence."""
        x2 = _square_radius(*to_center(x, y, p)) / p.R_s**2
        return p.sigma_0 * (3.0 * arc(x2, 2) - arc(x2, 1))


def _square_radius(x, y):
    return x * x + y * y + TINY**2
