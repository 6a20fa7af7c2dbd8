r"""Linear convolution with kernels that are even or odd along each axis, by products of matrices.

The fields of a convergence map are such convolutions.  About their center a map and a field fall
into even and odd parts, four in all, and a kernel takes one part to one part.  Down the columns,
that is a product in the space of real cosines and sines; along the rows, for each frequency, a
product with a matrix a quarter of the size that it has without the symmetry.  The cost grows as
the third power of the side and not as the square: on the cores of a CPU, which multiply matrices
much faster than they transform, this is the faster way for maps of 80 to 160 pixels a side.
Accelerators transform as well as they multiply, and round products in single precision.
"""

import numpy as np
from keras import ops

# Of the matrices for all kernels together.  With fewer (some 80 pixels a side) transforms take so
# little time that the many small steps here do not pay; more do not lie near enough to a core.
_LEAST_ELEMENTS, _MOST_ELEMENTS = 2**19, 2**22


class SymmetricConvolution:
    r"""The convolution of maps with one or several symmetric kernels.

    .. math::

        o_{ab} = \sum_{ij} k_{a-i,\, b-j} \, m_{ij}

    with positions counted from the middle of the map and of the result.

    Parameters
    ----------
    kernels : ndarray
        Kernels, shape ``(n, ky, kx)``, as long as all displacements between a map and a result:
        ``ny + my - 1`` and ``nx + mx - 1``.  Each is even or odd along each axis.
    input_shape, output_shape : tuple of int
        ``(ny, nx)`` of the maps and ``(my, mx)`` of the result; both sides even, or both odd.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.backend import SymmetricConvolution
    >>> kernel = np.array([[0.0, 0, 0], [-1, 0, 1], [0, 0, 0]])[None]
    >>> difference = SymmetricConvolution(kernel, (2, 2), (2, 2))
    >>> np.asarray(difference(np.array([[[1.0, 0], [3, 5]]], "float32"))).round(5) + 0.0
    array([[[[ 0.,  1.],
             [-5.,  3.]]]], dtype=float32)
    """

    def __init__(self, kernels, input_shape, output_shape):
        (ny, nx), (my, mx) = input_shape, output_shape
        self.input_shape, self.output_shape = tuple(input_shape), tuple(output_shape)
        self._odd = [tuple(_is_odd(kernel, axis) for axis in (0, 1)) for kernel in kernels]
        # As many points as there are displacements: an odd number, with no frequency of its own
        # mirror image but zero.
        points = ny + my - 1
        phases = 2 * np.pi / points * np.arange((points + 1) // 2)[:, None]
        displacement = phases * (np.arange(points) - (points - 1) // 2)
        weights = np.where(phases == 0, 1, 2) / points
        inner, outer = (phases * _from_the_middle(n) for n in (ny, my))
        self._forward = np.stack([np.cos(inner) * _once(ny), np.sin(inner)])
        cosines, sines = weights * np.cos(outer), weights * np.sin(outer)
        self._rows, self._backward = [], []
        for kernel, (odd_y, _) in zip(kernels, self._odd):
            spectrum = (np.sin if odd_y else np.cos)(displacement) @ kernel
            self._rows.append(_folded(spectrum, nx, mx))
            # What comes of the even and of the odd rows of a map.
            self._backward.append(np.stack([sines, -cosines] if odd_y else [cosines, sines]))

    def __call__(self, maps):
        """Return the convolved maps.

        Parameters
        ----------
        maps : tensor
            Shape ``(batch, ny, nx)``.

        Returns
        -------
        tensor
            Shape ``(batch, n, my, mx)``.
        """
        maps = ops.convert_to_tensor(maps)
        dtype = ops.dtype(maps)
        parts = ops.stack([ops.stack(_parts(rows, 2)) for rows in _parts(maps, 1)])
        # Letters: parity p of rows and q of columns; frequency f.
        columns = ops.einsum("pfj,pqbji->fqpbi", self._forward.astype(dtype), parts)
        results = []
        for rows, backward, odd in zip(self._rows, self._backward, self._odd):
            product = ops.einsum("fqpbi,fqik->fqpbk", columns, rows.astype(dtype))
            part = ops.einsum("fqpbk,pfj->pqbjk", product, backward.astype(dtype))
            # An odd kernel makes even parts odd.
            y, x = (((1, 0) if is_odd else (0, 1)) for is_odd in odd)
            halves = (_whole(part[p, x[0]], part[p, x[1]], 2, self.output_shape[1]) for p in y)
            results.append(_whole(*halves, 1, self.output_shape[0]))
        return ops.stack(results, axis=1)


def prefers_matrices(kernels, input_shape, output_shape):
    """Return whether a convolution can be a `SymmetricConvolution`, and is faster as one on a CPU.

    Parameters
    ----------
    kernels : ndarray
        Shape ``(n, ky, kx)``.
    input_shape, output_shape : tuple of int
        As for `SymmetricConvolution`.

    Returns
    -------
    bool
    """
    sides = list(zip(input_shape, output_shape))
    if kernels.shape[1:] != tuple(n + m - 1 for n, m in sides) or any(
        (n - m) % 2 for n, m in sides
    ):
        return False
    (ny, my), (nx, mx) = sides
    elements = len(kernels) * ((ny + my) // 2) * 2 * ((nx + 1) // 2) * ((mx + 1) // 2)
    return _LEAST_ELEMENTS <= elements <= _MOST_ELEMENTS and all(
        _is_odd(kernel, axis) is not None for kernel in kernels for axis in (0, 1)
    )


def _is_odd(kernel, axis):
    """Return whether a kernel is odd along an axis, or None if it is neither that nor even."""
    mirrored, rounding = np.flip(kernel, axis), 1e-12 * np.abs(kernel).max()
    for odd, expected in ((False, kernel), (True, -kernel)):
        if np.allclose(mirrored, expected, rtol=0, atol=rounding):
            return odd
    return None


def _from_the_middle(n):
    """Return the positions of the first half of `n` pixels, from their middle."""
    return np.arange((n + 1) // 2) - (n - 1) / 2


def _once(n):
    """Return weights of the first half of `n` pixels that count a middle one once."""
    return np.where(_from_the_middle(n) == 0, 0.5, 1.0)


def _folded(kernel, n, m):
    """Return matrices that take even and odd rows of maps to rows of results.

    Parameters
    ----------
    kernel : ndarray
        A row for each frequency, shape ``(f, n + m - 1)``.
    n, m : int
        Pixels in a row of a map and of a result.

    Returns
    -------
    ndarray
        Shape ``(f, 2, half of n, half of m)``.
    """
    pixel, result = np.arange((n + 1) // 2)[:, None], np.arange((m + 1) // 2)
    here = kernel[:, result - pixel + n - 1]
    mirrored = kernel[:, result - (n - 1 - pixel) + n - 1]
    once = _once(n)[:, None]
    return np.stack([0.5 * once * (here + mirrored), 0.5 * (here - mirrored)], axis=1)


def _parts(values, axis):
    """Return the sum and the difference of both halves along an axis, a middle row in each."""
    n = values.shape[axis]
    first, last = (
        values[(slice(None),) * axis + (half,)]
        for half in (slice(0, (n + 1) // 2), slice(n // 2, n))
    )
    last = ops.flip(last, axis)
    return first + last, first - last


def _whole(even, odd, axis, n):
    """Return rows of which the first half of the even and of the odd part are given."""
    rest = (even - odd)[(slice(None),) * axis + (slice(0, n // 2),)]
    return ops.concatenate([even + odd, ops.flip(rest, axis)], axis)
