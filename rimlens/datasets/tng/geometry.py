"""Where a halo is: its center, and its particles around it in a periodic box."""

import numpy as np

# The sphere shrinks by this factor, down to so many particles.
_SHRINK = 0.85
_FEWEST = 200


def unwrap(positions, center, box_size):
    """Return positions from a center, each particle's nearest image in a periodic box.

    Parameters
    ----------
    positions : ndarray
        Shape ``(n, 3)``.
    center : ndarray
        Shape ``(3,)``.
    box_size : float
        Side of the box; 0 if it is not periodic.

    Returns
    -------
    ndarray
        Shape ``(n, 3)``.

    Examples
    --------
    >>> import numpy as np
    >>> unwrap(np.array([[9.5, 5.0, 0.0]]), np.array([0.5, 5.0, 0.0]), 10.0)
    array([[-1., 0., 0.]])
    """
    apart = positions - center
    if box_size > 0:
        apart -= box_size * np.round(apart / box_size)
    return apart


def densest_point(positions, masses, box_size=0.0):
    """Return the center of a halo, by spheres that shrink about their center of mass.

    As in Power et al. (2003, MNRAS 338, 14, section 2.5).

    Parameters
    ----------
    positions : ndarray
        Shape ``(n, 3)``.
    masses : ndarray
        Shape ``(n,)``.
    box_size : float, optional
        Side of the periodic box; 0 if it is not.

    Returns
    -------
    ndarray
        Shape ``(3,)``, inside the box.

    Examples
    --------
    >>> import numpy as np
    >>> densest_point(np.full((5, 3), 2.0), np.ones(5))
    array([2., 2., 2.])
    """
    center = _mean(positions, masses, box_size)
    apart = unwrap(positions, center, box_size)
    moved = np.zeros(3)
    distance = np.linalg.norm(apart, axis=1)
    radius = distance.max()
    while len(apart) > _FEWEST and radius > 0:
        radius *= _SHRINK
        inside = distance < radius
        if np.count_nonzero(inside) < _FEWEST:
            break
        # Those outside stay out: the center moves by less than the sphere shrinks.
        near = distance < 2 * radius
        apart, masses, inside = apart[near], masses[near], inside[near]
        moved = np.average(apart[inside], axis=0, weights=masses[inside])
        distance = np.linalg.norm(apart - moved, axis=1)
    center = center + moved
    return center % box_size if box_size > 0 else center


def _mean(positions, masses, box_size):
    """Return the center of mass; in a periodic box, that on the circle of each axis."""
    if not box_size:
        return np.average(positions, axis=0, weights=masses)
    angle = 2 * np.pi * positions / box_size
    x, y = (np.average(f(angle), axis=0, weights=masses) for f in (np.cos, np.sin))
    return np.arctan2(y, x) % (2 * np.pi) * box_size / (2 * np.pi)
