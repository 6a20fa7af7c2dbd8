r"""A population of subhalos with a power law of masses.

.. math::

    \frac{dN}{dm} \propto m^s, \qquad
    \theta_s = \theta_E \, m^{2/3}, \qquad r_t = \sqrt{\theta_s \theta_E}

with masses :math:`m` in units of the mass inside the Einstein radius :math:`\theta_E` of the lens.
The slope of cold dark matter is -1.9 (Springel et al. 2008, MNRAS 391, 1685).  Tides of an
isothermal lens cut an isothermal subhalo at :math:`r_t` where it stands at the Einstein radius
(Metcalf & Madau 2001, ApJ 563, 9, sect. 2), and its mass :math:`\pi \theta_s r_t` (Kassiola &
Kovner 1993) gives :math:`\theta_s`.
"""

import numpy as np
from keras import ops

# Subhalos lie within so many Einstein radii: farther out they bend the light of the ring little.
REACH = 2.0


def draw_population(theta_E, domain, rng):
    """Draw the subhalos of some lenses, spread evenly over a disc.

    Parameters
    ----------
    theta_E : ndarray
        Einstein radii of the lenses, shape ``(n,)``.
    domain : SimulationDomain
        Their number, the slope and the range of their masses.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    dict of ndarray
        Shape ``(n, slots)``; an Einstein radius of zero where a slot is empty.
    """
    # Four standard deviations above the mean number: the rest, one lens in ten thousand, is cut.
    slots = int(np.ceil(domain.subhalo_number + 4 * np.sqrt(domain.subhalo_number))) + 1
    shape = (len(theta_E), slots)
    present = np.arange(slots) < rng.poisson(domain.subhalo_number, len(theta_E))[:, None]
    mass = power_law(rng.random(shape), domain.subhalo_slope, *domain.subhalo_mass)
    distance = REACH * theta_E[:, None] * np.sqrt(rng.random(shape))
    angle = rng.uniform(0, 2 * np.pi, shape)
    return {
        "population_theta_E": present * theta_E[:, None] * mass ** (2 / 3),
        "population_truncation": theta_E[:, None] * mass ** (1 / 3),
        "population_x": distance * np.cos(angle),
        "population_y": distance * np.sin(angle),
    }


def power_law(uniform, slope, low, high):
    """Return draws of a power law between two bounds.

    Parameters
    ----------
    uniform : ndarray
        Uniform numbers from 0 to 1.
    slope : float
        Power of the density.
    low, high : float
        The bounds, positive.

    Returns
    -------
    ndarray
        Shaped as `uniform`.

    Examples
    --------
    >>> power_law(0.5, -1.0, 1.0, 100.0)
    10.0
    """
    power = slope + 1
    if abs(power) < 1e-6:
        return low * (high / low) ** uniform
    return (low**power + uniform * (high**power - low**power)) ** (1 / power)


def truncated_isothermal(r2, theta_E, core, truncation):
    """Return the convergence of truncated isothermal spheres at squared distances.

    Parameters
    ----------
    r2 : tensor
        Squared distances.
    theta_E, core, truncation : tensor or float
        Einstein radius without core and truncation, and the two radii.

    Returns
    -------
    tensor
    """
    return 0.5 * theta_E * (ops.rsqrt(r2 + core**2) - ops.rsqrt(r2 + truncation**2))
