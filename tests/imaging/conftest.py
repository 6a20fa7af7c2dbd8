"""What several tests of the physics need."""

import numpy as np
import pytest
from keras import ops


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    """Both precisions; that the backend keeps them is part of what is tested."""
    assert ops.dtype(ops.convert_to_tensor(np.zeros(1, request.param))) == request.param
    return request.param
