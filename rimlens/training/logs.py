"""Logs of a training: what every epoch came to, as a table and for TensorBoard."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import keras
from keras import ops

from rimlens import backend
from rimlens.errors import InputError
from rimlens.io.files import new_file
from rimlens.typing import PathLike

TABLE = "epochs.csv"


class EpochTable(keras.callbacks.Callback):
    """Writes a row for every epoch to a CSV file.

    A resumed training goes on with the rows before its first epoch, and one that begins anew with
    none.  Keras's own ``CSVLogger`` appends without looking, and loses what is not there in the
    first epoch.

    Parameters
    ----------
    path : str or path
        The file.
    """

    def __init__(self, path: PathLike) -> None:
        super().__init__()
        self._path = Path(path)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Add the epoch's row."""
        rate = float(ops.convert_to_numpy(self.model.optimizer.learning_rate))
        row = {"epoch": epoch + 1, "learning_rate": rate, **(logs or {})}
        rows = [row for row in self._rows() if int(row["epoch"]) <= epoch] + [row]
        columns = list(dict.fromkeys(name for row in rows for name in row))
        with (
            new_file(self._path, overwrite=True) as temporary,
            open(temporary, "w", newline="") as file,
        ):
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)

    def _rows(self):
        if not self._path.is_file():
            return []
        with open(self._path, newline="") as file:
            return list(csv.DictReader(file))


def log_callbacks(folder: PathLike | None) -> list[keras.callbacks.Callback]:
    """Return what writes the logs of a training.

    Parameters
    ----------
    folder : str or path or None
        Where to; made if it is not there.  None for no logs.

    Returns
    -------
    list of keras.callbacks.Callback
        A table ``epochs.csv`` and, where TensorFlow trains and the package tensorboard is
        installed, events for TensorBoard.

    Raises
    ------
    InputError
        If the folder cannot be made.
    """
    if folder is None:
        return []
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: the folder of logs cannot be made: {error}") from error
    found: list[keras.callbacks.Callback] = [EpochTable(folder / TABLE)]
    if backend.writes_events():
        found.append(keras.callbacks.TensorBoard(str(folder), write_graph=False))
    return found
