"""What all trainings share: the fit itself, its checkpoints, and what is noted of it.

A training keeps its progress in a folder beside its output, from which it goes on after an
interruption.  Which networks are trained, and on what, is not known here.
"""

import json
from pathlib import Path
from time import perf_counter, process_time

import keras

from rimlens import __version__, backend
from rimlens.backend import several
from rimlens.errors import InputError, OutputExistsError
from rimlens.training.distribution import ALONE


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


class Checkpoint(keras.callbacks.ModelCheckpoint):
    """Keeps the weights and the optimizer's state of the last two epochs.

    Two, because an interruption may cut off the file that is being written.

    Parameters
    ----------
    folder : str or path
        Where the files are.
    """

    def __init__(self, folder):
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        super().__init__(
            str(self._folder / "epoch-{epoch:06d}.weights.h5"), save_weights_only=True
        )

    def on_epoch_end(self, epoch, logs=None):
        """Write the epoch's file and remove those before the one before."""
        with several.apart():
            super().on_epoch_end(epoch, logs)
        for path in _checkpoints(self._folder)[2:]:
            path.unlink()

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
        for path in _checkpoints(folder):
            try:
                network.load_weights(path)
            except (OSError, KeyError, ValueError):
                # The file was being written when the training was interrupted.
                continue
            return int(path.name.removeprefix("epoch-").split(".")[0])
        return None


def _checkpoints(folder):
    """Return the files of epochs in a folder, the last one first."""
    return sorted(Path(folder).glob("epoch-*.weights.h5"), reverse=True)


def fit_epochs(
    network,
    batches,
    epochs,
    first=0,
    checkpoint=None,
    callbacks=(),
    verbose="auto",
    workers=ALONE,
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

    Returns
    -------
    list of float
        The loss after each epoch of this run.
    """
    extra = [EpochNumber(batches), *callbacks]
    if checkpoint is not None:
        restored = Checkpoint.restore(network, checkpoint)
        first = workers.agree(first if restored is None else restored, str(checkpoint))
        if workers.writes:
            extra.append(Checkpoint(checkpoint))
    done = network.fit(
        batches,
        initial_epoch=first,
        epochs=epochs,
        callbacks=extra,
        shuffle=False,
        verbose=verbose,
    )
    return done.history.get("loss", [])


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


def provenance(recipe, spent, drawn):
    """Return what is stored of every training: its recipe, seed, versions, time and size.

    Parameters
    ----------
    recipe : Recipe or VAERecipe
        What it was made from.
    spent : dict
        ``seconds`` and ``cpu_seconds`` that it took.
    drawn : dict
        What was drawn for it: the kind and the number.

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
            "updates": recipe.updates,
            "backend": backend.name(),
        },
    }


def checkpoint_path(output):
    """Return the path of the checkpoint folder beside an output: ``OUTPUT.checkpoint``."""
    return output.with_name(output.name + ".checkpoint")


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
    checkpoint = checkpoint_path(output)
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
