"""Frames whose sky, light and noise are known."""

import numpy as np
from astropy.nddata import CCDData

from observation.mock_exposure import rotated_wcs

RATE = "electron / s"


def galaxy(shape, peak, radius, center=None):
    """Return a de Vaucouleurs-like galaxy with a bright core and wide wings."""
    y, x = np.indices(shape)
    cy, cx = ((n - 1) / 2 for n in shape) if center is None else center
    r = np.hypot(1.2 * (y - cy), x - cx) / radius
    return peak * np.exp(-3.0 * (np.sqrt(r**2 + 0.05) ** 0.5))


def counted(rate, time, seed=5, read_noise=0.0):
    """Return an image of photons counted during a time, as a rate."""
    rng = np.random.default_rng(seed)
    electrons = rng.poisson(rate * time) + rng.normal(0.0, read_noise or 1e-9, rate.shape)
    return electrons / time


def frame(data, **meta):
    return CCDData(data, unit=RATE, wcs=rotated_wcs(data.shape), meta=meta)
