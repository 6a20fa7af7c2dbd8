"""What a machine is compiled with for training: optimizer, course of the learning rate, loss."""

import math

import keras
from keras import ops

from rimlens import backend
from rimlens.training.solver.loss import losses

# The learning rate at the end of a fall, in units of the highest.
LAST = 0.01
CLASSES = {
    cls.__name__.lower(): cls
    for cls in (
        keras.optimizers.Adam,
        keras.optimizers.Adamax,
        keras.optimizers.AdamW,
        keras.optimizers.Lion,
        keras.optimizers.Nadam,
        keras.optimizers.RMSprop,
        keras.optimizers.SGD,
    )
}


class ExponentialFall(keras.optimizers.schedules.LearningRateSchedule):
    """A linear rise to the highest rate, and an exponential fall to a hundredth of it.

    Parameters
    ----------
    highest : float
        The rate after the rise, which begins at a twentieth of it.
    updates, warmup : int
        Of the whole, and of the rise.
    """

    def __init__(self, highest, updates, warmup):
        super().__init__()
        self.highest, self.updates, self.warmup = highest, updates, warmup

    def __call__(self, step):
        """Return the rate after so many updates."""
        step = ops.cast(step, "float32")
        rise = 0.05 + 0.95 * step / max(self.warmup, 1)
        part = (step - self.warmup) / max(self.updates - self.warmup, 1)
        fall = ops.exp(math.log(LAST) * ops.clip(part, 0.0, 1.0))
        return self.highest * ops.where(step < self.warmup, rise, fall)

    def get_config(self):
        """Return what `from_config` needs."""
        return {"highest": self.highest, "updates": self.updates, "warmup": self.warmup}


def learning_rate_schedule(highest, updates, warmup, course="cosine"):
    """Return a linear rise to the highest rate over `warmup` updates, and what comes then.

    Parameters
    ----------
    highest : float
        The rate after the rise.
    updates, warmup : int
        Of the whole, and of the rise.
    course : {"cosine", "exponential", "constant"}, optional
        A fall to a hundredth at the end, or none.

    Returns
    -------
    keras.optimizers.schedules.LearningRateSchedule
    """
    if course == "exponential":
        return ExponentialFall(highest, updates, warmup)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=highest / 20,
        decay_steps=max(updates - warmup, 1),
        # A cosine between equals is constant.
        alpha=1.0 if course == "constant" else LAST,
        warmup_target=highest,
        warmup_steps=warmup,
    )


def compile_machine(machine, recipe, learning_rate, updates, linear=False):
    """Compile a machine for a part of a training.

    Parameters
    ----------
    machine : RecurrentInferenceMachine
        In place.
    recipe : Recipe
        Of the round.
    learning_rate : float
        At its highest.
    updates : int
        Of the part.
    linear : bool, optional
        As in `rimlens.training.solver.loss.losses`.
    """
    machine.answers_image = recipe.loss.image > 0
    parts = losses(machine, linear, recipe.loss)
    machine.compile(
        optimizer=CLASSES[recipe.optimizer](
            learning_rate_schedule(learning_rate, updates, recipe.warmup, recipe.schedule),
            global_clipnorm=recipe.gradient_norm,
            use_ema=recipe.averaging > 0,
            ema_momentum=recipe.averaging,
        ),
        loss=parts,
        loss_weights={name: recipe.loss.of_parts[name] for name in parts},
        jit_compile=backend.name() == "jax",
    )
    # The optimizer's variables must exist before a checkpoint can be read into them.
    machine.optimizer.build(machine.trainable_variables)
