"""What every test needs: figures without a display, and time to compile at the first call."""

import os

import hypothesis
import numpy as np
import pytest

os.environ["MPLBACKEND"] = "agg"
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# Without it JAX has single precision only, and checks in double precision could not be checked.
os.environ["JAX_ENABLE_X64"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# The first call of a compiled function takes seconds, later ones milliseconds: no deadline.
hypothesis.settings.register_profile("rimlens", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("rimlens")


@pytest.fixture(scope="session")
def tiny_vae(tmp_path_factory):
    """Return files of autoencoders that were trained for seconds, by the maps that they make."""
    from rimlens.training.autoencoder.fit import train
    from tiny_vae import tiny_recipe

    folder = tmp_path_factory.mktemp("vae")
    files = {}
    for maps in ("convergence", "source"):
        files[maps] = str(folder / f"tiny_{maps}.asdf")
        train(tiny_recipe(maps), files[maps], progress=False)
    return files


@pytest.fixture
def float64():
    """See that the backend computes in double precision."""
    from keras import ops

    assert ops.dtype(ops.convert_to_tensor(np.zeros(1))) == "float64"


@pytest.fixture
def rng():
    return np.random.default_rng(20)
