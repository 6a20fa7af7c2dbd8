"""Checks of the conformance kit: it finds what is broken, says so, and finds nothing else."""

import numpy as np
import pytest
from astropy import units as u

from rimlens import testing
from rimlens.backend.other import other
from rimlens.lens import SIE, SIS, ExternalShear, Multipole
from rimlens.prior import (
    AnalyticPrior,
    Ellipticity,
    Fixed,
    Linked,
    LogNormal,
    Normal,
    Shear,
    TruncatedNormal,
    Uniform,
)
from rimlens.source import Gaussian
from rimlens.testing import ConformanceError
from testing import broken

OTHER_LIBRARY = "the_other_array_library_gives_the_same"
CHECKS = {
    **dict.fromkeys(broken.LENSES, testing.lens_checks),
    **dict.fromkeys(broken.SOURCES, testing.source_checks),
    **dict.fromkeys(broken.PRIORS, testing.prior_checks),
}
BROKEN = {**broken.LENSES, **broken.SOURCES, **broken.PRIORS}


def failed_checks(subject, checks):
    """Return the checks that a model or a prior fails, each with the message."""
    found = {}
    for name, check in checks:
        try:
            check(subject)
        except ConformanceError as error:
            found[name] = str(error)
    return found


@pytest.mark.parametrize("cls", BROKEN, ids=lambda cls: cls.__name__)
def test_a_broken_plugin_is_caught_by_the_check_meant_for_it_alone(cls):
    check = BROKEN[cls]
    if check == OTHER_LIBRARY and other() is None:
        pytest.skip("one array library is installed")
    found = failed_checks(cls, CHECKS[cls](both_backends=check == OTHER_LIBRARY))
    assert list(found) == [check], found
    assert found[check].startswith(f"{cls.__name__}: {check.replace('_', ' ')}: ")
    assert "found" in found[check] or "hides" in found[check]


def test_a_plugin_fails_every_check():
    for checks, kits in (
        (testing.lens_checks, [broken.LENSES]),
        (testing.source_checks, [broken.SOURCES, broken.LENSES]),
        (testing.prior_checks, [broken.PRIORS]),
    ):
        assert {name for name, _ in checks()} <= {check for kit in kits for check in kit.values()}


@pytest.mark.parametrize(
    "lens",
    [
        broken.HealthyLens,
        SIS,
        SIE,
        SIE(theta_E=[1.3, 0.9], q=0.6, phi=40.0, center_x=0.1),
        SIE(theta_E=12.0, q=0.7) + ExternalShear(gamma_ext=0.05),
        Multipole(4, a_m=0.02),
    ],
    ids=lambda lens: getattr(lens, "__name__", type(lens).__name__),
)
def test_a_healthy_lens_passes(lens):
    testing.check_lens(lens, both_backends=False)


@pytest.mark.parametrize(
    "source",
    [broken.HealthySource, Gaussian, Gaussian(I_0=3 * u.nJy, q=0.5) + Gaussian(I_0=1 * u.Jy)],
    ids=["class", "built in", "sum with units"],
)
def test_a_healthy_source_passes(source):
    testing.check_source(source, both_backends=False)


def priors():
    lens = AnalyticPrior(
        SIE() + ExternalShear(),
        sie_theta_E=Uniform(0.5, 2.0),
        sie_q=Ellipticity(0.2),
        sie_center_x=Normal(0.0, 0.1),
        sie_center_y=TruncatedNormal(0.0, 0.1, -0.2, 0.2),
        externalshear_gamma_ext=Shear(0.05),
        externalshear_center_x=Linked("sie_center_x"),
    )
    source = AnalyticPrior(Gaussian(), I_0=LogNormal(2.0, 0.3), sigma=Fixed(0.2))
    return {
        "own": broken.HealthyPrior,
        "analytic": lens,
        "fixed": AnalyticPrior(SIE()),
        "source": source,
    }


@pytest.mark.parametrize("name", ["own", "analytic", "fixed", "source"])
def test_a_healthy_prior_passes(name):
    testing.check_prior(priors()[name], both_backends=False)


@pytest.mark.skipif(other() is None, reason="one array library is installed")
def test_healthy_plugins_pass_on_both_backends():
    for kind, subject in (
        ("lens", SIE(q=0.7)),
        ("source", Gaussian()),
        ("prior", AnalyticPrior(SIE(), q=Ellipticity(0.2))),
    ):
        checks = dict(getattr(testing, f"{kind}_checks")(both_backends=True))
        checks[OTHER_LIBRARY](subject)


def test_what_another_process_cannot_find_is_an_error_only_if_it_is_required():
    class Local(broken.HealthyLens):
        pass

    dict(testing.lens_checks())[OTHER_LIBRARY](Local)
    with pytest.raises(ConformanceError, match="cannot be checked: "):
        dict(testing.lens_checks(both_backends=True))[OTHER_LIBRARY](Local)


def test_one_error_tells_of_all_laws_that_are_broken():
    class HeavyDisplacedLens(broken.HeavyLens, broken.DisplacedLens):
        pass

    with pytest.raises(ConformanceError) as raised:
        testing.check_lens(HeavyDisplacedLens, both_backends=False)
    message = str(raised.value)
    assert message.startswith("HeavyDisplacedLens fails 3 of 11 checks:\n- ")
    for check in ("gradient of the potential", "half the divergence", "asdf files"):
        assert check in message
    assert isinstance(raised.value, AssertionError), "pytest shows it as a failed assertion"


def test_an_error_in_a_formula_is_told_as_a_broken_law():
    class Wrong(broken.HealthyLens):
        def kappa(self, x, y, p):
            return p.no_such_parameter

    with pytest.raises(ConformanceError, match="AttributeError: .*no_such_parameter"):
        testing.check_lens(Wrong, both_backends=False)


@pytest.mark.parametrize(
    ("check", "given", "message"),
    [
        (testing.check_lens, Gaussian, "Gaussian: a subclass of rimlens.lens.lens.Lens is wanted"),
        (testing.check_source, SIE(), "SIE: a subclass of .*Source is wanted"),
        (testing.check_prior, SIE(), "SIE: a subclass of .*Prior is wanted"),
        (testing.check_lens, Multipole, r"cannot be made .*check_lens\(Multipole\(\.\.\.\)\)"),
        (testing.check_prior, AnalyticPrior, r"cannot be made .*check_prior\(AnalyticPrior\("),
    ],
)
def test_what_cannot_be_checked_is_reported(check, given, message):
    with pytest.raises(ConformanceError, match=message):
        check(given)


def test_checks_leave_the_model_and_the_global_random_numbers_alone():
    lens = SIE(q=0.7)
    before, state = lens.copy(), np.random.get_state()[1].copy()  # noqa: NPY002
    testing.check_lens(lens, both_backends=False)
    assert lens == before
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002
