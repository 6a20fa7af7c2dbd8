r"""The smooth part of a lens: a power law with a core, elliptical, with multipoles.

.. math::
    \kappa = N \, \frac{3 - \gamma}{2}
    \left( \frac{\theta_E^2}{\rho^2} \right)^{(\gamma - 1) / 2}, \qquad
    \rho^2 = \left[ r^2 \cosh S - \frac{\sinh S}{S} (S_1 (x^2 - y^2) + 2 S_2 x y) \right] w^2 + c^2

with the slope :math:`\gamma` of the density (Tessore & Metcalf 2015, A&A 580, A79), the core
:math:`c`, :math:`w = 1 + \sum_{m = 3, 4} (a_m \cos m \varphi + b_m \sin m \varphi)`, and
:math:`S = -\ln q` in the direction of the major axis; in the components :math:`S_1, S_2` a round
lens is a point like every other.  The factor

.. math::
    N = \frac{\theta_E^{3 - \gamma}}{(\theta_E^2 + c^2)^{(3 - \gamma) / 2} - c^{3 - \gamma}}

keeps the mean convergence of a round lens within :math:`\theta_E` at one, whatever its core: an
image knows the Einstein radius well and the core hardly at all.  All parameters are free to take
any value, so that a normal distribution can describe them.
"""

from __future__ import annotations

import numpy as np

# Their names; the slope and the core are those of `slope_of` and `core_of`.
PARAMETERS = ("ln theta_E", "t", "S_1", "S_2", "x", "y", "core", "a_3", "b_3", "a_4", "b_4")
# Points a side over which a pixel is averaged.
OVERSAMPLING = 2
# The core is not smaller and not larger than these parts of a pixel.
CORES = (0.05, 1.5)


def slope_of(t):
    """Return the slope of the density, between 1 and 3."""
    return 1 + 2 / (1 + np.exp(-t))


def core_of(parameter, pixel_scale):
    """Return the radius of the core."""
    low, high = CORES
    return pixel_scale * (low + (high - low) / (1 + np.exp(-parameter)))


def power_law(parameters, grid):
    """Return a pixel-averaged convergence map and its derivatives.

    Parameters
    ----------
    parameters : ndarray
        In the order of `PARAMETERS`, lengths in the unit of the grid; shape ``(11,)``.
    grid : Grid
        Of the map.

    Returns
    -------
    convergence : ndarray
        Shape ``(ny, nx)``.
    derivatives : ndarray
        By the parameters, shape ``(11, ny, nx)``.
    """
    steps = ((np.arange(OVERSAMPLING) + 0.5) / OVERSAMPLING - 0.5) * grid.pixel_scale
    total, slopes = 0.0, 0.0
    for step_y in steps:
        for step_x in steps:
            found = _at_points(parameters, grid.x + step_x, grid.y + step_y, grid.pixel_scale)
            total, slopes = total + found[0], slopes + found[1]
    return total / OVERSAMPLING**2, slopes / OVERSAMPLING**2


def _at_points(parameters, x, y, scale):
    log_radius, t, s1, s2, x0, y0, of_core, *amplitudes = parameters
    x, y = x - x0, y - y0
    # Rounding would spoil the azimuth in the very middle.
    r2 = x**2 + y**2 + 1e-12 * scale**2
    stretch = max(np.hypot(s1, s2), 1e-6)
    cosh, sinhc = np.cosh(stretch), np.sinh(stretch) / stretch
    plus, cross = x**2 - y**2, 2 * x * y
    oblique = s1 * plus + s2 * cross
    ellipse = r2 * cosh - sinhc * oblique
    # Cosines and sines of three and four times the azimuth, and their derivatives by it.
    turning = (x + 1j * y) / np.sqrt(r2)
    third, fourth = turning**3, turning**4
    patterns = (third.real, third.imag, fourth.real, fourth.imag)
    by_azimuth = (-3 * third.imag, 3 * third.real, -4 * fourth.imag, 4 * fourth.real)
    wobble = 1 + sum(a * p for a, p in zip(amplitudes, patterns))
    turned = sum(a * p for a, p in zip(amplitudes, by_azimuth))
    core = core_of(of_core, scale)
    rho2 = ellipse * wobble**2 + core**2

    gamma = slope_of(t)
    logarithm = 2 * log_radius - np.log(rho2)
    kappa = 0.5 * (3 - gamma) * np.exp(0.5 * (gamma - 1) * logarithm)
    by_rho2 = -0.5 * (gamma - 1) * kappa / rho2
    by_gamma = kappa * (0.5 * logarithm - 1 / (3 - gamma))
    log_norm, of_radius, of_gamma, of_core_radius = _normalization(log_radius, gamma, core)

    by_ellipse = by_rho2 * wobble**2
    # The derivatives of cosh S and of sinh S / S by S, times the unit vector of S.
    of_cosh, of_sinhc = sinhc, (cosh - sinhc) / stretch**2
    by_s1 = by_ellipse * (r2 * of_cosh * s1 - of_sinhc * s1 * oblique - sinhc * plus)
    by_s2 = by_ellipse * (r2 * of_cosh * s2 - of_sinhc * s2 * oblique - sinhc * cross)
    by_wobble = 2 * by_rho2 * ellipse * wobble
    by_x = by_ellipse * (2 * x * cosh - sinhc * (2 * s1 * x + 2 * s2 * y))
    by_y = by_ellipse * (2 * y * cosh - sinhc * (2 * s2 * x - 2 * s1 * y))
    by_x -= by_wobble * turned * y / r2
    by_y += by_wobble * turned * x / r2
    by_gamma += of_gamma * kappa
    derivatives = [
        (gamma - 1 + of_radius) * kappa,
        by_gamma * 0.5 * (gamma - 1) * (3 - gamma),
        by_s1,
        by_s2,
        -by_x,
        -by_y,
        (by_rho2 * 2 * core + of_core_radius * kappa) * _core_slope(core, scale),
        *(by_wobble * p for p in patterns),
    ]
    norm = np.exp(log_norm)
    return norm * kappa, norm * np.stack(derivatives)


def _normalization(log_radius, gamma, core):
    """Return ln N and its derivatives by ln theta_E, gamma and the core."""
    power, radius2 = 0.5 * (3 - gamma), np.exp(2 * log_radius)
    whole, middle = (radius2 + core**2) ** power, core ** (2 * power)
    mass = whole - middle
    of_radius = 2 * power * (1 - whole * radius2 / (radius2 + core**2) / mass)
    of_core = -2 * power * (whole * core / (radius2 + core**2) - middle / core) / mass
    of_power = 2 * log_radius
    of_power -= (whole * np.log(radius2 + core**2) - middle * np.log(core**2)) / mass
    return 2 * power * log_radius - np.log(mass), of_radius, -0.5 * of_power, of_core


def _core_slope(core, scale):
    """Return the derivative of a core by its parameter."""
    low, high = (scale * c for c in CORES)
    return (core - low) * (high - core) / (high - low)
