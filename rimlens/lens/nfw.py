"""Halos of cold dark matter: the profile of Navarro, Frenk & White and its relatives."""

import math

from keras import ops

from rimlens import backend
from rimlens.lens.isothermal import TINY
from rimlens.lens.lens import Lens
from rimlens.models.coordinates import from_major_axis, to_center, to_major_axis
from rimlens.models.parameter import Parameter, center, ellipse

# Within this distance of the scale radius, in 1 - x^2, power series stand for 0 / 0; with this
# many terms they are exact to 1e-14.
NEAR, TERMS = 0.2, 18

SCALE_RADIUS = Parameter("arcsec", "scale radius", 5.0, (1e-3, None))
HALO = {
    "R_s": SCALE_RADIUS,
    "alpha_Rs": Parameter("arcsec", "deflection at the scale radius", 1.0, (0, None)),
}


class NFW(Lens):
    r"""A sphere with the density of Navarro, Frenk & White (1997, ApJ 490, 493).

    .. math::
        \psi = \frac{\alpha_{Rs} R_s}{2 (1 - \ln 2)}
            \left[ \ln^2 \tfrac x2 - (1 - x^2) f^2 \right], \qquad
        \alpha = \frac{\alpha_{Rs}}{1 - \ln 2} \frac{\ln \tfrac x2 + f}{x} \hat r, \qquad
        \kappa = \frac{\alpha_{Rs}}{2 (1 - \ln 2) R_s} \frac{1 - f}{x^2 - 1}

    with :math:`x = r / R_s` and :math:`f = \mathrm{artanh} \sqrt{1 - x^2} / \sqrt{1 - x^2}`, which
    is :math:`\arctan \sqrt{x^2 - 1} / \sqrt{x^2 - 1}` beyond the scale radius (Bartelmann 1996,
    A&A 313, 697; Wright & Brainerd 2000, ApJ 534, 34, eq. 11; Keeton 2001,
    arXiv:astro-ph/0102341, eqs. 48 and 54).

    Examples
    --------
    >>> from rimlens.lens import NFW
    >>> alpha_x, alpha_y = NFW(R_s=5.0, alpha_Rs=1.2).deflection(5.0, 0.0)
    >>> round(alpha_x, 6)
    1.2
    """

    parameters = {**HALO, **center()}

    def psi(self, x, y, p):
        """Return the potential."""
        return 2.0 * _density(p) * p.R_s**2 * _potential(_square(*to_center(x, y, p), p))

    def alpha(self, x, y, p):
        """Return the deflection."""
        x, y = to_center(x, y, p)
        factor = 4.0 * _density(p) * nfw_mean(_square(x, y, p))
        return factor * x, factor * y

    def kappa(self, x, y, p):
        """Return the convergence."""
        return 2.0 * _density(p) * arc(_square(*to_center(x, y, p), p), 1)


class EllipticalNFW(Lens):
    r"""A halo of Navarro, Frenk & White whose potential is elliptical.

    .. math::
        \psi = \psi_{NFW}\!\left( \sqrt{(1 - \epsilon) x^2 + (1 + \epsilon) y^2} \right), \qquad
        \epsilon = \frac{1 - q^2}{1 + q^2}

    along the major and the minor axis (Golse & Kneib 2002, A&A 390, 821, eqs. 6 and 17).  The
    axis ratio `q` is that of the potential: the flattening :math:`1 - q` of the density is about
    twice as large, and from :math:`q = 0.8` down the density is negative far out on the minor
    axis.

    Examples
    --------
    >>> from rimlens.lens import EllipticalNFW
    >>> lens = EllipticalNFW(R_s=5.0, alpha_Rs=1.2, q=0.9)
    >>> lens.convergence(0.0, 1.0) > lens.convergence(1.0, 0.0)
    True
    """

    parameters = {**HALO, **ellipse()}

    def psi(self, x, y, p):
        """Return the potential."""
        x, y, _ = _flattened(x, y, p)
        return 2.0 * _density(p) * p.R_s**2 * _potential(_square(x, y, p))

    def alpha(self, x, y, p):
        """Return the deflection."""
        x, y, epsilon = _flattened(x, y, p)
        factor = 4.0 * _density(p) * nfw_mean(_square(x, y, p))
        major, minor = ops.sqrt(1.0 - epsilon) * x, ops.sqrt(1.0 + epsilon) * y
        return from_major_axis(factor * major, factor * minor, p)

    def kappa(self, x, y, p):
        """Return the convergence."""
        x, y, epsilon = _flattened(x, y, p)
        x2 = _square(x, y, p)
        kappa, mean = arc(x2, 1), 2.0 * nfw_mean(x2)
        cosine = (x * x - y * y) / (x * x + y * y + TINY**2)
        return 2.0 * _density(p) * (kappa + epsilon * cosine * (mean - kappa))


