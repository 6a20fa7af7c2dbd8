"""TensorFlow's half of the backend."""

from functools import partial

import numpy as np
import tensorflow as tf

from rimlens.backend._speed.shares import by_shares

arctan, arctanh, cos, sin = tf.math.atan, tf.math.atanh, tf.math.cos, tf.math.sin
# Logarithm of the gamma function; regularized lower incomplete gamma function P(a, x).
lgamma, igamma = tf.math.lgamma, tf.math.igamma


def rfft2(x, shape):
    """Return the real Fourier transform over the last two axes, zero-padded to `shape`.

    Rows that are zero are not transformed, and the result lies column by column, as the second
    pass leaves it.

    Parameters
    ----------
    x : tensor
        Maps, shape ``(..., ny, nx)``, no larger than `shape`.
    shape : tuple of int
        ``(py, px)``.

    Returns
    -------
    tensor of complex
        Shape ``(..., px // 2 + 1, py)``.
    """
    size = shape[0] * shape[1]

    # TensorFlow's own gradient of a real transform is a complex one of twice the size.
    @tf.custom_gradient
    def transformed(x):
        keep = x.shape[-2:]
        return _rfft2(x, shape), lambda g: size * irfft2(g / _mirrored(shape, g), shape, keep)

    return transformed(tf.convert_to_tensor(x))


def irfft2(transform, shape, keep=None):
    """Return the inverse of `rfft2`, or the first rows and columns of it.

    Parameters
    ----------
    transform : tensor of complex
        Shape ``(..., px // 2 + 1, py)``.
    shape : tuple of int
        The padded shape in real space, ``(py, px)``.
    keep : tuple of int, optional
        How many rows and columns are wanted; all by default.

    Returns
    -------
    tensor
        Shape ``(..., *keep)``.
    """
    keep = tuple(keep or shape)
    size = shape[0] * shape[1]

    @tf.custom_gradient
    def inverse(f):
        return _irfft2(f, shape, keep), lambda g: _mirrored(shape, f) / size * rfft2(g, shape)

    return inverse(tf.convert_to_tensor(transform))


def _rfft2(x, shape):
    py, px = shape
    columns = tf.linalg.matrix_transpose(tf.signal.rfft(x, [px]))
    if columns.shape[-1] != py:
        columns = tf.pad(columns, [[0, 0]] * (x.shape.rank - 1) + [[0, py - x.shape[-2]]])
    return tf.signal.fft(columns)


def _irfft2(transform, shape, keep):
    columns = _first(tf.signal.ifft(transform), keep[0])
    return _first(tf.signal.irfft(tf.linalg.matrix_transpose(columns), [shape[1]]), keep[1])


def _first(values, n):
    return values if values.shape[-1] == n else values[..., :n]


def constant(values):
    """Return an array as a tensor that traced functions take from outside.

    TensorFlow writes complex numbers into a traced function one by one.

    Parameters
    ----------
    values : ndarray
        Of any type.

    Returns
    -------
    tensor
    """
    with tf.init_scope():
        return tf.constant(values)


def corners(maps, row, column):
    """Return the values of maps at the four corners of cells.

    Parameters
    ----------
    maps : tensor
        Shape ``(batch, ny, nx)``.
    row, column : tensor of int
        First corner of every cell, below ``ny - 1`` and ``nx - 1``, shape ``(batch, my, mx)``.

    Returns
    -------
    tuple of tensor
        At ``(row, column)``, ``(row, column + 1)``, ``(row + 1, column)`` and
        ``(row + 1, column + 1)``, each of shape ``(batch, my, mx)``.
    """
    maps = tf.convert_to_tensor(maps)
    ny, nx = maps.shape[1:]

    @tf.custom_gradient
    def gathered(maps):
        first = _starts(maps, ny * nx) + row * nx + column
        flat = tf.reshape(maps, (-1,))
        found = tuple(tf.gather(flat, first + step) for step in (0, 1, nx, nx + 1))

        def added(*gradients):
            return sum_into_corners(gradients, row, column, (ny, nx))

        return found, added

    return gathered(maps)


