r"""Convergence maps of elliptical power laws with multipoles and subhalos.

.. math::

    \kappa(R) = \frac{3 - \gamma}{2} \left(\frac{\theta_E}{R}\right)^{\gamma - 1}, \qquad
    R^2 = (q x'^2 + y'^2 / q) \, [1 + a_m \cos m(\varphi - \varphi_m)]^2 + r_c^2

(Tessore & Metcalf 2015, A&A 580, A79, eq. 2, with the product-average radius and a small core),
plus truncated isothermal subhalos :math:`\kappa = (\theta_s / 2) [(r^2 + r_c^2)^{-1/2} - (r^2 +
r_t^2)^{-1/2}]` (Kassiola & Kovner 1993): few massive ones, a population of light ones if the
domain has one, and a Gaussian random field if it has that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from keras import ops

from rimlens.generators.random_field import draw_fields, with_field
from rimlens.generators.subhalos import draw_population, truncated_isothermal
from rimlens.typing import Tensor

if TYPE_CHECKING:
    from rimlens.generators.domain import SimulationDomain
    from rimlens.imaging.grid import Grid


def draw_convergence_parameters(
    n: int, domain: SimulationDomain, rng: np.random.Generator, grid: Grid | None = None
) -> dict[str, np.ndarray]:
    """Draw the parameters of `n` lenses.

    Parameters
    ----------
    n : int
        How many.
    domain : SimulationDomain
        The ranges to draw from; lengths are in pixels of the image.
    rng : numpy.random.Generator
        Source of randomness.
    grid : Grid, optional
        Of the maps; a domain with a random field needs it.

    Returns
    -------
    dict of ndarray
        One array for each parameter, the first axis of length `n`.
    """
    low, high = domain.theta_E
    theta_E = np.exp(rng.uniform(np.log(low), np.log(high), n))
    subhalos = 4
    # Subhalos are rare: most slots have no mass.
    present = rng.random((n, subhalos)) < domain.subhalo_fraction
    distance = theta_E[:, None] * rng.uniform(0.2, 1.8, (n, subhalos))
    angle = rng.uniform(0, 2 * np.pi, (n, subhalos))
    mass = theta_E[:, None] * np.exp(rng.uniform(np.log(0.005), np.log(0.08), (n, subhalos)))
    drawn = {
        "theta_E": theta_E,
        "gamma": np.clip(rng.normal(2.05, 0.25, n), 1.4, 2.75),
        "q": np.clip(1 - np.abs(rng.normal(0, 0.3, n)), domain.q_min, 1.0),
        "axis_angle": rng.uniform(0, np.pi, n),
        "center_x": rng.normal(0, domain.center_scatter, n),
        "center_y": rng.normal(0, domain.center_scatter, n),
        "core": rng.uniform(domain.core[0], domain.core[1], n),
        "a_m": rng.normal(0, domain.multipole_amplitude, (n, 2)),
        "phi_m": rng.uniform(0, 2 * np.pi, (n, 2)),
        "subhalo_theta_E": present * mass,
        "subhalo_x": distance * np.cos(angle),
        "subhalo_y": distance * np.sin(angle),
    }
    # What a domain lacks takes no random numbers.
    if domain.subhalo_number:
        drawn |= draw_population(theta_E, domain, rng)
    if domain.field_amplitude:
        drawn |= draw_fields(n, domain, grid, rng)
    return drawn


def convergence_maps(parameters: dict[str, Tensor], grid: Grid, oversampling: int = 2) -> Tensor:
    """Return pixel-averaged convergence maps.

    Parameters
    ----------
    parameters : dict of tensor
        From `draw_convergence_parameters`, float32.
    grid : Grid
        In pixels of the image.
    oversampling : int, optional
        Points a side over which a pixel is averaged.

    Returns
    -------
    tensor
        Shape ``(n, ny, nx)``, float32.
    """
    kappa = 0.0
    # Each point of a pixel by itself: a mean over reshaped pixels is slower.
    steps = ((np.arange(oversampling) + 0.5) / oversampling - 0.5) * grid.pixel_scale
    for step_y in steps:
        for step_x in steps:
            kappa = kappa + _power_law(parameters, grid.x_axis + step_x, grid.y_axis + step_y)
    kappa = kappa / oversampling**2 + _subhalos(parameters, grid)
    if "population_theta_E" in parameters:
        kappa = kappa + _population(parameters, grid)
    return with_field(kappa, parameters)


def _power_law(parameters, x, y):
    """Return the convergence of the smooth lenses at the points of two axes."""

    def column(name):
        return parameters[name][:, None, None]

    x = ops.convert_to_tensor(x.astype("float32")[None, None]) - column("center_x")
    y = ops.convert_to_tensor(y.astype("float32")[None, :, None]) - column("center_y")
    cos, sin = ops.cos(column("axis_angle")), ops.sin(column("axis_angle"))
    x_major, y_minor = cos * x + sin * y, cos * y - sin * x
    q, gamma = column("q"), column("gamma")
    # Cosines and sines of multiples of the azimuth are polynomials of its own.
    inverse = ops.rsqrt(ops.square(x_major) + ops.square(y_minor) + 1e-12)
    cos1, sin1 = x_major * inverse, y_minor * inverse
    cos2, sin2 = 2 * ops.square(cos1) - 1, 2 * cos1 * sin1
    multiples = (
        (cos1 * cos2 - sin1 * sin2, sin1 * cos2 + cos1 * sin2),
        (2 * ops.square(cos2) - 1, 2 * cos2 * sin2),
    )
    wobble = 1.0
    for i, (cosine, sine) in enumerate(multiples):
        amplitude = parameters["a_m"][:, i, None, None]
        phase = parameters["phi_m"][:, i, None, None]
        wobble = wobble + cosine * (amplitude * ops.cos(phase))
        wobble = wobble + sine * (amplitude * ops.sin(phase))
    radius2 = (q * ops.square(x_major) + ops.square(y_minor) / q) * ops.square(wobble)
    radius2 = radius2 + ops.square(column("core"))
    # exp(log) is several times faster than a power on a CPU.
    logarithm = ops.log(column("theta_E") ** 2 / radius2)
    return 0.5 * (3 - gamma) * ops.exp(0.5 * (gamma - 1) * logarithm)


def _subhalos(parameters, grid):
    x = ops.convert_to_tensor(grid.x.astype("float32"))
    y = ops.convert_to_tensor(grid.y.astype("float32"))
    total = 0.0
    for i in range(parameters["subhalo_theta_E"].shape[1]):
        theta, x0, y0 = (
            parameters[name][:, i, None, None]
            for name in ("subhalo_theta_E", "subhalo_x", "subhalo_y")
        )
        r2 = ops.square(x - x0) + ops.square(y - y0)
        # Core of one pixel, truncation at ten times the subhalo's own Einstein radius.
        truncation = 10 * theta + 2 * grid.pixel_scale
        total = total + truncated_isothermal(r2, theta, grid.pixel_scale, truncation)
    return total


def _population(parameters, grid):
    # All at once: there may be a hundred.
    theta, truncation, x0, y0 = (
        parameters[f"population_{name}"][:, :, None, None]
        for name in ("theta_E", "truncation", "x", "y")
    )
    x = ops.convert_to_tensor(grid.x.astype("float32"))
    y = ops.convert_to_tensor(grid.y.astype("float32"))
    r2 = ops.square(x - x0) + ops.square(y - y0)
    # Pixels see no cusp smaller than half of one.
    core = 0.5 * grid.pixel_scale
    return ops.sum(truncated_isothermal(r2, theta, core, truncation + core), axis=1)
