"""Tails of the standard normal distribution, as tensor functions that hold in single precision.

Keras has the error function alone, which loses a probability of 1e-7 against one.
"""

import math

import numpy as np
from keras import ops
from scipy import special

_LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)
# Beyond this the continued fraction, cut after so many levels, is good to 1e-12; up to it
# 1 - erf loses two digits at most.
_FAR = 2.0
_LEVELS = 40


def log_upper(x):
    """Return the logarithm of the probability above `x`, of any shape and sign."""
    far = x > _FAR
    near_x, far_x = ops.where(far, 0.0, x), ops.where(far, x, _FAR)
    near = ops.log(0.5 * (1.0 - ops.erf(near_x / math.sqrt(2.0))))
    tail = ops.log(_mills(far_x)) - 0.5 * far_x * far_x - _LOG_ROOT_2PI
    return ops.where(far, tail, near)


def upper_inverse(log_probability):
    """Return the `x` above which lies a probability, of one half at most, given as logarithm.

    Starts from Abramowitz & Stegun (1964), eq. 26.2.23, good to 4.5e-4.  Newton's steps square
    that, and the last one carries the derivative.
    """
    t = ops.stop_gradient(log_probability)
    w = ops.sqrt(-2.0 * t)
    x = w - (2.515517 + w * (0.802853 + w * 0.010328)) / (
        1.0 + w * (1.432788 + w * (0.189269 + w * 0.001308))
    )
    x = _newton(x, t)
    return _newton(ops.stop_gradient(x), log_probability)


def rounding(x):
    """Return the rounding error of numbers like a tensor's."""
    return float(np.finfo(ops.dtype(x)).eps)


def log_density(z):
    """Return the logarithm of the standard normal density."""
    return -0.5 * z * z - _LOG_ROOT_2PI


def log_tail(x):
    """Return `log_upper` of a number, as a float that is finite at infinity too."""
    return max(float(special.log_ndtr(-x)), -1e30)


def log_sum(a, b):
    """Return ln(exp(a) + exp(b)); that of Keras rounds to single precision on JAX."""
    larger = ops.maximum(a, b)
    return larger + ops.log1p(ops.exp(ops.minimum(a, b) - larger))


def log_difference(a, b):
    """Return ln(exp(a) - exp(b)) for a > b, and a finite number where rounding says otherwise."""
    ratio = ops.minimum(b - a, -rounding(b - a))
    return a + ops.log(-ops.expm1(ratio))


def _newton(x, log_probability):
    reached = log_upper(x)
    # Probability over density, the inverse of the slope of its logarithm.
    ratio = ops.exp(reached + 0.5 * x * x + _LOG_ROOT_2PI)
    return x + ops.stop_gradient(ratio) * (ops.stop_gradient(reached) - log_probability)


def _mills(x):
    """Return probability above `x` over density at `x` (Abramowitz & Stegun 1964, eq. 26.2.14)."""
    # The rest of the fraction, d = x + n / d as if it went on with one numerator.
    denominator = 0.5 * (x + ops.sqrt(x * x + 4.0 * _LEVELS))
    for k in range(_LEVELS, 0, -1):
        denominator = x + k / denominator
    return 1.0 / denominator
