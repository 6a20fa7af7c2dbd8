"""Sersic sources: the light of galaxies."""

from keras import ops

from rimlens.models.coordinates import to_major_axis
from rimlens.models.parameter import BRIGHTNESS, Parameter, ellipse
from rimlens.source.source import Source

# Softens the center, in arcsec: profiles with n > 1 have an infinite slope there.
SOFTENING = 1e-5

EFFECTIVE_RADIUS = Parameter("arcsec", "effective radius", 0.3, (1e-3, None))
INDEX = Parameter("", "Sersic index", 1.0, (0.2, 10))


class Sersic(Source):
    r"""An elliptical Sersic profile.

    .. math::
        I = I_{eff} \exp\left\{ -b_n \left[ (R / \theta_{eff})^{1/n} - 1 \right] \right\}, \qquad
        R^2 = q x^2 + y^2 / q, \qquad b_n = 1.9992 n - 0.3271

    along the major and the minor axis (Sersic 1968; Ciotti & Bertin 1999, A&A 352, 447, eq. 1;
    :math:`b_n` as in Capaccioli 1989 and COOLEST).  `theta_eff` is the intermediate-axis
    half-light radius; by the approximate :math:`b_n` the ellipse holds half of the light to 0.4
    per cent of it from n = 1 on, to 2 per cent at 0.5 and to 23 per cent at 0.2.  The radius is
    softened by 10 micro-arcseconds, so that the slope at the center is finite.

    Examples
    --------
    >>> from rimlens.source import Sersic
    >>> round(Sersic(I_eff=2.0, theta_eff=0.3, n=4.0).surface_brightness(0.3, 0.0), 6)
    2.0
    """

    parameters = {
        "I_eff": Parameter(BRIGHTNESS, "surface brightness at the effective radius", 1.0),
        "theta_eff": EFFECTIVE_RADIUS,
        "n": INDEX,
        **ellipse(),
    }

    def brightness(self, x, y, p):
        """Return the surface brightness."""
        return p.I_eff * sersic(square_radius(*to_major_axis(x, y, p), p.q), p)


class CoreSersic(Source):
    r"""An elliptical Sersic profile with a power law in its core.

    .. math::
        I = I_{eff} \left[ 1 + (\theta_b / R)^\alpha \right]^{\gamma / \alpha}
            \exp\left\{ -b_n \left[ \left( \frac{R^\alpha + \theta_b^\alpha}
            {\theta_{eff}^\alpha} \right)^{1 / (n \alpha)} - 1 \right] \right\}

    with `R` and :math:`b_n` as in `Sersic` (Graham et al. 2003, AJ 125, 2951, eq. 5; Trujillo
    et al. 2004, AJ 127, 1917, eq. 2).  `I_eff` and `theta_eff` are those of the Sersic profile
    outside the core; Graham's :math:`I' = I_{eff} e^{b_n}`.

    Examples
    --------
    >>> from rimlens.source import CoreSersic, Sersic
    >>> cusp, core = Sersic(theta_eff=0.5, n=4.0), CoreSersic(theta_eff=0.5, n=4.0, theta_b=0.05)
    >>> core.surface_brightness(0.01, 0.0) < cusp.surface_brightness(0.01, 0.0)
    True
    """

    parameters = {
        "I_eff": Parameter(BRIGHTNESS, "brightness at the effective radius without core", 1.0),
        "theta_eff": EFFECTIVE_RADIUS,
        "n": INDEX,
        "theta_b": Parameter("arcsec", "break radius, of the core", 0.03, (1e-3, None)),
        "gamma": Parameter("", "slope in the core", 0.1, (0, 2)),
        "alpha": Parameter("", "sharpness of the break", 3.0, (0.1, 100)),
        **ellipse(),
    }

    def brightness(self, x, y, p):
        """Return the surface brightness."""
        log_r = 0.5 * ops.log(square_radius(*to_major_axis(x, y, p), p.q))
        log_break = ops.log(p.theta_b)
        # ln (R^alpha + theta_b^alpha)^(1 / alpha), whatever the size of the powers.
        log_sum = log_break + ops.softplus(p.alpha * (log_r - log_break)) / p.alpha
        profile = _sersic_exponent(log_sum, p)
        return p.I_eff * ops.exp(p.gamma * (log_sum - log_r) + profile)


class Exponential(Source):
    r"""An elliptical exponential disc.

    .. math::
        I = I_0 \exp(-R / h), \qquad R^2 = q x^2 + y^2 / q

    along the major and the minor axis (Freeman 1970, ApJ 160, 811, eq. 1): a `Sersic` profile of
    n = 1, by its central brightness and its scale length instead of `I_eff` and `theta_eff`.
    Half of the light is within 1.678 `h`.

    Examples
    --------
    >>> from rimlens.source import Exponential
    >>> round(Exponential(I_0=2.0, h=0.2).surface_brightness(0.2, 0.0), 6)
    0.735759
    """

    parameters = {
        "I_0": Parameter(BRIGHTNESS, "surface brightness at the center", 1.0),
        "h": Parameter("arcsec", "scale length", 0.2, (1e-3, None)),
        **ellipse(),
    }

    def brightness(self, x, y, p):
        """Return the surface brightness."""
        r2 = square_radius(*to_major_axis(x, y, p), p.q)
        return p.I_0 * ops.exp(-ops.sqrt(r2) / p.h)


def square_radius(x, y, q):
    """Return the square of the softened elliptical radius."""
    return q * x * x + y * y / q + SOFTENING**2


def sersic_b(n):
    """Return the coefficient of a Sersic profile."""
    return 1.9992 * n - 0.3271


def sersic(r2, p):
    """Return a Sersic profile that is one at the effective radius.

    Parameters
    ----------
    r2 : tensor
        The square of the radius, positive.
    p : namespace
        Has `theta_eff` and `n`.

    Returns
    -------
    tensor
        Shaped as `r2`.
    """
    return ops.exp(_sersic_exponent(0.5 * ops.log(r2), p))


def sersic_power(log_r, p):
    """Return ``(r / theta_eff)^(1 / n)``, within the range of single precision."""
    return ops.exp(ops.clip((log_r - ops.log(p.theta_eff)) / p.n, -75.0, 30.0))


def _sersic_exponent(log_r, p):
    return -sersic_b(p.n) * (sersic_power(log_r, p) - 1.0)
