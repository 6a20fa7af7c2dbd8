"""What all trainings share: the fit itself, its checkpoints, and what is noted of it.

A training keeps its progress in a folder beside its output, from which it goes on after an
interruption.  Which networks are trained, and on what, is not known here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from zipfile import BadZipFile

import keras
import numpy as np
from keras import ops

from rimlens import __version__, backend
from rimlens.backend import several
from rimlens.errors import InputError, OutputExistsError, TrainingError
from rimlens.io.files import new_file
from rimlens.training.distribution import ALONE

# What a folder of progress has besides the states: of what recipe it is.
RECIPE = "recipe.json"
# What a file that was cut off raises.
UNREADABLE = (OSError, EOFError, KeyError, ValueError, BadZipFile)
_ENDING = ".npz"


@dataclass(frozen=True)
class Progress:
    """How far a fit has come.

    Parameters
    ----------
    losses : list of float
        After each epoch of this run.
    epochs : int
        Done in this and all earlier runs.
    """

    losses: list[float]
    epochs: int


class EpochNumber(keras.callbacks.Callback):
    """Sets a training set's number of the epoch, also after training was resumed.

    Parameters
    ----------
    training_set : object
        Its attribute ``epoch`` is set.
    """

    def __init__(self, training_set):
        super().__init__()
        self.training_set = training_set

    def on_epoch_begin(self, epoch, logs=None):
        """Hand the epoch's number on."""
        self.training_set.epoch = epoch


class TrainingClock(keras.callbacks.Callback):
    """Adds up the time of a training over its interruptions, and ends it when that is enough.

    Parameters
    ----------
    checkpoint : path or None
        Folder in which the sum is kept.
    minutes : float or None, optional
        Upper bound on the time: the training ends after the epoch in which it is passed.
    """

    def __init__(self, checkpoint=None, minutes=None):
        super().__init__()
        self._file = None if checkpoint is None else Path(checkpoint) / "clock.json"
        self._minutes = minutes
        self.spent = {"seconds": 0.0, "cpu_seconds": 0.0}
        if self._file is not None and self._file.is_file():
            self.spent = json.loads(self._file.read_text())
        self._last = None

    @property
    def is_over(self):
        """Whether the time is up."""
        return self._minutes is not None and self.spent["seconds"] >= 60 * self._minutes

    def on_epoch_begin(self, epoch, logs=None):
        """Start to count."""
        self._last = perf_counter(), process_time()

    def on_epoch_end(self, epoch, logs=None):
        """Add the epoch, keep the sum, and stop the training if the time is up."""
        wall, cpu = self._last
        self.spent["seconds"] += perf_counter() - wall
        self.spent["cpu_seconds"] += process_time() - cpu
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with new_file(self._file, overwrite=True) as temporary:
                temporary.write_text(json.dumps(self.spent))
        if self.is_over:
            self.model.stop_training = True


class FiniteLoss(keras.callbacks.Callback):
    """Stops a training whose loss is no longer finite, and says where that happened.

    Parameters
    ----------
    updates_per_epoch : int
        To count the updates of all epochs.
    checkpoint : path or None
        Where weights of earlier epochs are, in any part of the training.
    """

    # Keras then need not wait for an update before it draws the simulations of the next.
    async_safe = True

    def __init__(self, updates_per_epoch, checkpoint=None):
        super().__init__()
        self._updates = updates_per_epoch
        self._checkpoint = checkpoint
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        """Note the epoch's number."""
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        """Look at the loss, the mean of the epoch so far."""
        loss = float((logs or {}).get("loss", 0.0))
        if not np.isfinite(loss):
            update = self._epoch * self._updates + batch + 1
            self._stop(f"update {update}: the loss is {loss}")

    def on_epoch_end(self, epoch, logs=None):
        """Look at the weights: those of the last update have not made a loss yet."""
        for weight in self.model.trainable_variables:
            if not ops.all(ops.isfinite(weight.value)):
                self._stop(f"update {(epoch + 1) * self._updates}: {weight.path} is not finite")

    def _stop(self, what):
        last = None if self._checkpoint is None else last_checkpoint(self._checkpoint)
        advice = "train anew with a lower learning_rate or gradient_norm, or precision = 'float32'"
        if last is not None:
            advice = (
                f"the weights of epoch {epoch_of(last)} are kept in {self._checkpoint}: {advice}, "
                "and --start-from this folder, if not from the beginning"
            )
        raise TrainingError(f"training: epoch {self._epoch + 1}, {what}; {advice}")


