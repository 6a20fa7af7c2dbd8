from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from astropy import units as u
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gamma

from lens_reference import ELLIPSE, POSITION, around, shape
from rimlens import backend
from rimlens.errors import InputError
from rimlens.imaging import Grid
from rimlens.source.gaussian import Gaussian
from rimlens.source.pixelated import PixelatedSource
from rimlens.source.point import PointSource
from rimlens.source.sersic import CoreSersic, Exponential, Sersic, sersic_b
from rimlens.source.shapelets import Shapelets

pytest.importorskip("lenstronomy")

SERSIC = {"theta_eff": (0.1, 1.0), "n": (0.5, 8.0), **ELLIPSE}
TERMS = 21  # of shapelets up to order 5


@dataclass(frozen=True)
class Case:
    """A source, the ranges that its parameters are drawn from, and its twin in lenstronomy.

    ``twin(**values)`` returns lenstronomy's name and keywords for a unit amplitude;
    ``flux(**values)`` the closed form of the light of a unit amplitude.
    """

    model: type
    amplitude: str
    ranges: dict
    twin: Callable
    flux: Callable = None
    settings: dict = field(default_factory=dict)

    def __str__(self):
        return self.model.__name__

    def source(self, values, amplitude=1.0):
        return self.model(**self.settings, **{self.amplitude: amplitude}, **values)

    def values(self):
        """Return a strategy for the values of the parameters."""
        return st.fixed_dictionaries(
            {name: st.floats(low, high) for name, (low, high) in self.ranges.items()}
        )

    def at(self, fraction, **changes):
        """Return the values at one fraction of every range, but for some."""
        between = {name: a + fraction * (b - a) for name, (a, b) in self.ranges.items()}
        return {**between, **{name: v for name, v in changes.items() if name in between}}


def gaussian(sigma, **e):
    return "GAUSSIAN_ELLIPSE", {"amp": 2 * np.pi * sigma**2, "sigma": sigma, **shape(**e)}


def sersic(theta_eff, n, **e):
    return "SERSIC_ELLIPSE", {"amp": 1.0, "R_sersic": theta_eff, "n_sersic": n, **shape(**e)}


def sersic_flux(theta_eff, n, **e):
    b = sersic_b(n)
    return 2 * np.pi * n * theta_eff**2 * np.exp(b) * b ** (-2 * n) * gamma(2 * n)


def core_sersic(theta_b, gamma, **values):
    _, keywords = sersic(**values)
    return "CORE_SERSIC", {**keywords, "Rb": theta_b, "gamma": gamma}


def exponential(h, **e):
    # A Sersic profile of n = 1, with whatever coefficient.
    b = sersic_b(1.0)
    name, keywords = sersic(theta_eff=b * h, n=1.0, **e)
    return name, {**keywords, "amp": np.exp(-b)}


# Of both signs.
AMPLITUDES = np.random.default_rng(7).normal(size=TERMS)


def shapelets(beta, **c):
    return "SHAPELETS", {"n_max": 5, "amp": AMPLITUDES, "beta": beta, **c}


def shapelets_flux(beta, **c):
    # The integral of phi_n over the line for even n (Refregier 2003, eq. 16).
    orders = [(n - k, k) for n in range(6) for k in range(n + 1)]
    line = [
        (n % 2 == 0) * np.sqrt(2 * np.sqrt(np.pi) * gamma(n + 1) / 2**n) / gamma(n / 2 + 1)
        for n in range(6)
    ]
    return beta**2 * sum(a * line[i] * line[j] for a, (i, j) in zip(AMPLITUDES, orders))


CASES = [
    Case(
        Gaussian,
        "I_0",
        {"sigma": (0.05, 1.0), **ELLIPSE},
        gaussian,
        lambda sigma, **e: 2 * np.pi * sigma**2,
    ),
    Case(Sersic, "I_eff", SERSIC, sersic, sersic_flux),
    Case(CoreSersic, "I_eff", SERSIC | {"theta_b": (0.01, 0.3), "gamma": (0.0, 1.5)}, core_sersic),
    Case(
        Exponential,
        "I_0",
        {"h": (0.1, 1.0), **ELLIPSE},
        exponential,
        lambda h, **e: 2 * np.pi * h**2,
    ),
    Case(
        Shapelets,
        "amplitudes",
        {"beta": (0.2, 1.0), **POSITION},
        shapelets,
        shapelets_flux,
        {"n_max": 5},
    ),
    Case(
        PointSource,
        "amplitude",
        POSITION,
        lambda **c: ("GAUSSIAN", {"amp": 1.0, "sigma": 0.3, **c}),
        lambda **c: 1.0,
        {"width": 0.3},
    ),
]

every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_flux = pytest.mark.parametrize("case", [c for c in CASES if c.flux], ids=str)
drawn = settings(max_examples=15)


def amplitude(case):
    return AMPLITUDES if case.model is Shapelets else 1.0


@every_case
@drawn
@given(data=st.data())
def test_brightness_is_that_of_lenstronomy(case, data):
    from lenstronomy.LightModel.light_model import LightModel

    values = data.draw(case.values())
    x, y = around(values)
    name, keywords = case.twin(**values)
    expected = LightModel([name]).surface_brightness(x, y, [keywords])
    found = case.source(values, amplitude(case)).surface_brightness(x, y)
    # The wanted accuracy.  Where terms of shapelets cancel, that of the largest terms; far out
    # lenstronomy's are cut off where a Gaussian is 1e-11.
    floor = 1e-10 if case.model is Shapelets else 1e-200
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=floor)


