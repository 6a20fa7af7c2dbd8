import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from lens_reference import (
    ELLIPSE,
    POSITION,
    Case,
    around,
    assert_batch_is_its_members,
    assert_convergence_is_half_the_divergence,
    assert_deflection_agrees_with_lenstronomy,
    assert_deflection_is_gradient_of_potential,
    assert_finite_with_finite_gradients,
    assert_jacobian_agrees_with_lenstronomy,
    shape,
)
from rimlens.errors import InputError
from rimlens.lens.hernquist import Hernquist
from rimlens.lens.nfw import NEAR, NFW, EllipticalNFW, TruncatedNFW
from rimlens.lens.sersic import SersicMass

pytest.importorskip("lenstronomy")

HALO = {"R_s": (0.3, 10.0), "alpha_Rs": (0.2, 2.0)}


def halo(R_s, alpha_Rs):
    return {"Rs": R_s, "alpha_Rs": alpha_Rs}


CASES = [
    Case(
        NFW,
        HALO | POSITION,
        lambda R_s, alpha_Rs, **c: [("NFW", halo(R_s, alpha_Rs) | c, 1)],
    ),
    Case(
        EllipticalNFW,
        HALO | ELLIPSE,
        lambda R_s, alpha_Rs, **e: [
            ("NFW_ELLIPSE_POTENTIAL", halo(R_s, alpha_Rs) | shape(**e), 1)
        ],
    ),
    Case(
        TruncatedNFW,
        HALO | {"r_trunc": (0.3, 100.0)} | POSITION,
        lambda R_s, alpha_Rs, **c: [("TNFW", halo(R_s, alpha_Rs) | c, 1)],
    ),
    Case(
        Hernquist,
        {"sigma_0": (0.1, 2.0), "R_s": (0.3, 10.0)} | POSITION,
        lambda sigma_0, R_s, **c: [("HERNQUIST", {"sigma0": sigma_0, "Rs": R_s, **c}, 1)],
    ),
    Case(
        SersicMass,
        {"kappa_eff": (0.1, 1.0), "theta_eff": (0.2, 3.0), "n": (0.5, 8.0)} | POSITION,
        lambda kappa_eff, theta_eff, n, **c: [
            ("SERSIC", {"k_eff": kappa_eff, "R_sersic": theta_eff, "n_sersic": n, **c}, 1)
        ],
    ),
]

every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_case_with_potential = pytest.mark.parametrize("case", CASES[:-1], ids=str)
drawn = settings(max_examples=10)


@every_case
@drawn
@given(data=st.data())
def test_deflection_is_that_of_lenstronomy(case, data):
    # The wanted accuracy.
    assert_deflection_agrees_with_lenstronomy(case, data.draw(case.values()), 1e-6)


@every_case
@drawn
@given(data=st.data())
def test_convergence_and_shear_are_those_of_lenstronomy(case, data):
    # The wanted accuracy.
    assert_jacobian_agrees_with_lenstronomy(case, data.draw(case.values()), 1e-6)


@every_case_with_potential
@drawn
@given(data=st.data())
def test_deflection_is_the_gradient_of_the_potential(case, data):
    # Differences over 1e-3 arcsec at 0.1 arcsec and more: (1e-3 / 0.1)^4 times a few.
    assert_deflection_is_gradient_of_potential(case, data.draw(case.values()), 1e-6)


@every_case
@drawn
@given(data=st.data())
def test_convergence_is_half_the_divergence_of_the_deflection(case, data):
    # Differentiating costs some digits; the softening of a Sersic profile, 1e-6 arcsec, at 0.1
    # arcsec adds a few 1e-10.
    assert_convergence_is_half_the_divergence(case, data.draw(case.values()), 1e-8)


@every_case
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("q", [0.3, 1.0])
@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0])
def test_finite_with_finite_gradients_at_the_center(case, dtype, q, fraction):
    assert_finite_with_finite_gradients(case, case.at(fraction, q=q), dtype)


