"""Lenses whose density is a power of the radius."""

from keras import ops

from rimlens.lens.isothermal import THETA_E
from rimlens.lens.lens import Lens
from rimlens.models.coordinates import from_major_axis, to_major_axis
from rimlens.models.parameter import Parameter, ellipse

# Softens the center, in arcsec: the steepest cusp stays within the range of single precision.
TINY = 1e-8
# Of the series for the angular part: its error is 1e-12 at q = 0.3, 1e-9 at q = 0.2, 2e-6 at 0.1.
TERMS = 18


class EPL(Lens):
    r"""The elliptical power law.

    .. math::
        \kappa = \frac{3 - \gamma}{2}
            \left( \frac{\theta_E}{\sqrt{q x^2 + y^2 / q}} \right)^{\gamma - 1}, \qquad
        \alpha = \frac{2 \sqrt q}{1 + q} \left( \frac{\theta_E}{|Z|} \right)^t Z \,
            {}_2F_1\!\left( 1, \tfrac t2; 2 - \tfrac t2; z \right), \quad
        z = -\frac{1 - q}{1 + q} \frac{Z}{\bar Z}

    along the major and the minor axis, with :math:`t = \gamma - 1`,
    :math:`Z = \sqrt q x + i y / \sqrt q` and :math:`\psi = x \cdot \alpha / (3 - \gamma)`
    (Tessore & Metcalf 2015, A&A 580, A79, eqs. 2, 15, 22 and 23).

    Powers of :math:`z` converge as :math:`[(1 - q) / (1 + q)]^n`.  Instead, with
    :math:`z = 4 w / (1 + w)^2`, Euler's integral (DLMF 15.6.1) holds the generating function
    of the Chebyshev polynomials :math:`U_k` (DLMF 18.12.10), and

    .. math::
        {}_2F_1 = (1 + w)^2 \sum_k m_k w^k, \qquad
        (k + 2 - \tfrac t2) \, m_{k+1} = (3 t - 4) \, m_k + (k + \tfrac t2) \, m_{k-1}

    where :math:`m_0 = 1` and :math:`m_k` is the mean of :math:`U_k(2 s - 1)` over a beta
    distribution of :math:`s`.  At :math:`q = 0.2` is :math:`|w| < 0.27`, and 18 terms reach 1e-9.

    Examples
    --------
    >>> from rimlens.lens import EPL
    >>> round(EPL(theta_E=1.2, gamma=2.1).convergence(1.2, 0.0), 6)
    0.45
    """

    parameters = {
        "theta_E": THETA_E,
        "gamma": Parameter("", "slope of the density in space", 2.0, (1.1, 2.9)),
        **ellipse(),
    }

    def psi(self, x, y, p):
        """Return the potential."""
        x, y = to_major_axis(x, y, p)
        alpha_x, alpha_y = self._own_axes(x, y, p)
        return (x * alpha_x + y * alpha_y) / (3.0 - p.gamma)

    def alpha(self, x, y, p):
        """Return the deflection."""
        return from_major_axis(*self._own_axes(*to_major_axis(x, y, p), p), p)

    def kappa(self, x, y, p):
        """Return the convergence."""
        x, y = to_major_axis(x, y, p)
        r2 = p.q * x * x + y * y / p.q + TINY**2
        return 0.5 * (3.0 - p.gamma) * _power_law(r2, p)

    def _own_axes(self, x, y, p):
        root = ops.sqrt(p.q)
        x, y = root * x, y / root
        r2 = x * x + y * y + TINY**2
        factor = (2.0 * root / (1.0 + p.q)) * _power_law(r2, p)
        real, imaginary = _angular(x, y, (1.0 - p.q) / (1.0 + p.q) / r2, 0.5 * (p.gamma - 1.0))
        return factor * (x * real - y * imaginary), factor * (x * imaginary + y * real)


def _power_law(r2, p):
    """Return ``(theta_E / r)^(gamma - 1)``, with a finite slope where `theta_E` is zero."""
    t = p.gamma - 1.0
    norm = p.theta_E * ops.exp(0.5 * (t - 1.0) * ops.log(p.theta_E * p.theta_E + TINY**2))
    return norm * ops.exp(-0.5 * t * ops.log(r2))


def _angular(x, y, flattening, h):
    """Return the real and the imaginary part of the hypergeometric function in `EPL`.

    Here ``w = (1 - s) / (1 + s)`` with ``s = sqrt(1 - z)``, `flattening` is
    ``(1 - q) / (1 + q) / |Z|^2`` and `h` is ``t / 2``.
    """
    real = 1.0 + flattening * (x * x - y * y)
    imaginary = 2.0 * flattening * x * y
    modulus = ops.sqrt(real * real + imaginary * imaginary)
    s_real = ops.sqrt(0.5 * (modulus + real))
    norm = 1.0 / (1.0 + 2.0 * s_real + modulus)
    w_real, w_imaginary = (1.0 - modulus) * norm, -imaginary / s_real * norm

    # Clenshaw's rule for a polynomial of a complex number with real coefficients.
    twice, square = 2.0 * w_real, w_real * w_real + w_imaginary * w_imaginary
    moments = _moments(h)
    first, second = moments[-1], 0.0
    for m in reversed(moments[:-1]):
        first, second = m + twice * first - square * second, first
    real, imaginary = first - w_real * second, w_imaginary * second

    w_real = 1.0 + w_real
    g_real, g_imaginary = w_real * w_real - w_imaginary * w_imaginary, 2.0 * w_real * w_imaginary
    return g_real * real - g_imaginary * imaginary, g_real * imaginary + g_imaginary * real


def _moments(h):
    """Return the coefficients m_k of the series in `EPL`."""
    moments = [ops.ones_like(h), (6.0 * h - 4.0) / (2.0 - h)]
    for k in range(1, TERMS - 1):
        numerator = (6.0 * h - 4.0) * moments[k] + (k + h) * moments[k - 1]
        moments.append(numerator / (k + 2.0 - h))
    return moments
