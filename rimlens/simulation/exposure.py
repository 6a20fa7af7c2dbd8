"""Noise maps, masks and what lens-light subtraction leaves behind.

The ranges cover galaxy-scale lenses observed with HST after lens-light subtraction: a masked core,
an outer mask, satellites cut out, noise that rises towards the lens, noise correlated by
drizzling. Lengths are in pixels of the image.
"""

import numpy as np


def draw_masks(n, grid, theta_E, domain, rng):
    """Draw the pixels that count.

    Parameters
    ----------
    n : int
        How many.
    grid : Grid
        The image grid.
    theta_E : ndarray
        Einstein radii, shape ``(n,)``: the masks of the core and of the outskirts leave the
        ring alone, a satellite may hide part of it.
    domain : SimulationDomain
        The ranges to draw from.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray
        One where a pixel counts, zero where not; shape ``(n, ny, nx)``, float32.
    """
    half = grid.shape[0] / 2
    x, y = grid.x.astype("float32")[None], grid.y.astype("float32")[None]

    def column(values):
        return np.asarray(values, dtype="float32")[:, None, None]

    offset = rng.normal(0, 1.0, (2, n))
    radius2 = (x - column(offset[0])) ** 2 + (y - column(offset[1])) ** 2
    core = np.where(rng.random(n) < 0.93, rng.uniform(*domain.core_mask, n), 0.0)
    core = np.minimum(core, 0.6 * theta_E)
    smallest = np.minimum(1.35 * theta_E + 4, half)
    outer = np.where(rng.random(n) < 0.8, rng.uniform(smallest, 1.05 * half), 2 * half)
    counts = (radius2 > column(core) ** 2) & (radius2 < column(outer) ** 2)

    boxed = rng.random(n) < 0.35
    box = np.where(boxed, rng.uniform(np.minimum(1.5 * theta_E + 4, half), half), half)
    counts &= (np.abs(x) < column(box)) & (np.abs(y) < column(box))

    for _ in range(3):
        present = rng.random(n) < domain.satellite_fraction
        radius = np.where(present, rng.uniform(3, 13, n), 0.0)
        distance = rng.uniform(0.7, 2.5, n) * theta_E
        angle = rng.uniform(0, 2 * np.pi, n)
        dx, dy = x - column(distance * np.cos(angle)), y - column(distance * np.sin(angle))
        counts &= dx**2 + dy**2 > column(radius) ** 2
    return counts.astype("float32")


def noise_maps(images, weight, grid, domain, rng):
    """Draw noise maps for noiseless images.

    The variance is that of the background, of the light of the lens (which falls off
    exponentially) and of the lensed source; the peak signal-to-noise ratio is drawn log-uniformly.

    Parameters
    ----------
    images : ndarray
        Noiseless images, shape ``(n, ny, nx)``.
    weight : ndarray
        From `draw_masks`, same shape.
    grid : Grid
        The image grid.
    domain : SimulationDomain
        The ranges to draw from.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray
        Standard deviations, shape ``(n, ny, nx)``, float32.
    """
    n = len(images)
    low, high = domain.peak_signal_to_noise
    signal_to_noise = np.exp(rng.uniform(np.log(low), np.log(high), n))
    peak = np.max(images * weight, axis=(1, 2)) + 1e-6
    source_term = rng.uniform(0.0, 1.5, n)
    lens_term = rng.uniform(1.05, 3.5, n) ** 2 - 1
    scale = rng.uniform(8.0, 20.0, n)
    radius = grid.radius.astype("float32")
    lens_light = np.exp(-(radius[None] - 8) / scale[:, None, None])
    background = (peak / signal_to_noise) ** 2 / (1 + source_term)
    relative = np.clip(images, 0, None) / peak[:, None, None]
    variance = 1 + lens_term[:, None, None] * np.minimum(lens_light, 1.5)
    variance = variance + source_term[:, None, None] * relative
    return np.sqrt(background[:, None, None] * variance).astype("float32")


def draw_noise(sigma, grid, domain, rng):
    """Draw noise of given standard deviations, and the residual of the lens-light subtraction.

    Parameters
    ----------
    sigma : ndarray
        From `noise_maps`, shape ``(n, ny, nx)``.
    grid : Grid
        The image grid.
    domain : SimulationDomain
        The ranges to draw from.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray
        To be added to the noiseless images, shape ``(n, ny, nx)``, float32.
    """
    n = len(sigma)
    white = rng.standard_normal(sigma.shape, dtype="float32")
    # Drizzling mixes neighbours; the normalisation keeps the variance of each pixel.
    mixing = rng.uniform(0, domain.noise_mixing, n).astype("float32")[:, None, None]
    for axis in (1, 2):
        white = white + mixing * (np.roll(white, 1, axis) + np.roll(white, -1, axis))
        white /= np.sqrt(1 + 2 * mixing**2)

    amplitude = domain.lens_light_residual * rng.standard_normal((n, 3)).astype("float32")
    phase = rng.uniform(0, 2 * np.pi, (n, 3)).astype("float32")
    length = rng.uniform(5, 15, n).astype("float32")[:, None, None]
    azimuth = np.arctan2(grid.y, grid.x).astype("float32")
    pattern = np.zeros_like(white)
    for i, m in enumerate((0, 1, 2)):
        pattern += amplitude[:, i, None, None] * np.cos(m * azimuth - phase[:, i, None, None])
    pattern *= np.exp(-np.maximum(grid.radius.astype("float32") - 6, 0)[None] / length)
    sky = domain.sky_residual * rng.standard_normal(n).astype("float32")[:, None, None]
    return sigma * (white + pattern + sky)
