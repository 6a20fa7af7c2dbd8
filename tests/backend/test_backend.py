"""Checks of the backend: transforms, gradients, compilation, and that both agree."""

import json
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


def test_a_pullback_is_the_gradient_of_a_weighted_sum():
    x, y, a, b = np.random.default_rng(5).normal(size=(4, 3, 4)).astype("float32")

    def function(x, y, unused):
        return x**2 * y, ops.sum(x * y, axis=1)

    values, pulled = backend.vjp(function, (x, y, y))
    dx, dy, nothing = (np.asarray(v) for v in pulled((a, b[:, 0])))
    # Rounding in single precision.
    np.testing.assert_allclose(np.asarray(values[1]), np.sum(x * y, axis=1), rtol=1e-5)
    np.testing.assert_allclose(dx, 2 * a * x * y + b[:, :1] * y, rtol=0, atol=1e-5)
    np.testing.assert_allclose(dy, a * x**2 + b[:, :1] * x, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(nothing, 0)


def test_a_constant_stands_in_a_compiled_function():
    values = np.array([1 + 2j, 3 - 1j])
    found = backend.jit_compile(lambda x: x * backend.constant(values))(np.array([2.0, 1j]))
    np.testing.assert_array_equal(np.asarray(found), [2 + 4j, 1 + 3j])


def test_gradient_with_respect_to_what_does_not_matter_is_zero():
    one = np.ones(3, "float32")
    _, (_, gradient) = backend.value_and_grad(lambda x, y: (ops.sum(x), None), (one, one))
    np.testing.assert_array_equal(ops.convert_to_numpy(gradient), 0)


def test_a_compiled_function_gives_what_it_gives_uncompiled():
    x = np.linspace(-1, 1, 7, dtype="float32")

    def function(values):
        return {"sine": ops.sin(values["x"]), "pair": (values["x"], 2 * values["x"])}

    found = backend.jit_compile(function)({"x": x})
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


@pytest.mark.parametrize("subpackage", ["imaging", "simulation", "lens", "rim"])
def test_the_first_import_and_computation_leave_the_process_as_it_was(subpackage):
    code = (
        "import gc, os\n"
        # TensorFlow sets variables of its own.
        "names = 'KERAS_BACKEND', 'TF_CPP_MIN_LOG_LEVEL'\n"
        "environment = lambda: [os.environ.get(name) for name in names]\n"
        "state = lambda: (environment(), gc.isenabled(), gc.get_threshold(), os.fstat(2))\n"
        "before = state()\n"
        f"import rimlens.{subpackage}\n"
        "from keras import backend, ops\n"
        "ops.sum(ops.ones((3,)))\n"
        "assert state() == before, (before, state())\n"
        "print(backend.backend())"
    )
    done = run_python("-c", code, KERAS_BACKEND=None, TF_CPP_MIN_LOG_LEVEL=None)
    # Before the backend was chosen, an import of Keras would take another.
    assert (done.returncode, done.stdout) == (0, "tensorflow\n"), done.stderr
    # What TensorFlow writes before it reads a setting cannot be helped; errors it need not write.
    assert "cuInit" not in done.stderr


@pytest.mark.parametrize(
    "settings",
    [
        {"image_data_format": "channels_first", "floatx": "float16", "epsilon": 0.01},
        pytest.param({"floatx": "float64", "backend": "torch"}, marks=pytest.mark.slow),
    ],
)
def test_another_project_s_keras_settings_change_nothing(tmp_path, settings):
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    done = run_python(
        SCRIPT,
        tmp_path / "there.npz",
        KERAS_HOME=str(tmp_path),
        KERAS_BACKEND=backend.name(),
        JAX_ENABLE_X64="1",
        PYTHONPATH=os.pathsep.join([str(SCRIPT.parents[1]), *sys.path]),
    )
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "there.npz") as there:
        for name, found in runpy.run_path(str(SCRIPT))["results"]().items():
            assert there[name].dtype == found.dtype, name
            np.testing.assert_array_equal(found, there[name], err_msg=name)


