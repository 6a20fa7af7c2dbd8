"""The loss: every step counts, in the space that the network moves in.

Adam et al. 2023, ApJ 951, 6, section 3.3: mean squares of the source and of log10 convergence, the
latter weighted with the square root of the convergence, averaged over steps; here also of the shear.
"""

import keras
from keras import ops

WEIGHTS = {"convergence": 2.0, "shear": 0.05, "source": 0.05}


class ConvergenceLoss(keras.losses.Loss):
    """Mean square of log10 convergence weighted with the square root of the true convergence."""

    def call(self, y_true, y_pred):
        """Return the loss of each example; `y_pred` has an axis of steps after the batch."""
        weight = ops.power(10.0, 0.5 * y_true)
        weight = weight / ops.mean(weight, axis=(1, 2), keepdims=True)
        error = weight[:, None] * ops.square(y_pred - y_true[:, None])
        return ops.mean(error, axis=(1, 2, 3))


class ShearLoss(keras.losses.Loss):
    """Mean square of the scaled shear."""

    def call(self, y_true, y_pred):
        """Return the loss of each example; `y_pred` has an axis of steps after the batch."""
        return ops.mean(ops.square(y_pred - y_true[:, None]), axis=(1, 2))


class SourceLoss(keras.losses.Loss):
    """Square of the source's error, relative to the source's own square."""

    def call(self, y_true, y_pred):
        """Return the loss of each example; `y_pred` has an axis of steps after the batch."""
        error = ops.mean(ops.square(y_pred - y_true[:, None]), axis=(1, 2, 3))
        return error / (ops.mean(ops.square(y_true), axis=(1, 2)) + 1e-3)


def losses():
    """Return the loss of each unknown, for `keras.Model.compile`."""
    return {"convergence": ConvergenceLoss(), "shear": ShearLoss(), "source": SourceLoss()}
