r"""The Einstein radius of a convergence map.

The radius of the circle inside which the mean convergence is 1,

.. math::

    \bar\kappa(\theta_E) = \frac{1}{\pi \theta_E^2}
        \int_{|\theta - \theta_c| < \theta_E} \kappa(\theta) \, d^2\theta = 1

(Schneider, Ehlers & Falco 1992, eq. 8.15).  The other radii of a lens are in
`rimlens.reconstruction.radii`; the exact radius of a model is `rimlens.lens.Lens.einstein_radius`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq

from rimlens.errors import InputError

if TYPE_CHECKING:
    from rimlens.typing import ArrayLike

# Standard deviation in pixels of the Gaussian that finds the center: wide enough that one bright
# pixel (a subhalo, noise) is not taken for the lens, narrow against the smallest rings.
_SMOOTHING = 2.0
# Newton's method starts within half a pixel of the peak and doubles the digits in each step.
_NEWTON_STEPS = 6
# Spacing in pixels of the radii at which a crossing is looked for.
_STEP = 0.5


def einstein_radius(
    convergence: ArrayLike, pixel_scale: float = 1.0, center: tuple[float, ...] | None = None
) -> float:
    """Return the radius of the circle inside which the mean convergence is 1.

    The value of a pixel is the mean over it, as that of a cusp is.  The overlap of pixels and
    circle is exact, and in the pixels that the circle cuts the convergence is linear: taken as
    constant there, it would make the radius `R` of an isothermal lens too small by 1 / 12 of
    `R` in pixels.  Where a circle leaves the map, the mean is over the part of it inside the map.
    Of several radii the largest is returned.

    Parameters
    ----------
    convergence : array_like
        Convergence averaged over pixels, dimensionless, shape ``(ny, nx)``.
    pixel_scale : float, optional
        Side of a pixel, in the unit wanted for the radius.
    center : tuple of float, optional
        Center of the circle in pixels, ``(x, y)``, 0 at the center of the first pixel; by default
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
        center lies outside the map.

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
    # Pixel edges measured from the center.
    x = np.arange(nx + 1) - 0.5 - x0
    y = np.arange(ny + 1) - 0.5 - y0
    largest = max(-x[0], x[-1], -y[0], y[-1])
    slope_x, slope_y = slope(convergence), slope(convergence.T).T

    def excess(radius):
        area = disc_overlap(x, y, radius)
        mass = np.sum(convergence * area)
        mass += np.sum(slope_x * _moment(x, y, radius, area))
        mass += np.sum(slope_y * _moment(y, x, radius, area.T).T)
        return mass / np.sum(area) - 1.0

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
    return float(brentq(excess, inner, outer, xtol=1e-10) * pixel_scale)


def convergence_center(convergence: ArrayLike) -> tuple[float, float]:
    """Return the center of the lens: the peak of the slightly smoothed convergence.

    The map smoothed by a Gaussian is known everywhere, and its peak need not be at a pixel.

    Parameters
    ----------
    convergence : array_like
        Convergence map, shape ``(ny, nx)``.

    Returns
    -------
    x, y : float
        Position in pixels, 0 at the center of the first pixel.

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
    rows, columns = (np.arange(n) for n in convergence.shape)
    smooth = _weights(rows, rows) @ convergence @ _weights(columns, columns)
    row, column = np.unravel_index(np.argmax(smooth), smooth.shape)
    start = position = np.array([column, row], dtype=float)
    for _ in range(_NEWTON_STEPS):
        weight = _weights(rows, position[1:]) * convergence * _weights(columns, position[:1]).T
        step = _step_to_peak(weight, columns - position[0], rows - position[1])
        # A peak on the edge, or none: the pixel is as good.
        if step is None or np.any(np.abs(position + step - start) > 1.0):
            position = start
            break
        position = position + step
    return float(position[0]), float(position[1])


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


def _weights(pixels, positions):
    """Return the Gaussian about positions at the pixels of an axis."""
    return np.exp(-0.5 * ((pixels[:, None] - positions) / _SMOOTHING) ** 2)


def _step_to_peak(weight, x, y):
    """Return Newton's step to the maximum of a smoothed map's logarithm, or None if it has none.

    Parameters
    ----------
    weight : ndarray
        The map times the Gaussian about the position, shape ``(ny, nx)``.
    x, y : ndarray
        Pixels counted from the position, shapes ``(nx,)`` and ``(ny,)``.

    Returns
    -------
    ndarray or None
        Along x and y.
    """
    total = np.sum(weight)
    if not total > 0:
        return None
    along_x, along_y = weight.sum(axis=0) / total, weight.sum(axis=1) / total
    mean = np.array([along_x @ x, along_y @ y])
    cross = y @ weight @ x / total
    square = np.array([[along_x @ x**2, cross], [cross, along_y @ y**2]])
    # Of a Gaussian of width s, the gradient is mean / s^2 and the curvature (scatter / s^2 - 1) /
    # s^2; the first has the second's sign turned at a maximum.
    curvature = np.eye(2) - (square - np.outer(mean, mean)) / _SMOOTHING**2
    if np.linalg.eigvalsh(curvature)[0] <= 0:
        return None
    return np.linalg.solve(curvature, mean)


def slope(convergence):
    """Return the slope along rows in every pixel, such that no value passes a neighbor's.

    It is the monotonized central difference (van Leer 1977, J. Comput. Phys. 23, 276, eq. 66).

    Parameters
    ----------
    convergence : ndarray
        Shape ``(ny, nx)``.

    Returns
    -------
    ndarray
        By pixel, shape ``(ny, nx)``.
    """
    step = np.diff(convergence, axis=1, prepend=np.nan, append=np.nan)
    left, right = step[:, :-1], step[:, 1:]
    size = np.minimum(0.5 * np.abs(left + right), 2.0 * np.minimum(np.abs(left), np.abs(right)))
    return np.where(left * right > 0, np.sign(left) * size, 0.0)


def disc_overlap(x, y, radius):
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


def _moment(x, y, radius, area):
    """Return the integral of x, counted from the middle of a pixel, over its part in a circle.

    Parameters
    ----------
    x, y, radius
        As in `disc_overlap`.
    area : ndarray
        What that returns.

    Returns
    -------
    ndarray
        Shape ``(ny, nx)``; zero for pixels that lie wholly inside or outside.
    """
    a = np.minimum(np.abs(x), radius)[None, :]
    b = np.minimum(np.abs(y), radius)[:, None]
    chord = np.minimum(np.sqrt((radius - b) * (radius + b)), radius)
    # Between the axes and (x, y): a rectangle up to the chord, and what lies under the arc.
    height = np.sqrt((radius - a) * (radius + a))
    total = np.where(a <= chord, 0.5 * a**2 * b, 0.5 * chord**2 * b + (b**3 - height**3) / 3)
    total = np.diff(np.diff(total * np.sign(y)[:, None], axis=0), axis=1)
    return total - 0.5 * (x[1:] + x[:-1]) * area
