"""Checks of what all trainings share: epochs, their checkpoints, and an interruption."""

import keras
import numpy as np
import pytest

from rimlens.training.fitting import Checkpoint, fit_epochs


class Batches(keras.utils.PyDataset):
    """Two batches an epoch of a line, the same at every epoch."""

    epoch = 0

    def __len__(self):
        return 2

    def __getitem__(self, index):
        x = np.float32([[index + 1.0], [self.epoch]])
        return x, 3.0 * x


def network():
    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam(0.1), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def fit(model, epochs, folder=None, first=0):
    return fit_epochs(model, Batches(workers=1), epochs, first, folder, verbose=0).losses


def test_a_resumed_fit_ends_where_an_uninterrupted_one_does(tmp_path):
    whole, resumed = network(), network()
    losses = fit(whole, 6)
    first = fit(network(), 4, tmp_path)
    second = fit(resumed, 6, tmp_path)
    # Adam's memory comes back too: without it the fifth epoch would take another step.
    np.testing.assert_allclose([*first, *second], losses, rtol=1e-5)
    for found, expected in zip(resumed.get_weights(), whole.get_weights()):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_only_the_last_two_epochs_are_kept(tmp_path):
    fit(network(), 4, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "epoch-000003.weights.h5",
        "epoch-000004.weights.h5",
    ]


@pytest.mark.parametrize("kept", [0, 0.5])
def test_a_checkpoint_that_was_cut_off_is_passed_over(tmp_path, kept):
    fit(network(), 4, tmp_path)
    last = tmp_path / "epoch-000004.weights.h5"
    content = last.read_bytes()
    last.write_bytes(content[: int(kept * len(content))])
    assert Checkpoint.restore(network(), tmp_path) == 3


def test_a_finished_fit_does_nothing_more(tmp_path):
    model = network()
    fit(model, 3, tmp_path)
    again = network()
    assert fit(again, 3, tmp_path) == []
    for found, expected in zip(again.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(found, expected)


def test_without_a_checkpoint_the_first_epoch_is_that_asked_for(tmp_path):
    assert len(fit(network(), 6, tmp_path, first=4)) == 2
    assert Checkpoint.restore(network(), tmp_path / "none") is None
