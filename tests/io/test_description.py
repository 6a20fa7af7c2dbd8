"""Files of weights that are described without a network."""

import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest

from rimlens import RIMSolver
from rimlens.errors import FileFormatError
from rimlens.io import describe_weights, read_weights
from rimlens.io.description import WeightsDescription
from rimlens.package_data import shipped_files

FILES = shipped_files("weights")


@pytest.mark.parametrize("name", list(FILES))
def test_a_description_is_what_the_weights_hold(name):
    found, weights = describe_weights(FILES[name]), read_weights(FILES[name])
    for entry in ("name", "architecture", "domain", "recipe", "scores", "training", "versions"):
        np.testing.assert_equal(getattr(found, entry), getattr(weights, entry))
    assert found.parameters == sum(array.size for array in weights.arrays.values())
    assert found.size == FILES[name].stat().st_size
    assert found.reduced_chi2 == weights.scores["reduced_chi2_median_per_step"][-1]


@pytest.mark.parametrize(
    ("name", "infers"),
    [
        ("default", "convergence map and shear; source map"),
        ("analytic", "sie + external_shear; sersic"),
        ("epl", "epl + external_shear; source map"),
    ],
)
def test_what_is_inferred_is_told_by_the_models(name, infers):
    solver = RIMSolver.from_pretrained(name)
    assert describe_weights(FILES[name]).infers == infers
    assert (solver.lens is None) == infers.startswith("convergence map")


def test_the_hash_is_that_of_the_file():
    path = FILES["analytic"]
    done = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True)
    assert describe_weights(path).sha256 == done.stdout.split()[0]


def test_an_autoencoder_is_described():
    found = describe_weights(shipped_files("vae")["vae_source"])
    assert (found.kind, found.infers) == ("autoencoder", "source maps")
    assert found.reduced_chi2 is None
    assert found.radius_error is None


def test_no_array_library_is_imported():
    code = (
        "import sys; from rimlens.io import describe_weights\n"
        f"describe_weights({str(FILES['analytic'])!r}); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"tensorflow", "jax", "keras"} & set(done.stdout.split())


@pytest.mark.parametrize(
    ("keep", "words"), [(100_000, "checksum"), (200, "truncated"), (0, "is not")]
)
def test_a_truncated_file_is_refused(tmp_path, keep, words):
    (tmp_path / "w.asdf").write_bytes(FILES["analytic"].read_bytes()[:keep])
    with pytest.raises(FileFormatError, match=words):
        describe_weights(tmp_path / "w.asdf")


def test_another_asdf_file_is_refused(tmp_path):
    import asdf

    asdf.AsdfFile({"a": 1}).write_to(tmp_path / "w.asdf")
    with pytest.raises(FileFormatError, match="without rimlens weights"):
        describe_weights(tmp_path / "w.asdf")


def test_every_field_is_documented():
    for field in fields(WeightsDescription):
        assert field.name in WeightsDescription.__doc__
