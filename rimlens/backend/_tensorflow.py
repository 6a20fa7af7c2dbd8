"""TensorFlow's half of the backend."""

import tensorflow as tf

arctan, arctanh, cos, sin = tf.math.atan, tf.math.atanh, tf.math.cos, tf.math.sin
# Logarithm of the gamma function; regularised lower incomplete gamma function P(a, x).
lgamma, igamma = tf.math.lgamma, tf.math.igamma


def rfft2(x, shape):
    """Return the real Fourier transform over the last two axes, zero-padded to `shape`."""
    return tf.signal.rfft2d(x, fft_length=shape)


def irfft2(x, shape):
    """Return the inverse of `rfft2`; `shape` is the padded shape in real space."""
    return tf.signal.irfft2d(x, fft_length=shape)


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


def compiled(function):
    """Return `function` traced once for each set of argument shapes and run as one graph."""
    return tf.function(function, autograph=False)


def versions():
    """Return the name and version of the array library."""
    return {"tensorflow": tf.__version__}
