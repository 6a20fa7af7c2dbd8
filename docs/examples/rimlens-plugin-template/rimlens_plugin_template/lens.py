"""The Plummer lens."""

from keras import ops

from rimlens.lens import Lens
from rimlens.models.coordinates import to_center
from rimlens.models.parameter import Parameter, center


class Plummer(Lens):
    r"""A Plummer sphere.

    .. math::
        \psi = \frac{\theta_E^2}{2} \ln (r^2 + s^2), \qquad
        \alpha = \frac{\theta_E^2}{r^2 + s^2} \, (x, y), \qquad
        \kappa = \frac{\theta_E^2 s^2}{(r^2 + s^2)^2}

    (the projected density of Plummer 1911, MNRAS 71, 460).  `theta_E` is the Einstein radius that
    the whole mass would have in a point; that of the lens is the root of
    :math:`\theta_E^2 - s^2`.

    Examples
    --------
    >>> from rimlens_plugin_template import Plummer
    >>> Plummer(theta_E=1.3, s=0.5).einstein_radius()
    <Quantity 1.2 arcsec>
    """

    parameters = {
        "theta_E": Parameter("arcsec", "Einstein radius of the whole mass", 1.0, (0, None)),
        "s": Parameter("arcsec", "core radius", 0.3, (1e-3, None)),
        **center(),
    }

    def psi(self, x, y, p):
        """Return the potential."""
        x, y = to_center(x, y, p)
        return 0.5 * p.theta_E**2 * ops.log(x * x + y * y + p.s**2)

    def alpha(self, x, y, p):
        """Return the deflection."""
        x, y = to_center(x, y, p)
        factor = p.theta_E**2 / (x * x + y * y + p.s**2)
        return factor * x, factor * y

    def kappa(self, x, y, p):
        """Return the convergence."""
        x, y = to_center(x, y, p)
        return (p.theta_E * p.s / (x * x + y * y + p.s**2)) ** 2
