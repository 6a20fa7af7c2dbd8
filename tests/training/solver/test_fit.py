"""Checks of training: it learns, goes on after an interruption, and its weights come back."""

import csv
import hashlib
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from map_model import MapModel
from rimlens.errors import FileFormatError, InputError, OutputExistsError
from rimlens.imaging import psf_transform
from rimlens.io.weights import write_weights
from rimlens.random import Stream
from rimlens.rim import RecurrentInferenceMachine, RIMSolver
from rimlens.rim.constants import CONSTANTS
from rimlens.training.fitting import EpochNumber, checkpoint_of
from rimlens.training.recipes.loss import LossWeights
from rimlens.training.solver.compilation import learning_rate_schedule
from rimlens.training.solver.fit import fit, simulator_of, train, train_solver
from rimlens.training.solver.loss import losses
from rimlens.training.solver.training_set import TrainingSet, inputs_and_targets, orient


def loss_of(machine, inputs, targets):
    """Return the loss of the last step, which does not depend on how many are unrolled."""
    found = machine(inputs)
    each, weights = losses(machine), LossWeights().of_parts
    return sum(weights[k] * float(each[k](targets[k], found[k][:, -1:])) for k in targets)


@pytest.fixture(scope="module")
def trained(recipe, tmp_path_factory):
    """Train for 80 updates and return the solver and its file."""
    path = tmp_path_factory.mktemp("trained") / "tiny.asdf"
    return train(recipe, path, progress=False), path


def test_training_lowers_the_loss_on_lenses_it_has_not_seen(trained, untrained, simulator):
    solver, _ = trained
    # Enough of them: rounding alone leads a training to other weights, better for other lenses.
    inputs, targets = inputs_and_targets(simulator.draw(64, rng=1), untrained.machine)
    before = loss_of(untrained.machine, inputs, targets)
    # The first state is already a lens of a typical mass; a seventh is far beyond the scatter.
    assert loss_of(solver.machine, inputs, targets) < 0.85 * before


def test_training_moves_every_path_of_the_network(trained, untrained):
    solver, _ = trained
    before = untrained.arrays
    for name, values in solver.arrays.items():
        assert np.any(values != before[name]), name


def test_weights_come_back_from_their_file(trained, inputs):
    solver, path = trained
    again = RIMSolver.from_pretrained(path)
    for name, values in solver.arrays.items():
        # The trained solver holds the half precision that the file does.
        np.testing.assert_array_equal(again.arrays[name], values)
    found, expected = again.inference.solve_batch(inputs), solver.inference.solve_batch(inputs)
    for name, values in expected.items():
        # The same program on the same numbers.
        np.testing.assert_allclose(found[name], values, rtol=1e-5, atol=1e-6)


def test_weights_say_how_they_came_about(trained, recipe):
    solver, path = trained
    weights = RIMSolver.from_pretrained(path).weights
    assert weights.name == "tiny"
    assert weights.recipe == recipe.to_dict()
    assert weights.seed == recipe.seed
    assert weights.architecture == recipe.architecture.to_dict()
    assert weights.training["updates"] == 80
    assert weights.training["simulations"] == 640
    assert weights.training["seconds"] > 0
    assert weights.scores["lenses"] == 10
    assert len(weights.scores["reduced_chi2_median_per_step"]) == 3 + CONSTANTS.refinement_steps
    assert weights.domain["theta_E"] == [9.0, 24.0]
    assert "keras" in weights.versions
    assert solver.domain == weights.domain


def test_weights_hold_the_error_that_the_refinement_steps_expect(trained, untrained):
    solver, path = trained
    again = RIMSolver.from_pretrained(path)
    assert again.weights.refinement["simulations"] == 12
    np.testing.assert_array_equal(again.error_covariance_factor, solver.error_covariance_factor)
    assert np.all(np.diag(again.error_covariance_factor) > 0)
    assert untrained.error_covariance_factor is None


@pytest.mark.parametrize("values", [None, [[1.0]], [[float("nan")] * 16] * 16, "much"])
def test_weights_with_no_such_error_are_refused(trained, tmp_path, values):
    solver, _ = trained
    weights = replace(
        solver.weights, arrays=solver.arrays, refinement={"error_covariance_factor": values}
    )
    write_weights(tmp_path / "w.asdf", weights)
    with pytest.raises(
        FileFormatError, match="refinement: error_covariance_factor: 16 x 16 finite numbers"
    ):
        RIMSolver.from_pretrained(tmp_path / "w.asdf")


