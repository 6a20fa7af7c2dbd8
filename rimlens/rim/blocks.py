"""Sums over blocks of pixels, and derivatives along many directions at once."""

from keras import ops

from rimlens import backend


def block_sum(values, block):
    """Return the sum over square blocks of pixels.

    Parameters
    ----------
    values : tensor
        Shape ``(..., ny, nx)``.
    block : int
        Side of a block.

    Returns
    -------
    tensor
        Shape ``(..., ny / block, nx / block)``.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.rim.blocks import block_sum
    >>> float(block_sum(np.ones((1, 2, 2), "float32"), 2)[0, 0, 0])
    4.0
    """
    *leading, ny, nx = ops.shape(values)
    blocks = ops.reshape(values, (*leading, ny // block, block, nx // block, block))
    return ops.sum(blocks, axis=(-3, -1))


def columns_of(function, vector, *fields):
    """Return the derivative of a function along every component of its vector.

    Parameters
    ----------
    function : callable
        ``function(vector, *fields)`` returns a tensor of shape ``(batch, ...)``.
    vector : tensor
        Shape ``(batch, k)``.
    *fields : tensor
        Shape ``(batch, ...)``, held fixed.

    Returns
    -------
    tensor
        Shape ``(batch, k, ...)``.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.rim.blocks import columns_of
    >>> at = np.array([[2.0, 3.0]], "float32")
    >>> [float(v) for v in columns_of(lambda v: v[:, 0] * v[:, 1], at)[0]]
    [3.0, 2.0]
    """
    vector = ops.convert_to_tensor(vector)
    n, k = ops.shape(vector)[0], vector.shape[1]
    repeated = [ops.repeat(value, k, axis=0) for value in (vector, *fields)]
    directions = ops.tile(ops.eye(k, dtype=ops.dtype(vector)), (n, 1))
    found = backend.derivative(lambda v: function(v, *repeated[1:]), repeated[0], directions)
    return ops.reshape(found, (n, k, *found.shape[1:]))
