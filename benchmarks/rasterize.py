"""The maps of an isothermal halo of a million particles: time, memory, and what comes of it.

Call it as ``python benchmarks/rasterize.py [PARTICLES]``.
"""

import resource
import sys
import time

import numpy as np
from isothermal_halo import einstein_radius_of, isothermal_halo, pixel_means, ring_means

from rimlens.cosmology import critical_surface_density, kpc_per_arcsec
from rimlens.datasets.tng import MapSettings, Particles, convergence_maps
from rimlens.imaging import Grid
from rimlens.maps.einstein import einstein_radius

THETA_E = 1.5  # arcsec, of the sphere without an edge
EDGE = 300.0  # kpc


def main(n):
    """Print time, memory and errors."""
    settings = MapSettings(cosmology="Planck18")
    scale = kpc_per_arcsec(settings.z_lens, settings.cosmology)
    critical = critical_surface_density(settings.z_lens, settings.z_source, settings.cosmology)
    particles, convergence = isothermal_halo(n, settings, THETA_E, EDGE, np.random.default_rng(1))
    few = Particles(particles.positions[:1000], particles.masses[:1000])
    convergence_maps(few, settings)  # imports what the first call imports
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    maps = convergence_maps(particles, settings)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    cores = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{n} particles to three maps of {settings.pixels} x {settings.pixels} pixels")
    print(f"time         {seconds:.1f} s (at most 30), {cores:.1f} s on all cores together")
    print(f"peak memory  {after.ru_maxrss / 1e6:.2f} GB (at most 2)")

    half = settings.grid.pixel_scale * settings.pixels / 2
    truth = einstein_radius_of(convergence, 2 * THETA_E)
    for kappa, name, axes in zip(maps, settings.projections, ((1, 2), (2, 0), (0, 1))):
        inside = np.all(np.abs(particles.positions[:, axes]) < half, axis=1)
        mass = kappa.sum(dtype=float) * critical.value * settings.grid.pixel_scale**2
        error = mass / particles.masses[inside].sum() - 1
        radius = einstein_radius(kappa, settings.pixel_scale.value) / truth - 1
        print(f"along {name}      mass in the field {error:+.1e} (1e-3), ", end="")
        print(f"Einstein radius {100 * radius:+.2f} % (1 %)")

    pixels = Grid(settings.grid.shape, settings.grid.pixel_scale / scale)
    edges = THETA_E * np.geomspace(0.1, 2.0, 8)
    expected = ring_means(pixel_means(convergence, pixels), pixels, edges)
    errors = np.array([ring_means(kappa, pixels, edges) for kappa in maps]) / expected - 1
    for i in range(len(edges) - 1):
        low, high = edges[i : i + 2] / THETA_E
        three = " ".join(f"{100 * e:+5.2f}" for e in errors[:, i])
        mean = 100 * errors[:, i].mean()
        print(f"profile      {low:.2f} to {high:.2f} Einstein radii {three}", end="")
        print(f", mean {mean:+.2f} % (3 %)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
