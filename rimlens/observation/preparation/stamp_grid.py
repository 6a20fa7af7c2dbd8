"""Stamps of a point-spread function on other pixels: turned, mirrored, scaled, centered, cut.

A stamp holds what falls into its pixels, so that these are already part of it.  Where it comes
from and what its header says does not belong here.
"""

from __future__ import annotations

import math

import numpy as np

from rimlens.arguments import finite_numbers
from rimlens.errors import InputError
from rimlens.observation.preparation.centroids import windowed_centroid
from rimlens.observation.psf import checked_stamp

# Splines of this order keep a width of 1.5 pixels to a few parts in a thousand.
_ORDER = 5


def resampled_stamp(stamp: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    r"""Return a stamp on other pixels about the same center, the light in each kept.

    A pixel of side :math:`b` adds :math:`b^2 / 12` to the variance of a point-spread function.
    The stamp has that of its own pixels of side :math:`a`; it is averaged over squares of side
    :math:`\sqrt{b^2 - a^2}`, which adds what is missing.  Pixels smaller than the stamp's keep
    the blur of the larger ones.

    Parameters
    ----------
    stamp : ndarray
        Shape ``(ky, kx)``; it is taken to be zero beyond its edges.
    matrix : ndarray
        Takes a step ``(x, y)`` in new pixels to one in pixels of the stamp, shape ``(2, 2)``.
    size : int
        Odd number of new pixels a side.

    Returns
    -------
    ndarray
        Shape ``(size, size)``, sum 1.

    Examples
    --------
    A quarter turn:

    >>> import numpy as np
    >>> stamp = np.zeros((3, 3))
    >>> stamp[1] = 1.0, 2.0, 0.0
    >>> turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    >>> resampled_stamp(stamp, turn, 3)[:, 1].round(3) + 0.0
    array([0.   , 0.667, 0.333])
    """
    from scipy.ndimage import map_coordinates

    matrix = np.asarray(matrix, dtype=float)
    ratio = math.sqrt(abs(np.linalg.det(matrix)))
    width = math.sqrt(max(ratio**2 - 1, 0.0)) / ratio
    # Two points for each pixel of the stamp resolve it; where no width is missing one is exact.
    count = 1 if width < 1e-3 else 2 * math.ceil(ratio) + 1
    nodes, weights = np.polynomial.legendre.leggauss(count)
    along = (np.arange(size)[:, None] - (size - 1) / 2 + nodes * width / 2).ravel()
    steps = np.stack(np.meshgrid(along, along))
    x, y = np.tensordot(matrix, steps, 1)
    middle_y, middle_x = ((n - 1) / 2 for n in stamp.shape)
    # Zeros around the stamp, so that the spline knows that it ends.
    margin = 8
    padded = np.pad(np.asarray(stamp, dtype=float), margin)
    positions = [y + middle_y + margin, x + middle_x + margin]
    values = map_coordinates(padded, positions, order=_ORDER, mode="constant")
    pixels = values.reshape(size, count, size, count)
    result = np.einsum("iajb,a,b->ij", pixels, weights, weights)
    return result / result.sum()


def sized_stamp(stamp: np.ndarray, size: int) -> np.ndarray:
    """Return an odd stamp cut to a size, or with zeros around it.

    Parameters
    ----------
    stamp : ndarray
        Shape ``(ky, kx)``, both odd.
    size : int
        Odd number of pixels a side.

    Returns
    -------
    ndarray
        Shape ``(size, size)``, sum 1.
    """
    missing = [max(0, (size - n) // 2) for n in stamp.shape]
    padded = np.pad(stamp, [(m, m) for m in missing])
    cut = [(n - size) // 2 for n in padded.shape]
    part = padded[tuple(slice(c, c + size) for c in cut)]
    return part / part.sum()


def odd_size(size: int, name: str = "size") -> int:
    """Return the number of pixels a side of a stamp, if it is odd and positive.

    Parameters
    ----------
    size : int
        From the user.
    name : str, optional
        The argument, for the message.

    Returns
    -------
    int

    Raises
    ------
    InputError
        If it is something else.
    """
    found = finite_numbers(size, name)
    if found.shape or found != np.round(found) or found < 1 or found % 2 == 0:
        raise InputError(
            f"{name}: an odd number of pixels is wanted, so that the center lies on one, found "
            f"{size!r}"
        )
    return int(found)


def centered_stamp(stamp: np.ndarray, size: int | None = None) -> np.ndarray:
    """Return a stamp with its core on the middle pixel.

    The core is where a Gaussian of the stamp's own width, about the point in question, has its
    centroid: noise and wings far out do not move it.

    Parameters
    ----------
    stamp : array_like
        Shape ``(ky, kx)``, of odd or even size.
    size : int, optional
        Odd number of pixels a side; by default that of the stamp's shorter side, less one where
        that is even.

    Returns
    -------
    ndarray
        Shape ``(size, size)``, sum 1.

    Raises
    ------
    InputError
        If it is not finite, not two-dimensional or without positive sum, or `size` is not odd.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:20, :20]
    >>> stamp = centered_stamp(np.exp(-((x - 10.3) ** 2 + (y - 8.8) ** 2) / 8))
    >>> rows, columns = np.indices(stamp.shape)
    >>> round(float((columns * stamp).sum()), 2), stamp.shape
    (9.0, (19, 19))
    """
    from scipy.ndimage import shift

    stamp = checked_stamp(stamp)
    shorter = min(stamp.shape)
    size = shorter - (shorter % 2 == 0) if size is None else odd_size(size)
    row, column = np.unravel_index(np.argmax(stamp), stamp.shape)
    area = stamp.clip(0).sum() ** 2 / (stamp**2).sum()
    width = math.sqrt(max(area / (4 * np.pi), 1.0))
    x, y = windowed_centroid(stamp, (float(column), float(row)), width)
    room = max(0, size - shorter) + 2 * size
    padded = np.pad(stamp, room)
    target = [(n - 1) // 2 for n in padded.shape]
    moved = shift(padded, (target[0] - y - room, target[1] - x - room), order=_ORDER)
    half = size // 2
    result = moved[tuple(slice(t - half, t + half + 1) for t in target)]
    return result / result.sum()
