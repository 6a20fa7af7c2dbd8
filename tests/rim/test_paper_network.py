"""Checks of the paper's network: its weights, what it reads, and what it may not be used for."""

import resource

import numpy as np
import pytest
from keras import ops

from rimlens.errors import InputError
from rimlens.rim import Architecture, RecurrentInferenceMachine, RIMSolver, parameter_count
from rimlens.rim.paper_network import PaperUNet
from tiny_solver import LENS, SOURCE

SMALL = {
    "image_size": 32,
    "convergence_size": 32,
    "source_size": 32,
    "latent_size": 32,
    "filters": (4, 6, 8),
    "input_kernel_size": 5,
    "steps": 3,
}


@pytest.mark.parametrize(
    ("filters", "convolutions", "count"),
    [
        ((128, 256, 512, 1024, 1024, 1024), 2, 348_546_818),
        ((64, 128, 256, 512, 1024, 1024), 2, 226_368_898),
        ((32, 64, 128, 256, 512), 1, 24_364_290),
    ],
)
def test_the_paper_s_networks_have_its_numbers_of_weights_and_take_no_memory_to_count(
    filters, convolutions, count
):
    architecture = Architecture.preset("paper", filters=filters, block_convolutions=convolutions)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert parameter_count(architecture) == count
    # Kibibytes; the weights of the first would take 1.4 GB.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000


def test_the_preset_is_the_paper_s():
    assert parameter_count(Architecture.preset("paper")) == 348_546_818
    assert Architecture.preset("paper").steps == 8


def test_a_count_leaves_nothing_behind():
    machine = RecurrentInferenceMachine(Architecture.preset("paper", **SMALL))
    counted = parameter_count(machine.architecture)
    assert counted == sum(np.prod(w.shape) for w in machine.trainable_weights)
    # Those that are built afterwards have values.
    again = RecurrentInferenceMachine(machine.architecture)
    assert all(np.all(np.isfinite(ops.convert_to_numpy(w.value))) for w in again.weights)


def test_every_unit_and_every_input_has_a_part_in_the_answer():
    network = PaperUNet((4, 6, 8), map_channels=2, input_kernel_size=3)
    network.build((None, 16, 16, 5))
    rng = np.random.default_rng(1)
    maps = rng.normal(size=(1, 16, 16, 5)).astype("float32")
    states = [rng.normal(size=s.shape).astype("float32") for s in network.initial_state(1, 16)]
    assert [s.shape for s in states] == [(1, 16, 16, 4), (1, 8, 8, 6), (1, 4, 4, 8)]

    def answer(maps, states):
        return ops.convert_to_numpy(network(maps, states)[0])

    expected = answer(maps, states)
    for channel in range(5):
        changed = maps.copy()
        changed[..., channel] *= -1
        assert np.abs(answer(changed, states) - expected).max() > 1e-4
    for place in range(3):
        changed = [-s if k == place else s for k, s in enumerate(states)]
        assert np.abs(answer(maps, changed) - expected).max() > 1e-4


def test_the_answer_is_added_to_the_maps_and_the_shear_stays(inputs):
    sizes = ("image_size", "convergence_size", "source_size", "latent_size")
    architecture = Architecture.preset(
        "paper", **dict.fromkeys(sizes, 64), filters=(4, 6), steps=2
    )
    machine = RecurrentInferenceMachine(architecture)
    found = {name: ops.convert_to_numpy(v) for name, v in machine(inputs).items()}
    assert {name: v.shape for name, v in found.items()} == {
        "convergence": (4, 2, 64, 64),
        "shear": (4, 2, 2),
        "source": (4, 2, 64, 64),
    }
    assert not np.any(found["shear"])
    zeros = np.zeros((4, 64, 64), "float32")
    start = ops.convert_to_numpy(machine.lens.initial(4)["convergence"])
    seen = np.stack([inputs["image"], zeros, start, zeros, zeros], axis=-1)
    states = machine.network.initial_state(4, 64)
    out = ops.convert_to_numpy(machine.network(seen, states)[0])
    # Rounding in single precision.
    np.testing.assert_allclose(found["source"][:, 0], out[..., 0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(found["convergence"][:, 0], start + out[..., 1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("priors", [{"lens": LENS}, {"source": SOURCE}])
def test_unknowns_that_are_not_maps_are_refused(priors):
    with pytest.raises(InputError, match="network: the paper's infers maps of the convergence"):
        RIMSolver(Architecture.preset("paper", **SMALL), **priors)


def test_maps_of_several_sizes_are_refused():
    with pytest.raises(InputError, match=r"to be one number, found \[64, 128\]"):
        Architecture.preset("paper", source_size=64, latent_size=64)
