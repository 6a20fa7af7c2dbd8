"""Where light stands out from a model of the lens galaxy: arcs, satellites, neighbors."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

# Light is looked for at the scale of a Gaussian of so many pixels.
_WIDTH = 1.5
# It begins where it is so significant, and reaches as far as it is so significant, ...
_SEED, _REACH = 4.0, 1.2
# ... and so many pixels farther, for its faint outskirts.
_MARGIN = 2
# By so much of itself may the model be wrong, beside the noise, without being called an arc.
MODEL_ERROR = 0.06


def excess_light(
    residual: np.ndarray, sigma: np.ndarray, model: np.ndarray, good: np.ndarray, core: np.ndarray
) -> np.ndarray:
    """Return where an image is significantly brighter than a model.

    The residual in units of its error is smoothed; what is significant in the smoothed image is
    taken together with all that hangs together with it at a lower significance.  Noise that is
    correlated from pixel to pixel, as in drizzled images, is more than white noise after the
    smoothing: the scale is measured on the lower half of the smoothed values.

    Parameters
    ----------
    residual, sigma, model : ndarray
        Image minus model, noise, and light of the model without the sky, shape ``(ny, nx)``.
    good : ndarray of bool
        Pixels that have data.
    core : ndarray of bool
        Pixels of the galaxy's core, in which no arcs are looked for.

    Returns
    -------
    ndarray of bool

    Examples
    --------
    >>> import numpy as np
    >>> residual = np.zeros((30, 30))
    >>> residual[10:14, 20:24] = 5.0
    >>> one, none = np.ones((30, 30)), np.zeros((30, 30))
    >>> found = excess_light(residual, one, none, one > 0, none > 0)
    >>> bool(found[10:14, 20:24].all()), bool(found[:, :15].any())
    (True, False)
    """
    error = np.hypot(sigma, MODEL_ERROR * model)
    scaled = np.where(good, residual / error, 0.0)
    # The variance of white noise falls to 1 / (4 pi width^2).
    smooth = ndimage.gaussian_filter(scaled, _WIDTH) * np.sqrt(4 * np.pi) * _WIDTH
    outside = smooth[good & ~core]
    scale = max(1.0, float(np.subtract(*np.percentile(outside, [50, 16])))) if outside.size else 1
    seeds = (smooth > _SEED * scale) & ~core
    found = ndimage.binary_propagation(seeds, mask=(smooth > _REACH * scale) & ~core)
    return ndimage.binary_dilation(found, iterations=_MARGIN) & ~core
