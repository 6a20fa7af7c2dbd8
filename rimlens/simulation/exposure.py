"""Noise maps, masks and what lens-light subtraction leaves behind.

The ranges cover galaxy-scale lenses observed with HST after lens-light subtraction: a masked core,
an outer mask, satellites cut out, noise that rises towards the lens, noise correlated by
drizzling. Lengths are in pixels of the image.
"""

from functools import lru_cache

import numpy as np


def draw_masks(n, grid, theta_E, domain, rng, center=None):
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
    center : ndarray, optional
        Of the lenses, shape ``(n, 2)``; by default the middle of the image.

    Returns
    -------
    ndarray
        One where a pixel counts, zero where not; shape ``(n, ny, nx)``, float32.
    """
    half = grid.shape[0] / 2
    x, y = grid.x_axis.astype("float32"), grid.y_axis.astype("float32")

    def squares(axis, center):
        return np.square(axis - np.asarray(center, "float32")[:, None])

    def radii2(center_x, center_y):
        return squares(y, center_y)[:, :, None] + squares(x, center_x)[:, None]

    def squared(values):
        return np.square(np.asarray(values, "float32"))[:, None, None]

    lens = np.zeros((2, n)) if center is None else np.transpose(center)
    offset = lens + rng.normal(0, 1.0, (2, n))
    masked = rng.random(n) < domain.core_mask_fraction
    core = np.where(masked, rng.uniform(*domain.core_mask, n), 0.0)
    core = np.minimum(core, 0.6 * theta_E)
    smallest = np.minimum(1.35 * theta_E + 4, half)
    smallest_box = np.minimum(1.5 * theta_E + 4 + np.abs(lens).max(axis=0), half)
    outer = np.where(rng.random(n) < 0.8, rng.uniform(smallest, 1.05 * half), 2 * half)
    radius2 = radii2(*offset)
    counts = (radius2 > squared(core)) & (radius2 < squared(outer))

    boxed = rng.random(n) < 0.35
    box = np.where(boxed, rng.uniform(smallest_box, half), half)
    box = box.astype("float32")[:, None]
    counts &= (np.abs(y) < box)[:, :, None] & (np.abs(x) < box)[:, None]

    for _ in range(3):
        present = rng.random(n) < domain.satellite_fraction
        radius = rng.uniform(3, 13, n)
        distance = rng.uniform(0.7, 2.5, n) * theta_E
        angle = rng.uniform(0, 2 * np.pi, n)
        # Few are there.
        center_x, center_y = lens + distance * np.stack([np.cos(angle), np.sin(angle)])
        away = radii2(center_x[present], center_y[present]) > squared(radius[present])
        counts[present] &= away
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
    background = (peak / signal_to_noise) ** 2 / (1 + source_term)

    def column(values):
        return values.astype("float32")[:, None, None]

    variance = np.exp((8 - grid.radius.astype("float32")) / column(scale))
    np.minimum(variance, 1.5, out=variance)
    variance *= column(lens_term)
    variance += 1
    variance += column(source_term / peak) * np.clip(images, 0, None)
    variance *= column(background)
    return np.sqrt(variance, out=variance)


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
    n, shape = len(sigma), sigma.shape[1:]
    noise = rng.standard_normal(sigma.shape, dtype="float32")
    # Drizzling mixes neighbors; the normalization keeps the variance of each pixel.
    mixing = rng.uniform(0, domain.noise_mixing, n).astype("float32")[:, None, None]
    if domain.noise_mixing:
        for axis in (1, 2):
            neighbors = np.roll(noise, 1, axis)
            neighbors += np.roll(noise, -1, axis)
            neighbors *= mixing
            noise += neighbors
        noise /= 1 + 2 * mixing**2

    amplitude = domain.lens_light_residual * rng.standard_normal((n, 3)).astype("float32")
    phase = rng.uniform(0, 2 * np.pi, (n, 3)).astype("float32")
    length = rng.uniform(5, 15, n).astype("float32")[:, None, None]
    # Patterns of one, two and no lobes: cos(m azimuth - phase) as a sum of fixed maps.
    weights = np.concatenate([amplitude * np.cos(phase), amplitude * np.sin(phase)], axis=1)
    pattern = (weights @ _lobes(grid)).reshape(n, *shape)
    pattern *= np.exp(-_beyond_the_core(grid) / length)
    noise += pattern
    noise += domain.sky_residual * rng.standard_normal(n).astype("float32")[:, None, None]
    noise *= sigma
    return noise


@lru_cache(maxsize=4)
def _lobes(grid):
    """Return the cosines and sines of 0, 1 and 2 times the azimuth, shape ``(6, ny nx)``."""
    multiples = np.arange(3)[:, None] * np.arctan2(grid.y, grid.x).ravel()
    return np.concatenate([np.cos(multiples), np.sin(multiples)]).astype("float32")


@lru_cache(maxsize=4)
def _beyond_the_core(grid):
    return np.maximum(grid.radius.astype("float32") - 6, 0)
