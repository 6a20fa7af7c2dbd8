import inspect

import numpy as np
import pytest

from rimlens.errors import InputError
from rimlens.lens.isothermal import SIS
from rimlens.lens.multipole import Multipole


@pytest.mark.parametrize("m", [0, 2, 5, -1, 3.0, "4", None, [3]])
def test_other_orders_are_refused(m):
    with pytest.raises(InputError, match="Multipole: m: 1, 3 or 4 is wanted, found"):
        Multipole(m)


def test_order_is_documented_and_survives_a_copy():
    assert list(inspect.signature(Multipole).parameters)[:2] == ["m", "a_m"]
    # One section: that of the docstring, with the parameters added.
    assert Multipole.__doc__.count("Parameters\n---") == 1
    assert "\nm : int\n    Order: 1, 3 or 4.\na_m : float" in Multipole.__doc__
    copy = Multipole(3, a_m=0.1).copy(phi_m=20.0)
    assert copy == Multipole(m=np.int64(3), a_m=0.1, phi_m=20.0)
    assert copy != Multipole(m=4, a_m=0.1, phi_m=20.0)


@pytest.mark.parametrize("m", [1, 3, 4])
def test_convergence_has_m_maxima_from_phi_m_on(m):
    # Angles from +y towards -x.
    angle = np.radians(np.arange(360))
    lens = Multipole(m, a_m=0.1, phi_m=25.0)
    kappa = lens.convergence(-2.0 * np.sin(angle), 2.0 * np.cos(angle))
    maxima = np.flatnonzero((kappa > np.roll(kappa, 1)) & (kappa > np.roll(kappa, -1)))
    np.testing.assert_array_equal(np.sort((25 + 360 // m * np.arange(m)) % 360), maxima)
    assert kappa[25] == pytest.approx(0.1 / (2 * 2.0), rel=1e-14)  # rounding


@pytest.mark.parametrize("m", [3, 4])
def test_critical_curve_is_deformed_by_the_multipole(m):
    # On a circle of radius theta_E (1 + (a / theta_E) cos m(theta)), to first order in a, the
    # sum with an isothermal sphere of convergence 1 / (2 (r - a cos)) is critical.
    theta_e, a = 1.2, 1e-4
    angle = np.linspace(0, 2 * np.pi, 50)
    r = theta_e + a * np.cos(m * angle)
    lens = SIS(theta_E=theta_e) + Multipole(m, a_m=a)
    inverse = 1 / lens.magnification(-r * np.sin(angle), r * np.cos(angle))
    # Without the deformation it would be a / theta_E, 1e-4; second order is its square.
    assert np.max(np.abs(inverse)) < 1e-7