class TruncatedNFW(Lens):
    r"""A halo of Navarro, Frenk & White of finite mass.

    .. math::
        \rho \propto \frac{1}{x (1 + x)^2} \frac{\tau^2}{\tau^2 + x^2}, \qquad
        \kappa = \frac{\alpha_{Rs}}{2 (1 - \ln 2) R_s} \frac{\tau^2}{(\tau^2 + 1)^2} \left[
            (\tau^2 + 1) \frac{1 - f}{x^2 - 1} + 2 f - \frac{\pi}{T}
            + \frac{\tau^2 - 1}{\tau T} \ln \frac{x}{\tau + T} \right]

    with :math:`x = r / R_s`, :math:`\tau = r_{trunc} / R_s`, :math:`T^2 = \tau^2 + x^2` and
    `f` as in `NFW` (Baltz, Marshall & Oguri 2009, JCAP 01, 015, appendix A with n = 1).
    `alpha_Rs` is the deflection at the scale radius in the limit of no truncation.

    Examples
    --------
    >>> from rimlens.lens import NFW, TruncatedNFW
    >>> halo = TruncatedNFW(R_s=5.0, alpha_Rs=1.2, r_trunc=1e5)
    >>> round(halo.convergence(2.0, 0.0) / NFW(R_s=5.0, alpha_Rs=1.2).convergence(2.0, 0.0), 3)
    1.0
    """

    parameters = {
        **HALO,
        "r_trunc": Parameter("arcsec", "truncation radius", 20.0, (1e-3, None)),
        **center(),
    }

    def psi(self, x, y, p):
        """Return the potential; it is zero at the center."""
        x2 = _square(*to_center(x, y, p), p)
        tau, t2, root, log = _truncation(x2, p)
        f = arc(x2, 0)
        sums = (
            2.0 * math.pi * (tau * ops.log((tau + root) / (2.0 * tau)) - x2 / (tau + root))
            - 2.0 * (t2 - 1.0) * root * log / tau
            + (t2 - 1.0) * (log * log - (1.0 - x2) * f * f)
            + 4.0 * (x2 - 1.0) * f
            + ((t2 - 1.0) * ops.log(tau) - t2 - 1.0) * ops.log(x2)
            - (t2 - 1.0) * ops.log(tau) * ops.log(4.0 * tau)
            - 2.0 * ops.log(0.5 * tau)
            + 2.0 * t2 * ops.log(2.0 * tau)
        )
        return 2.0 * _density(p) * p.R_s**2 * t2 / (t2 + 1.0) ** 2 * sums

    def alpha(self, x, y, p):
        """Return the deflection."""
        x, y = to_center(x, y, p)
        x2 = _square(x, y, p)
        tau, t2, root, log = _truncation(x2, p)
        # Differences that vanish at the center are written as products.
        inverse = 1.0 / (tau * (tau + root))
        sums = (t2 - 1.0) * (
            nfw_mean(x2) - inverse * (0.5 * _log1p_over(0.5 * inverse * x2) + log)
        )
        sums = sums + 2.0 * arc(x2, 0) - math.pi / (tau + root)
        factor = 4.0 * _density(p) * t2 / (t2 + 1.0) ** 2 * sums
        return factor * x, factor * y

    def kappa(self, x, y, p):
        """Return the convergence."""
        x2 = _square(*to_center(x, y, p), p)
        tau, t2, root, log = _truncation(x2, p)
        sums = (t2 + 1.0) * arc(x2, 1) + 2.0 * arc(x2, 0)
        sums = sums - math.pi / root - (t2 - 1.0) / (tau * root) * log
        return 2.0 * _density(p) * t2 / (t2 + 1.0) ** 2 * sums


