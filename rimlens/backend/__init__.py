"""The only subpackage that names an array library.

Keras (`keras.ops`) covers most array code; what it lacks for lensing stands here, once for
TensorFlow and once for JAX: two-dimensional real Fourier transforms, gradients with respect to
data, the gathering of cells' corners and its adjoint, compilation, the kind of device, gamma
functions, functions of angles that keep double precision, and convolution with symmetric kernels.
The library is chosen by the environment variable ``KERAS_BACKEND`` (TensorFlow by default) and is
imported when this subpackage is first imported.

Physics does not belong here.
"""

import os
from importlib.util import find_spec

from rimlens.backend.choice import refuse_unusable
from rimlens.backend.variables import default_variables

with default_variables(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3"):
    refuse_unusable(os.environ["KERAS_BACKEND"])
    import keras

    if keras.backend.backend() == "tensorflow":
        from rimlens.backend._tensorflow import (
            arctan,
            arctanh,
            batchwise,
            constant,
            corners,
            cos,
            derivative,
            igamma,
            irfft2,
            jit_compile,
            lgamma,
            on_cpu,
            rfft2,
            sin,
            sum_into_corners,
            value_and_grad,
            versions,
            vjp,
            without_values,
        )
    elif keras.backend.backend() == "jax":
        from rimlens.backend._jax import (
            arctan,
            arctanh,
            batchwise,
            constant,
            corners,
            cos,
            derivative,
            igamma,
            irfft2,
            jit_compile,
            lgamma,
            on_cpu,
            rfft2,
            sin,
            sum_into_corners,
            value_and_grad,
            versions,
            vjp,
            without_values,
        )
    else:
        raise ImportError(
            f"rimlens runs on the Keras backends 'tensorflow' and 'jax', found "
            f"{keras.backend.backend()!r}; set the environment variable KERAS_BACKEND to one of "
            "them"
        )

# They are written in `keras.ops`, so that Keras must be there.
from rimlens.backend._speed.symmetric import SymmetricConvolution, prefers_matrices  # noqa: E402
from rimlens.backend.derivatives import jacobian  # noqa: E402

__all__ = [
    "SymmetricConvolution",
    "arctan",
    "arctanh",
    "batchwise",
    "jit_compile",
    "constant",
    "corners",
    "cos",
    "derivative",
    "igamma",
    "irfft2",
    "jacobian",
    "lgamma",
    "name",
    "on_cpu",
    "prefers_matrices",
    "rfft2",
    "sin",
    "sum_into_corners",
    "value_and_grad",
    "versions",
    "vjp",
    "without_values",
    "writes_events",
]


def name():
    """Return the array library in use.

    Returns
    -------
    str
        ``"tensorflow"`` or ``"jax"``.

    Examples
    --------
    >>> from rimlens import backend
    >>> backend.name() in ("tensorflow", "jax")
    True
    """
    return keras.backend.backend()


def writes_events():
    """Return whether Keras can write events for TensorBoard.

    It does so with TensorFlow, which takes the memory of a GPU for itself where it is not the
    array library in use.

    Returns
    -------
    bool
    """
    return name() == "tensorflow" and find_spec("tensorboard") is not None
