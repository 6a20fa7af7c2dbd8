"""What the likelihood needs of an image, in the box where lensed light can be."""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

from rimlens.imaging import Grid
from rimlens.posterior.foreground import Foreground
from rimlens.posterior.source_field import ENDS

# Pixels beyond the rays that hit the source within which a point-spread function spreads light.
MARGIN = 8
# The correlation of noise is looked for up to so many pixels away, in at least so many pixels.
REACH = 2
FEWEST_PIXELS = 300


class Exposure:
    """An image, its noise and its point-spread function.

    Parameters
    ----------
    image, sigma, weight : ndarray
        In units of the robust peak; `weight` is 1 where a pixel counts.  Shape ``(ny, nx)``.
    psf : ndarray
        Of odd size, sum 1.
    light : ndarray, optional
        Changes of one standard deviation that the light of the lens galaxy, which the image is
        without, may need: from `light_changes`, shape ``(k, ny, nx)``.
    """

    def __init__(self, image, sigma, weight, psf, light=()):
        self.image = np.asarray(image, dtype=float)
        self.sigma = np.asarray(sigma, dtype=float)
        self.used = np.asarray(weight) > 0
        self.per_noise = np.where(self.used, 1.0 / self.sigma, 0.0)
        self.psf = np.asarray(psf, dtype="float32")
        self.grid = Grid(self.image.shape)
        of_light = [change * self.per_noise for change in light]
        self.foreground = Foreground(self.grid, self.used, of_light)

    @property
    def signal_to_noise(self):
        """That of the brightest pixel."""
        return float(np.max(self.image * self.per_noise))

    def residual(self, model):
        """Return what a model and the most likely foreground leave, in units of the noise.

        Parameters
        ----------
        model : ndarray
            The image of the source, shape ``(ny, nx)``.

        Returns
        -------
        ndarray
            Shape ``(ny, nx)``; zero where no pixel counts.
        """
        residual = (self.image - model) * self.per_noise
        return residual - self.foreground.estimate(residual)

    def foreground_of(self, model):
        """Return the most likely foreground beside a model, in the unit of the image."""
        found = self.foreground.estimate((self.image - model) * self.per_noise)
        return np.where(self.used, found * np.where(self.used, self.sigma, 0.0), 0.0)

    def trace(self, lens, u):
        """Return the source positions of the pixels behind a lens, two of shape ``(ny, nx)``."""
        alpha_x, alpha_y = lens.deflection(u)
        return self.grid.x - alpha_x, self.grid.y - alpha_y

    def noise_correlation(self, model):
        """Return the factor by which smooth noise is more than that of independent pixels.

        It is the sum of the autocorrelation of the empty sky, which is the variance of a mean over
        many pixels in units of that of independent ones.

        Parameters
        ----------
        model : ndarray
            Where it is bright the sky is not empty.

        Returns
        -------
        float
            From 1 to 4; 1 where hardly any sky is left.
        """
        empty = ndimage.gaussian_filter(model, 1.0) < 0.3 * self.sigma
        empty = ndimage.binary_erosion(empty, iterations=2) & self.used
        if empty.sum() < FEWEST_PIXELS:
            return 1.0
        # A cosmic ray or a neighbor would decide alone.
        residual = np.where(empty, np.clip(self.image * self.per_noise, -4.0, 4.0), 0.0)
        sky = residual - Foreground(self.grid, empty).estimate(residual)
        total = 0.0
        for dy in range(-REACH, REACH + 1):
            for dx in range(-REACH, REACH + 1):
                pairs = empty & np.roll(empty, (dy, dx), (0, 1))
                total += np.mean((sky * np.roll(sky, (dy, dx), (0, 1)))[pairs])
        return float(np.clip(total / np.mean(sky[empty] ** 2), 1.0, 4.0))

    def box(self, x, y, frame):
        """Return the slices of the image that light from a frame of the source reaches."""
        hit = frame.distance(x, y) < ENDS
        slices = []
        for axis, n in zip((1, 0), hit.shape):
            along = np.flatnonzero(hit.any(axis=axis))
            margin = min(self.psf.shape[0] // 2, MARGIN)
            first, last = (along[0], along[-1]) if along.size else (0, n - 1)
            slices.append(slice(max(0, first - margin), min(n, last + 1 + margin)))
        return tuple(slices)


class Blur:
    """Convolution with a point-spread function in a box of an image, and its transpose.

    Parameters
    ----------
    psf : ndarray
        Of odd size, float32.
    shape : tuple of int
        Of the box.
    """

    def __init__(self, psf, shape):
        self._shape, self._reach = shape, psf.shape[0] // 2
        # What wraps around from beyond one reach falls into the rows and columns cut off.
        self._padded = tuple(fft.next_fast_len(n + self._reach, real=True) for n in shape)
        self._transform = fft.rfft2(psf, self._padded)
        self._turned = fft.rfft2(np.ascontiguousarray(psf[::-1, ::-1]), self._padded)

    def __call__(self, images):
        """Return the blurred images, shape ``(..., ny, nx)``."""
        return self._product(images, self._transform)

    def transposed(self, images):
        """Return the transposed operator's images."""
        return self._product(images, self._turned)

    def _product(self, images, transform):
        spread = fft.rfft2(images.astype("float32", copy=False), self._padded)
        spread *= transform
        found = fft.irfft2(spread, self._padded)
        rows, columns = (slice(self._reach, self._reach + n) for n in self._shape)
        return found[..., rows, columns]
