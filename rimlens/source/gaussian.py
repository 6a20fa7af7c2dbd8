"""A Gaussian source."""

from keras import ops

from rimlens.models.coordinates import to_major_axis
from rimlens.models.parameter import BRIGHTNESS, Parameter, ellipse
from rimlens.source.source import Source


class Gaussian(Source):
    r"""An elliptical Gaussian.

    .. math::
        I = I_0 \exp\left( -\frac{q x^2 + y^2 / q}{2 \sigma^2} \right)

    along the major and the minor axis; `sigma` is the intermediate-axis width.

    Examples
    --------
    >>> from rimlens.source import Gaussian
    >>> Gaussian(I_0=2.0, sigma=0.1).surface_brightness(0.0, 0.0)
    2.0
    """

    parameters = {
        "I_0": Parameter(BRIGHTNESS, "surface brightness at the center", 1.0),
        "sigma": Parameter("arcsec", "standard deviation", 0.1, (1e-6, None)),
        **ellipse(),
    }

    def brightness(self, x, y, p):
        """Return the surface brightness."""
        x, y = to_major_axis(x, y, p)
        return p.I_0 * ops.exp(-0.5 * (p.q * x * x + y * y / p.q) / p.sigma**2)
