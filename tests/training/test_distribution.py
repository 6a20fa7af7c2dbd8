"""Checks that the number of devices and processes does not change what a training does."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rimlens import RIMSolver, backend
from rimlens.backend.other import environment
from rimlens.errors import InputError
from rimlens.training.distribution import ALONE, Workers, working
from rimlens.training.solver import fit

SCRIPT = Path(__file__).parent / "distributed_training.py"


def test_the_parts_of_all_processes_are_the_batch():
    batch = {"image": np.arange(24).reshape(6, 2, 2), "targets": {"shear": np.arange(6)}}
    parts = [Workers(process=k, processes=3).part(batch) for k in range(3)]
    np.testing.assert_array_equal(np.concatenate([p["image"] for p in parts]), batch["image"])
    joined = np.concatenate([p["targets"]["shear"] for p in parts])
    np.testing.assert_array_equal(joined, batch["targets"]["shear"])
    assert ALONE.part(batch) is batch


def test_the_first_process_alone_writes():
    assert [Workers(process=k, processes=3).writes for k in range(3)] == [True, False, False]


def test_a_batch_that_cannot_be_shared_evenly_is_refused(untrained, simulator, recipe):
    with pytest.raises(InputError, match="batch_size: a multiple of the 6 devices .* found 8"):
        fit(untrained.machine, simulator, recipe, workers=Workers(2, 0, 3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"devices": 0}, "devices: a number of at least 1 or 'all' is wanted, found 0"),
        ({"devices": "some"}, "devices: a number of at least 1 or 'all' is wanted, found 'some'"),
        ({"process": 2, "processes": 2, "coordinator": "a:1"}, "process: a number from 0 to 1"),
        ({"processes": 2}, "coordinator: HOST:PORT of the first process is wanted"),
        ({"coordinator": "a:1"}, "coordinator: .* nothing for one, found 'a:1' for 1"),
    ],
)
def test_workers_that_do_not_fit_together_are_refused(arguments, message):
    with pytest.raises(InputError, match=message), working(**arguments):
        pass


@pytest.mark.skipif(backend.name() == "jax", reason="it can")
def test_tensorflow_says_that_several_devices_want_jax():
    said = pytest.raises(InputError, match="train with JAX alone; set KERAS_BACKEND=jax, found")
    with said, working(devices="all"):
        pass


@pytest.mark.skipif(backend.name() != "jax", reason="TensorFlow has no more than one")
def test_more_devices_than_there_are_are_refused():
    said = pytest.raises(InputError, match="devices: this process has .*, found 4096; on a CPU")
    with said, working(devices=4096):
        pass


def started(devices, *arguments):
    """Start a training with JAX in a process that has so many devices."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    return subprocess.Popen(
        [sys.executable, SCRIPT, str(devices), *map(str, arguments)],
        env={**environment("jax"), "XLA_FLAGS": flags, "JAX_ENABLE_X64": "0"},
        stdout=subprocess.PIPE,
        text=True,
    )


def output_of(process):
    output, _ = process.communicate(timeout=1200)
    assert process.returncode == 0
    return output


def losses_of(process):
    return json.loads(output_of(process).splitlines()[-1])["losses"]


def free_address():
    with socket.socket() as listening:
        listening.bind(("localhost", 0))
        return f"localhost:{listening.getsockname()[1]}"


@pytest.fixture(scope="module")
def alone():
    losses = losses_of(started(1))
    assert len(losses) == 10
    # Something is learned: the comparison is not one of constants.
    assert losses[-1] < 0.8 * losses[0]
    return losses


@pytest.mark.slow
@pytest.mark.parametrize("devices", [4])
def test_several_devices_train_as_one_does(alone, devices):
    # Rounding, which ten updates make larger.
    np.testing.assert_allclose(losses_of(started(devices)), alone, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("processes", "devices"), [(2, 2), (4, 1)])
def test_several_processes_train_as_one_does(alone, processes, devices):
    address = free_address()
    running = [started(devices, "", k, processes, address) for k in range(processes)]
    for process in running:
        np.testing.assert_allclose(losses_of(process), alone, rtol=1e-4)


@pytest.mark.slow
def test_several_processes_write_one_file_that_one_process_writes_too(alone, tmp_path):
    whole, shared = tmp_path / "whole", tmp_path / "shared"
    whole.mkdir()
    shared.mkdir()
    address = free_address()
    running = [started(1, whole), *(started(1, shared, k, 2, address) for k in range(2))]
    for process in running:
        output_of(process)
    assert os.listdir(whole) == os.listdir(shared) == ["w.asdf"]
    arrays = RIMSolver.from_pretrained(whole / "w.asdf").arrays
    for name, values in RIMSolver.from_pretrained(shared / "w.asdf").arrays.items():
        # Half precision in the file.
        np.testing.assert_allclose(values, arrays[name], rtol=2e-3, atol=1e-5, err_msg=name)
