import numpy as np
import pytest
from numpy.polynomial.hermite import hermgauss

from rimlens.source.shapelets import Shapelets


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shapelets_are_orthonormal(dtype):
    n_max, beta = 8, 0.3
    terms = (n_max + 1) * (n_max + 2) // 2
    source = Shapelets(n_max, amplitudes=np.eye(terms), beta=beta)
    # Gauss-Hermite quadrature is exact for these products.
    nodes, weights = hermgauss(2 * n_max)
    weights = weights * np.exp(nodes**2)
    x = np.broadcast_to(beta * nodes, (1, len(nodes), len(nodes))).astype(dtype)
    y = np.swapaxes(x, 1, 2)
    brightness = np.asarray(source.tensor_surface_brightness(x, y, source.tensors(dtype)))
    products = np.einsum("aij,bij,i,j->ab", brightness, brightness, weights, weights)
    # Rounding; weights far out are large, and in single precision so are the errors there.
    tolerance = 1e-12 if dtype == "float64" else 2e-4
    np.testing.assert_allclose(products, np.eye(terms), rtol=0, atol=tolerance)


def test_order_of_the_amplitudes():
    # 00, 10, 01, 20, 11, 02: even or odd in x and in y.
    source = Shapelets(2, amplitudes=np.eye(6), beta=0.5)
    right, left, below = (
        source.surface_brightness(x, y) for x, y in ((0.3, 0.2), (-0.3, 0.2), (0.3, -0.2))
    )
    np.testing.assert_array_equal(np.sign(left / right), [1, -1, 1, 1, -1, 1])
    np.testing.assert_array_equal(np.sign(below / right), [1, 1, -1, 1, -1, 1])
    # The polynomial of 20 has no y in it.
    along = source.surface_brightness(0.3, [0.1, 0.4])
    ratio = along[:, 1] / along[:, 0]
    assert ratio[3] == pytest.approx(ratio[0], rel=1e-12)  # rounding
    assert ratio[5] != pytest.approx(ratio[0], rel=1e-2)


def test_high_orders_stay_finite_in_single_precision():
    terms = 41 * 42 // 2
    source = Shapelets(40, amplitudes=np.ones(terms), beta=0.1)
    x = np.linspace(-5, 5, 201, dtype="float32").reshape(1, 1, -1)
    found = np.asarray(source.tensor_surface_brightness(x, x, source.tensors("float32")))
    exact = np.asarray(
        source.tensor_surface_brightness(x.astype(float), x.astype(float), source.tensors())
    )
    # The recurrence is stable: unit roundoff times the order.
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-4 * np.max(np.abs(exact)))
