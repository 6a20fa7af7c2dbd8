"""JAX's half of the backend."""

import jax
import jax.numpy as jnp

# Those of Keras cast to single precision.
arctan, arctanh, cos, sin = jnp.arctan, jnp.arctanh, jnp.cos, jnp.sin
# Logarithm of the gamma function; regularised lower incomplete gamma function P(a, x).
lgamma, igamma = jax.scipy.special.gammaln, jax.scipy.special.gammainc


def rfft2(x, shape):
    """Return the real Fourier transform over the last two axes, zero-padded to `shape`."""
    return jnp.fft.rfft2(x, s=shape)


def irfft2(x, shape):
    """Return the inverse of `rfft2`; `shape` is the padded shape in real space."""
    return jnp.fft.irfft2(x, s=shape)


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


def compiled(function):
    """Return `function` traced once for each set of argument shapes and run as one program."""
    return jax.jit(function)


def versions():
    """Return the name and version of the array library."""
    return {"jax": jax.__version__}