@pytest.mark.parametrize(
    ("field", "key", "value"),
    [
        ("constants", "shear_unit", 0.2),
        ("constants", "mode_error", None),
        ("constants", "unheard_of", 1.0),
        ("unknowns", "shear_unit", 0.2),
        ("preconditioner", "source", "none"),
        ("normalization", "percentile", 99.0),
    ],
)
def test_weights_of_a_code_with_other_numbers_are_refused(trained, tmp_path, field, key, value):
    solver, _ = trained
    stated = {**getattr(solver.weights, field), key: value}
    write_weights(
        tmp_path / "w.asdf",
        replace(solver.weights, arrays=solver.arrays, **{field: stated}),
    )
    with pytest.raises(FileFormatError, match=rf"w.asdf: {field}: .*{key}.* found .*another"):
        RIMSolver.from_pretrained(tmp_path / "w.asdf")


def test_weights_without_constants_are_refused(trained, tmp_path):
    solver, _ = trained
    weights = replace(solver.weights, arrays=solver.arrays, constants=None)
    write_weights(tmp_path / "w.asdf", weights)
    with pytest.raises(FileFormatError, match="constants: peak_percentile: .* found None"):
        RIMSolver.from_pretrained(tmp_path / "w.asdf")


def test_a_finished_training_leaves_its_weights_alone(trained):
    _, path = trained
    assert [p.name for p in path.parent.iterdir()] == ["tiny.asdf"]


def test_an_existing_file_is_not_overwritten(trained, recipe):
    _, path = trained
    before = path.read_bytes()
    with pytest.raises(OutputExistsError, match=r"tiny.asdf: it exists"):
        train(recipe, path, progress=False)
    assert path.read_bytes() == before


def test_a_checkpoint_of_another_recipe_is_refused(recipe, tmp_path):
    folder = tmp_path / "w.asdf.checkpoint"
    folder.mkdir()
    (folder / "recipe.json").write_text('{"name": "another"}')
    with pytest.raises(InputError, match="it holds the progress of another recipe"):
        train(recipe, tmp_path / "w.asdf", progress=False)
    assert (folder / "recipe.json").read_text() == '{"name": "another"}'


def test_a_simulator_on_other_grids_is_refused(untrained, recipe):
    other = replace(recipe, architecture=replace(recipe.architecture, source_scale=0.5))
    with pytest.raises(InputError, match="grids must be those of the solver"):
        train_solver(untrained, simulator_of(other), recipe)


SHORT = {
    "stages": ((1, 4), (1, 4)),
    "fine_tuning": 2,
    "updates_per_epoch": 2,
    "batch_size": 2,
    "warmup": 2,
}


class Interruption(keras.callbacks.Callback):
    """Interrupts a training at the start of a batch, as a user or a machine would."""

    def __init__(self, epoch, batch):
        super().__init__()
        self.at = epoch, batch
        self.epoch = None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            raise KeyboardInterrupt


class Epochs(keras.callbacks.Callback):
    """Notes which epochs are begun."""

    def __init__(self):
        super().__init__()
        self.begun = []

    def on_epoch_begin(self, epoch, logs=None):
        self.begun.append(epoch)


@pytest.fixture(scope="module")
def short(recipe):
    return replace(recipe, **SHORT)


def run(recipe, simulator, checkpoint=None, callbacks=()):
    keras.utils.set_random_seed(recipe.seed)
    machine = RecurrentInferenceMachine(recipe.architecture, recipe.precision)
    fit(machine, simulator, recipe, checkpoint, verbose=0, callbacks=callbacks)
    return machine


@pytest.fixture(scope="module")
def uninterrupted(short, simulator):
    epochs = Epochs()
    return run(short, simulator, callbacks=[epochs]), epochs.begun


@pytest.mark.slow
def test_a_training_runs_through_the_epochs_of_all_stages(uninterrupted):
    machine, begun = uninterrupted
    assert begun == [0, 1, 2, 3, 4]
    # Fine-tuning has an optimizer of its own.
    assert int(machine.optimizer.iterations) == 2
    assert machine.unrolled_steps == machine.architecture.steps


