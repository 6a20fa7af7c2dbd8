"""Derivatives of whole batches along every component of a vector."""

from keras import ops

from rimlens import backend


def jacobian(function, vector, *fields):
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
    >>> from rimlens.backend import jacobian
    >>> at = np.array([[2.0, 3.0]], "float32")
    >>> [float(v) for v in jacobian(lambda v: v[:, 0] * v[:, 1], at)[0]]
    [3.0, 2.0]
    """
    vector = ops.convert_to_tensor(vector)
    n, k = ops.shape(vector)[0], vector.shape[1]
    repeated = [ops.repeat(value, k, axis=0) for value in (vector, *fields)]
    directions = ops.tile(ops.eye(k, dtype=ops.dtype(vector)), (n, 1))
    found = backend.derivative(lambda v: function(v, *repeated[1:]), repeated[0], directions)
    return ops.reshape(found, (n, k, *found.shape[1:]))
