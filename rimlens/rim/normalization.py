"""Bringing an image to the scale that the network was trained on."""

import numpy as np

PERCENTILE = 99.5
FLOOR = 2.0


def robust_peak(image, sigma, weight):
    """Return the brightness that serves as unit: a high percentile, at least twice the noise.

    Parameters
    ----------
    image, sigma, weight : ndarray
        Shape ``(batch, ny, nx)``; `weight` is one where a pixel counts.

    Returns
    -------
    ndarray
        Shape ``(batch,)``, in the image's unit.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones((1, 4, 4))
    >>> robust_peak(5 * one, one, one).tolist()
    [5.0]
    """
    counts = weight > 0
    peak = [np.percentile(i[c], PERCENTILE) for i, c in zip(image, counts)]
    noise = [np.median(s[c]) for s, c in zip(sigma, counts)]
    return np.maximum(peak, FLOOR * np.array(noise))


def normalized(image, sigma, weight):
    """Return image and noise in units of the robust peak, masked pixels neutral.

    Parameters
    ----------
    image, sigma, weight : ndarray
        Shape ``(batch, ny, nx)``.

    Returns
    -------
    image, sigma : ndarray
        float32; where a pixel does not count the image is 0 and the noise the median.
    peak : ndarray
        The unit, shape ``(batch,)``.
    """
    peak = robust_peak(image, sigma, weight)
    unit = peak[:, None, None]
    counts = weight > 0
    noise = np.array([np.median(s[c]) for s, c in zip(sigma, counts)])[:, None, None]
    image = np.where(counts, image, 0.0) / unit
    sigma = np.where(counts, sigma, noise) / unit
    return image.astype("float32"), sigma.astype("float32"), peak
