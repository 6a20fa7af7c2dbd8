"""Training a recurrent inference machine on simulations drawn on the fly."""

import keras
import numpy as np

from rimlens.rim.loss import WEIGHTS, losses
from rimlens.rim.normalisation import normalised
from rimlens.rim.unknowns import unconstrain


class TrainingSet(keras.utils.PyDataset):
    """Endless simulations for `keras.Model.fit`: each epoch's are new, and the same on every run.

    Parameters
    ----------
    simulator : Simulator
        Draws mock observations.
    batch_size, updates_per_epoch : int
        Sizes.
    seed : int
        With the epoch and the batch's number it seeds a batch, so that a resumed training sees
        what an uninterrupted one would have seen.
    **kwargs
        Passed to `keras.utils.PyDataset`.
    """

    def __init__(self, simulator, batch_size, updates_per_epoch, seed, **kwargs):
        super().__init__(**kwargs)
        self.simulator = simulator
        self.batch_size = batch_size
        self.updates_per_epoch = updates_per_epoch
        self.seed = seed
        self.epoch = 0

    def __len__(self):
        """Return the updates in an epoch."""
        return self.updates_per_epoch

    def __getitem__(self, index):
        """Return inputs and targets of one batch."""
        rng = np.random.default_rng([self.seed, self.epoch, index])
        return inputs_and_targets(self.simulator.draw(self.batch_size, rng))


class EpochSeed(keras.callbacks.Callback):
    """Tells a `TrainingSet` which epoch it is, also after training was resumed."""

    def __init__(self, training_set):
        super().__init__()
        self.training_set = training_set

    def on_epoch_begin(self, epoch, logs=None):
        """Hand the epoch's number on."""
        self.training_set.epoch = epoch


def inputs_and_targets(batch):
    """Return what the machine reads and what it should answer.

    Parameters
    ----------
    batch : dict of ndarray
        From `Simulator.draw`.

    Returns
    -------
    inputs, targets : dict of ndarray
        Brightness in units of the robust peak, convergence as its logarithm, shear scaled.
    """
    image, sigma, peak = normalised(batch["image"], batch["sigma"], batch["weight"])
    inputs = {"image": image, "sigma": sigma, "weight": batch["weight"], "psf": batch["psf"]}
    log_kappa, shear = unconstrain(batch["convergence"], batch["shear"])
    source = (batch["source"] / peak[:, None, None]).astype("float32")
    targets = {
        "convergence": np.asarray(log_kappa, "float32"),
        "shear": np.asarray(shear, "float32"),
        "source": source,
    }
    return inputs, targets


def learning_rate_schedule(recipe):
    """Return the warm-up and cosine decay of a `Recipe`."""
    total = recipe.short_updates + recipe.updates
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=recipe.learning_rate / 20,
        decay_steps=max(total - recipe.warmup, 1),
        alpha=0.01,
        warmup_target=recipe.learning_rate,
        warmup_steps=recipe.warmup,
    )


def fit(machine, simulator, recipe, checkpoint=None, verbose="auto", callbacks=()):
    """Train a machine as a recipe says.

    Parameters
    ----------
    machine : RecurrentInferenceMachine
        Trained in place.
    simulator : Simulator
        Draws the simulations.
    recipe : Recipe
        Updates, learning rate and seed.
    checkpoint : path, optional
        Folder in which progress is kept after every epoch, and from which an interrupted training
        goes on.
    verbose : optional
        As in `keras.Model.fit`.
    callbacks : sequence of keras.callbacks.Callback, optional
        More of them.

    Returns
    -------
    list of float
        The loss after each epoch of this run.
    """
    machine.compile(
        optimizer=keras.optimizers.Adam(
            learning_rate_schedule(recipe), global_clipnorm=recipe.gradient_norm
        ),
        loss=losses(),
        loss_weights=WEIGHTS,
        jit_compile=keras.backend.backend() == "jax",
    )
    # The optimiser's variables must exist before a checkpoint can be read into them.
    machine.optimizer.build(machine.trainable_variables)
    history = []
    parts = [
        ("short", recipe.short_steps, 0, recipe.short_updates),
        ("full", machine.architecture.steps, recipe.short_updates, recipe.updates),
    ]
    training_set = TrainingSet(
        simulator, recipe.batch_size, recipe.updates_per_epoch, recipe.seed
    )
    for part, steps, before, updates in parts:
        if not updates:
            continue
        machine.unrolled_steps = steps
        machine.make_train_function(force=True)
        extra = [EpochSeed(training_set), *callbacks]
        if checkpoint is not None:
            extra.append(
                keras.callbacks.BackupAndRestore(f"{checkpoint}/{part}", delete_checkpoint=False)
            )
        done = machine.fit(
            training_set,
            initial_epoch=before // recipe.updates_per_epoch,
            epochs=(before + updates) // recipe.updates_per_epoch,
            callbacks=extra,
            verbose=verbose,
        )
        history += done.history.get("loss", [])
    machine.unrolled_steps = machine.architecture.steps
    return history
