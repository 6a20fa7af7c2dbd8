r"""Adaptive smoothing: particles become Gaussians, as wide as their neighbors are apart.

The width of a particle is :math:`\sigma = \sqrt{103 / 1120} \, D` with the distance :math:`D` to
its 64th neighbor in three dimensions, all species together (Rau, Vegetti & White 2013, MNRAS 430,
2232).  The surface density is then smooth where particles are few, and sharp where they are many.
"""

import numpy as np

from rimlens.errors import InputError

_SIGMA_PER_DISTANCE = np.sqrt(103 / 1120)
NEIGHBORS = 64


def kernel_widths(positions, neighbors=NEIGHBORS):
    """Return the standard deviation of every particle's Gaussian.

    Parameters
    ----------
    positions : ndarray
        Shape ``(n, 3)``.
    neighbors : int, optional
        The number of the neighbor whose distance counts.

    Returns
    -------
    ndarray
        In the unit of `positions`, shape ``(n,)``.

    Raises
    ------
    InputError
        If there are not that many neighbors.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(100.0)
    >>> line = np.stack([x, 0 * x, 0 * x], axis=1)
    >>> width = kernel_widths(line, neighbors=10)[50]
    >>> round(float(width / np.sqrt(103 / 1120)), 6)
    5.0
    """
    from scipy.spatial import cKDTree

    if not 1 <= neighbors < len(positions):
        raise InputError(
            f"neighbors: a number from 1 to one less than the {len(positions)} particles is "
            f"wanted, found {neighbors}"
        )
    tree = cKDTree(positions, leafsize=32)
    # In the order of the tree, near particles ask one after the other for what is in the cache.
    order = tree.indices
    widths = np.empty(len(positions))
    # A particle is its own first neighbor.
    distance, _ = tree.query(positions[order], k=[neighbors + 1], workers=-1)
    widths[order] = _SIGMA_PER_DISTANCE * distance[:, 0]
    return widths
