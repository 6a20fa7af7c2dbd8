"""JAX's half of the backend."""

import jax
import jax.numpy as jnp

# Those of Keras cast to single precision.
arctan, arctanh, cos, sin = jnp.arctan, jnp.arctanh, jnp.cos, jnp.sin
# Logarithm of the gamma function; regularised lower incomplete gamma function P(a, x).
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


def compiled(function, fused=False):
    """Return `function` traced once for each set of argument shapes and run as one program.

    `fused` changes nothing here: JAX always fuses.
    """
    return jax.jit(function)


def versions():
    """Return the name and version of the array library."""
    return {"jax": jax.__version__}
