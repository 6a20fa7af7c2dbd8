"""JAX's half of the backend."""

from functools import partial

import jax
import jax.numpy as jnp
import keras

from rimlens.backend._speed.arctangent import arctan, arctanh  # noqa: F401
from rimlens.backend._speed.shares import by_shares

# Those of Keras cast to single precision.
cos, sin = jnp.cos, jnp.sin
# Logarithm of the gamma function; regularized lower incomplete gamma function P(a, x).
lgamma, igamma = jax.scipy.special.gammaln, jax.scipy.special.gammainc


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
    py, px = shape
    return jnp.fft.fft(jnp.swapaxes(jnp.fft.rfft(x, px), -1, -2), py)


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
    ny, nx = keep or shape
    rows = jnp.swapaxes(jnp.fft.ifft(transform)[..., :ny], -1, -2)
    return jnp.fft.irfft(rows, shape[1])[..., :nx]


def constant(values):
    """Return an array as a tensor.

    Parameters
    ----------
    values : ndarray
        Of any type.

    Returns
    -------
    tensor
    """
    return jnp.asarray(values)


@jax.custom_jvp
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
    maps = jnp.asarray(maps)
    batch, ny, nx = maps.shape
    start = jnp.arange(batch, dtype="int32")[:, None, None] * (ny * nx)
    first, flat = start + row * nx + column, maps.reshape(-1)
    return tuple(flat[first + step] for step in (0, 1, nx, nx + 1))


@corners.defjvp
def _corners_derivative(arguments, tangents):
    # Four additions side by side into a table of cells are faster than four into the map.
    maps, row, column = arguments
    change, *_ = tangents
    batch, ny, nx = change.shape
    table = jnp.stack(
        [change[:, i : ny - 1 + i, j : nx - 1 + j] for i in (0, 1) for j in (0, 1)], axis=-1
    ).reshape(-1, 4)
    start = jnp.arange(batch, dtype="int32")[:, None, None] * ((ny - 1) * (nx - 1))
    found = table[start + row * (nx - 1) + column]
    return corners(maps, row, column), tuple(found[..., k] for k in range(4))


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
    batch, values = row.shape[0], jnp.stack(values, axis=-1)
    start = jnp.arange(batch, dtype="int32")[:, None, None] * ((ny - 1) * (nx - 1))
    table = jnp.zeros((batch * (ny - 1) * (nx - 1), 4), values.dtype)
    table = table.at[start + row * (nx - 1) + column].add(values)
    table = table.reshape(batch, ny - 1, nx - 1, 4)
    return sum(
        jnp.pad(table[..., 2 * i + j], ((0, 0), (i, 1 - i), (j, 1 - j)))
        for i in (0, 1)
        for j in (0, 1)
    )


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

    def summed(*args):
        value, auxiliary = function(*args)
        return value.sum(), (value, auxiliary)

    arguments = [jnp.asarray(a) for a in arguments]
    gradient = jax.grad(summed, argnums=tuple(range(len(arguments))), has_aux=True)
    gradients, result = gradient(*arguments)
    return result, list(gradients)


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
    values, pulled = jax.vjp(function, *(jnp.asarray(a) for a in arguments))
    return values, lambda weights: list(pulled(tuple(weights)))


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
    return jax.jvp(function, (jnp.asarray(argument),), (jnp.asarray(direction),))[1]


def jit_compile(function, fused=False, variables=()):
    """Return `function` traced once for each set of argument shapes and run as one program.

    The values of `variables`, Keras variables that it reads, are arguments of the program: what is
    read while a function is traced is a constant of it.  `fused` changes nothing here: JAX always
    fuses.
    """
    if not variables:
        return jax.jit(function)

    @jax.jit
    def program(values, *arguments):
        with keras.StatelessScope(state_mapping=list(zip(variables, values))):
            return function(*arguments)

    return lambda *arguments: program([v.value for v in variables], *arguments)


def on_cpu():
    """Return whether arrays live on a CPU, and not on an accelerator."""
    return jax.default_backend() == "cpu"


def batchwise(function, together=1):
    """Return `function` compiled for batches, the cores of a CPU sharing their members.

    XLA leaves most of the work on a batch to one core, and its arrays are larger than the caches.
    So on a CPU the members are computed a few at a time, on all cores side by side.

    Parameters
    ----------
    function : callable
        Of trees of tensors whose first axis is that of the batch, where it treats every member
        alone; it returns such a tree.
    together : int, optional
        How many members a core treats at once, at most: with more, it reads what they share less
        often; with fewer, their arrays stay in its caches.

    Returns
    -------
    callable
    """
    whole = jax.jit(function)

    @partial(jax.jit, static_argnums=1)
    def some(first, members, arguments):
        size = next(n for n in range(min(together, members), 0, -1) if members % n == 0)

        def few(i):
            return function(
                *jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, i, size), arguments)
            )

        if size == members:
            return few(first)
        parts = jax.lax.map(few, first + size * jnp.arange(members // size))
        return jax.tree.map(lambda value: value.reshape(members, *value.shape[2:]), parts)

    @jax.jit
    def joined(parts):
        return jax.tree.map(lambda *values: jnp.concatenate(values), *parts)

    known = set()

    def called(*arguments):
        leaves = jax.tree.leaves(arguments)
        n = leaves[0].shape[0] if leaves else 1
        if (
            n == 1
            or any(a.shape[0] != n or isinstance(a, jax.core.Tracer) for a in leaves)
            or not on_cpu()
        ):
            return whole(*arguments)
        return joined(
            by_shares(lambda *share: jax.block_until_ready(some(*share, arguments)), leaves, known)
        )

    return called


def without_values(function):
    """Return what `function` returns, called where arrays have shapes and no values.

    Layers that it builds take no memory; they cannot be used afterwards.

    Parameters
    ----------
    function : callable
        Without arguments; returns no tensor.
    """
    found = []
    jax.eval_shape(lambda: found.append(function()))
    return found[0]


def versions():
    """Return the name and version of the array library."""
    return {"jax": jax.__version__}
