r"""Adaptive smoothing: particles become Gaussians, as wide as their neighbours are apart.

The width of a particle is :math:`\sigma = \sqrt{103 / 1120} \, D` with the distance :math:`D` to
its 64th neighbour in three dimensions, all species together (Rau, Vegetti & White 2013, MNRAS 430,
2232).  The surface density is then smooth where particles are few, and sharp where they are many.
"""

import numpy as np

from rimlens.errors import InputError

_SIGMA_PER_DISTANCE = np.sqrt(103 / 1120)
NEIGHBOURS = 64


def kernel_widths(positions, neighbours=NEIGHBOURS, chosen=None):
    """Return the standard deviation of every particle's Gaussian.

    Parameters
    ----------
    positions : ndarray
        Shape ``(n, 3)``.
    neighbours : int, optional
        The number of the neighbour whose distance counts.
    chosen : ndarray, optional
        Mask of the particles whose widths are wanted, shape ``(n,)``; by default all.

    Returns
    -------
    ndarray
        In the unit of `positions`, of as many as are chosen.

    Raises
    ------
    InputError
        If there are not that many neighbours.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(100.0)
    >>> line = np.stack([x, 0 * x, 0 * x], axis=1)
    >>> width = kernel_widths(line, neighbours=10)[50]
    >>> round(width / np.sqrt(103 / 1120), 6)
    5.0
    """
    from scipy.spatial import cKDTree

    if not 1 <= neighbours < len(positions):
        raise InputError(
            f"neighbours: a number from 1 to one less than the {len(positions)} particles is "
            f"wanted, found {neighbours}"
        )
    tree = cKDTree(positions, leafsize=32)
    queries = positions if chosen is None else positions[chosen]
    # A particle is its own first neighbour.
    distance, _ = tree.query(queries, k=[neighbours + 1], workers=-1)
    return _SIGMA_PER_DISTANCE * distance[:, 0]
