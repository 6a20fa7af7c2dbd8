"""Checks of the linear convolution of maps with fixed kernels."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from rimlens.imaging.convolution import Convolution, padded_length

sizes = st.tuples(st.integers(1, 7), st.integers(1, 7))


@settings(max_examples=25, deadline=None)
@given(
    kernel=sizes,
    first=st.tuples(st.integers(-9, 3), st.integers(-9, 3)),
    inputs=sizes,
    outputs=sizes,
    seed=st.integers(0, 2**31),
)
def test_the_convolution_is_the_direct_sum_and_nothing_wraps(kernel, first, inputs, outputs, seed):
    rng = np.random.default_rng(seed)
    k, maps = rng.normal(size=kernel), rng.normal(size=inputs).astype("float32")
    expected = np.zeros(outputs)
    for (a, b), (i, j) in ((o, m) for o in np.ndindex(outputs) for m in np.ndindex(inputs)):
        row, column = a - i - first[0], b - j - first[1]
        if 0 <= row < kernel[0] and 0 <= column < kernel[1]:
            expected[a, b] += k[row, column] * maps[i, j]
    found = Convolution(k[None], first, inputs, outputs)(ops.convert_to_tensor(maps[None]))
    # Rounding in single precision of sums over some tens of values.
    np.testing.assert_allclose(ops.convert_to_numpy(found)[0, 0], expected, rtol=0, atol=3e-5)


def test_the_padding_is_the_least_that_keeps_the_edges_apart():
    assert padded_length(-12, 12, 128, 128) == 144  # at least 140
    assert padded_length(-127, 127, 128, 128) == 256
    assert padded_length(0, 0, 5, 5) == 5