def sum_into_corners(values, row, column, shape):
    """Return the adjoint of `corners`: maps into which values at corners of cells are summed.

    Parameters
    ----------
    values : sequence of tensor
        For the four corners, in the order of `corners`, each of shape ``(batch, my, mx)``.
    row, column : tensor of int
        First corner of every cell, shape ``(batch, my, mx)``.
    shape : tuple of int
        ``(ny, nx)`` of the maps.

    Returns
    -------
    tensor
        Shape ``(batch, ny, nx)``.
    """
    ny, nx = shape
    cells = (ny - 1) * (nx - 1)
    # Four additions side by side into a table of cells are faster than four into the map.
    table = tf.math.unsorted_segment_sum(
        tf.stack(values, axis=-1),
        _starts(row, cells) + row * (nx - 1) + column,
        _batch(row) * cells,
    )
    parts = tf.unstack(tf.reshape(table, (-1, ny - 1, nx - 1, 4)), axis=-1)
    return tf.add_n(
        [
            tf.pad(part, ((0, 0), (k // 2, 1 - k // 2), (k % 2, 1 - k % 2)))
            for k, part in enumerate(parts)
        ]
    )


def _batch(values):
    """Return the length of the first axis, as a number where it is known."""
    return values.shape[0] or tf.shape(values)[0]


def _starts(values, size):
    """Return where the members of a batch begin, of which each has `size` elements."""
    if values.shape[0] is not None:
        return np.arange(values.shape[0], dtype="int32")[:, None, None] * size
    return (tf.range(tf.shape(values)[0]) * size)[:, None, None]


def _mirrored(shape, like):
    """Return how many coefficients of the whole transform each of the half stands for."""
    counts = np.full((shape[1] // 2 + 1, 1), 2.0)
    counts[0] = 1.0
    if shape[1] % 2 == 0:
        counts[-1] = 1.0
    return tf.constant(counts, like.dtype)


def value_and_grad(function, arguments):
    """Return what `function` returns and its gradient with respect to each of `arguments`.

    Parameters
    ----------
    function : callable
        ``function(*arguments)`` returns ``(value, auxiliary)``; `value` may have any shape, and
        the gradient is that of its sum, so that a batch of values gives a batch of gradients.
    arguments : sequence of tensor
        The point.

    Returns
    -------
    (value, auxiliary), gradients : tuple
        As `function` gave them, and a list of tensors shaped as `arguments`.
    """
    arguments = [tf.convert_to_tensor(a) for a in arguments]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(arguments)
        value, auxiliary = function(*arguments)
    gradients = tape.gradient(value, arguments, unconnected_gradients="zero")
    return (value, auxiliary), gradients


def vjp(function, arguments):
    """Return what `function` returns, and its adjoint derivative.

    Parameters
    ----------
    function : callable
        ``function(*arguments)`` returns a tuple of tensors.
    arguments : sequence of tensor
        The point.

    Returns
    -------
    values : tuple of tensor
        As `function` gave them.
    pulled : callable
        Of a tuple of tensors shaped as `values`, to be called once: returns the gradient of the
        sum of their products with the values, a list of tensors shaped as `arguments`.
    """
    arguments = [tf.convert_to_tensor(a) for a in arguments]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(arguments)
        values = function(*arguments)
    return values, lambda weights: tape.gradient(
        values, arguments, output_gradients=tuple(weights), unconnected_gradients="zero"
    )


def derivative(function, argument, direction):
    """Return the derivative of what `function` returns along a direction of its argument.

    Parameters
    ----------
    function : callable
        ``function(argument)`` returns a tensor.
    argument, direction : tensor
        The point and the direction, of one shape.

    Returns
    -------
    tensor
        Shaped as what `function` returns.
    """
    argument, direction = tf.convert_to_tensor(argument), tf.convert_to_tensor(direction)
    with tf.autodiff.ForwardAccumulator(argument, direction) as accumulator:
        value = function(argument)
    return accumulator.jvp(value, unconnected_gradients="zero")


def jit_compile(function, fused=False, variables=()):
    """Return `function` traced once for each set of argument shapes and run as one graph.

    A graph reads the values of `variables`, Keras variables, whenever it runs.  With `fused` it is
    compiled by XLA: it starts later and runs faster.
    """
    # Behind a partial, which has no code, TensorFlow counts the traces of each function alone and
    # does not warn of models that are made in a loop.
    return tf.function(partial(function), autograph=False, jit_compile=fused or None)


def on_cpu():
    """Return whether arrays live on a CPU, and not on an accelerator."""
    return not tf.config.list_logical_devices("GPU")


def batchwise(function, together=None):
    """Return `function` compiled for batches, the cores of a CPU sharing their members.

    XLA leaves much of the work on a batch to one core, so that on a CPU every core takes a share
    of the members.

    Parameters
    ----------
    function : callable
        Of trees of tensors whose first axis is that of the batch, where it treats every member
        alone; it returns such a tree.
    together : int, optional
        Of no consequence here: a core treats its whole share at once.

    Returns
    -------
    callable
    """
    whole = jit_compile(function, fused=True)
    known = set()

    def called(*arguments):
        leaves = tf.nest.flatten(arguments)
        n = leaves[0].shape[0] if leaves else 1
        eager = tf.executing_eagerly() and all(a.shape[0] == n for a in leaves)
        if n == 1 or not eager or not on_cpu():
            return whole(*arguments)

        def some(first, length):
            return whole(*tf.nest.map_structure(lambda a: a[first : first + length], arguments))

        parts = by_shares(some, leaves, known)
        return tf.nest.map_structure(lambda *values: tf.concat(values, 0), *parts)

    return called


def without_values(function):
    """Return what `function` returns, called where arrays have shapes and no values.

    Layers that it builds take no memory; they cannot be used afterwards.

    Parameters
    ----------
    function : callable
        Without arguments; returns no tensor.
    """
    with tf.Graph().as_default():
        return function()


def versions():
    """Return the name and version of the array library."""
    return {"tensorflow": tf.__version__}
