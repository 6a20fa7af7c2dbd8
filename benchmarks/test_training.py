"""Time and memory of a training step, beside the bare network's forward and backward pass.

``pytest benchmarks/test_training.py -s`` times one update of the solvers in the package, as their
recipes train them, and one of their network alone: as many calls on random numbers of the same
shapes, its states handed on, the mean square of its answers as the loss, the same optimizer.  Both
run in turns in one process, warm.  The ratio to the network alone, 1 at best and 1.15 wanted, is
what physics and recurrence add.  The likelihood's gradients of all steps are timed by themselves.

The memory is that of a process of its own for either: ``python benchmarks/test_training.py NAME
whole`` or ``bare`` prints it.  KERAS_BACKEND chooses the array library.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread
from time import perf_counter

import keras
import numpy as np
import pytest
from keras import ops

from rimlens import backend
from rimlens.rim import RecurrentInferenceMachine
from rimlens.training.recipes.solver import read_recipe
from rimlens.training.simulations import simulator_of
from rimlens.training.solver.loss import losses
from rimlens.training.solver.training_set import inputs_and_targets

WANTED = 1.15
ROUNDS = 5


class Bare(keras.Model):
    """The network of a machine, called once for every step on what it is given."""

    def __init__(self, machine):
        super().__init__(dtype="float32")
        self.network = machine.network
        self._size = machine.architecture.latent_size

    def call(self, inputs):
        """Return the answers of all calls, shape ``(batch, steps, ...)``."""
        maps, vector = inputs["maps"], inputs["vector"]
        states = self.network.initial_state(ops.shape(maps)[0], self._size)
        answers, numbers = [], []
        for step in range(maps.shape[1]):
            out, number, states = self.network(maps[:, step], vector[:, step], states)
            numbers.append(number)
            if out is not None:
                answers.append(out)
        found = {"numbers": ops.stack(numbers, axis=1)}
        return {**found, "maps": ops.stack(answers, axis=1)} if answers else found


def compiled(model, recipe, loss, weights=None):
    """Return a model with the optimizer of a recipe."""
    model.compile(
        optimizer=keras.optimizers.Adam(1e-6, global_clipnorm=recipe.gradient_norm),
        loss=loss,
        loss_weights=weights,
        jit_compile=backend.name() == "jax",
    )
    return model


def whole_step(name, batch=None):
    """Return one update of a recipe's machine as a function, the machine and its inputs."""
    recipe = read_recipe(name)
    machine = RecurrentInferenceMachine(
        recipe.architecture, recipe.precision, recipe.lens_prior, recipe.source_prior
    )
    drawn = simulator_of(recipe).draw(batch or recipe.batch_size, rng=1)
    inputs, targets = inputs_and_targets(drawn, machine)
    weights = {k: recipe.loss.of_parts[k] for k in losses(machine)}
    compiled(machine, recipe, losses(machine, weights=recipe.loss), weights)
    return lambda: machine.train_on_batch(inputs, targets), machine, inputs


def bare_step(name, batch=None):
    """Return one update of the network of a recipe's machine as a function."""
    recipe = read_recipe(name)
    machine = RecurrentInferenceMachine(
        recipe.architecture, recipe.precision, recipe.lens_prior, recipe.source_prior
    )
    network, size = machine.network, recipe.architecture.latent_size
    batch, steps = batch or recipe.batch_size, recipe.architecture.steps
    directions = network.vector_head.units
    vector = network.vector_hidden.kernel.shape[0] - (
        (size >> len(network.filters) - 1) ** 2 * network.filters[-1]
    )
    channels = network.encoders[0].kernel.shape[2] - vector
    rng = np.random.default_rng(1)

    def normal(*shape):
        return rng.standard_normal((batch, steps, *shape)).astype("float32")

    inputs = {"maps": normal(size, size, channels), "vector": normal(vector)}
    targets = {"numbers": normal(directions)}
    if network.map_head is not None:
        targets["maps"] = normal(size, size, network.map_head.filters)
    model = compiled(Bare(machine), recipe, dict.fromkeys(targets, "mean_squared_error"))
    return lambda: model.train_on_batch(inputs, targets)


def gradients_alone(machine, inputs):
    """Return the likelihood's gradients of all steps at one state, as a function."""
    inside = [*machine.lens.network_variables, *machine.source.network_variables]
    evaluate = backend.jit_compile(
        lambda inputs, state: vars(machine.gradient(state, machine.exposure(inputs))),
        variables=inside,
    )
    count = len(inputs["image"])
    state = {**machine.lens.initial(count), **machine.source.initial(count)}
    inputs = {name: ops.convert_to_tensor(value) for name, value in inputs.items()}

    def run():
        for _ in range(machine.architecture.steps - 1):
            ops.convert_to_numpy(evaluate(inputs, state)["reduced_chi2"])

    return run


def medians(functions, rounds):
    """Return the median time of each function in milliseconds, taken in turns."""
    times = {name: [] for name in functions}
    for function in functions.values():
        function()
        function()
    for _ in range(rounds):
        for name, function in functions.items():
            start = perf_counter()
            function()
            times[name].append(1e3 * (perf_counter() - start))
    return {name: float(np.median(values)) for name, values in times.items()}


def peak_memory(name, what):
    """Return what the updates of a process add to its memory, in mebibytes."""
    done = subprocess.run(
        [sys.executable, __file__, name, what], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def resident():
    """Return the memory of this process, in bytes; of Linux."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main(name, what):
    """Print the most memory that three updates take beyond what the process had before."""
    step = bare_step(name) if what == "bare" else whole_step(name)[0]
    before, seen, done = resident(), [0], Event()

    def watch():
        while not done.wait(0.005):
            seen.append(resident())

    watching = Thread(target=watch)
    watching.start()
    for _ in range(3):
        step()
    done.set()
    watching.join()
    print((max(seen) - before) / 2**20)


@pytest.mark.parametrize("name", ["default", "epl", "analytic"])
def test_training_step(benchmark, name):
    """Time an update and the network's part of it in turns; print both memories."""
    whole, machine, inputs = whole_step(name)
    times = medians(
        {
            "update": whole,
            "network alone": bare_step(name),
            "gradients": gradients_alone(machine, inputs),
        },
        ROUNDS,
    )
    ratio = times["update"] / times["network alone"]
    rate = 1e3 * len(inputs["image"]) / times["update"]
    print(
        f"\n{name}, batch of {len(inputs['image'])}, {machine.architecture.steps} steps, "
        f"{backend.name()}: update {times['update']:.0f} ms, network alone "
        f"{times['network alone']:.0f} ms, ratio {ratio:.2f} ({WANTED} wanted); gradients of the "
        f"likelihood {times['gradients']:.0f} ms; {rate:.1f} examples a second",
        flush=True,
    )
    memory = {what: peak_memory(name, what) for what in ("whole", "bare")}
    print(
        f"memory {memory['whole']:.0f} MiB, network alone {memory['bare']:.0f} MiB, "
        f"ratio {memory['whole'] / memory['bare']:.2f}"
    )
    benchmark.extra_info |= {**times, **memory, "ratio": ratio, "examples a second": rate}
    benchmark.pedantic(whole, rounds=1)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    main(*sys.argv[1:])