def arc(x2, order):
    r"""Return :math:`\sum_j v^j / (2 j + 2 k + 1)` with :math:`v = 1 - x^2`, for any x.

    Order 0 is `f` of `NFW`, order 1 is ``(f - 1) / v``, and so on.

    Parameters
    ----------
    x2 : tensor
        The square of the radius over the scale radius, positive.
    order : int
        k, from 0 on.

    Returns
    -------
    tensor
        Shaped as `x2`.
    """
    v = 1.0 - x2
    inside, outside = v > NEAR, v < -NEAR
    series = _odd_series(ops.where(inside | outside, 0.0, v), order)
    # Each branch gets a harmless argument elsewhere, or its gradient would spoil the others'.
    inner = ops.where(inside, x2, 0.5)
    root = ops.sqrt(1.0 - inner)
    away = (ops.log(1.0 + root) - 0.5 * ops.log(inner)) / root
    root = ops.sqrt(ops.where(outside, x2, 2.0) - 1.0)
    away = ops.where(outside, backend.arctan(root) / root, away)
    v = ops.where(inside | outside, v, 1.0)
    for k in range(order):
        away = (away - 1.0 / (2 * k + 1)) / v
    return ops.where(inside | outside, away, series)


def nfw_mean(x2):
    """Return ``(ln(x / 2) + f) / x^2``, twice the mean of ``(f - 1) / v`` within x."""
    inside = x2 < 1.0 - NEAR
    outer = ops.where(inside, 1.0, x2)
    outer = (0.5 * ops.log(0.25 * outer) + arc(outer, 0)) / outer
    root, log, share, shortfall = _inner(ops.where(inside, x2, 0.5))
    # Both logarithms nearly cancel at the center: what is left of each is written as a product.
    return ops.where(inside, (log / (1.0 + root) - shortfall * share) / root, outer)


def _potential(x2):
    """Return ``ln(x / 2)^2 - (1 - x^2) f^2``."""
    inside = x2 < 1.0 - NEAR
    outer = ops.where(inside, 1.0, x2)
    outer = 0.25 * ops.log(0.25 * outer) ** 2 - (1.0 - outer) * arc(outer, 0) ** 2
    x2 = ops.where(inside, x2, 0.5)
    _, log, share, shortfall = _inner(x2)
    difference = x2 * share * shortfall
    return ops.where(inside, difference * (2.0 * log - difference), outer)


def _inner(x2):
    """Return what is needed inside the scale radius.

    With ``root = sqrt(1 - x^2)``, ``artanh root`` is ``ln(2 / x) + ln((1 + root) / 2)``; the
    second logarithm is ``-share * shortfall * x^2``.
    """
    root = ops.sqrt(1.0 - x2)
    share = 0.5 / (1.0 + root)
    w = x2 * share
    s = w / (2.0 - w)
    shortfall = 2.0 / (2.0 - w) * _odd_series(s * s, 0)
    return root, math.log(2.0) - 0.5 * ops.log(x2), share, shortfall


def _odd_series(z, order):
    total = 0.0
    for j in reversed(range(TERMS)):
        total = 1.0 / (2 * j + 2 * order + 1) + z * total
    return total


def _log1p_over(y):
    """Return ``ln(1 + y) / y`` for positive y."""
    small = y < 0.5
    s = ops.where(small, y, 0.0)
    s = s / (2.0 + s)
    large = ops.where(small, 1.0, y)
    return ops.where(small, (1.0 - s) * _odd_series(s * s, 0), ops.log1p(large) / large)


def _square(x, y, p):
    return (x * x + y * y + TINY**2) / p.R_s**2


def _density(p):
    """Return density at the scale radius, times four and the scale radius, over the critical."""
    return p.alpha_Rs / (4.0 * (1.0 - math.log(2.0)) * p.R_s)


def _flattened(x, y, p):
    """Return coordinates in which the potential is round, and the ellipticity."""
    x, y = to_major_axis(x, y, p)
    epsilon = (1.0 - p.q * p.q) / (1.0 + p.q * p.q)
    return ops.sqrt(1.0 - epsilon) * x, ops.sqrt(1.0 + epsilon) * y, epsilon


def _truncation(x2, p):
    """Return tau, its square, T and ``ln((tau + T) / x)``, which is accurate at both ends."""
    tau = p.r_trunc / p.R_s
    root = ops.sqrt(tau * tau + x2)
    x = ops.sqrt(x2)
    return tau, tau * tau, root, ops.log1p(tau / x * (1.0 + tau / (root + x)))
