"""Checks that every model passes whatever its physics: values, units, batches, copies, sums."""

import inspect

import astropy.units as u
import numpy as np
import pytest
from astropy.utils.masked import Masked

from rimlens.errors import InputError
from rimlens.imaging import Grid
from rimlens.lens import NFW, SIE, SIS, Lens
from rimlens.models.parameter import BRIGHTNESS, Parameter
from rimlens.source import Gaussian, PixelatedSource, Source


def test_bare_numbers_and_quantities_are_the_same_model():
    bare = SIE(theta_E=1.2, q=0.8, phi=90.0)
    assert bare == SIE(theta_E=1200 * u.mas, q=0.8 * u.one, phi=(np.pi / 2) * u.rad)
    assert bare.theta_E == 1.2 * u.arcsec
    assert bare.phi == 90 * u.deg
    assert bare.q == 0.8


def test_quantities_go_in_and_come_out_and_bare_numbers_do_the_like():
    lens = SIE(theta_E=1.2, q=0.8)
    bare = lens.deflection(0.3, [0.1, 0.2])
    for found, expected in zip(lens.deflection(300 * u.mas, [0.1, 0.2] * u.arcsec), bare):
        assert found.unit == u.arcsec
        # Conversion of milliarcseconds.
        np.testing.assert_allclose(found.value, expected, rtol=1e-12)
    assert not isinstance(lens.convergence(0.3 * u.arcsec, 0.1 * u.arcsec), u.Quantity)
    assert lens.potential(0.3 * u.arcsec, 0.1).unit == u.arcsec**2


def test_a_brightness_keeps_the_unit_that_it_was_given_in():
    unit = u.electron / u.s
    source = Gaussian(I_0=2 * unit)
    assert source.surface_brightness(0.0, 0.0) == 2 * unit
    assert source.surface_brightness(0.0 * u.arcsec, 0.0) == 2 * unit
    assert Gaussian(I_0=2.0).surface_brightness(0.0 * u.arcsec, 0.0) == 2.0
    assert source != Gaussian(I_0=2.0)


def test_a_batch_gives_what_its_members_give():
    theta_E, q = [0.8, 1.0, 1.3], [0.7, 0.9, 1.0]
    batch = SIE(theta_E=theta_E, q=q, center_x=0.1)
    assert batch.batch_shape == (3,)
    x, y = np.linspace(-1, 1, 6).reshape(2, 3), 0.3
    found = batch.convergence(x, y)
    assert found.shape == (3, 2, 3)
    for i in range(3):
        single = SIE(theta_E=theta_E[i], q=q[i], center_x=0.1)
        # The same operations.
        np.testing.assert_allclose(found[i], single.convergence(x, y), rtol=1e-14)


def test_a_copy_differs_in_what_was_changed_only():
    lens = SIE(theta_E=1.2, q=0.8)
    copy = lens.copy(q=0.7)
    assert copy == SIE(theta_E=1.2, q=0.7)
    assert lens == SIE(theta_E=1.2, q=0.8)
    assert lens.copy() == lens
    assert lens != SIS(theta_E=1.2)


def test_what_is_written_makes_the_model_again():
    assert (
        repr(SIS(theta_E=1.5)) == "SIS(theta_E=1.5 arcsec, center_x=0 arcsec, center_y=0 arcsec)"
    )
    assert repr(SIS() + SIS()) == f"{SIS()!r} + {SIS()!r}"


