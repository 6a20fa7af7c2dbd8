r"""What radial profiles of convergence maps say of mass and slope.

A profile is the mean over rings one pixel wide about a center.  An image does not tell a
convergence :math:`\kappa` from :math:`\lambda \kappa + 1 - \lambda` (Falco, Gorenstein & Shapiro
1985, ApJ 289, L1), so that a map may differ from the truth by such a factor and fit as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rimlens.analysis.checking import checked_map, checked_maps
from rimlens.errors import InputError
from rimlens.maps import convergence_center

if TYPE_CHECKING:
    from rimlens.typing import ArrayLike


def radial_profile(
    convergence: ArrayLike, center: tuple[float, float] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of a map in rings one pixel wide.

    Parameters
    ----------
    convergence : array_like
        Shape ``(ny, nx)``.
    center : tuple of float, optional
        ``(x, y)`` in pixels, 0 at the center of the first; by default
        `rimlens.maps.convergence_center`.

    Returns
    -------
    radius, profile : ndarray
        Mean distance of the pixels in a ring, in pixels, and mean of the map; for all rings that
        are whole inside the map.

    Raises
    ------
    InputError
        If the map is not two-dimensional or not finite, or the center lies outside of it.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.analysis import radial_profile
    >>> radius, profile = radial_profile(np.ones((9, 9)), center=(4.0, 4.0))
    >>> profile
    array([1., 1., 1., 1.])
    """
    convergence = checked_map(convergence, "convergence")
    if convergence.ndim != 2:
        raise InputError(
            f"convergence: one map (ny, nx) is wanted, found shape {convergence.shape}"
        )
    ny, nx = convergence.shape
    x0, y0 = convergence_center(convergence) if center is None else center
    inside = int(min(x0 + 0.5, nx - 0.5 - x0, y0 + 0.5, ny - 0.5 - y0))
    if inside < 1:
        raise InputError(
            f"center: a position (x, y) at least a pixel inside the map of {nx} columns and {ny} "
            f"rows is wanted, found ({x0}, {y0})"
        )
    y, x = np.indices(convergence.shape)
    distance = np.hypot(x - x0, y - y0).ravel()
    ring = distance.astype(int)
    count = np.bincount(ring)[:inside]
    # A center between four pixels leaves the innermost ring with pixels all the same.
    sums = (np.bincount(ring, values)[:inside] for values in (distance, convergence.ravel()))
    radius, profile = (total / count for total in sums)
    return radius, profile


def mass_sheet_lambda(
    found: ArrayLike, true: ArrayLike, center: tuple[float, float] | None = None
) -> float:
    r"""Return the mass-sheet transformation that brings a map closest to the true one.

    It is the :math:`\lambda` that minimizes

    .. math::
        \sum_r \left[ \frac{\lambda \bar\kappa(r) + 1 - \lambda - \bar\kappa_0(r)}
                           {\bar\kappa_0(r)} \right]^2

    over the rings of the profiles :math:`\bar\kappa` of the map and :math:`\bar\kappa_0` of the
    true one, both about the same center: 1 where there is no difference of this kind, less where
    the map falls too steeply, more where it is too flat.

    Parameters
    ----------
    found, true : array_like
        Convergence maps of one shape ``(ny, nx)``.
    center : tuple of float, optional
        ``(x, y)`` in pixels; by default the center of the true map.

    Returns
    -------
    float
        Nan if the map is 1 everywhere, or the true one is 0 in a ring.

    Raises
    ------
    InputError
        If the maps have not one such shape or are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.analysis import mass_sheet_lambda
    >>> y, x = np.mgrid[-15.5:16, -15.5:16]
    >>> true = 4 / np.hypot(x, y)
    >>> round(mass_sheet_lambda((true - 0.1) / 0.9, true), 6)
    0.9
    """
    found, true = checked_maps(found, true)
    center = convergence_center(true) if center is None else center
    (_, p), (_, t) = radial_profile(found, center), radial_profile(true, center)
    with np.errstate(divide="ignore", invalid="ignore"):
        # The sum is a parabola in lambda.
        return float(np.sum((p - 1) * (t - 1) / t**2) / np.sum((p - 1) ** 2 / t**2))


def logarithmic_slope(
    convergence: ArrayLike,
    einstein_radius: float,
    center: tuple[float, float] | None = None,
    within: tuple[float, float] = (0.2, 2.0),
) -> float:
    r"""Return the mean slope :math:`d \ln \bar\kappa / d \ln r` of a map's profile.

    It is that of the straight line that fits best, all rings alike; -1 for an isothermal lens, and
    :math:`1 - \gamma` for a density that falls with the power :math:`\gamma` of the distance.

    Parameters
    ----------
    convergence : array_like
        Shape ``(ny, nx)``.
    einstein_radius : float
        In pixels.
    center : tuple of float, optional
        ``(x, y)`` in pixels; by default that of the map.
    within : tuple of float, optional
        The rings that count, in Einstein radii; the one around the center never does, nor do those
        that leave the map.

    Returns
    -------
    float
        Nan if fewer than two rings count, or the profile is not positive.

    Raises
    ------
    InputError
        If the map is not two-dimensional or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.analysis import logarithmic_slope
    >>> y, x = np.mgrid[-31.5:32, -31.5:32]
    >>> round(logarithmic_slope(5 / np.hypot(x, y), einstein_radius=10.0), 2)
    -1.0
    """
    radius, profile = radial_profile(convergence, center)
    low, high = (limit * einstein_radius for limit in within)
    counts = (radius >= max(low, 1.0)) & (radius <= high)
    if np.count_nonzero(counts) < 2 or np.any(profile[counts] <= 0):
        return float("nan")
    x, y = np.log(radius[counts]), np.log(profile[counts])
    x = x - x.mean()
    return float(np.sum(x * y) / np.sum(x**2))