@every_flux
@pytest.mark.parametrize("fraction", [0.1, 0.5])
def test_light_is_that_of_the_closed_form(case, fraction):
    values = case.at(fraction)
    # Rings in the logarithm of the radius: sums over them and over angles converge fast.  Within
    # the first is 1e-11 of the light.
    log_r = np.arange(-16.0, 12.0, 0.05)[:, None]
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    r = np.exp(log_r)
    x, y = values["center_x"] + r * np.cos(angle), values["center_y"] + r * np.sin(angle)
    brightness = case.source(values, amplitude(case)).surface_brightness(x, y)
    found = np.sum(brightness * r**2) * 0.05 * 2 * np.pi / 72
    # Ellipses of axis ratio 0.3 need the most angles: 72 are good to 0.54^36 of a few.
    assert found == pytest.approx(case.flux(**values), rel=1e-6)


@every_case
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("q", [0.3, 1.0])
@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0])
def test_finite_with_finite_gradients_at_the_center(case, dtype, q, fraction):
    values = case.at(fraction, q=q)
    source = case.source(values, amplitude(case))
    parameters = source.tensors(dtype)
    x0, y0 = values["center_x"], values["center_y"]
    x = np.array([[[x0, x0, x0 + 0.5, x0 + 1e-7, 1e3]]], dtype)
    y = np.array([[[y0, y0 + 0.5, y0, y0, -1e3]]], dtype)

    def brightness(x, y, *tensors):
        return source.tensor_surface_brightness(x, y, dict(zip(parameters, tensors))), ()

    (value, _), slopes = backend.value_and_grad(brightness, [x, y, *parameters.values()])
    for name, array in zip(["value", "x", "y", *parameters], [value, *slopes]):
        assert np.all(np.isfinite(np.asarray(array))), name
        assert np.asarray(array).dtype == dtype


@every_case
def test_batch_is_its_members(case):
    members = [case.at(fraction) for fraction in (0.0, 0.4, 1.0)]
    x, y = around(members[1])
    batch = {name: np.array([m[name] for m in members]) for name in case.ranges}
    found = case.source(batch, amplitude(case)).surface_brightness(x, y)
    expected = [case.source(m, amplitude(case)).surface_brightness(x, y) for m in members]
    # Rounding only: arrays of another length may be split into vectors otherwise.
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-13)


MAP = PixelatedSource(Grid((2, 3), 0.5), brightness_map=np.arange(6.0).reshape(2, 3))
SOURCES = [
    *((case.source(case.at(0.5), amplitude(case)), case.amplitude) for case in CASES),
    (MAP, "brightness_map"),
]
every_source = pytest.mark.parametrize(
    ("source", "name"), SOURCES, ids=[type(source).__name__ for source, _ in SOURCES]
)


@every_source
def test_brightness_has_the_unit_of_the_amplitude(source, name):
    unit = u.electron / u.s
    with_unit = source.copy(**{name: getattr(source, name) * unit})
    expected = source.surface_brightness(0.1, [0.2, 0.3])
    for position in (0.1, [0.2, 0.3]), (100 * u.mas, [0.2, 0.3] * u.arcsec):
        found = with_unit.surface_brightness(*position)
        assert found.unit == unit
        # Rounding of a conversion.
        np.testing.assert_allclose(found.value, expected, rtol=1e-12)
    assert not isinstance(expected, u.Quantity)


@every_source
def test_brightness_is_proportional_to_the_amplitude(source, name):
    twice = source.copy(**{name: -2 * getattr(source, name)})
    x, y = np.linspace(-0.5, 0.5, 7), 0.1
    # Rounding.
    np.testing.assert_allclose(
        twice.surface_brightness(x, y), -2 * source.surface_brightness(x, y), rtol=1e-14
    )


@every_source
def test_settings_survive_a_copy(source, name):
    assert source.copy() == source
    assert source.copy(**{name: 3 * getattr(source, name)}) != source
    for setting, value in source.configuration.items():
        assert f"{setting}=" in repr(source)
        others = {"n_max": 0, "width": 0.1, "grid": Grid((2, 3), 0.4), "interpolation": "bicubic"}
        changed = others[setting]
        amplitudes = {"amplitudes": [1.0]} if setting == "n_max" else {}
        assert source.copy(**{setting: changed, **amplitudes}) != source
        assert value != changed


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Shapelets(-1, amplitudes=[]), "n_max: an integer from 0 on is wanted, found -1"),
        (lambda: Shapelets(1.0, amplitudes=[]), "n_max: an integer from 0 on is wanted"),
        (lambda: Shapelets(1, amplitudes=[1.0, 2.0]), "found \\(2,\\)"),
        (lambda: Shapelets(1), "the parameter 'amplitudes' is missing"),
        (lambda: PointSource(width=0.0), "width: a positive number is wanted, found 0.0"),
        (lambda: PointSource(width=np.nan), "width: a positive number is wanted, found nan"),
        (lambda: PixelatedSource((2, 2)), "grid: a rimlens.imaging.Grid is wanted"),
        (lambda: PixelatedSource(Grid((2, 2))), "the parameter 'brightness_map' is missing"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
