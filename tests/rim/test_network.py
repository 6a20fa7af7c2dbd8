"""Checks of the recurrent U-Net."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from rimlens.rim import Architecture, RecurrentInferenceMachine, parameter_count
from rimlens.rim.network import ConvolutionalGRU, RecurrentUNet, fold, unfold, upsample


@given(factor=st.integers(1, 4), rows=st.integers(1, 4), columns=st.integers(1, 4))
def test_folding_and_unfolding_are_inverse(factor, rows, columns):
    maps = np.random.default_rng(1).normal(size=(2, rows * factor, columns * factor))
    folded = fold(maps.astype("float32"), factor)
    assert tuple(folded.shape) == (2, rows, columns, factor**2)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(unfold(folded, factor)), maps.astype("float32")
    )


def test_folding_keeps_a_block_of_pixels_together():
    maps = np.arange(16.0, dtype="float32").reshape(1, 4, 4)
    np.testing.assert_array_equal(ops.convert_to_numpy(fold(maps, 2))[0, 1, 0], [8, 9, 12, 13])


def test_upsampling_spreads_four_channels_over_four_pixels():
    x = np.arange(8.0, dtype="float32").reshape(1, 1, 1, 8)
    spread = ops.convert_to_numpy(upsample(ops.convert_to_tensor(x)))
    assert spread.shape == (1, 2, 2, 2)
    assert sorted(spread.ravel()) == sorted(x.ravel())


def test_a_recurrent_state_stays_between_its_old_value_and_the_bounds_of_the_candidate():
    unit = ConvolutionalGRU(3)
    unit.build((None, 6, 6, 3))
    rng = np.random.default_rng(2)
    inputs = 10 * rng.normal(size=(2, 6, 6, 3)).astype("float32")
    state = rng.uniform(-1, 1, inputs.shape).astype("float32")
    for _ in range(5):
        state = ops.convert_to_numpy(unit(inputs, state))
        # A mean, with weights between 0 and 1, of values between -1 and 1; rounding.
        assert np.abs(state).max() <= 1 + 1e-6


def test_an_untrained_network_proposes_nothing_and_remembers_what_it_saw():
    network = RecurrentUNet((4, 8), map_channels=3, vector_size=5)
    network.build((None, 8, 8, 2), (None, 4))
    rng = np.random.default_rng(3)
    maps, vector = rng.normal(size=(2, 8, 8, 2)), rng.normal(size=(2, 4))
    maps, vector, states = network(
        maps.astype("float32"), vector.astype("float32"), network.initial_state(2, 8)
    )
    assert tuple(maps.shape) == (2, 8, 8, 3)
    assert tuple(vector.shape) == (2, 5)
    assert not np.any(ops.convert_to_numpy(maps))
    assert not np.any(ops.convert_to_numpy(vector))
    assert [tuple(s.shape) for s in states] == [(2, 8, 8, 4), (2, 4, 4, 8)]
    assert all(np.any(ops.convert_to_numpy(s)) for s in states)


def test_the_number_of_weights_is_that_of_the_layers():
    architecture = Architecture(
        image_size=32, convergence_size=16, source_size=32, latent_size=16, filters=(4, 8),
        steps=3, vector_units=16,
    )  # fmt: skip
    # Image, mask and noise folded by 2, residual, displacement; convergence and its gradient;
    # source and its gradient.
    channels = 3 * 4 + 4 + 2 + 2 * 1 + 2 * 4
    # Noise and sharpness, shear, steps along 14 modes and the shear and their errors.
    vector = 2 + 2 + 16 + 16

    def convolution(kernel, width_in, width_out):
        return (kernel**2 * width_in + 1) * width_out

    def unit(width):
        return convolution(3, 2 * width, 2 * width) + convolution(3, 2 * width, width)

    expected = (
        convolution(3, channels + vector, 4)
        + unit(4)
        + convolution(3, 4, 8)
        + convolution(3, 8, 8)
        + unit(8)
        + convolution(1, 8, 16)
        + convolution(3, 8, 4)
        # Steps of convergence and source and the gain of the source's gradient.
        + convolution(1, 4 + channels, 1 + 2 * 4)
        + convolution(1, 8 * 8 * 8 + vector, 16)
        # Own steps, and the trust in the Gauss-Newton steps.
        + convolution(1, 16, 16 + 16)
    )
    assert parameter_count(architecture) == expected


def test_the_default_weights_fit_in_twelve_megabytes():
    # In half precision, with a tenth to spare for the description.
    assert 2 * parameter_count(Architecture()) < 0.9 * 12e6


@pytest.mark.parametrize(("unit", "remembers"), [("gru", True), ("none", False)])
def test_only_a_network_with_a_memory_depends_on_the_calls_before(unit, remembers):
    network = RecurrentUNet((4, 8), map_channels=3, vector_size=5, recurrent_unit=unit)
    network.build((None, 8, 8, 2), (None, 4))
    rng = np.random.default_rng(3)
    maps, vector = (rng.normal(size=s).astype("float32") for s in ((2, 8, 8, 2), (2, 4)))
    first = network.initial_state(2, 8)
    *_, states = network(maps, vector, first)
    *_, again = network(maps, vector, states)
    changed = [np.any(np.asarray(a) != np.asarray(b)) for a, b in zip(states, again)]
    assert changed == [remembers, remembers]


def test_kernels_have_the_sizes_of_the_description():
    a = Architecture(32, 16, 2.0, 32, latent_size=16, filters=(4, 8), vector_units=8)
    wide = replace(a, kernel_size=5)
    recurrent = replace(a, recurrent_kernel_size=5)
    machines = [RecurrentInferenceMachine(each) for each in (a, wide, recurrent)]
    sides = [
        (m.network.downs[0].kernel.shape[0], m.network.units[0].gates.kernel.shape[0])
        for m in machines
    ]
    assert sides == [(3, 3), (5, 3), (3, 5)]