@every_case
def test_finite_with_finite_gradients_at_the_scale_radius(case):
    # The check looks at 1 arcsec from the center.
    values = case.at(0.5, R_s=1.0, theta_eff=1.0, q=1.0)
    assert_finite_with_finite_gradients(case, values, "float32")


@every_case
def test_finite_with_finite_gradients_without_mass(case):
    values = case.at(0.0, **dict.fromkeys(("alpha_Rs", "sigma_0", "kappa_eff"), 0.0))
    assert_finite_with_finite_gradients(case, values, "float32")


@every_case_with_potential
def test_batch_is_its_members(case):
    assert_batch_is_its_members(case, [case.at(fraction) for fraction in (0.0, 0.4, 1.0)])


def test_batch_of_sersic_masses_is_its_members():
    x, y = around({"center_x": 0.0, "center_y": 0.0})
    n = [0.5, 2.0, 8.0]
    together = np.array(SersicMass(n=n).deflection(x, y))
    expected = np.stack([SersicMass(n=each).deflection(x, y) for each in n], axis=1)
    # Rounding only: arrays of another length may be split into vectors otherwise.
    np.testing.assert_allclose(together, expected, rtol=1e-12)


# Around the scale radius, at the seams between series and closed formulas, and far from both.
SEAMS = np.sqrt([1 - NEAR, 1 + NEAR])
RADII = np.concatenate(
    [
        [1e-4, 0.1, 3.0, 30.0],
        1 + np.array([0.0, 1e-15, 1e-10, -1e-10, 1e-6, -1e-6, 1e-3, -1e-3]),
        *(SEAMS * (1 + d) for d in (-1e-12, 1e-12)),
    ]
)
NORM = 0.5 / (1 - np.log(2))
DENSITIES = [
    (NFW(R_s=2.0, alpha_Rs=2.0), lambda s: NORM / (s * (1 + s) ** 2)),
    (Hernquist(R_s=2.0, sigma_0=1.0), lambda s: 2 / (s * (1 + s) ** 3)),
    *(
        (
            TruncatedNFW(R_s=2.0, alpha_Rs=2.0, r_trunc=2.0 * tau),
            lambda s, tau=tau: NORM * tau**2 / (s * (1 + s) ** 2 * (s**2 + tau**2)),
        )
        for tau in (0.1, 1.0, 5.0)
    ),
]
every_density = pytest.mark.parametrize(
    ("lens", "density"), DENSITIES, ids=["NFW", "Hernquist", "tau0.1", "tau1", "tau5"]
)


def projected(density, x):
    """Return the integral of a density from the plane of the sky to infinity."""

    def integrand(t):
        s = x * np.cosh(t)
        return density(s) * s

    # Beyond cosh(t) = 1e10 there is less than 1e-18 of the mass.
    return quad(integrand, 0, 24, epsabs=0, epsrel=1e-12, limit=200)[0]


@every_density
def test_convergence_is_the_projected_density(lens, density):
    expected = [projected(density, x) for x in RADII]
    # The integration is good to 1e-12; cancellation far out, where truncated halos are
    # 1e-6 of their terms, costs six digits.
    found = lens.convergence(2.0 * RADII, 0.0)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    np.testing.assert_allclose(found[RADII < 2], np.array(expected)[RADII < 2], rtol=1e-11)


def mean_convergence(lens, r):
    """Return the mean convergence within a radius, by rings in the logarithm of theirs."""
    nodes, weights = np.polynomial.legendre.leggauss(100)
    t = 9 * (nodes + 1)
    kappa = lens.convergence(r * np.exp(-t), 0.0)
    # What is cut off is exp(-36) of the mean; the integrand is smooth over a node's distance.
    return 2 * np.sum(9 * weights * kappa * np.exp(-2 * t))