def test_signature_and_documentation_come_from_the_parameters():
    assert list(inspect.signature(SIE).parameters) == list(SIE.parameters)
    assert inspect.signature(SIE).parameters["theta_E"].default == 1.0
    assert "theta_E : float, array or Quantity, optional" in SIE.__doc__
    assert SIE.__doc__.index("Parameters\n---") < SIE.__doc__.index("Examples\n---")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SIE(thetaE=1.0), "no parameter 'thetaE'; did you mean 'theta_E'"),
        (
            lambda: SIE(theta_E=1 * u.s),
            "theta_E: a unit like arcsec is wanted, found the unit s",
        ),
        (lambda: SIE(q=1 * u.m), "SIE: q: pure numbers are wanted, found the unit m"),
        (lambda: SIE(q=1.2), "SIE: q: between 0.01 and 1  is wanted, found 1.2"),
        (lambda: SIE(theta_E=np.nan), "theta_E: finite numbers are wanted, found NaN"),
        (lambda: SIE(theta_E="wide"), "theta_E: numbers are wanted, found 'wide'"),
        (lambda: SIE(theta_E="1"), "theta_E: numbers are wanted, found '1'"),
        (lambda: SIE("1"), "SIE: parameters are given by name, as theta_E=..., found '1' without"),
        (lambda: SIE(1.2, 0.8), "SIE: parameters are given by name, .* found 1.2 without one"),
        (lambda: NFW(1.0), "NFW: parameters are given by name"),
        (lambda: PixelatedSource(Grid((2, 2)), "bilinear", np.ones((2, 2))), "given by name"),
        (
            lambda: SIE(theta_E=np.ma.MaskedArray([1.0, 2.0], [True, False])),
            "theta_E: 1 of 2 values are masked",
        ),
        (lambda: SIE().deflection(Masked([1.0, 2.0], [True, False]), 0), "x: 1 of 2 values are"),
        (lambda: SIE(theta_E=np.ones((2, 2))), r"theta_E: shape \(\) or .* is wanted, found"),
        (lambda: SIE(theta_E=[1, 2], q=[0.5] * 3), "q: a batch of 2 is wanted.*found 3"),
        (
            lambda: SIE().deflection(1 * u.s, 0),
            "x: a unit like arcsec is wanted, found the unit",
        ),
        (lambda: SIE().deflection([1, 2], [1, 2, 3]), "shapes that broadcast are wanted"),
        (lambda: SIE().deflection(np.inf, 0), "x: finite numbers are wanted"),
        (lambda: SIE().time_delay(1, 1, 0.5, 0.4), "a source behind the lens is wanted"),
        (lambda: SIS() + SIS(theta_E=[1, 2]) + SIS(theta_E=[1, 2, 3]), "a batch of 2 is wanted"),
        (lambda: Gaussian(I_0=1 * u.Jy) + Gaussian(I_0=1.0), "with a unit or none"),
        (lambda: Gaussian(I_0=1 * u.Jy) + Gaussian(I_0=1 * u.m), "a unit like Jy is wanted"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_was_wanted(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_lenses_add_to_lenses_only():
    with pytest.raises(TypeError):
        SIS() + Gaussian()


def test_a_sum_adds_what_its_parts_give_and_names_their_parameters():
    total = SIE(theta_E=1.0, q=0.8) + SIS(theta_E=0.2, center_x=1.0) + SIS(theta_E=0.1)
    assert [n for n in total.parameters if n.endswith("theta_E")] == [
        "sie_theta_E",
        "sis_theta_E",
        "sis2_theta_E",
    ]
    x, y = np.linspace(-2, 2, 7), 0.4
    parts = SIE(theta_E=1.0, q=0.8), SIS(theta_E=0.2, center_x=1.0), SIS(theta_E=0.1)
    for name in ("potential", "convergence", "deflection", "shear"):
        found = np.array(getattr(total, name)(x, y))
        expected = sum(np.array(getattr(part, name)(x, y)) for part in parts)
        # Rounding; shears are derived from the sum in one case and from each part in the other.
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert total.copy(sis_theta_E=0.3).components[1] == parts[1].copy(theta_E=0.3)


def test_the_einstein_radius_is_that_of_a_sphere_and_adds_up():
    assert SIS(theta_E=1.3).einstein_radius().to_value("arcsec") == pytest.approx(1.3, rel=1e-9)
    total = (SIS(theta_E=1.0) + SIS(theta_E=0.4)).einstein_radius()
    assert total.to_value("arcsec") == pytest.approx(1.4, rel=1e-9)
    assert np.isnan(SIS(theta_E=0.0).einstein_radius())
    assert SIS(theta_E=[1.0, 2.0], center_x=0.3).einstein_radius().shape == (2,)


def test_the_einstein_radius_of_an_ellipsoid_is_that_of_its_mean_convergence():
    lens = SIE(theta_E=1.2, q=0.6, phi=20.0, center_x=0.2)
    radius = lens.einstein_radius().value
    step = radius * (np.arange(400) + 0.5) / 400
    azimuth = 2 * np.pi * (np.arange(90) + 0.5) / 90
    x = 0.2 + step[:, None] * np.cos(azimuth)
    y = step[:, None] * np.sin(azimuth)
    mean = np.average(lens.convergence(x, y).mean(axis=1), weights=step)
    # The midpoint rule in radius is exact for 1 / r times r; in azimuth it converges at once.
    assert mean == pytest.approx(1.0, rel=1e-6)


def test_time_delays_are_those_of_a_sphere():
    from astropy.constants import c
    from astropy.cosmology import Planck18

    # Images at theta_E + beta and beta - theta_E differ by 2 theta_E beta in the Fermat potential.
    lens, beta = SIS(theta_E=1.0), 0.3
    first, second = lens.time_delay([1.3, -0.7], [0.0, 0.0], 0.5, 1.5, Planck18)
    distances = [Planck18.angular_diameter_distance(z) for z in (0.5, 1.5)]
    distance = distances[0] * distances[1] / Planck18.angular_diameter_distance(0.5, 1.5)
    expected = 1.5 * distance / c * (2 * 1.0 * beta * u.arcsec**2).to_value(u.rad**2)
    assert (second - first).to_value("day") == pytest.approx(expected.to_value("day"), rel=1e-6)


def test_a_lens_without_physics_is_not_a_lens():
    with pytest.raises(TypeError, match="must define psi"):
        type("Nothing", (Lens,), {})
    with pytest.raises(TypeError, match="must define brightness"):
        type("Dark", (Source,), {})


class PotentialOnly(Lens):
    parameters = SIE.parameters

    def psi(self, x, y, p):
        return SIE().psi(x, y, p)


class DeflectionOnly(Lens):
    parameters = SIE.parameters

    def alpha(self, x, y, p):
        return SIE().alpha(x, y, p)


def test_what_is_not_given_follows_by_differentiation():
    values = {"theta_E": 1.1, "q": 0.7, "phi": 25.0, "center_x": 0.1}
    x, y = np.array([0.5, -0.8, 1.2]), np.array([0.4, 0.9, -0.3])
    for cls in (PotentialOnly, DeflectionOnly):
        lens, whole = cls(**values), SIE(**values)
        for name in ("deflection", "convergence", "shear", "magnification"):
            # Rounding of first and second derivatives in double precision; some vanish.
            np.testing.assert_allclose(
                getattr(lens, name)(x, y), getattr(whole, name)(x, y), rtol=1e-6, atol=1e-12
            )
    with pytest.raises(InputError, match="a lens with a potential is wanted"):
        DeflectionOnly().potential(0.0, 1.0)


def test_a_parameter_says_what_it_is():
    assert str(Parameter("arcsec", "radius", 1.0, (0, None))) == "in arcsec, at least 0"
    assert str(Parameter("", "ratio", 1.0, (0, 1))) == "dimensionless, 0 to 1"
    assert "any unit" in str(Parameter(BRIGHTNESS, "peak"))
    with pytest.raises(InputError, match="default: a value between 0 and 1 is wanted, found 2"):
        Parameter("", "ratio", 2.0, (0, 1))
