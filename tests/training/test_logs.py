"""Checks of the logs of a training."""

import csv

import keras
import numpy as np
import pytest

from rimlens import backend
from rimlens.errors import InputError
from rimlens.training.logs import EpochTable, log_callbacks


@pytest.fixture(scope="module")
def model():
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.125), loss="mse")
    return model


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def table(model, path):
    callback = EpochTable(path)
    callback.set_model(model)
    return callback


def test_every_epoch_is_a_row_and_a_score_that_comes_later_has_its_column(model, tmp_path):
    log = table(model, tmp_path / "epochs.csv")
    log.on_epoch_end(0, {"loss": 2.5})
    log.on_epoch_end(1, {"loss": 1.5, "val_reduced_chi2": 7.0})
    log.on_epoch_end(2, {"loss": 0.5})
    found = rows(tmp_path / "epochs.csv")
    assert [row["epoch"] for row in found] == ["1", "2", "3"]
    assert [float(row["loss"]) for row in found] == [2.5, 1.5, 0.5]
    assert [row["val_reduced_chi2"] for row in found] == ["", "7.0", ""]
    assert {float(row["learning_rate"]) for row in found} == {0.125}


def test_a_resumed_training_replaces_the_epochs_that_it_repeats(model, tmp_path):
    log = table(model, tmp_path / "epochs.csv")
    for epoch in range(3):
        log.on_epoch_end(epoch, {"loss": 1.0})
    resumed = table(model, tmp_path / "epochs.csv")
    resumed.on_epoch_end(2, {"loss": 2.0})
    assert [(r["epoch"], r["loss"]) for r in rows(tmp_path / "epochs.csv")] == [
        ("1", "1.0"),
        ("2", "1.0"),
        ("3", "2.0"),
    ]
    anew = table(model, tmp_path / "epochs.csv")
    anew.on_epoch_end(0, {"loss": 3.0})
    assert len(rows(tmp_path / "epochs.csv")) == 1


def test_logs_are_written_during_a_fit(tmp_path):
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    x = np.ones((4, 1), "float32")
    log = log_callbacks(tmp_path / "deep" / "logs")
    history = model.fit(x, x, epochs=2, callbacks=log, verbose=0).history["loss"]
    found = rows(tmp_path / "deep" / "logs" / "epochs.csv")
    assert [float(row["loss"]) for row in found] == pytest.approx(history)


def test_events_are_written_where_they_can_be(monkeypatch, tmp_path):
    monkeypatch.setattr(backend, "writes_events", lambda: True)
    kinds = [type(callback).__name__ for callback in log_callbacks(tmp_path)]
    assert kinds == ["EpochTable", "TensorBoard"]
    monkeypatch.setattr(backend, "writes_events", lambda: False)
    assert [type(callback).__name__ for callback in log_callbacks(tmp_path)] == ["EpochTable"]


def test_without_a_folder_there_are_no_logs_and_a_file_is_no_folder(tmp_path):
    assert log_callbacks(None) == []
    (tmp_path / "file").write_text("precious")
    with pytest.raises(InputError, match="file: the folder of logs cannot be made"):
        log_callbacks(tmp_path / "file")