@every_density
def test_deflection_is_that_of_the_projected_mass(lens, density):
    for r in 2.0 * np.array([0.01, *SEAMS, 1.0, 4.0]):
        # The accuracy of the integration.
        alpha = lens.deflection(r, 0.0)[0]
        assert alpha == pytest.approx(r * mean_convergence(lens, r), rel=1e-11)


@every_density
def test_shear_and_divergence_hold_at_the_scale_radius(lens, density):
    # For a circular lens gamma_1 on the x axis is the convergence less its mean, alpha / x.
    x = 2.0 * RADII
    alpha = lens.deflection(x, 0.0)[0]
    kappa = lens.convergence(x, 0.0)
    gamma = lens.shear(x, 0.0)[0]
    # Derivatives next to the seams cost a few digits.
    np.testing.assert_allclose(gamma, kappa - alpha / x, rtol=0, atol=1e-11 * np.max(alpha / x))


@every_density
def test_single_precision_costs_a_few_digits(lens, density):
    x = 2.0 * RADII[RADII < 5].reshape(1, 1, -1)
    single = lens.tensors("float32")
    for method in ("deflection", "convergence"):
        exact = np.asarray(getattr(lens, method)(x[0, 0], 0.0))
        found = np.asarray(
            getattr(lens, f"tensor_{method}")(x.astype("float32"), 0 * x.astype("float32"), single)
        )
        # Unit roundoff is 6e-8; next to the scale radius 1e-1 is divided by twice.
        assert np.max(np.abs(found.reshape(exact.shape) - exact) / np.max(exact)) < 1e-5
        if method == "deflection":
            np.testing.assert_allclose(found[0, 0, 0], exact[0], rtol=1e-5)


def test_truncation_far_out_is_none():
    x, y = around({"center_x": 0.0, "center_y": 0.0})
    cut = TruncatedNFW(R_s=1.0, alpha_Rs=1.0, r_trunc=1e6)
    # The leading term is of order x / tau.
    np.testing.assert_allclose(cut.deflection(x, y), NFW(R_s=1.0).deflection(x, y), rtol=1e-4)


def test_truncated_potential_is_zero_at_the_center():
    halo = TruncatedNFW(R_s=2.0, alpha_Rs=1.0, r_trunc=[0.5, 2.0, 100.0])
    # Terms of order 100 cancel.
    assert np.max(np.abs(halo.potential(0.0, 0.0))) < 1e-11


def test_round_potential_is_the_spherical_halo():
    x, y = around({"center_x": 0.0, "center_y": 0.0})
    round_, sphere = EllipticalNFW(R_s=2.0, q=1.0, phi=30.0), NFW(R_s=2.0)
    for method in ("potential", "deflection", "convergence", "shear"):
        # Rounding.
        np.testing.assert_allclose(
            getattr(round_, method)(x, y), getattr(sphere, method)(x, y), rtol=1e-10, atol=1e-13
        )


def test_axis_ratio_is_that_of_the_potential():
    lens = EllipticalNFW(R_s=2.0, q=0.7)
    # The major axis is +y; rounding.
    assert lens.potential(0.7, 0.0) == pytest.approx(lens.potential(0.0, 1.0), rel=1e-12)


@pytest.mark.parametrize("n", [0.5, 1.0, 4.0, 8.0])
def test_sersic_deflection_is_that_of_the_mass_within(n):
    lens = SersicMass(kappa_eff=0.4, theta_eff=1.5, n=n)
    for r in (0.01, 0.3, 1.5, 6.0):
        # Within the softening, 1e-6 arcsec, the mean convergence may be 200 times that within
        # 0.01: 200 (1e-6 / 0.01)^2.
        alpha = lens.deflection(r, 0.0)[0]
        assert alpha == pytest.approx(r * mean_convergence(lens, r), rel=2e-6)
    assert lens.convergence(1.5, 0.0) == pytest.approx(0.4, rel=1e-11)  # the softening


def test_sersic_mass_has_no_potential():
    with pytest.raises(InputError, match="this one gives its deflection only"):
        SersicMass().potential(0.0, 0.0)
