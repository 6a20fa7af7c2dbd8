"""Mass that follows the light of a galaxy."""

from keras import ops

from rimlens import backend
from rimlens.lens.lens import Lens
from rimlens.lens.point_mass import SOFTENING
from rimlens.models.coordinates import to_center
from rimlens.models.parameter import Parameter, center
from rimlens.source.sersic import EFFECTIVE_RADIUS, INDEX, sersic, sersic_b, sersic_power


class SersicMass(Lens):
    r"""A circular mass with a Sersic profile.

    .. math::
        \kappa = \kappa_{eff} e^{b_n - z}, \qquad
        \alpha = 2 \kappa_{eff} \theta_{eff} \, n \, e^{b_n} b_n^{-2 n} \, \Gamma(2 n) \,
            P(2 n, z) \frac{\theta_{eff}}{r} \hat r

    with :math:`z = b_n (r / \theta_{eff})^{1/n}`, the regularized incomplete gamma function
    :math:`P`, and :math:`b_n = 1.9992 n - 0.3271` as in `~rimlens.source.Sersic`, the same
    profile of light (Cardone 2004, A&A 415, 839, section 3).  The radius is softened by one
    micro-arcsecond.

    Examples
    --------
    >>> from rimlens.lens import SersicMass
    >>> round(SersicMass(kappa_eff=0.4, theta_eff=1.0, n=4.0).convergence(1.0, 0.0), 6)
    0.4
    """

    parameters = {
        "kappa_eff": Parameter("", "convergence at the effective radius", 0.5, (0, None)),
        "theta_eff": EFFECTIVE_RADIUS,
        "n": INDEX,
        **center(),
    }

    def alpha(self, x, y, p):
        """Return the deflection."""
        x, y = to_center(x, y, p)
        r2 = _square_radius(x, y)
        b, twice = sersic_b(p.n), 2.0 * p.n
        total = p.n * ops.exp(b - twice * ops.log(b) + backend.lgamma(twice))
        z = b * sersic_power(0.5 * ops.log(r2), p)
        factor = 2.0 * p.kappa_eff * p.theta_eff**2 * total * backend.igamma(twice, z) / r2
        return factor * x, factor * y

    def kappa(self, x, y, p):
        """Return the convergence."""
        return p.kappa_eff * sersic(_square_radius(*to_center(x, y, p)), p)


def _square_radius(x, y):
    return x * x + y * y + SOFTENING**2
