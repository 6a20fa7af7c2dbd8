import numpy as np
import pytest

from lens_reference import around
from rimlens.lens.isothermal import NIE, SIE, SIS

PLACE = {"theta_E": 1.3, "center_x": 0.2, "center_y": -0.1}


@pytest.mark.parametrize("method", ["potential", "deflection", "convergence", "shear"])
@pytest.mark.parametrize(
    ("lens", "limit"),
    [
        (NIE(s_scale=0.0, q=0.6, phi=20.0, **PLACE), SIE(q=0.6, phi=20.0, **PLACE)),
        (SIE(q=1.0, phi=20.0, **PLACE), SIS(**PLACE)),
    ],
    ids=["coreless", "circular"],
)
def test_limits_meet(lens, limit, method):
    x, y = around(PLACE)
    # Rounding.
    np.testing.assert_allclose(
        getattr(lens, method)(x, y), getattr(limit, method)(x, y), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("q", [1.0, 0.99496, 0.9])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_slope_by_the_axis_ratio_is_right_up_to_the_circle(q, dtype):
    # At q = 0.99496 the series near the circle gives way to the closed formula.
    from rimlens import backend

    x, y = (a[None, None].astype(dtype) for a in around(PLACE))

    def deflection(q, dtype=dtype):
        values = NIE(s_scale=0.1, phi=20.0, **PLACE).tensors(dtype)
        return NIE().tensor_deflection(x.astype(dtype), y.astype(dtype), {**values, "q": q})[0]

    at = np.array([q], dtype)
    (_, _), (slope,) = backend.value_and_grad(lambda q: (deflection(q), ()), [at])
    step = 1e-5
    lower, middle, upper = (
        np.sum(np.asarray(deflection(np.array([min(q, 1.0) - n * step]), "float64")))
        for n in (2, 1, 0)
    )
    # Backwards, as there is nothing beyond q = 1; the error is step^2 in 40 points.
    expected = (3 * upper - 4 * middle + lower) / (2 * step)
    tolerance = 1e-6 if dtype == "float64" else 1e-3  # 40 rounded numbers of order one
    np.testing.assert_allclose(slope, [expected], rtol=tolerance)


def test_mean_convergence_is_one_inside_the_intermediate_axis_ellipse():
    q, theta_e = 0.5, 1.3
    n = 100
    radii = theta_e * (np.arange(n) + 0.5) / n
    kappa = SIE(theta_E=theta_e, q=q).convergence(0.0, radii / np.sqrt(q))
    # Elliptical rings; the integrand kappa r is constant, so that the midpoint rule is exact.
    assert np.sum(kappa * 2 * radii / n) / theta_e == pytest.approx(1.0, rel=1e-12)
