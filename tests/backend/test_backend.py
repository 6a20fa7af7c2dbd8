"""Laws of the array library's room: transforms, gradients, compilation, and that both agree."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from rimlens import backend

SCRIPT = Path(__file__).with_name("forward_and_recurrence.py")


def run_python(*arguments, **variables):
    """Run Python with changed environment variables; one that is None is taken away."""
    environment = {**os.environ, **variables}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        env={k: v for k, v in environment.items() if v is not None},
    )


@pytest.mark.parametrize("shape", [(8, 8), (7, 9), (12, 5)])
def test_transforms_are_those_of_numpy_with_zero_padding(shape):
    values = np.random.default_rng(1).normal(size=(2, 5, 4)).astype("float32")
    found = ops.convert_to_numpy(backend.rfft2(ops.convert_to_tensor(values), shape))
    # Rounding in single precision of sums over some tens of values.
    expected = np.swapaxes(np.fft.rfft2(values, shape), 1, 2)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)
    back = ops.convert_to_numpy(backend.irfft2(ops.convert_to_tensor(found), shape))
    padded = np.zeros((2, *shape))
    padded[:, :5, :4] = values
    np.testing.assert_allclose(back, padded, rtol=0, atol=2e-6)
    part = backend.irfft2(ops.convert_to_tensor(found), shape, (5, 4))
    np.testing.assert_allclose(ops.convert_to_numpy(part), values, rtol=0, atol=2e-6)


@pytest.mark.parametrize("shape", [(8, 8), (7, 9), (12, 5)])
def test_a_filter_s_gradients_are_the_correlation_and_finite_differences(shape):
    rng = np.random.default_rng(2)
    values, other = rng.normal(size=(2, 1, 5, 4))
    kernel = rng.normal(size=shape)

    def filtered(values, kernel):
        product = backend.rfft2(values, shape) * backend.rfft2(kernel, shape)
        return ops.sum(other * backend.irfft2(product, shape, (5, 4))), ()

    _, gradients = backend.value_and_grad(filtered, (values, kernel[None]))
    # The sum is linear in either: a finite difference along anything is exact but for rounding.
    for gradient, place in zip(gradients, (0, 1)):
        arguments = [values, kernel[None]]
        direction = rng.normal(size=arguments[place].shape)
        ahead, behind = [], []
        for step, found in ((1.0, ahead), (-1.0, behind)):
            moved = list(arguments)
            moved[place] = moved[place] + step * direction
            found.append(float(filtered(*moved)[0]))
        slope = np.sum(direction * ops.convert_to_numpy(gradient))
        # Rounding of double precision.
        np.testing.assert_allclose(slope, (ahead[0] - behind[0]) / 2, rtol=1e-11)


def test_a_filter_s_derivative_along_a_direction_is_the_filtered_direction():
    rng = np.random.default_rng(3)
    values, direction = rng.normal(size=(2, 2, 5, 4)).astype("float32")
    kernel = backend.rfft2(rng.normal(size=(8, 9)).astype("float32"), (8, 9))

    def filtered(values):
        return backend.irfft2(backend.rfft2(values, (8, 9)) * kernel, (8, 9), (5, 4))

    found = backend.derivative(filtered, values, direction)
    # Rounding in single precision.
    np.testing.assert_allclose(found, filtered(direction), rtol=0, atol=1e-5)


def test_gradient_of_a_batch_of_values_is_the_batch_of_their_gradients():
    x, y = np.random.default_rng(2).normal(size=(2, 3, 4)).astype("float32")

    def function(x, y):
        return ops.sum(x**2 * y, axis=1), {"twice": 2 * x}

    (value, auxiliary), (dx, dy) = backend.value_and_grad(function, (x, y))
    # Rounding in single precision.
    np.testing.assert_allclose(ops.convert_to_numpy(value), np.sum(x**2 * y, axis=1), rtol=1e-5)
    np.testing.assert_array_equal(ops.convert_to_numpy(auxiliary["twice"]), 2 * x)
    np.testing.assert_allclose(ops.convert_to_numpy(dx), 2 * x * y, rtol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(dy), x**2, rtol=1e-5)


def test_gradient_with_respect_to_what_does_not_matter_is_zero():
    one = np.ones(3, "float32")
    _, (_, gradient) = backend.value_and_grad(lambda x, y: (ops.sum(x), None), (one, one))
    np.testing.assert_array_equal(ops.convert_to_numpy(gradient), 0)


def test_a_compiled_function_gives_what_it_gives_uncompiled():
    x = np.linspace(-1, 1, 7, dtype="float32")

    def function(values):
        return {"sine": ops.sin(values["x"]), "pair": (values["x"], 2 * values["x"])}

    found = backend.compiled(function)({"x": x})
    # Two implementations of the sine.
    np.testing.assert_allclose(ops.convert_to_numpy(found["sine"]), np.sin(x), rtol=1e-6)
    np.testing.assert_array_equal(ops.convert_to_numpy(found["pair"][1]), 2 * x)


def test_the_backend_says_its_name_and_version():
    assert list(backend.versions()) == [backend.name()]
    assert backend.name() == os.environ["KERAS_BACKEND"]


def test_tensorflow_is_the_default():
    done = run_python(
        "-c", "from rimlens import backend; print(backend.name())", KERAS_BACKEND=None
    )
    assert done.stdout.split() == ["tensorflow"], done.stderr


@pytest.mark.parametrize("room", ["imaging", "simulation"])
def test_a_room_s_import_and_first_computation_are_silent(room):
    # Guards against a room that imports Keras before the backend has set it up.
    code = f"import rimlens.{room}; from keras import ops; ops.sum(ops.ones((3,)))"
    done = run_python("-c", code, KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL=None)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_a_failing_import_wrote_is_shown():
    code = (
        "import os\n"
        "from rimlens.backend.quiet import quiet_import\n"
        "with quiet_import():\n"
        "    os.write(2, b'held back')\n"
        "with quiet_import():\n"
        "    os.write(2, b'the reason')\n"
        "    import no_such_library\n"
    )
    done = run_python("-c", code)
    assert "No module named 'no_such_library'" in done.stderr
    assert "the reason" in done.stderr
    assert "held back" not in done.stderr


def test_a_backend_that_is_not_supported_is_refused_by_name():
    done = run_python("-c", "import rimlens.backend", KERAS_BACKEND="numpy")
    assert done.returncode != 0
    assert "'tensorflow' and 'jax', found 'numpy'" in done.stderr


def test_tensorflow_and_jax_agree(tmp_path):
    pytest.importorskip("jax")
    other = {"tensorflow": "jax", "jax": "tensorflow"}[backend.name()]
    done = run_python(
        SCRIPT,
        tmp_path / "other.npz",
        KERAS_BACKEND=other,
        JAX_ENABLE_X64="1",
        PYTHONPATH=str(SCRIPT.parents[1]),
    )
    assert done.returncode == 0, done.stderr
    here = runpy.run_path(str(SCRIPT))["results"]()
    with np.load(tmp_path / "other.npz") as there:
        assert set(there) == set(here)
        for name, found in here.items():
            if name.startswith("solved"):
                # Three random steps, which fit nothing, amplify rounding in single pixels.
                error = np.linalg.norm(found - there[name]) / np.linalg.norm(found)
                assert error < 2e-2, name
                continue
            # Rounding in single precision, relative to the largest value of each array.
            tolerance = 1e-5 * np.abs(found).max()
            np.testing.assert_allclose(found, there[name], rtol=0, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("name", ["sin", "cos", "arctan", "arctanh"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_of_angles_keep_the_precision(name, dtype):
    x = np.linspace(-0.9, 0.9, 7).astype(dtype)
    found = ops.convert_to_numpy(getattr(backend, name)(ops.convert_to_tensor(x)))
    assert found.dtype == dtype
    # Rounding.
    np.testing.assert_allclose(found, getattr(np, name)(x), rtol=4 * np.finfo(dtype).eps)