class Checkpoint(keras.callbacks.Callback):
    """Keeps the weights and the optimizer's state of the last two epochs.

    A file appears whole or not at all.  Two are kept all the same: a disk may lose what it was
    given last.  They are NumPy's, as HDF5 ends the process where a disk is full.

    Parameters
    ----------
    folder : str or path
        Where the files are.
    """

    def __init__(self, folder):
        super().__init__()
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)

    def on_epoch_end(self, epoch, logs=None):
        """Write the epoch's file and remove those before the one before."""
        path = self._folder / f"epoch-{epoch + 1:06d}{_ENDING}"
        # One process alone writes.
        with several.apart():
            arrays = {
                f"{group}_{i}": _exact(variable)
                for group, variables in _state(self.model).items()
                for i, variable in enumerate(variables)
            }
        try:
            with new_file(path, overwrite=True) as temporary, open(temporary, "wb") as file:
                np.savez(file, **arrays)
        except InputError as error:
            raise InputError(
                f"{error}: the epochs before are kept; make space and give the same command again"
            ) from error
        for old in checkpoints(self._folder)[2:]:
            old.unlink()

    @staticmethod
    def restore(network, folder):
        """Give a compiled network the state that it had after the last epoch in a folder.

        Parameters
        ----------
        network : keras.Model
            Its optimizer is built.
        folder : str or path
            Of an earlier training, or of none.

        Returns
        -------
        int or None
            How many epochs were done; None if there is no state.
        """
        for path in checkpoints(folder):
            try:
                set_state(_state(network), path)
            except UNREADABLE:
                # The file was cut off.
                continue
            return epoch_of(path)
        return None


def set_state(groups, path):
    """Give variables the values that a file of `checkpoints` has for them.

    Parameters
    ----------
    groups : dict of list of keras.Variable
        ``weight`` and, where it is wanted too, ``optimizer``.
    path : str or path
        The file.

    Raises
    ------
    UNREADABLE
        If the file was cut off, or has no values of the variables' shapes; no variable is changed.
    """
    pairs = []
    # NumPy leaves a file open that it opened and cannot read.
    with open(path, "rb") as file, np.load(file) as stored:
        for group, variables in groups.items():
            for i, variable in enumerate(variables):
                value = stored[f"{group}_{i}"]
                if value.shape != tuple(variable.shape):
                    raise ValueError(
                        f"{group} {i}: the shape {tuple(variable.shape)} is wanted, found "
                        f"{value.shape}"
                    )
                pairs.append((variable, value))
    for variable, value in pairs:
        variable.assign(value)


def _state(network):
    """Return the variables from which a training goes on."""
    return {"weight": network.weights, "optimizer": network.optimizer.variables}


def _exact(variable):
    """Return the value of a variable; half precision that NumPy does not know fits in single."""
    value = ops.convert_to_numpy(variable.value)
    return value.astype("float32") if value.dtype.kind == "V" else value


def checkpoints(folder):
    """Return the files of epochs in a folder, the last one first."""
    return sorted(Path(folder).glob(f"epoch-*{_ENDING}"), reverse=True)


def last_checkpoint(folder):
    """Return the file of the last epoch in a folder or those inside it, or None."""
    return max(Path(folder).rglob(f"epoch-*{_ENDING}"), key=epoch_of, default=None)


def epoch_of(path):
    """Return how many epochs were done when a file of `checkpoints` was written."""
    return int(path.name.removeprefix("epoch-").removesuffix(_ENDING))


