"""A galaxy whose light is integrated on a fine grid, and arcs about it; no code of rimlens."""

import numpy as np
from astropy.modeling.models import Sersic2D
from scipy.signal import fftconvolve

SIZE = 71
CENTER = 35.3, 34.6
PSF_WIDTH = 1.1
ANGLE = 0.6
_FINE = 7


def psf():
    """Return a Gaussian stamp."""
    axis = np.arange(-8, 9)
    stamp = np.exp(-0.5 * (axis**2 + axis[:, None] ** 2) / PSF_WIDTH**2)
    return stamp / stamp.sum()


def sersic(radius=7.0, index=2.5, axis_ratio=0.75, brightness=20.0, convolved=True):
    """Return a Sersic galaxy at `CENTER`, mean over each pixel, convolved on the fine grid."""
    axis = (np.arange(SIZE * _FINE) + 0.5) / _FINE - 0.5
    profile = Sersic2D(brightness, radius, index, *CENTER, 1 - axis_ratio, ANGLE)
    # Sersic2D takes the major axis for the effective radius, rimlens the geometric mean.
    profile.r_eff = radius / np.sqrt(axis_ratio)
    fine = profile(*np.meshgrid(axis, axis))
    if convolved:
        kernel = np.exp(-0.5 * (np.arange(-8 * _FINE, 8 * _FINE + 1) / _FINE / PSF_WIDTH) ** 2)
        kernel = np.outer(kernel, kernel) / kernel.sum() ** 2
        fine = fftconvolve(fine, kernel, mode="same")
    return fine.reshape(SIZE, _FINE, SIZE, _FINE).mean(axis=(1, 3))


def arcs(radius=18.0, offset=4.0, peak=12.0):
    """Return the image of an exponential source behind a singular isothermal sphere."""
    y, x = np.indices((SIZE, SIZE), dtype=float)
    x, y = x - CENTER[0], y - CENTER[1]
    shrink = 1 - radius / np.hypot(x, y)
    light = np.exp(-np.hypot(shrink * x - offset, shrink * y - 0.5 * offset) / 1.5)
    light = fftconvolve(light, psf(), mode="same")
    return peak * light / light.max()


def noise(seed=0):
    """Return normal deviates."""
    return np.random.default_rng(seed).normal(size=(SIZE, SIZE))
