"""Clumpy star-forming galaxies: the sources.

A galaxy is a Sersic bulge, an exponential disc with spiral arms, star-forming clumps and,
sometimes, a companion and dust lanes.  Sersic (1968); the constant b(n) is that of Ciotti & Bertin
1999, A&A 352, 447.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from keras import ops

from rimlens.generators.dust import draw_dust, transmission
from rimlens.typing import Tensor

if TYPE_CHECKING:
    from rimlens.generators.domain import SimulationDomain
    from rimlens.imaging.grid import Grid

CLUMPS = 6


def draw_galaxy_parameters(
    n: int, domain: SimulationDomain, theta_E: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Draw the parameters of `n` galaxies.

    Parameters
    ----------
    n : int
        How many.
    domain : SimulationDomain
        The ranges to draw from; lengths are in pixels of the image.
    theta_E : ndarray
        Einstein radii of the lenses in front, shape ``(n,)``: a source lies where it is lensed
        strongly.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    dict of ndarray
        Parameters of every component, shape ``(n, components)``, of the spiral arms and of dust.
    """
    low, high = domain.source_radius
    size = np.exp(rng.uniform(np.log(low), np.log(high), n))
    offset = theta_E * domain.source_offset * np.sqrt(rng.random(n))
    angle = rng.uniform(0, 2 * np.pi, n)
    x0, y0 = offset * np.cos(angle), offset * np.sin(angle)
    q_disc = rng.uniform(0.25, 1.0, n)
    disc_angle = rng.uniform(0, np.pi, n)

    bulge_size = size * rng.uniform(0.1, 0.6, n)
    bulge_flux = np.where(rng.random(n) < 0.7, rng.uniform(0.05, 1.0, n), 0.0)
    disc_flux = np.where(rng.random(n) < 0.85, rng.uniform(0.2, 1.0, n), 0.05)

    clumped = rng.random(n) < 0.6
    clump_flux = rng.exponential(0.12, (n, CLUMPS)) * clumped[:, None]
    clump_size = np.maximum(
        size[:, None] * rng.uniform(0.08, 0.35, (n, CLUMPS)), domain.smallest_radius
    )
    clump_r = size[:, None] * rng.gamma(2.0, 0.6, (n, CLUMPS))
    clump_angle = rng.uniform(0, 2 * np.pi, (n, CLUMPS))
    major, minor = clump_r * np.cos(clump_angle), clump_r * np.sin(clump_angle) * q_disc[:, None]
    # The last clump becomes a companion galaxy in one draw of five.
    companion = rng.random(n) < 0.2
    clump_size[:, -1] = np.where(companion, size * rng.uniform(0.3, 1.0, n), clump_size[:, -1])
    clump_flux[:, -1] = np.where(companion, rng.uniform(0.1, 0.7, n), clump_flux[:, -1])
    major[:, -1] *= np.where(companion, 2.5, 1.0)
    minor[:, -1] *= np.where(companion, 2.5, 1.0)
    cos, sin = np.cos(disc_angle)[:, None], np.sin(disc_angle)[:, None]

    def components(bulge, disc, clumps):
        return np.concatenate([bulge[:, None], disc[:, None], clumps], axis=1)

    ones = np.ones((n, CLUMPS))
    drawn = {
        "flux": components(bulge_flux, disc_flux, clump_flux),
        "theta_eff": components(np.maximum(bulge_size, domain.smallest_radius), size, clump_size),
        "n": components(rng.uniform(1.0, 4.0, n), rng.uniform(0.6, 1.4, n), 0.7 * ones),
        "q": components(rng.uniform(0.5, 1.0, n), q_disc, rng.uniform(0.6, 1.0, (n, CLUMPS))),
        "axis_angle": components(disc_angle, disc_angle, rng.uniform(0, np.pi, (n, CLUMPS))),
        "center_x": components(x0, x0, x0[:, None] + cos * major - sin * minor),
        "center_y": components(y0, y0, y0[:, None] + sin * major + cos * minor),
        "arm_amplitude": np.where(rng.random(n) < 0.4, rng.uniform(0.2, 0.9, n), 0.0),
        "arm_number": rng.integers(1, 4, n).astype(float),
        "arm_pitch": rng.uniform(1.5, 5.0, n) * rng.choice([-1, 1], n),
        "arm_phase": rng.uniform(0, 2 * np.pi, n),
    }
    # A domain without dust takes no random numbers for it.
    return drawn | (draw_dust(n, domain, rng) if domain.dust_fraction else {})


def galaxy_images(parameters: dict[str, Tensor], grid: Grid) -> Tensor:
    """Return surface-brightness maps with a peak of one.

    Parameters
    ----------
    parameters : dict of tensor
        From `draw_galaxy_parameters`, float32.
    grid : Grid
        In pixels of the image.

    Returns
    -------
    tensor
        Shape ``(n, ny, nx)``, float32.
    """
    x = ops.convert_to_tensor(grid.x_axis.astype("float32")[None, None])
    y = ops.convert_to_tensor(grid.y_axis.astype("float32")[None, :, None])
    total = 0.0
    for i in range(parameters["flux"].shape[1]):
        value = {
            name: parameters[name][:, i, None, None]
            for name in ("flux", "theta_eff", "n", "q", "axis_angle", "center_x", "center_y")
        }
        dx, dy = x - value["center_x"], y - value["center_y"]
        cos, sin = ops.cos(value["axis_angle"]), ops.sin(value["axis_angle"])
        q, n = value["q"], value["n"]
        # A quadratic form, whose squares are of rows and columns alone.
        size2 = ops.square(value["theta_eff"])
        along_x = (q * ops.square(cos) + ops.square(sin) / q) / size2 * ops.square(dx)
        along_y = (q * ops.square(sin) + ops.square(cos) / q) / size2 * ops.square(dy)
        radius2 = (2 * (q - 1 / q) * cos * sin / size2 * dy) * dx + (along_x + along_y)
        b = 2 * n - 1 / 3 + 4 / (405 * n)
        # exp(log) is several times faster than a power on a CPU; rounding must not make a
        # radius negative.
        radius2 = ops.maximum(radius2, 0.0)
        profile = ops.exp(-b * ops.exp(0.5 / n * ops.log(radius2 + 1e-4)))
        if i == 1:
            arm = {
                name: parameters[f"arm_{name}"][:, None, None]
                for name in ("amplitude", "number", "pitch", "phase")
            }
            major, minor = cos * dx + sin * dy, cos * dy - sin * dx
            azimuth = ops.arctan2(minor / q, major)
            winding = 0.5 * arm["pitch"] * ops.log(radius2 + 0.01)
            phase = arm["number"] * azimuth - winding - arm["phase"]
            profile = profile * (1 + arm["amplitude"] * ops.cos(phase))
        peak = value["flux"] / value["theta_eff"] ** 2 * b
        total = total + peak * profile
    if "dust_depth" in parameters:
        total = total * transmission(parameters, x, y)
    # One part in ten thousand keeps an empty map from dividing by zero.
    return total / (ops.max(total, axis=(1, 2), keepdims=True) + 1e-4)
