r"""Noise of drizzled images: correlated between neighboring pixels, the same everywhere.

It has a variance :math:`\sigma^2`, which a catalog knows, and a correlation :math:`\rho` of two
pixels by their separation, which is measured in the empty parts of its images.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from rimlens.errors import InputError

if TYPE_CHECKING:
    from rimlens.datasets.cosmos.catalog import RealGalaxy

# Drizzling correlates pixels so far apart; what is left farther out is faint light.
_REACH = 3
# Pixels nearer than this to something seen, and images with fewer empty ones, are not used.
_MARGIN = 4
_LEAST_EMPTY = 100


def noise_correlation(galaxies: Iterable[RealGalaxy]) -> np.ndarray:
    r"""Measure the correlation of noise between pixels, on the empty parts of images.

    .. math::
        \rho(\Delta) = \frac{\sum n(\theta) \, n(\theta + \Delta) / \sigma^2}
            {\sum m(\theta) \, m(\theta + \Delta)} - f

    over the pixels :math:`m` where nothing is seen, divided by its value at zero; :math:`f`, the
    mean at the largest separations, is light too faint to be seen.

    Parameters
    ----------
    galaxies : iterable of RealGalaxy
        A hundred give it to about a per cent.

    Returns
    -------
    ndarray
        Shape ``(7, 7)``, one in the middle, symmetric.

    Raises
    ------
    InputError
        If hardly a pixel is empty.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.datasets.cosmos import RealGalaxy, noise_correlation
    >>> rng = np.random.default_rng(1)
    >>> psf = np.ones((3, 3)) / 9
    >>> white = [RealGalaxy(i, rng.normal(size=(64, 64)), psf, 0.03, 0.0, 1.0) for i in range(9)]
    >>> rho = noise_correlation(white)
    >>> float(rho[3, 3]), bool(abs(rho[3, 4]) < 0.03)
    (1.0, True)
    """
    reach = _REACH + 2
    products = np.zeros((2 * reach + 1, 2 * reach + 1))
    pairs = np.zeros_like(products)
    for galaxy in galaxies:
        image = (galaxy.image - galaxy.noise_mean) / np.sqrt(galaxy.noise_variance)
        # Noise that is correlated seldom passes five of its deviations after such smoothing.
        seen = ndimage.gaussian_filter(image, 1.5) > 1.2
        empty = ~ndimage.binary_dilation(seen, iterations=_MARGIN)
        if empty.sum() >= _LEAST_EMPTY:
            products += _autocorrelation(np.where(empty, image, 0.0), reach)
            pairs += _autocorrelation(empty.astype(float), reach)
    if pairs[reach, reach] < 10 * _LEAST_EMPTY:
        raise InputError(
            f"galaxies: images with at least {10 * _LEAST_EMPTY} empty pixels are wanted to "
            f"measure the correlation of noise, found {pairs[reach, reach]:.0f}"
        )
    correlation = products / pairs
    border = np.ones_like(correlation, dtype=bool)
    border[1:-1, 1:-1] = False
    correlation -= correlation[border].mean()
    correlation = correlation[2:-2, 2:-2]
    return correlation / correlation[_REACH, _REACH]


def filtered_deviation(kernels: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    r"""Return the standard deviation of filtered noise, in units of that of a pixel.

    .. math::
        \sigma_w^2 / \sigma^2 =
            \sum_\Delta \rho(\Delta) \sum_\theta w(\theta) \, w(\theta + \Delta)

    Parameters
    ----------
    kernels : ndarray
        Filters :math:`w`, shape ``(..., n, n)``.
    correlation : ndarray
        :math:`\rho`, odd sides, no longer than n.

    Returns
    -------
    ndarray
        Shape ``(...)``.

    Examples
    --------
    >>> import numpy as np
    >>> mean_of_four = np.array([[0.25, 0.25, 0.0], [0.25, 0.25, 0.0], [0.0, 0.0, 0.0]])
    >>> float(filtered_deviation(mean_of_four, np.array([[1.0]])))
    0.5
    """
    found = _autocorrelation(kernels, len(correlation) // 2)
    return np.sqrt((found * correlation).sum(axis=(-2, -1)))


def correlated_noise(
    shape: tuple[int, ...], correlation: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw noise of unit variance.

    Parameters
    ----------
    shape : tuple of int
        ``(ny, nx)``.
    correlation : ndarray
        Of two pixels by their separation, odd sides.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray
        Shape ``(ny, nx)``.

    Examples
    --------
    >>> import numpy as np
    >>> correlated_noise((2, 3), np.array([[1.0]]), np.random.default_rng(1)).shape
    (2, 3)
    """
    reach = len(correlation) // 2
    padded = [n + 2 * reach + 1 for n in shape]
    covariance = np.zeros(padded)
    covariance[: 2 * reach + 1, : 2 * reach + 1] = correlation
    power = np.fft.rfft2(np.roll(covariance, (-reach, -reach), axis=(0, 1))).real
    # A measured correlation may have a little negative power.
    white = np.fft.rfft2(rng.standard_normal(padded))
    noise = np.fft.irfft2(white * np.sqrt(np.maximum(power, 0.0)), padded)
    return noise[: shape[0], : shape[1]]


def _autocorrelation(values, reach):
    """Return sums of products of values up to `reach` pixels apart, zero in the middle."""
    padded = [n + reach for n in values.shape[-2:]]
    power = np.abs(np.fft.rfft2(values, padded)) ** 2
    found = np.roll(np.fft.irfft2(power, padded), (reach, reach), axis=(-2, -1))
    return found[..., : 2 * reach + 1, : 2 * reach + 1]
