r"""Dust lanes in front of a galaxy.

A lane of optical depth :math:`\tau` is a bent band along the disc,

.. math::

    I \to I \, e^{-\tau}, \qquad
    \tau = \tau_0 \, \exp\left[-\frac{(v - v_0 - c u^2)^2}{2 w^2} - \frac{u^2}{2 l^2}\right]

with :math:`u` along the major axis of the disc and :math:`v` across it, both in units of the
disc's effective radius: a screen, whose depths add where lanes cross.
"""

import numpy as np
from keras import ops

LANES = 2


def draw_dust(n, domain, rng):
    """Draw the dust lanes of some galaxies.

    Parameters
    ----------
    n : int
        How many galaxies.
    domain : SimulationDomain
        The fraction that has dust, and its optical depth.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    dict of ndarray
        Shape ``(n, LANES)``; lengths are in units of the disc's effective radius.
    """
    shape = (n, LANES)
    low, high = domain.dust_depth
    dusty = (rng.random(n) < domain.dust_fraction)[:, None]
    # Of a dusty galaxy one lane is there, and the others in every second.
    present = dusty & ((np.arange(LANES) == 0) | (rng.random(shape) < 0.5))
    return {
        "dust_depth": present * np.exp(rng.uniform(np.log(low), np.log(high), shape)),
        "dust_offset": rng.normal(0, 0.25, shape),
        "dust_bend": rng.normal(0, 0.15, shape),
        "dust_width": np.exp(rng.uniform(np.log(0.05), np.log(0.25), shape)),
        "dust_length": rng.uniform(0.5, 2.0, shape),
    }


def transmission(parameters, x, y):
    """Return the fraction of the light that comes through.

    Parameters
    ----------
    parameters : dict of tensor
        From `rimlens.generators.galaxy.draw_galaxy_parameters`; the disc is its second component.
    x, y : tensor
        Positions, shapes that broadcast to ``(n, ny, nx)``.

    Returns
    -------
    tensor
        Shape ``(n, ny, nx)``.
    """
    center_x, center_y, angle, size, q = (
        parameters[name][:, 1, None, None]
        for name in ("center_x", "center_y", "axis_angle", "theta_eff", "q")
    )
    cos, sin = ops.cos(angle), ops.sin(angle)
    # As the components: the effective radius is that of the circle of the same area.
    u = (cos * (x - center_x) + sin * (y - center_y)) * ops.sqrt(q) / size
    v = (cos * (y - center_y) - sin * (x - center_x)) / ops.sqrt(q) / size
    depth = 0.0
    for i in range(LANES):
        lane = {
            name: parameters[f"dust_{name}"][:, i, None, None]
            for name in ("depth", "offset", "bend", "width", "length")
        }
        across = (v - lane["offset"] - lane["bend"] * ops.square(u)) / lane["width"]
        along = u / lane["length"]
        depth = depth + lane["depth"] * ops.exp(-0.5 * (ops.square(across) + ops.square(along)))
    return ops.exp(-depth)
