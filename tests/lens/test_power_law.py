import numpy as np
import pytest
from scipy.special import hyp2f1

from lens_reference import around
from rimlens.lens.isothermal import SIE
from rimlens.lens.power_law import EPL

PLACE = {"theta_E": 1.3, "phi": 20.0, "center_x": 0.2, "center_y": -0.1}


@pytest.mark.parametrize("gamma", [1.1, 1.5, 2.0, 2.5, 2.9])
@pytest.mark.parametrize(
    ("q", "tolerance"),
    # The size of the first term left out, |w|^18, times a few.
    [(0.1, 3e-6), (0.2, 2e-9), (0.3, 1e-11), (0.7, 1e-14), (1.0, 1e-14)],
)
def test_series_is_the_hypergeometric_function(gamma, q, tolerance):
    angle = np.linspace(0, 2 * np.pi, 200)
    r = 1.7
    # Along its own axes: the major axis is +y, the minor axis -x.
    alpha_x, alpha_y = EPL(theta_E=1.2, gamma=gamma, q=q).deflection(
        -r * np.sin(angle), r * np.cos(angle)
    )
    z = np.sqrt(q) * r * np.cos(angle) + 1j * r * np.sin(angle) / np.sqrt(q)
    t = gamma - 1
    expected = 2 * np.sqrt(q) / (1 + q) * (1.2 / np.abs(z)) ** t * z
    expected = expected * hyp2f1(1, t / 2, 2 - t / 2, -(1 - q) / (1 + q) * z / z.conj())
    error = np.abs(alpha_y - 1j * alpha_x - expected) / np.abs(expected)
    # The softening adds (1e-8 / 1.7)^2, rounding a few 1e-15.
    assert np.max(error) < tolerance + 4e-15


def test_single_precision_costs_a_few_digits():
    lens = EPL(gamma=2.2, q=0.3, **PLACE)
    x, y = (a[None, None] for a in around(PLACE))
    exact = np.asarray(lens.tensor_deflection(x, y, lens.tensors()))
    single = lens.tensor_deflection(
        x.astype("float32"), y.astype("float32"), lens.tensors("float32")
    )
    # Unit roundoff is 6e-8; coordinates of 3 arcsec at 0.1 arcsec from the center lose a digit.
    assert np.max(np.abs(np.asarray(single) - exact)) < 2e-6


@pytest.mark.parametrize("method", ["potential", "deflection", "convergence", "shear"])
@pytest.mark.parametrize("q", [0.4, 1.0])
def test_isothermal_slope_gives_the_isothermal_ellipsoid(method, q):
    x, y = around(PLACE)
    found = getattr(EPL(gamma=2.0, q=q, **PLACE), method)(x, y)
    expected = getattr(SIE(q=q, **PLACE), method)(x, y)
    # Eighteen terms are exact to 1e-14 at q = 0.4; derivatives lose a digit or two.
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("gamma", [1.5, 2.0, 2.5])
def test_mean_convergence_is_one_inside_the_einstein_radius(gamma):
    # A circle: the deflection at the Einstein radius is the Einstein radius.
    alpha_x, _ = EPL(theta_E=1.3, gamma=gamma).deflection(1.3, 0.0)
    assert alpha_x == pytest.approx(1.3, rel=1e-14)  # rounding
