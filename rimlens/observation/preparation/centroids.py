"""The centroid of a core under a Gaussian about itself, which light farther out does not move."""

from __future__ import annotations

import math

import numpy as np

# A Gaussian core as wide as the window moves the centroid by half of what is missing; one that is
# much narrower by all of it, which must not overshoot.
_GAIN = 1.5


def windowed_centroid(
    values: np.ndarray, start: tuple[float, float], width: float
) -> tuple[float, float]:
    """Return the centroid under a Gaussian about the centroid itself.

    It is found by repeated centroids, as ``XWIN_IMAGE`` and ``YWIN_IMAGE`` of SExtractor (Bertin &
    Arnouts 1996, A&AS 117, 393).

    Parameters
    ----------
    values : ndarray
        Light without sky, shape ``(ny, nx)``; what is negative counts as zero.
    start : tuple of float
        Pixels ``(x, y)`` near it.
    width : float
        Standard deviation of the Gaussian, in pixels.

    Returns
    -------
    tuple of float
        Pixels ``(x, y)``.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:30, :30]
    >>> core = np.exp(-((x - 14.3) ** 2 + (y - 16.2) ** 2) / 8)
    >>> x, y = windowed_centroid(core + (x > 24), (14.0, 16.0), 2.0)
    >>> round(x, 2), round(y, 2)
    (14.3, 16.2)
    """
    from photutils.centroids import centroid_com

    values = values.clip(0)
    rows, columns = np.indices(values.shape)
    x, y = start
    for _ in range(100):
        window = np.exp(-0.5 * ((columns - x) ** 2 + (rows - y) ** 2) / width**2)
        found_x, found_y = centroid_com(values * window)
        step = _GAIN * (found_x - x), _GAIN * (found_y - y)
        x, y = x + step[0], y + step[1]
        # Nothing but zeros has no centroid.
        if not math.hypot(*step) > 1e-4:
            break
    return float(x), float(y)
