r"""The Einstein radius of a convergence map.

The radius of the circle inside which the mean convergence is 1,

.. math::

    \bar\kappa(\theta_E) = \frac{1}{\pi \theta_E^2}
        \int_{|\theta - \theta_c| < \theta_E} \kappa(\theta) \, d^2\theta = 1

(Schneider, Ehlers & Falco 1992, eq. 8.15).  Critical curves and masses do not belong here.
"""

import numpy as np

from rimlens.errors import InputError

# Standard deviation in pixels of the Gaussian that finds the centre: wide enough that one bright
# pixel (a subhalo, noise) is not taken for the lens, narrow against the smallest rings.
_SMOOTHING = 2.0
# Spacing in pixels of the radii at which a crossing is looked for.
_STEP = 0.5
_BISECTIONS = 40


def einstein_radius(convergence, pixel_scale=1.0, center=None):
    """Return the radius of the circle inside which the mean convergence is 1.

    Each pixel is a square of constant convergence and its overlap with the circle is exact, so
    that small rings come out right.  Where a circle leaves the map, the mean is over the part of
    it inside the map.  Of several radii the largest is returned.

    Parameters
    ----------
    convergence : array_like
        Convergence map, dimensionless, shape ``(ny, nx)``.
    pixel_scale : float, optional
        Side of a pixel, in the unit wanted for the radius.
    center : tuple of float, optional
        Centre of the circle in pixels, ``(x, y)``, 0 at the centre of the first pixel; by default
        `convergence_center`.

    Returns
    -------
    float
        The radius in the unit of `pixel_scale`; nan if the mean convergence exceeds 1 nowhere, or
        still does in the largest circle that has at least its half inside the map.

    Raises
    ------
    InputError
        If the map is not two-dimensional or not finite, the pixel scale is not positive, or the
        centre lies outside the map.

    Examples
    --------
    A square of 5 x 5 pixels with convergence 4 fills a circle of area 100 with mean 1.

    >>> import numpy as np
    >>> convergence = np.zeros((21, 21))
    >>> convergence[8:13, 8:13] = 4.0
    >>> radius = einstein_radius(convergence, pixel_scale=0.1)
    >>> bool(np.isclose(np.pi * radius**2, 100 * 0.1**2))
    True
    """
    convergence = _checked_map(convergence)
    if not (np.isfinite(pixel_scale) and pixel_scale > 0):
        raise InputError(f"pixel_scale: a positive number is wanted, found {pixel_scale}")
    ny, nx = convergence.shape
    x0, y0 = convergence_center(convergence) if center is None else center
    if not (-0.5 <= x0 <= nx - 0.5 and -0.5 <= y0 <= ny - 0.5):
        raise InputError(
            f"center: a pixel position (x, y) inside the map of {nx} columns and {ny} rows is "
            f"wanted, found ({x0}, {y0})"
        )
    # Pixel edges measured from the centre.
    x = np.arange(nx + 1) - 0.5 - x0
    y = np.arange(ny + 1) - 0.5 - y0
    largest = max(-x[0], x[-1], -y[0], y[-1])

    def excess(radius):
        area = _overlap(x, y, radius)
        return np.sum(convergence * area) / np.sum(area) - 1.0

    outer = largest
    if excess(outer) >= 0:
        return float("nan")
    while outer > 0:
        inner = outer - _STEP
        if inner <= 0:
            return float("nan")
        if excess(inner) >= 0:
            break
        outer = inner
    for _ in range(_BISECTIONS):
        middle = 0.5 * (inner + outer)
        if excess(middle) >= 0:
            inner = middle
        else:
            outer = middle
    return float(0.5 * (inner + outer) * pixel_scale)


def convergence_center(convergence):
    """Return the centre of the lens: the peak of the slightly smoothed convergence.

    Parameters
    ----------
    convergence : array_like
        Convergence map, shape ``(ny, nx)``.

    Returns
    -------
    x, y : float
        Position in pixels, 0 at the centre of the first pixel.

    Raises
    ------
    InputError
        If the map is not two-dimensional or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:16, :20]
    >>> x0, y0 = convergence_center(np.exp(-0.1 * ((x - 9.3) ** 2 + (y - 6.0) ** 2)))
    >>> round(x0, 2), round(y0, 2)
    (9.3, 6.0)
    """
    convergence = _checked_map(convergence)
    smooth_rows, smooth_columns = (_gaussian_matrix(n) for n in convergence.shape)
    smooth = smooth_rows @ convergence @ smooth_columns
    row, column = np.unravel_index(np.argmax(smooth), smooth.shape)
    return (
        float(column + _vertex(smooth[row], column)),
        float(row + _vertex(smooth[:, column], row)),
    )


def _checked_map(convergence):
    convergence = np.asarray(convergence, dtype=float)
    if convergence.ndim != 2 or convergence.size == 0:
        raise InputError(
            f"convergence: a map of shape (ny, nx) is wanted, found shape {convergence.shape}"
        )
    bad = np.count_nonzero(~np.isfinite(convergence))
    if bad:
        raise InputError(f"convergence: finite values are wanted, found {bad} that are not")
    return convergence


def _gaussian_matrix(n):
    """Return the matrix that smooths an axis of `n` pixels, zero outside."""
    i = np.arange(n)
    return np.exp(-0.5 * ((i[:, None] - i) / _SMOOTHING) ** 2)


def _vertex(values, i):
    """Return the vertex, from `i`, of the parabola through the logarithms about a maximum."""
    if not 0 < i < len(values) - 1 or np.min(values[i - 1 : i + 2]) <= 0:
        return 0.0
    left, middle, right = np.log(values[i - 1 : i + 2])
    curvature = left - 2.0 * middle + right
    return 0.5 * (left - right) / curvature if curvature < 0 else 0.0


def _overlap(x, y, radius):
    """Return the area of each pixel inside a circle about the origin.

    Parameters
    ----------
    x, y : ndarray
        Edges of the pixels, shapes ``(nx + 1,)`` and ``(ny + 1,)``.
    radius : float
        Radius of the circle.

    Returns
    -------
    ndarray
        Shape ``(ny, nx)``.
    """
    # The area between the axes and (x, y), signed, so that its differences are those of pixels.
    a = np.minimum(np.abs(x), radius)[None, :]
    b = np.minimum(np.abs(y), radius)[:, None]
    chord = np.minimum(np.sqrt((radius - b) * (radius + b)), radius)

    def under_arc(u):
        height = np.sqrt((radius - u) * (radius + u))
        return 0.5 * (u * height + radius**2 * np.arctan2(u, height))

    area = np.where(a <= chord, a * b, b * chord + under_arc(a) - under_arc(chord))
    area = area * np.sign(x)[None, :] * np.sign(y)[:, None]
    return np.diff(np.diff(area, axis=0), axis=1)