@pytest.mark.slow
@pytest.mark.parametrize(
    ("epoch", "batch", "left"),
    [
        pytest.param(1, 1, [1, 2, 3, 4], id="in-the-first-stage"),
        pytest.param(3, 1, [3, 4], id="in-the-last-stage"),
        pytest.param(4, 1, [4], id="in-the-fine-tuning"),
    ],
)
def test_an_interrupted_training_goes_on_where_it_was(
    uninterrupted, short, simulator, tmp_path, epoch, batch, left
):
    with pytest.raises(KeyboardInterrupt):
        run(short, simulator, tmp_path, [Interruption(epoch, batch)])
    epochs = Epochs()
    machine = run(short, simulator, tmp_path, [epochs])
    assert epochs.begun == left
    whole, _ = uninterrupted
    assert int(machine.optimizer.iterations) == int(whole.optimizer.iterations)
    for found, expected in zip(machine.trainable_weights, whole.trainable_weights):
        # Checkpoints are in full precision, so one thread repeats every bit; the order of sums
        # over several threads may differ by rounding, which a step of Adam amplifies.
        np.testing.assert_allclose(
            ops.convert_to_numpy(found.value),
            ops.convert_to_numpy(expected.value),
            rtol=0,
            atol=0.01 * short.learning_rate,
            err_msg=found.path,
        )


def test_a_reused_draw_is_drawn_once(short, simulator, monkeypatch):
    draws = []
    original = type(simulator).draw

    def counted(self, n, rng):
        draws.append(n)
        return original(self, n, rng)

    monkeypatch.setattr(type(simulator), "draw", counted)
    once = {"stages": ((1, 16),), "fine_tuning": 0, "continued": ()}
    run(replace(short, reuse=4, updates_per_epoch=16, **once), simulator)
    # Four draws for sixteen updates, and those that Keras looks at to build its pipeline.
    assert len(draws) <= 4 + 4


@pytest.mark.slow
def test_a_finished_checkpoint_is_not_trained_again(uninterrupted, short, simulator, tmp_path):
    machine = run(short, simulator, tmp_path)
    epochs = Epochs()
    again = run(short, simulator, tmp_path, [epochs])
    assert epochs.begun == []
    for found, expected in zip(again.trainable_weights, machine.trainable_weights):
        np.testing.assert_array_equal(
            ops.convert_to_numpy(found.value), ops.convert_to_numpy(expected.value)
        )


