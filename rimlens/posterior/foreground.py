r"""The light that the subtraction of the lens galaxy and of the sky leaves in an image.

It is fainter than the noise of a pixel, but over the hundreds of pixels of an arc it is not, and a
source that is free to have any shape would explain it.  So the noise has the covariance

.. math::
    N = \Sigma (1 + P^T P) \Sigma

with the standard deviations :math:`\Sigma` of the pixels and a few smooth patterns :math:`P`: of
no, one and two lobes around the lens, which fall off exponentially beyond its core, and a
constant.  The same patterns are in the simulations that the networks learn from.  Where the light
of the lens galaxy is inferred together with lens and source, what it may be beside its first fit
is among them: see `light_changes`.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg

# Standard deviations, in units of the noise of a pixel: of a pattern of lobes, of the constant.
LOBES, CONSTANT = 0.28, 0.06
# Lengths of the fall beyond the core, and the radius of the core, in pixels of the image.
LENGTHS = (5.0, 9.0, 15.0)
CORE = 6.0
# Standard deviations of what the fit of the lens galaxy's light leaves open: of every component's
# amplitude, in units of it, of the place in pixels, and of angle and ellipticity.
AMPLITUDE, PLACE, SHAPE = 1.0, 0.1, 0.02


def light_changes(components, grid):
    """Return what the light of a lens galaxy may be beside its fit, to first order.

    Parameters
    ----------
    components : ndarray
        Its parts, which add up to it, shape ``(k, ny, nx)``.
    grid : Grid
        Of the image; the galaxy is in the middle.

    Returns
    -------
    ndarray
        Changes of one standard deviation: of every amplitude, and of place, angle and ellipticity
        of the whole, shape ``(k + 5, ny, nx)``, in the unit of the components.
    """
    light = np.sum(components, axis=0)
    of_y, of_x = np.gradient(light, grid.pixel_scale)
    x, y = grid.x, grid.y
    shapes = [x * of_y - y * of_x, x * of_x - y * of_y, x * of_y + y * of_x]
    return np.stack(
        [
            *(AMPLITUDE * component for component in components),
            PLACE * of_x,
            PLACE * of_y,
            *(SHAPE * shape for shape in shapes),
        ]
    )


class Foreground:
    """Patterns of light that is neither of the source nor noise of single pixels.

    Parameters
    ----------
    grid : Grid
        Of the image; the lens is in the middle.
    used : ndarray of bool
        The pixels that count, shape ``(ny, nx)``.
    light : ndarray, optional
        Further patterns of one standard deviation, in units of the noise, shape ``(k, ny, nx)``.
    """

    def __init__(self, grid, used, light=()):
        angle = np.arctan2(grid.y, grid.x)
        lobes = [np.ones(grid.shape)]
        for multiple in (1, 2):
            lobes += [np.cos(multiple * angle), np.sin(multiple * angle)]
        beyond = np.maximum(grid.radius - CORE, 0.0)
        falls = [np.exp(-beyond / length) for length in LENGTHS]
        deviation = LOBES / np.sqrt(len(LENGTHS))
        patterns = [deviation * lobe * fall for lobe in lobes for fall in falls]
        self.patterns = np.stack([*patterns, CONSTANT * np.ones(grid.shape), *light]) * used
        flat = self.patterns.reshape(len(self.patterns), -1)
        triangle = np.linalg.cholesky(np.eye(len(flat)) + flat @ flat.T)
        # The root of the inverse turns the correction of a scalar product into a scalar product.
        # Light of a galaxy is thousands of times the noise: the inverse itself would be inexact.
        self._root = scipy.linalg.solve_triangular(triangle, np.eye(len(flat)), lower=True).T

    def estimate(self, residual):
        """Return the most likely foreground of a residual, both in units of the noise.

        Parameters
        ----------
        residual : ndarray
            Shape ``(ny, nx)``, zero where no pixel counts.

        Returns
        -------
        ndarray
            Shape ``(ny, nx)``.
        """
        strengths = self._root @ (self._root.T @ np.tensordot(self.patterns, residual, 2))
        return np.tensordot(strengths, self.patterns, 1)

    def without(self, images, box):
        """Return images, in units of the noise, times the inverse covariance, in a box of them.

        Parameters
        ----------
        images : ndarray
            Zero beyond the box, flattened: shape ``(n, pixels)``.
        box : tuple of slice
            The box.

        Returns
        -------
        ndarray
            Shape ``(n, pixels)``.
        """
        roots = self._roots(box)
        return images - (images @ roots.T) @ roots

    def gram(self, images, box):
        """Return the scalar products of images under the inverse covariance, shape ``(n, n)``."""
        seen = images @ self._roots(box).T
        return images @ images.T - seen @ seen.T

    def _roots(self, box):
        patterns = self.patterns[:, *box]
        return self._root.T @ patterns.reshape(len(patterns), -1)