def test_a_backend_that_is_not_supported_is_refused_by_name():
    done = run_python("-c", "import rimlens.backend", KERAS_BACKEND="numpy")
    assert done.returncode != 0
    assert "KERAS_BACKEND='numpy': tensorflow or jax is wanted" in done.stderr


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
                # Three random steps, which fit nothing, amplify rounding in single pixels; where
                # they find no Einstein radius, both are nan.
                np.testing.assert_array_equal(np.isnan(found), np.isnan(there[name]))
                error = np.linalg.norm(np.nan_to_num(found - there[name]))
                assert error <= 2e-2 * np.linalg.norm(np.nan_to_num(found)), name
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


@pytest.mark.parametrize(("name", "reach"), [("arctan", 6.0), ("arctanh", 0.999)])
def test_angles_are_those_of_numpy_to_rounding(name, reach):
    near, far = np.linspace(-reach, reach, 20001), np.geomspace(1e-7, reach, 2000)
    values = np.concatenate([near[near != 0], far, -far])
    # XLA's logarithm of 1 + x is known to some tens of rounding errors in double precision.
    for dtype, tolerance in (("float32", 4e-7), ("float64", 3e-14)):
        rounded = values.astype(dtype)
        found = ops.convert_to_numpy(getattr(backend, name)(ops.convert_to_tensor(rounded)))
        assert found.dtype == dtype
        expected = getattr(np, name)(rounded.astype(float))
        np.testing.assert_allclose(found, expected, rtol=tolerance)


@pytest.mark.parametrize(
    ("name", "at"), [("arctan", (0.0, 0.5, 1.0, -3.0)), ("arctanh", (0.0, 0.9))]
)
def test_angles_have_their_derivatives(name, at):
    at = ops.convert_to_tensor(np.array(at, "float32"))
    _, (slope,) = backend.value_and_grad(lambda x: (getattr(backend, name)(x), ()), [at])
    sign = {"arctan": 1, "arctanh": -1}[name]
    expected = 1 / (1 + sign * ops.convert_to_numpy(at) ** 2)
    np.testing.assert_allclose(ops.convert_to_numpy(slope), expected, rtol=1e-6)


@pytest.mark.parametrize("together", [1, 3, 8])
@pytest.mark.parametrize("n", [1, 2, 5, 12])
def test_members_of_a_batch_are_computed_as_alone(n, together):
    rng = np.random.default_rng(3)
    scale, maps = rng.normal(size=n).astype("float32"), rng.normal(size=(n, 4, 3))
    values = {"scale": scale, "maps": maps.astype("float32")}
    values = {name: ops.convert_to_tensor(value) for name, value in values.items()}

    def function(values):
        product = values["scale"][:, None, None] * values["maps"]
        return ops.sum(product, axis=(1, 2)), {"product": product}

    compiled = backend.batchwise(function, together)
    for _ in range(2):  # the second call finds its program compiled
        total, rest = compiled(values)
        expected = scale[:, None, None] * maps
        np.testing.assert_allclose(ops.convert_to_numpy(rest["product"]), expected, rtol=1e-6)
        np.testing.assert_allclose(ops.convert_to_numpy(total), expected.sum((1, 2)), rtol=1e-5)


def test_what_one_member_lends_to_all_stays_shared():
    maps = ops.convert_to_tensor(np.ones((3, 2, 2), "float32"))
    scale = ops.convert_to_tensor(np.full(1, 2.0, "float32"))

    def function(scale, maps):
        total = ops.sum(scale[:, None, None] * maps, axis=(1, 2))
        return backend.value_and_grad(
            lambda s: (ops.sum(s[:, None, None] * maps, axis=(1, 2)), total), [scale]
        )

    (value, _), (slope,) = backend.batchwise(function)(scale, maps)
    assert ops.convert_to_numpy(value).tolist() == [8.0, 8.0, 8.0]
    # It is one number, which all three members share.
    assert ops.convert_to_numpy(slope).tolist() == [12.0]