@pytest.mark.slow
def test_an_interrupted_command_goes_on_and_writes_its_weights(
    short, tmp_path, monkeypatch, uninterrupted
):
    original = EpochNumber.on_epoch_begin

    def interrupted(self, epoch, logs=None):
        original(self, epoch, logs)
        if epoch == 3:
            raise KeyboardInterrupt

    path = tmp_path / "w.asdf"
    monkeypatch.setattr(EpochNumber, "on_epoch_begin", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(short, path, progress=False)
    assert not path.exists()
    assert (tmp_path / "w.asdf.checkpoint" / "recipe.json").is_file()
    monkeypatch.setattr(EpochNumber, "on_epoch_begin", original)
    train(short, path, progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["w.asdf"]


@pytest.mark.slow
def test_half_precision_trains_and_keeps_its_weights_in_full(short, simulator):
    machine = run(replace(short, precision="mixed_bfloat16", stages=((1, 2),)), simulator)
    for weight in machine.trainable_weights:
        assert weight.dtype == "float32"
        assert np.all(np.isfinite(ops.convert_to_numpy(weight.value)))


@pytest.mark.slow
def test_every_round_sees_simulations_of_its_own_seed_and_resumes(
    short, simulator, monkeypatch, tmp_path
):
    seeds = []
    original = type(simulator).draw

    def noted(self, n, rng):
        seeds.append(tuple(rng.bit_generator.seed_seq.entropy))
        return original(self, n, rng)

    monkeypatch.setattr(type(simulator), "draw", noted)
    further = {"seed": 9, "stages": ((1, 4),), "fine_tuning": 0}
    longer = replace(short, stages=((1, 2),), fine_tuning=0, continued=(further,))
    with pytest.raises(KeyboardInterrupt):
        run(longer, simulator, tmp_path, [Interruption(2, 1)])
    epochs = Epochs()
    run(longer, simulator, tmp_path, [epochs])
    assert epochs.begun == [2]
    # Two updates of the first round, four of the second, each round from its first batch on.
    batch = int(Stream.BATCH)
    first, second = ({(seed, batch, k) for k in range(n)} for seed, n in ((short.seed, 2), (9, 4)))
    assert set(seeds) == first | second


@pytest.mark.parametrize(
    "weights", [{}, pytest.param({"image": 0.1}, marks=pytest.mark.slow)], ids=repr
)
def test_steps_that_are_computed_again_give_the_same_update(recipe, simulator, restless, weights):
    changes = {"stages": ((3, 2),), "updates_per_epoch": 2, "batch_size": 2, "warmup": 0}
    found = []
    for recompute in (False, True):
        machine = RecurrentInferenceMachine(recipe.architecture)
        machine.set_weights(restless.machine.get_weights())
        loss = LossWeights(**weights)
        once = replace(recipe, **changes, recompute=recompute, optimizer="sgd", loss=loss)
        losses_found = fit(machine, simulator, once, verbose=0).losses
        found.append(([ops.convert_to_numpy(w.value) for w in machine.weights], losses_found))
    (kept, kept_loss), (again, again_loss) = found
    assert again_loss == pytest.approx(kept_loss, rel=1e-5)
    for one, other, before in zip(kept, again, restless.machine.get_weights(), strict=True):
        # Steps of gradient descent are as large as the gradients, so that these are compared.
        step = np.abs(one - before).max()
        assert step > 0
        # The order of sums over threads, in single precision.
        np.testing.assert_allclose(other, one, rtol=0, atol=1e-3 * step + 1e-7)


def test_a_training_ends_when_its_time_is_up_and_says_how_many_updates_it_made(
    recipe, simulator, tmp_path, untrained
):
    # Every epoch takes longer than that.
    recipe = replace(recipe, **SHORT, minutes=1e-6, calibration=0, averaging=0.5)
    epochs = Epochs()
    solver = RIMSolver(recipe.architecture)
    train_solver(solver, simulator, recipe, tmp_path, verbose=0, callbacks=[epochs])
    assert epochs.begun == [0]
    assert solver.weights.training["updates"] == 2
    assert solver.weights.training["simulations"] == 4
    # The same command trains no more and ends with the same weights.
    again = RIMSolver(recipe.architecture)
    train_solver(again, simulator, recipe, tmp_path, verbose=0, callbacks=[epochs])
    assert epochs.begun == [0]
    assert again.weights.training["updates"] == 2
    for name, array in solver.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array)


@pytest.mark.slow
def test_a_training_begins_with_the_weights_that_it_is_given(
    trained, recipe, tmp_path, monkeypatch
):
    solver, path = trained
    # With such a rate it stays where it began.
    still = replace(
        recipe, **SHORT, learning_rate=1e-12, calibration=0, name="next", score_every=2
    )
    found = train(
        still, tmp_path / "next.asdf", progress=False, start_from=path, log=tmp_path / "logs"
    )
    for name, array in solver.arrays.items():
        np.testing.assert_allclose(found.arrays[name], array, rtol=2e-3, atol=1e-6)
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    weights = RIMSolver.from_pretrained(tmp_path / "next.asdf").weights
    assert weights.training["started_from"] == {"name": "tiny", "sha256": checksum}
    with open(tmp_path / "logs" / "epochs.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [bool(row["val_reduced_chi2"]) for row in rows] == [False, True, False, True, False]


def test_weights_to_begin_with_of_another_architecture_leave_no_folder(recipe, tmp_path):
    with pytest.raises(InputError, match="start: default: architecture: filters: "):
        train(recipe, tmp_path / "w.asdf", progress=False, start_from="default")
    assert list(tmp_path.iterdir()) == []


def test_progress_of_other_weights_at_the_start_is_refused(recipe, tmp_path, trained):
    _, path = trained
    checkpoint_of(tmp_path / "w.asdf", recipe, {"name": "another", "sha256": "0"})
    with pytest.raises(InputError, match="or of other weights at its start"):
        train(recipe, tmp_path / "w.asdf", progress=False, start_from=path)


# With one thread sums have one order, and every run gives the same bits.
ALONE = {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "OMP_NUM_THREADS": "1",
}
PROGRAM = """
import os, signal, sys
import keras
import numpy as np
from dataclasses import replace
from keras import ops
from rimlens.rim import RecurrentInferenceMachine
from rimlens.training.simulations import simulator_of
from rimlens.training.solver.fit import fit
from rimlens.training.recipes.loss import LossWeights
from solver_fixtures import RECIPE

class Kill(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (3, 0):
            os.kill(os.getpid(), signal.SIGKILL)

checkpoint, output, kill = sys.argv[1:]
recipe = replace(
    RECIPE, stages=((1, 4), (2, 4)), updates_per_epoch=2, batch_size=2, warmup=2,
    averaging=0.5, optimizer="adamw", loss=LossWeights(image=0.1), recompute=True,
)
keras.utils.set_random_seed(recipe.seed)
machine = RecurrentInferenceMachine(recipe.architecture)
callbacks = [Kill()] if kill == "yes" else []
fit(machine, simulator_of(recipe), recipe, checkpoint, 0, callbacks)
variables = [*machine.weights, *machine.optimizer.variables]
np.savez(output, *(ops.convert_to_numpy(v.value) for v in variables))
"""


@pytest.mark.slow
def test_a_training_that_was_killed_goes_on_to_the_last_bit(tmp_path):
    def run(name, output, kill):
        paths = [str(Path(__file__).parents[2]), *sys.path]
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, tmp_path / name, tmp_path / output, kill],
            env={**os.environ, **ALONE, "PYTHONPATH": os.pathsep.join(paths)},
            check=False,
        ).returncode

    assert run("whole", "whole.npz", "no") == 0
    assert run("killed", "none.npz", "yes") == -signal.SIGKILL
    assert sorted(p.name for p in (tmp_path / "killed").iterdir()) == ["stage_0", "stage_1"]
    assert run("killed", "resumed.npz", "no") == 0
    with np.load(tmp_path / "whole.npz") as whole, np.load(tmp_path / "resumed.npz") as resumed:
        assert set(resumed) == set(whole)
        for name in whole:
            np.testing.assert_array_equal(resumed[name], whole[name], err_msg=name)


