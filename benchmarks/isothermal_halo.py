"""An isothermal sphere of particles, whose convergence is known, and profiles of maps."""

import numpy as np

from rimlens.cosmology import critical_surface_density, kpc_per_arcsec
from rimlens.datasets.tng import Particles


def isothermal_halo(n, settings, theta_E, edge, rng):
    """Return particles, and their convergence as a function of the angle in arcsec.

    ``theta_E`` in arcsec is the Einstein radius of the sphere without an edge, ``edge`` its radius
    in kpc: M(r) = 2 theta_E Sigma_cr r.
    """
    scale = kpc_per_arcsec(settings.z_lens, settings.cosmology)
    critical = critical_surface_density(settings.z_lens, settings.z_source, settings.cosmology)
    direction = rng.normal(size=(n, 3))
    positions = direction * (edge * rng.random(n) / np.linalg.norm(direction, axis=1))[:, None]
    total = 2 * theta_E * scale * critical.value * edge

    def convergence(theta):
        theta = np.minimum(theta, edge / scale)
        return theta_E / (np.pi * theta) * np.arccos(theta * scale / edge)

    return Particles(positions, np.full(n, total / n)), convergence


def einstein_radius_of(convergence, largest):
    """Return where the mean of a convergence is one, by a sum over rings."""
    edges = np.linspace(0.0, largest, 20001)
    middle = 0.5 * (edges[1:] + edges[:-1])
    mass = np.cumsum(2 * np.pi * middle * convergence(middle) * np.diff(edges))
    return edges[1:][np.argmin(np.abs(mass / (np.pi * edges[1:] ** 2) - 1))]


def pixel_means(function, grid, oversampling=16):
    """Return the means over pixels of a function of the radius."""
    fine = function(grid.refined(oversampling).radius)
    ny, nx = grid.shape
    return fine.reshape(ny, oversampling, nx, oversampling).mean(axis=(1, 3))


def ring_means(values, grid, edges):
    """Return the means of a map over rings about the middle of the grid."""
    which = np.digitize(grid.radius, edges) - 1
    inside = (which >= 0) & (which < len(edges) - 1)
    count = np.bincount(which[inside], minlength=len(edges) - 1)
    return np.bincount(which[inside], values[inside], len(edges) - 1) / count
