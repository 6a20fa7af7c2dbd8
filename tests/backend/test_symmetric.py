"""Checks of the convolution with symmetric kernels by products of matrices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from rimlens import backend
from rimlens.backend import SymmetricConvolution, prefers_matrices
from rimlens.imaging import ConvergenceDeflection, Grid
from rimlens.imaging.convolution import Convolution

SIDE = st.integers(1, 8)
LONGER = st.integers(-2, 3)


def symmetric_kernels(shape, rng):
    """Return a kernel of each of the four kinds: even or odd along both axes."""
    kernels = []
    for down in (1, -1):
        for along in (1, -1):
            kernel = rng.normal(size=shape)
            kernel = kernel + down * kernel[::-1]
            kernels.append(kernel + along * kernel[:, ::-1])
    return np.array(kernels)


@settings(max_examples=30)
@given(ny=SIDE, nx=SIDE, dy=LONGER, dx=LONGER, seed=st.integers(0, 2**31))
def test_products_of_matrices_are_the_direct_sum(ny, nx, dy, dx, seed):
    inputs, outputs = (ny, nx), (max(ny + 2 * dy, 2 - ny % 2), max(nx + 2 * dx, 2 - nx % 2))
    rng = np.random.default_rng(seed)
    shape = tuple(n + m - 1 for n, m in zip(inputs, outputs))
    kernels, maps = symmetric_kernels(shape, rng), rng.normal(size=(2, *inputs))
    expected = np.zeros((2, 4, *outputs))
    for (a, b), (i, j) in ((o, m) for o in np.ndindex(outputs) for m in np.ndindex(inputs)):
        expected[..., a, b] += np.outer(maps[:, i, j], kernels[:, a - i + ny - 1, b - j + nx - 1])
    found = SymmetricConvolution(kernels, inputs, outputs)(maps.astype("float32"))
    # Rounding in single precision of sums over some tens of values.
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=0, atol=1e-4)


@pytest.mark.usefixtures("float64")
def test_matrices_and_transforms_agree_in_double_precision(rng):
    kernels = symmetric_kernels((41, 35), rng)
    maps = ops.convert_to_tensor(rng.normal(size=(3, 20, 19)))
    by_matrices = SymmetricConvolution(kernels, (20, 19), (22, 17))(maps)
    by_transforms = Convolution(kernels, (-19, -18), (20, 19), (22, 17))(maps)
    np.testing.assert_allclose(
        ops.convert_to_numpy(by_matrices), ops.convert_to_numpy(by_transforms), rtol=0, atol=1e-11
    )


def test_the_gradient_is_the_convolution_with_the_mirrored_kernel(rng):
    """As the one product with a map's change is the other's with the result's."""
    kernels = symmetric_kernels((15, 15), rng)
    convolution = SymmetricConvolution(kernels, (8, 8), (8, 8))
    maps, weights = (rng.normal(size=(1, *s, 8, 8)).astype("float32") for s in ((), (4,)))
    _, (found,) = backend.value_and_grad(
        lambda m: (ops.sum(convolution(m) * weights, axis=(1, 2, 3)), None), [maps]
    )
    expected = sum(
        ops.convert_to_numpy(Convolution(k[None, ::-1, ::-1], (-7, -7), (8, 8), (8, 8))(w[None]))
        for k, w in zip(kernels, weights[0])
    )
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected[0], rtol=0, atol=1e-4)


SIDES = np.arange(-127, 128)


@pytest.mark.parametrize(
    ("kernel", "outputs", "expected"),
    [
        (np.ones((255, 255)), (128, 128), True),
        (SIDES * np.ones((255, 1)), (128, 128), True),
        (np.ones((255, 257)), (128, 130), True),
        (np.ones((255, 256)), (128, 128), False),  # too long for the maps
        (np.ones((255, 256)), (128, 129), False),  # pixels of the result between those of the map
        (np.triu(np.ones((255, 255))), (128, 128), False),  # neither even nor odd
    ],
)
def test_symmetric_kernels_are_known(kernel, outputs, expected):
    assert prefers_matrices(kernel[None], (128, 128), outputs) is expected


@pytest.mark.parametrize(("side", "by_matrices"), [(48, False), (128, True), (256, False)])
def test_small_and_large_maps_are_left_to_transforms(side, by_matrices):
    chosen = ConvergenceDeflection(Grid((side, side)))._convolution
    by_matrices = by_matrices and backend.on_cpu()
    assert isinstance(chosen, SymmetricConvolution if by_matrices else Convolution)
