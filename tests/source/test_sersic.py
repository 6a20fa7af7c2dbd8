import numpy as np
import pytest
from scipy.special import gammainc

from rimlens.source.sersic import SOFTENING, CoreSersic, Exponential, Sersic, sersic_b


@pytest.mark.parametrize("n", [0.2, 0.5, 1.0, 4.0, 10.0])
@pytest.mark.parametrize("phi", [0.0, 90.0])
def test_effective_radius_is_that_of_the_intermediate_axis(n, phi):
    source = Sersic(I_eff=3.0, theta_eff=0.4, n=n, q=0.25, phi=phi)
    # The major axis is +y at phi = 0; the axes are theta_eff over and times the root of q.
    major, minor = 0.8, 0.2
    x, y = ([minor, 0.0], [0.0, major]) if phi == 0 else ([0.0, major], [minor, 0.0])
    # The softening: its square over that of the radius, times b / n of up to 2.
    np.testing.assert_allclose(source.surface_brightness(x, y), 3.0, rtol=2 * (1e-5 / 0.4) ** 2)


@pytest.mark.parametrize(
    ("n", "tolerance"), [(0.2, 0.23), (0.5, 0.021), (1.0, 0.004), (4.0, 0.0005), (10.0, 0.0005)]
)
def test_half_of_the_light_is_within_the_effective_radius(n, tolerance):
    # The accuracy of the approximate coefficient that the documentation states.
    assert gammainc(2 * n, sersic_b(n)) == pytest.approx(0.5, rel=tolerance)


def test_exponential_is_a_sersic_profile_of_index_one():
    b = sersic_b(1.0)
    x, y = np.linspace(-1, 1, 50), 0.3
    disc = Exponential(I_0=2.0, h=0.2, q=0.5, phi=40.0)
    same = Sersic(I_eff=2.0 * np.exp(-b), theta_eff=b * 0.2, n=1.0, q=0.5, phi=40.0)
    # Rounding.
    np.testing.assert_allclose(
        disc.surface_brightness(x, y), same.surface_brightness(x, y), rtol=1e-12
    )


def test_sersic_of_index_one_half_is_a_gaussian():
    b = sersic_b(0.5)
    x = np.linspace(0.01, 1, 50)
    found = Sersic(theta_eff=0.3, n=0.5).surface_brightness(x, 0.0)
    # Softened: the exponent is off by b (1e-5 / 0.3)^2.
    np.testing.assert_allclose(found, np.exp(-b * ((x / 0.3) ** 2 - 1)), rtol=1e-8)


def test_core_is_a_power_law_inside_and_a_sersic_profile_outside():
    source = CoreSersic(theta_eff=1.0, n=2.0, theta_b=0.1, gamma=0.5, alpha=10.0)
    inner = source.surface_brightness([0.01, 0.02], 0.0)
    # To the tenth power of the ratio to the break, and the softening.
    assert inner[1] / inner[0] == pytest.approx(2**-0.5, rel=1e-6)
    outer = source.surface_brightness(1.0, 0.0)
    assert outer == pytest.approx(1.0, rel=1e-9)  # (1 / 10)^10, and the softening


def test_brightness_at_the_break_is_that_of_graham():
    # Graham et al. 2003, eq. 5 with I' = I_eff exp(b): at the break both terms are equal.
    n, b, alpha, gamma, ratio = 3.0, sersic_b(3.0), 2.0, 0.4, 0.2
    source = CoreSersic(theta_eff=1.0, n=n, theta_b=ratio, gamma=gamma, alpha=alpha)
    expected = 2 ** (gamma / alpha) * np.exp(b - b * 2 ** (1 / (n * alpha)) * ratio ** (1 / n))
    # The softening.
    assert source.surface_brightness(ratio, 0.0) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("model", [Sersic, CoreSersic])
def test_softening_is_felt_within_it_only(model):
    source = model(theta_eff=0.5, n=8.0)
    center, edge = source.surface_brightness([0.0, SOFTENING], 0.0)
    assert edge < center < 1.2 * edge
    assert source.surface_brightness(10 * SOFTENING, 0.0) < 0.8 * center
