"""The loss: every step counts, in the space that the network moves in.

Adam et al. 2023, ApJ 951, 6, section 3.3: mean squares of the source and of log10 convergence, the
latter weighted with the square root of the convergence, averaged over steps.  Here also of the
shear, of what an image fixes best, the mass inside the ring, and, where a recipe says so, of the
image itself.  What the parts count is said by the recipe.
"""

import math
from functools import partial

import keras
import numpy as np
from keras import ops

from rimlens.training.recipes.loss import LossWeights

RING_WEIGHT = 10.0
# For fine-tuning: the distance beyond which an error of the ring's mass counts linearly.
RING_WEIGHT_LINEAR = 1.0
RING_UNIT = 0.003


class StepLoss(keras.losses.Loss):
    """A loss of every step, and its mean over them.

    Parameters
    ----------
    weights : LossWeights, optional
        How steps count.
    **kwargs
        Passed to `keras.losses.Loss`.
    """

    def __init__(self, weights=None, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.weights = weights or LossWeights()

    def call(self, y_true, y_pred):
        """Return the loss of each example; `y_pred` has an axis of steps after the batch."""
        error = self.of_steps(y_true, y_pred)
        return ops.mean(error * np.float32(self.weights.of_steps(error.shape[1])), axis=1)

    def of_steps(self, y_true, y_pred):
        """Return the loss of each example after every step, shape ``(batch, steps)``."""
        raise NotImplementedError


class ConvergenceLoss(StepLoss):
    """Mean square of log10 convergence, and of its mean inside the Einstein radius.

    The first is weighted with a power of the true convergence, its root by default.  The second is
    the square of the error of the logarithm of the mean convergence inside circles, of which those
    count that are close to the true Einstein radius.

    Parameters
    ----------
    grid : Grid
        Of the map, in image pixels.
    radii : int, optional
        Number of circles.
    linear : bool, optional
        Whether the error of the mass inside the ring counts by its absolute value: typical lenses
        then count as much as the few that failed.
    **kwargs
        Passed to `StepLoss`.
    """

    def __init__(self, grid, radii=24, linear=False, **kwargs):
        super().__init__(**kwargs)
        self.linear = linear
        radius = np.geomspace(2.5 * grid.pixel_scale, grid.radius[0].min() * 0.9, radii)
        # A soft edge one pixel wide, so that a circle grows smoothly.
        distance = (radius[:, None, None] - grid.radius) / grid.pixel_scale
        circles = np.clip(distance + 0.5, 0, 1)
        circles /= circles.sum(axis=(1, 2), keepdims=True)
        self._circles = circles.astype("float32")

    def of_steps(self, y_true, y_pred):
        """Return the loss of each example after every step."""
        weight = ops.power(10.0, self.weights.power * y_true)
        weight = weight / ops.mean(weight, axis=(1, 2), keepdims=True)
        error = weight[:, None] * ops.square(y_pred - y_true[:, None])
        return ops.mean(error, axis=(2, 3)) + self._ring(y_true, y_pred)

    def _ring(self, y_true, y_pred):
        true, found = self._log_mean(y_true)[:, None], self._log_mean(y_pred)
        near = ops.exp(-ops.square(true / 0.04)) + 1e-6
        error = ops.square(found - true)
        if self.linear:
            error = RING_WEIGHT_LINEAR * (ops.sqrt(error + RING_UNIT**2) - RING_UNIT)
        else:
            error = RING_WEIGHT * error
        return ops.sum(near * error, axis=-1) / ops.sum(near, axis=-1)

    def _log_mean(self, log_kappa):
        kappa = ops.exp(log_kappa * math.log(10.0))
        return ops.log10(ops.tensordot(kappa, self._circles, axes=((-2, -1), (1, 2))))


class ShearLoss(StepLoss):
    """Mean square of the scaled shear."""

    def of_steps(self, y_true, y_pred):
        """Return the loss of each example after every step."""
        return ops.mean(ops.square(y_pred - y_true[:, None]), axis=2)


class SourceLoss(StepLoss):
    """Square of the source's error, relative to the source's own square."""

    def of_steps(self, y_true, y_pred):
        """Return the loss of each example after every step."""
        error = ops.mean(ops.square(y_pred - y_true[:, None]), axis=(2, 3))
        return error / (ops.mean(ops.square(y_true), axis=(1, 2))[:, None] + 1e-3)


class VectorLoss(StepLoss):
    r"""Mean of :math:`\ln(1 + (\Delta u / u_0)^2)` of variables that are normal under the prior.

    The parameters of a model are known to very different accuracy: the logarithm lets those that
    an image fixes to a thousandth of the prior's width count beside those that it hardly fixes.

    Parameters
    ----------
    unit : float, optional
        The error :math:`u_0` at which the loss turns from square to logarithm.
    **kwargs
        Passed to `StepLoss`.
    """

    def __init__(self, unit=0.1, **kwargs):
        super().__init__(**kwargs)
        self.unit = unit

    def of_steps(self, y_true, y_pred):
        """Return the loss of each example after every step."""
        error = (y_pred - y_true[:, None]) / self.unit
        return ops.mean(ops.log1p(ops.square(error)), axis=2)


class ImageLoss(StepLoss):
    r"""Mean of :math:`\ln(1 + \chi^2_\nu)` of the image, above that of the target, which is zero.

    The logarithm keeps the few that failed, whose chi-square is a thousand times that of others,
    from deciding.
    """

    def of_steps(self, y_true, y_pred):
        """Return the loss of each example after every step; `y_pred` is that of chi-squares."""
        return ops.log1p(y_pred - y_true[:, None])


def losses(machine, linear=False, weights=None):
    """Return the loss of each of a machine's answers, for `keras.Model.compile`.

    Parameters
    ----------
    machine : RecurrentInferenceMachine
        Says which answers there are.
    linear : bool, optional
        As in `ConvergenceLoss`.
    weights : LossWeights, optional
        How steps and pixels count.

    Returns
    -------
    dict of str to keras.losses.Loss
    """
    names = [*machine.lens.names, *machine.source.names]
    names += ["image"] if machine.answers_image else []
    grid = machine.architecture.convergence_grid
    every = {
        "convergence": partial(ConvergenceLoss, grid, linear=linear),
        "shear": ShearLoss,
        "source": SourceLoss,
        "lens": VectorLoss,
        "source_vector": VectorLoss,
        "image": ImageLoss,
    }
    return {name: every[name](weights=weights) for name in names}
