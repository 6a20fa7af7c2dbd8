"""What a machine is trained on: simulations in any orientation of the square, and its targets."""

from __future__ import annotations

import keras
import numpy as np

from rimlens.random import Stream, stream
from rimlens.rim.preparation import normalize, orient_map, orient_shear
from rimlens.training.distribution import ALONE


class TrainingSet(keras.utils.PyDataset):
    """Endless simulations for `keras.Model.fit`: each epoch's are new, and the same on every run.

    Parameters
    ----------
    simulator : Simulator or SimulationSet
        Draws mock observations, or has them.
    machine : RecurrentInferenceMachine
        Says which unknowns are to be found.
    batch_size, updates_per_epoch : int
        Sizes.
    seed : int
        With the epoch and the batch's number it seeds a batch, so that a resumed training sees
        what an uninterrupted one would have seen.
    reuse : int, optional
        Updates for which a draw serves, each time in another of the eight orientations.
    workers : Workers, optional
        Which part of a batch this process works on.
    **kwargs
        Passed to `keras.utils.PyDataset`.
    """

    def __init__(
        self,
        simulator,
        machine,
        batch_size,
        updates_per_epoch,
        seed,
        reuse=1,
        workers=ALONE,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._share = workers.part
        self.simulator = simulator
        self.machine = machine
        self.batch_size = batch_size
        self.updates_per_epoch = updates_per_epoch
        self.seed = seed
        self.reuse = reuse
        self.epoch = self.first_epoch = 0
        self._number = self._drawn = None

    def begin(self, seed, epoch):
        """Begin a round of training with a seed of its own, at an epoch."""
        self.seed = seed
        self.epoch = self.first_epoch = epoch
        self._number = self._drawn = None

    def __len__(self):
        """Return the updates in an epoch."""
        return self.updates_per_epoch

    def __getitem__(self, index):
        """Return inputs and targets of one batch."""
        # Every draw serves for several updates, each time in another of the eight orientations.
        epoch = self.epoch - self.first_epoch
        number, turn = divmod(epoch * self.updates_per_epoch + index, self.reuse)
        if number != self._number:
            self._number = number
            self._drawn = self.simulator.batch(number, self.batch_size, self.seed)
        drawn = self._drawn
        if self.machine.equivariant:
            orientations = stream(self.seed, Stream.ORIENTATION, number).permutation(8)
            drawn = orient(drawn, orientations[turn])
        return self._share(inputs_and_targets(drawn, self.machine))


def orient(batch, orientation):
    """Return a batch of `Simulator.draw` in another of the eight orientations.

    Parameters of models, which no turned map has, are left out.
    """
    turned = {}
    for name, values in batch.items():
        if isinstance(values, dict):
            continue
        if name == "shear":
            values = orient_shear(values, orientation)
        elif values.ndim == 3:
            values = orient_map(values, orientation)
        turned[name] = values
    return turned


def inputs_and_targets(batch, machine):
    """Return what the machine reads and what it should answer.

    Parameters
    ----------
    batch : dict of ndarray
        From `Simulator.draw`.
    machine : RecurrentInferenceMachine
        Says which unknowns are to be found.

    Returns
    -------
    inputs, targets : dict of ndarray
        Brightness in units of the robust peak; the machine's answers.
    """
    image, sigma, peak = normalize(batch["image"], batch["sigma"], batch["weight"])
    inputs = {"image": image, "sigma": sigma, "weight": batch["weight"], "psf": batch["psf"]}
    targets = {**machine.lens.target(batch, peak), **machine.source.target(batch, peak)}
    if machine.answers_image:
        # The answer is the chi-square itself.
        targets["image"] = np.zeros(len(image), "float32")
    return inputs, targets
