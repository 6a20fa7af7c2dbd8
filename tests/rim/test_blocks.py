"""Checks of sums over blocks and of derivatives along many directions."""

import numpy as np
from keras import ops

from rimlens.backend import jacobian
from rimlens.rim.gauss_newton import block_sum


def test_block_sums_add_up():
    values = np.arange(96.0, dtype="float32").reshape(2, 8, 6)
    found = ops.convert_to_numpy(block_sum(values, 2))
    assert found.shape == (2, 4, 3)
    assert found[1, 1, 2] == values[1, 2:4, 4:6].sum()
    assert found.sum() == values.sum()


def test_columns_are_finite_differences_along_every_component():
    rng = np.random.default_rng(1)
    vector = rng.normal(size=(2, 3)).astype("float32")
    field = rng.normal(size=(2, 4, 5)).astype("float32")

    def function(vector, field):
        a, b, c = (vector[:, i, None, None] for i in range(3))
        return ops.sin(a * field) + b * c * field**2

    found = ops.convert_to_numpy(jacobian(function, vector, field))
    assert found.shape == (2, 3, 4, 5)
    for i in range(3):
        step = 1e-2 * np.eye(3, dtype="float32")[i]
        up, down = (ops.convert_to_numpy(function(vector + s * step, field)) for s in (1, -1))
        # Rounding over the step, and its square times third derivatives of order ten.
        np.testing.assert_allclose(found[:, i], (up - down) / 2e-2, atol=1e-3)
