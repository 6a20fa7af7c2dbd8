"""Checks of what all trainings share: epochs, their checkpoints, and what interrupts them."""

import json
import resource

import keras
import numpy as np
import pytest

from rimlens.errors import InputError, TrainingError
from rimlens.training.fitting import Checkpoint, TrainingClock, fit_epochs, last_checkpoint


class Batches(keras.utils.PyDataset):
    """Two batches an epoch of a line, the same at every epoch."""

    epoch = 0

    def __len__(self):
        return 2

    def __getitem__(self, index):
        x = np.float32([[index + 1.0], [self.epoch]])
        return x, 3.0 * x


def network(**options):
    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam(0.1, **options), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def fit(model, epochs, folder=None, first=0, **options):
    batches = options.pop("batches", None) or Batches(workers=1)
    return fit_epochs(model, batches, epochs, first, folder, verbose=0, **options).losses


def test_a_resumed_fit_ends_where_an_uninterrupted_one_does(tmp_path):
    whole, resumed = network(), network()
    losses = fit(whole, 6)
    first = fit(network(), 4, tmp_path)
    second = fit(resumed, 6, tmp_path)
    # Adam's memory comes back too: without it the fifth epoch would take another step.
    np.testing.assert_allclose([*first, *second], losses, rtol=1e-5)
    for found, expected in zip(resumed.get_weights(), whole.get_weights()):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_resumed_fit_has_every_bit_of_the_optimizer_and_of_the_averaged_weights(tmp_path):
    averaging = {"use_ema": True, "ema_momentum": 0.9}
    whole, begun, resumed = (network(**averaging) for _ in range(3))
    fit(whole, 6)
    fit(begun, 4, tmp_path)
    fit(resumed, 6, tmp_path)
    # One product and one sum a step: nothing for threads to share.
    for found, expected in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    state, expected = resumed.optimizer.variables, whole.optimizer.variables
    for found, wanted in zip(state, expected, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(found), keras.ops.convert_to_numpy(wanted)
        )


def test_only_the_last_two_epochs_are_kept(tmp_path):
    fit(network(), 4, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "epoch-000003.npz",
        "epoch-000004.npz",
    ]


@pytest.mark.parametrize("kept", [0, 0.5])
def test_a_checkpoint_that_was_cut_off_is_passed_over(tmp_path, kept):
    fit(network(), 4, tmp_path)
    last = tmp_path / "epoch-000004.npz"
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


class Spoiled(Batches):
    """Batches of which one has a number that is none."""

    def __init__(self, epoch, index, value):
        super().__init__(workers=1)
        self.at, self.value = (epoch, index), value

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        return x, np.full_like(y, self.value) if (self.epoch, index) == self.at else y


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(("index", "update"), [(0, 7), (1, 8)])
def test_a_loss_that_is_not_finite_stops_the_fit_and_says_where(tmp_path, value, index, update):
    with pytest.raises(
        TrainingError,
        match=rf"epoch 4, update {update}: the loss is (nan|inf); the weights of epoch 3 are kept",
    ):
        fit(network(), 6, tmp_path, batches=Spoiled(3, index, value))
    good, kept = network(), network()
    fit(good, 3)
    assert Checkpoint.restore(kept, tmp_path) == 3
    for found, expected in zip(kept.get_weights(), good.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_weights_that_the_last_update_of_an_epoch_spoiled_are_not_kept(tmp_path):
    # The first batch finds the line and changes nothing; the loss of the second is finite, and a
    # step along its gradient is not.
    model = network()
    model.set_weights([np.float32([[3.0]]), np.float32([0.0])])
    model.compile(optimizer=keras.optimizers.SGD(1e30), loss="mse")
    model.optimizer.build(model.trainable_variables)
    batches = Spoiled(0, 1, 1e18)
    with pytest.raises(TrainingError, match=r"epoch 1, update 2: .* is not finite"):
        fit(model, 3, tmp_path, batches=batches)
    assert last_checkpoint(tmp_path) is None


@pytest.fixture
def little_room():
    """Allow files of so many bytes and no more, which is what a full disk does to them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def allow(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

    yield allow
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class Full(keras.callbacks.Callback):
    """Leaves no more room after an epoch."""

    def __init__(self, epoch, allow):
        super().__init__()
        self.at, self.allow = epoch, allow

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.at:
            self.allow(512)


def test_a_disk_that_is_full_is_one_error_and_the_checkpoint_before_is_kept(tmp_path, little_room):
    try:
        with pytest.raises(
            InputError, match=r"epoch-000003.*cannot be written: .*make space and give the same"
        ):
            fit(network(), 5, tmp_path, callbacks=[Full(2, little_room)])
    finally:
        little_room(resource.RLIM_INFINITY)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "epoch-000001.npz",
        "epoch-000002.npz",
    ]
    whole, resumed = network(), network()
    fit(whole, 5)
    fit(resumed, 5, tmp_path)
    for found, expected in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


class Slow(keras.callbacks.Callback):
    """Makes a clock believe that every epoch takes a minute."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock

    def on_epoch_end(self, epoch, logs=None):
        wall, cpu = self.clock._last
        self.clock._last = wall - 60, cpu


def test_a_fit_ends_after_the_epoch_in_which_its_time_is_up(tmp_path):
    clock = TrainingClock(tmp_path, minutes=2.5)
    assert len(fit(network(), 9, tmp_path, clock=clock, callbacks=[Slow(clock)])) == 3
    # And is not longer for having been interrupted at the end.
    again = TrainingClock(tmp_path, minutes=2.5)
    assert again.spent["seconds"] >= 180
    assert fit(network(), 9, tmp_path, clock=again) == []
    assert json.loads((tmp_path / "clock.json").read_text()) == again.spent