def test_batches_of_an_epoch_are_the_same_on_every_run_and_new_in_every_epoch(
    simulator, untrained
):
    def shears(epoch, reuse=1):
        one = TrainingSet(simulator, untrained.machine, 2, 3, seed=5, reuse=reuse)
        one.epoch = epoch
        assert len(one) == 3
        return np.array([one[i][1]["shear"] for i in range(3)])

    np.testing.assert_array_equal(shears(1), shears(1))
    drawn = np.concatenate([shears(0), shears(1), shears(2)]).reshape(-1, 2)
    assert len(np.unique(drawn, axis=0)) == len(drawn)


def test_a_reused_draw_comes_in_another_orientation(simulator, untrained):
    one = TrainingSet(simulator, untrained.machine, 2, 8, seed=5, reuse=8)
    images = [one[i][0]["image"][0] for i in range(8)]
    assert len({image.tobytes() for image in images}) == 8
    # The pixels are those of one draw.
    pixels = {np.sort(image, axis=None).tobytes() for image in images}
    assert len(pixels) == 1
    one.epoch = 1
    assert (
        np.sort(one[0][0]["image"][0], axis=None).tobytes()
        != np.sort(images[0], axis=None).tobytes()
    )


@pytest.mark.parametrize("orientation", range(8))
def test_a_turned_draw_is_a_draw_of_a_turned_lens(simulator, batch, orientation):
    turned = orient(batch, orientation)
    grids = simulator.image_grid, simulator.convergence_grid, simulator.source_grid

    def image(v):
        transform = psf_transform(v["psf"], (64, 64))
        found = MapModel(*grids)(v["convergence"], v["shear"], v["source"], transform, (9, 9))
        return ops.convert_to_numpy(found)

    expected = orient({"image": image(batch)}, orientation)["image"]
    # Rounding of ray positions, 1e-5 of a pixel, times the slopes of cuspy sources.
    np.testing.assert_allclose(image(turned), expected, rtol=0, atol=1e-3)


def test_targets_are_in_the_space_of_the_network_and_in_units_of_the_peak(batch, untrained):
    inputs, targets = inputs_and_targets(batch, untrained.machine)
    np.testing.assert_allclose(10 ** targets["convergence"], batch["convergence"], rtol=1e-4)
    np.testing.assert_allclose(0.1 * targets["shear"], batch["shear"], rtol=1e-5, atol=1e-8)
    # One unit for an image, its noise and its source.
    unit = batch["source"].max(axis=(1, 2)) / targets["source"].max(axis=(1, 2))
    counts = batch["weight"] > 0
    for i in range(len(unit)):
        np.testing.assert_allclose(
            inputs["sigma"][i][counts[i]] * unit[i], batch["sigma"][i][counts[i]], rtol=1e-4
        )


def test_the_learning_rate_rises_and_falls_over_the_whole_recipe(recipe):
    schedule = learning_rate_schedule(recipe.learning_rate, recipe.updates, recipe.warmup)
    rates = [float(schedule(step)) for step in range(recipe.updates + 1)]
    assert np.argmax(rates) == recipe.warmup
    assert max(rates) == pytest.approx(recipe.learning_rate, rel=1e-5)
    assert np.all(np.diff(rates[recipe.warmup :]) <= 0)
    assert rates[-1] == pytest.approx(0.01 * recipe.learning_rate, rel=1e-3)
