"""Averages over blocks of pixels."""

import numpy as np
from astropy.nddata import block_reduce


def bin_pixels(data, sigma, mask, factor):
    """Return the means of blocks of pixels, their noise, and where they are masked.

    Rows and columns that fill no block are cut off on both sides.

    Parameters
    ----------
    data, sigma : ndarray
        Image and standard deviation, shape ``(ny, nx)``.
    mask : ndarray of bool
        True where a pixel is not used; a block with such a pixel is masked.
    factor : int
        Pixels a side of a block.

    Returns
    -------
    data, sigma, mask : ndarray
        Shape ``(ny // factor, nx // factor)``.
    center : tuple of float
        Where the middle of the blocks lies in the image, ``(x, y)`` in pixels.

    Examples
    --------
    >>> image = np.arange(12.0).reshape(3, 4)
    >>> data, sigma, mask, center = bin_pixels(image, np.ones((3, 4)), image > 6, 2)
    >>> data.round(2).tolist(), sigma[0, 0].item(), mask.tolist(), center
    ([[2.5, 3.67]], 0.5, [[False, True]], (1.5, 0.5))
    """
    shape = tuple(n // factor for n in data.shape)
    starts = tuple(n % factor // 2 for n in data.shape)
    window = tuple(slice(start, start + m * factor) for start, m in zip(starts, shape))
    used = ~mask[window]

    def total(values):
        return block_reduce(np.where(used, values[window], 0.0), factor)

    count = total(np.ones(data.shape))
    divisor = np.maximum(count, 1.0)
    y, x = (start + (m * factor - 1) / 2 for start, m in zip(starts, shape))
    noise = np.sqrt(total(sigma**2)) / divisor
    return total(data) / divisor, noise, count < factor**2, (x, y)