def fit_epochs(
    network,
    batches,
    epochs,
    first=0,
    checkpoint=None,
    callbacks=(),
    verbose="auto",
    workers=ALONE,
    part="",
    clock=None,
):
    """Run `keras.Model.fit` on batches that know their epoch, resumed where it was interrupted.

    Parameters
    ----------
    network : keras.Model
        Compiled, its optimizer built.
    batches : keras.utils.PyDataset
        With an attribute ``epoch``.
    epochs, first : int
        The epochs go from the first up to this one.
    checkpoint : path, optional
        Folder in which the state after every epoch is kept, and from which it is taken.
    callbacks : sequence of keras.callbacks.Callback, optional
        More of them.
    verbose : optional
        As in `keras.Model.fit`.
    workers : Workers, optional
        All processes go on from the checkpoint; the first one writes it.
    part : str, optional
        Folder inside that of the checkpoint, where a training has several fits.
    clock : TrainingClock, optional
        Counts the time, and may end the fit early.

    Returns
    -------
    Progress

    Raises
    ------
    TrainingError
        If the loss or a weight is no longer finite.
    InputError
        If the state cannot be written.
    """
    extra = [EpochNumber(batches), FiniteLoss(len(batches), checkpoint), *callbacks]
    extra += [] if clock is None else [clock]
    restored = None
    if checkpoint is not None:
        restored = Checkpoint.restore(network, Path(checkpoint) / part)
        first = workers.agree(first if restored is None else restored, str(checkpoint))
        if workers.writes:
            extra.append(Checkpoint(Path(checkpoint) / part))
    if clock is not None and clock.is_over:
        if restored is None:
            # Keras would put averages that nothing was added to in the place of the weights.
            return Progress([], first)
        epochs = first
    done = network.fit(
        batches,
        initial_epoch=first,
        epochs=epochs,
        callbacks=extra,
        shuffle=False,
        verbose=verbose,
    )
    return Progress(done.history.get("loss", []), first + len(done.epoch))


def new_output(output, overwrite=False):
    """Return the path of an output, or raise `OutputExistsError` if it is there already.

    Parameters
    ----------
    output : str or path
        The file to write.
    overwrite : bool, optional
        Whether an existing file may be replaced.

    Returns
    -------
    pathlib.Path
    """
    output = Path(output)
    if output.exists() and not overwrite:
        raise OutputExistsError(f"{output}: it exists; choose another file or allow overwriting")
    return output


def provenance(recipe, spent, drawn, updates):
    """Return what is stored of every training: its recipe, seed, versions, time and size.

    Parameters
    ----------
    recipe : Recipe or VAERecipe
        What it was made from.
    spent : dict
        ``seconds`` and ``cpu_seconds`` that it took.
    drawn : dict
        What was drawn for it: the kind and the number.
    updates : int
        That were made.

    Returns
    -------
    dict
        Arguments of `rimlens.io.Weights` and `rimlens.io.VAEWeights`.
    """
    return {
        "name": recipe.name,
        "recipe": recipe.to_dict(),
        "seed": recipe.seed,
        "versions": {"rimlens": __version__, "keras": keras.__version__, **backend.versions()},
        "training": {
            **{name: round(value, 1) for name, value in spent.items()},
            **drawn,
            "updates": updates,
            "backend": backend.name(),
        },
    }


def checkpoint_path(output):
    """Return the path of the checkpoint folder beside an output: ``OUTPUT.checkpoint``."""
    return output.with_name(output.name + ".checkpoint")


def checkpoint_of(output, recipe, started_from=None):
    """Return the checkpoint folder beside an output, in which the recipe is noted.

    Parameters
    ----------
    output : pathlib.Path
        The file that the training will write.
    recipe : object
        With ``to_dict()``.
    started_from : dict, optional
        What is noted of the weights that the training began with.

    Returns
    -------
    pathlib.Path
        ``OUTPUT.checkpoint``.

    Raises
    ------
    InputError
        If it holds the progress of another recipe, or of one that began with other weights.
    """
    checkpoint = checkpoint_path(output)
    note = checkpoint / RECIPE
    begun = {} if started_from is None else {"started_from": started_from}
    text = json.dumps(recipe.to_dict() | begun, indent=1)
    if note.is_file() and note.read_text() != text:
        raise InputError(
            f"{checkpoint}: it holds the progress of another recipe, or of other weights at its "
            "start; remove it to start anew, or choose another output"
        )
    checkpoint.mkdir(parents=True, exist_ok=True)
    note.write_text(text)
    return checkpoint
