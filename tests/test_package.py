"""The package as a whole: its import, its names and what an installation holds."""

import subprocess
import sys
from importlib import metadata, resources

import pytest

import rimlens


def run_python(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=True, timeout=120
    )


def test_import_is_silent():
    done = run_python("-W", "always", "-c", "import rimlens")
    assert done.stdout == ""
    assert done.stderr == ""


def test_import_and_version_load_no_array_library():
    code = "import sys, rimlens; rimlens.__version__; print(*sys.modules)"
    loaded = set(run_python("-c", code).stdout.split())
    assert "rimlens" in loaded
    assert not loaded & {"tensorflow", "jax", "keras", "numpy", "scipy", "astropy"}


def test_observation_loads_no_network_library():
    code = "import sys; from rimlens import Observation; print(*sys.modules)"
    loaded = set(run_python("-c", code).stdout.split())
    assert "rimlens.observation" in loaded
    assert not loaded & {"tensorflow", "jax", "keras"}


def test_version_is_that_of_the_distribution():
    assert rimlens.__version__ == metadata.version("rimlens")


@pytest.mark.parametrize("name", ["Observation", "RIMSolver", "Reconstruction"])
def test_public_names_are_classes_under_their_own_name(name):
    assert getattr(rimlens, name).__name__ == name
    assert name in dir(rimlens)


def test_unknown_attribute_is_an_error_that_lists_the_known_ones():
    with pytest.raises(AttributeError, match="no attribute 'Observatory'; it offers Observation"):
        rimlens.Observatory  # noqa: B018


@pytest.mark.parametrize(
    "path",
    [
        "data/weights/default.asdf",
        "data/recipes/default.toml",
        "data/registry.toml",
        "converters/resources/manifests/rimlens-1.0.0.yaml",
        "converters/resources/schemas/weights-1.0.0.yaml",
    ],
)
def test_installation_holds_the_data_files(path):
    assert resources.files("rimlens").joinpath(path).is_file()


@pytest.mark.parametrize("group", ["asdf.extensions", "asdf.resource_mappings"])
def test_asdf_entry_points_load(group):
    (entry_point,) = metadata.entry_points(group=group, name="rimlens")
    assert entry_point.load()()
