"""The Moffat galaxy."""

from rimlens.models.coordinates import to_major_axis
from rimlens.models.parameter import BRIGHTNESS, Parameter, ellipse
from rimlens.source import Source


class Moffat(Source):
    r"""An elliptical Moffat profile.

    .. math::
        I = I_0 \left( 1 + \frac{q x^2 + y^2 / q}{w^2} \right)^{-\beta}

    along the major and the minor axis (Moffat 1969, A&A 3, 455, for the round one).

    Examples
    --------
    >>> from rimlens_plugin_template import Moffat
    >>> Moffat(I_0=8.0, w=0.2, beta=2.0).surface_brightness(0.2, 0.0)
    2.0
    """

    parameters = {
        "I_0": Parameter(BRIGHTNESS, "surface brightness at the center", 1.0),
        "w": Parameter("arcsec", "scale", 0.1, (1e-3, None)),
        "beta": Parameter("", "steepness", 2.5, (1.1, 10)),
        **ellipse(),
    }

    def brightness(self, x, y, p):
        """Return the surface brightness."""
        x, y = to_major_axis(x, y, p)
        return p.I_0 * (1.0 + (p.q * x * x + y * y / p.q) / p.w**2) ** -p.beta
