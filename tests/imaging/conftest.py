"""What several tests of the physics need."""

import numpy as np
import pytest
from keras import ops


def _keeps(dtype):
    return ops.dtype(ops.convert_to_tensor(np.zeros(1, dtype))) == dtype


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    """Every precision that the backend computes in."""
    if not _keeps(request.param):
        pytest.skip(f"{request.param} is switched off in this backend")
    return request.param


@pytest.fixture
def float64():
    """Skip where the backend has no double precision."""
    if not _keeps("float64"):
        pytest.skip("float64 is switched off in this backend")


@pytest.fixture
def rng():
    return np.random.default_rng(20)
