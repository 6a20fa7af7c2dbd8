"""What trainings share that go on after an interruption.

A training keeps its progress in a folder beside its output.  Which networks are trained, and on
what, is not known here.
"""

import json
from pathlib import Path
from time import perf_counter, process_time

import keras

from rimlens.errors import InputError, OutputExistsError


class EpochNumber(keras.callbacks.Callback):
    """Tells a training set which epoch it is, also after training was resumed.

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
    """Adds up the time of a training over its interruptions, on the clock and on all cores.

    Parameters
    ----------
    checkpoint : path or None
        Folder in which the sum is kept.
    """

    def __init__(self, checkpoint=None):
        super().__init__()
        self._file = None if checkpoint is None else Path(checkpoint) / "clock.json"
        self.spent = {"seconds": 0.0, "cpu_seconds": 0.0}
        if self._file is not None and self._file.is_file():
            self.spent = json.loads(self._file.read_text())
        self._last = None

    def on_epoch_begin(self, epoch, logs=None):
        """Start to count."""
        self._last = perf_counter(), process_time()

    def on_epoch_end(self, epoch, logs=None):
        """Add the epoch and keep the sum."""
        wall, cpu = self._last
        self.spent["seconds"] += perf_counter() - wall
        self.spent["cpu_seconds"] += process_time() - cpu
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps(self.spent))


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


def checkpoint_of(output, recipe):
    """Return the checkpoint folder beside an output, in which the recipe is noted.

    Parameters
    ----------
    output : pathlib.Path
        The file that the training will write.
    recipe : object
        With ``to_dict()``.

    Returns
    -------
    pathlib.Path
        ``OUTPUT.checkpoint``.

    Raises
    ------
    InputError
        If it holds the progress of another recipe.
    """
    checkpoint = output.with_name(output.name + ".checkpoint")
    note = checkpoint / "recipe.json"
    text = json.dumps(recipe.to_dict(), indent=1)
    if note.is_file() and note.read_text() != text:
        raise InputError(
            f"{checkpoint}: it holds the progress of another recipe; remove it to start anew, or "
            "choose another output"
        )
    checkpoint.mkdir(parents=True, exist_ok=True)
    note.write_text(text)
    return checkpoint
