import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lens_reference import (
    ELLIPSE,
    POSITION,
    Case,
    angle,
    assert_batch_is_its_members,
    assert_convergence_is_half_the_divergence,
    assert_deflection_agrees_with_lenstronomy,
    assert_deflection_is_gradient_of_potential,
    assert_finite_with_finite_gradients,
    assert_jacobian_agrees_with_lenstronomy,
    position,
    shape,
)
from rimlens.lens.dpie import DPIE
from rimlens.lens.external import ConvergenceSheet, ExternalShear
from rimlens.lens.isothermal import NIE, SIE, SIS
from rimlens.lens.multipole import Multipole
from rimlens.lens.point_mass import PointMass
from rimlens.lens.power_law import EPL

pytest.importorskip("lenstronomy")

THETA_E = {"theta_E": (0.2, 2.0)}


def origin(center_x, center_y):
    return {"ra_0": center_x, "dec_0": center_y}


def nie(theta_E, s_scale, sign=1, **ellipse):
    return ("NIE", {"theta_E": theta_E, "s_scale": s_scale, **shape(**ellipse)}, sign)


def multipole(m, a_m, phi_m, **center):
    # Its m = 1 has the radius in units of r_E, 1 arcsec if not given.
    return [
        ("MULTIPOLE", {"m": m, "a_m": a_m, "phi_m": angle(phi_m), **position(**center)}, 1),
    ]


AMPLITUDE = {"a_m": (0.01, 0.1), "phi_m": (-180.0, 180.0), **POSITION}

CASES = [
    Case(SIS, THETA_E | POSITION, lambda theta_E, **c: [("SIS", {"theta_E": theta_E, **c}, 1)]),
    Case(
        SIE,
        THETA_E | ELLIPSE,
        lambda theta_E, **e: [("SIE", {"theta_E": theta_E, **shape(**e)}, 1)],
    ),
    Case(NIE, THETA_E | {"s_scale": (0.0, 1.0)} | ELLIPSE, lambda **v: [nie(**v)]),
    Case(
        EPL,
        THETA_E | {"gamma": (1.1, 2.9)} | ELLIPSE,
        lambda theta_E, gamma, **e: [
            ("EPL", {"theta_E": theta_E, "gamma": gamma, **shape(**e)}, 1)
        ],
    ),
    Case(
        PointMass,
        THETA_E | POSITION,
        lambda theta_E, **c: [("POINT_MASS", {"theta_E": theta_E, **c}, 1)],
    ),
    Case(
        ExternalShear,
        {"gamma_ext": (0.01, 0.3), "phi_ext": (-180.0, 180.0)} | POSITION,
        lambda gamma_ext, phi_ext, **c: [
            (
                "SHEAR_GAMMA_PSI",
                {"gamma_ext": gamma_ext, "psi_ext": angle(phi_ext), **origin(**c)},
                1,
            )
        ],
    ),
    Case(
        ConvergenceSheet,
        {"kappa_0": (-0.5, -0.01)} | POSITION,
        lambda kappa_0, **c: [("CONVERGENCE", {"kappa": kappa_0, **origin(**c)}, 1)],
    ),
    Case(
        DPIE,
        THETA_E | {"r_core": (0.0, 0.5), "r_cut": (0.6, 20.0)} | ELLIPSE,
        lambda theta_E, r_core, r_cut, **e: [
            nie(theta_E, r_core, **e),
            nie(theta_E, r_cut, sign=-1, **e),
        ],
    ),
    *(Case(Multipole, AMPLITUDE, multipole, {"m": m}, second_derivatives=True) for m in (1, 3, 4)),
]

every_case = pytest.mark.parametrize("case", CASES, ids=str)
drawn = settings(max_examples=15)


@every_case
@drawn
@given(data=st.data())
def test_deflection_is_that_of_lenstronomy(case, data):
    # The wanted accuracy; at q = 1 lenstronomy itself puts q = 1 - 1e-8.
    assert_deflection_agrees_with_lenstronomy(case, data.draw(case.values()), 1e-6)


@every_case
@drawn
@given(data=st.data())
def test_convergence_and_shear_are_those_of_lenstronomy(case, data):
    # The wanted accuracy.
    assert_jacobian_agrees_with_lenstronomy(case, data.draw(case.values()), 1e-6)


@every_case
@drawn
@given(data=st.data())
def test_deflection_is_the_gradient_of_the_potential(case, data):
    # Differences over 1e-3 arcsec at 0.1 arcsec and more: (1e-3 / 0.1)^4 times a few.
    assert_deflection_is_gradient_of_potential(case, data.draw(case.values()), 1e-6)


@every_case
@drawn
@given(data=st.data())
def test_convergence_is_half_the_divergence_of_the_deflection(case, data):
    # EPL's series is exact to 1e-12 at q = 0.3, and differentiating it costs some digits.
    assert_convergence_is_half_the_divergence(case, data.draw(case.values()), 1e-9)


@every_case
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("q", [0.3, 1.0])
@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0])
def test_finite_with_finite_gradients_at_the_center(case, dtype, q, fraction):
    assert_finite_with_finite_gradients(case, case.at(fraction, q=q), dtype)


@every_case
def test_finite_with_finite_gradients_without_mass(case):
    strengths = ("theta_E", "gamma_ext", "kappa_0", "a_m")
    values = case.at(0.0, **dict.fromkeys(strengths, 0.0))
    assert_finite_with_finite_gradients(case, values, "float32")


@every_case
def test_batch_is_its_members(case):
    assert_batch_is_its_members(case, [case.at(fraction) for fraction in (0.0, 0.4, 1.0)])
