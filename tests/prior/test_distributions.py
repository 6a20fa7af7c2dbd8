import numpy as np
import pytest
from astropy import units as u
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from scipy import integrate, special, stats

from rimlens import backend
from rimlens.errors import InputError
from rimlens.prior import (
    Ellipticity,
    Fixed,
    Linked,
    LogNormal,
    Normal,
    Shear,
    TruncatedNormal,
    Uniform,
)


def cut_normal(mean, sigma, low, high):
    return stats.truncnorm((low - mean) / sigma, (high - mean) / sigma, mean, sigma)


# Each beside its twin in scipy: cuts on both sides of the mean, on one, far out on either tail.
SINGLE = {
    "uniform": (Uniform(0.5, 2.0), stats.uniform(0.5, 1.5)),
    "normal": (Normal(-1.0, 0.3), stats.norm(-1.0, 0.3)),
    "log-normal": (LogNormal(4.0, 0.5), stats.lognorm(0.5, scale=4.0)),
    "cut": (TruncatedNormal(1.0, 0.5, 0.0, 2.5), cut_normal(1.0, 0.5, 0.0, 2.5)),
    "cut far out": (TruncatedNormal(0.8, 0.05, 0.1, 1.0), cut_normal(0.8, 0.05, 0.1, 1.0)),
    "half": (TruncatedNormal(0.0, 1.0, 0.0, np.inf), cut_normal(0.0, 1.0, 0.0, np.inf)),
    "upper tail": (TruncatedNormal(0.0, 1.0, 6.0, 7.0), cut_normal(0.0, 1.0, 6.0, 7.0)),
    "lower tail": (TruncatedNormal(0.0, 1.0, -9.0, -2.0), cut_normal(0.0, 1.0, -9.0, -2.0)),
}
PAIRS = [
    Ellipticity(0.2),
    Ellipticity(0.1, 0.8),  # the maximum at eight times the scatter
    Ellipticity(3.0, 0.5),  # nearly uniform in the circle
    Shear(0.05, 0.1),
    Shear(0.05),
]

singles = pytest.mark.parametrize(("distribution", "twin"), SINGLE.values(), ids=SINGLE)
pairs = pytest.mark.parametrize("pair", PAIRS, ids=repr)
few = settings(max_examples=20, deadline=None)


def numbers(tensor):
    return np.asarray(ops.convert_to_numpy(tensor))


def gradient(function, *arguments):
    """Return the value and the derivatives of each component by each argument."""
    components = len(function(*arguments))
    slopes = [
        backend.value_and_grad(lambda *a, i=i: (function(*a)[i], ()), arguments)[1]
        for i in range(components)
    ]
    return np.array([[numbers(slope) for slope in row] for row in slopes])


def components(pair, first, angle):
    """Return the Cartesian components of a pair of parameters."""
    length = (1 - first) / (1 + first) if isinstance(pair, Ellipticity) else first
    twice = angle * (np.pi / 90)
    return length * backend.cos(twice), length * backend.sin(twice)


def reach(twin):
    """Return the size of the values: errors of rounding grow with it."""
    low, high = twin.ppf([1e-6, 1 - 1e-6])
    return max(abs(low), abs(high), high - low)


@singles
def test_standard_normals_become_the_distribution(distribution, twin):
    variables = np.random.default_rng(5).standard_normal(4000)
    drawn = numbers(distribution.value(variables))
    # One seed, eight distributions: a p-value below 1e-3 is a fault, not chance.
    assert stats.kstest(drawn, twin.cdf).pvalue > 1e-3


@singles
def test_value_is_the_quantile_of_the_normal_probability(distribution, twin):
    variables = np.linspace(-6, 6, 241)
    # From the side where the probability is small: Phi rounds to one on the other.
    expected = np.where(
        variables < 0, twin.ppf(special.ndtr(variables)), twin.isf(special.ndtr(-variables))
    )
    found = numbers(distribution.value(variables))
    # Our tails are good to 1e-12; scipy's quantile of a cut normal to 2e-9 at six sigma.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8 * reach(twin))


@singles
def test_log_density_is_that_of_scipy(distribution, twin):
    values = twin.ppf(np.linspace(0.001, 0.999, 101))
    found = numbers(distribution.log_density(values))
    # Closed forms on both sides.
    np.testing.assert_allclose(found, twin.logpdf(values), rtol=0, atol=1e-9)


@singles
def test_nothing_lies_beyond_the_bounds(distribution, twin):
    low, high = distribution.support[0]
    beyond = np.array([b for b in (low - 0.1, high + 0.1) if np.isfinite(b)])
    if beyond.size:
        assert np.all(numbers(distribution.log_density(beyond)) == -np.inf)
        assert np.all(np.isfinite(numbers(distribution.variable(beyond))))
    for dtype in ("float32", "float64"):
        extreme = numbers(distribution.value(np.array([-30.0, 30.0], dtype)))
        assert extreme.dtype == dtype
        # Rounding, and the tails themselves.
        rounding = (4 * np.finfo(dtype).eps + 1e-12) * reach(twin)
        assert low - rounding <= extreme[0] <= extreme[1] <= high + rounding


@singles
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@few
@given(fraction=st.floats(0.0, 1.0))
def test_value_returns_from_the_variable(distribution, twin, dtype, fraction):
    low, high = distribution.support[0]
    ends = twin.ppf([1e-9, 1 - 1e-9])
    low, high = (b if np.isfinite(b) else e for b, e in zip((low, high), ends))
    value = np.array([low + fraction * (high - low)], dtype)
    variable = distribution.variable(value)
    assert np.all(np.isfinite(numbers(variable)))
    # At a bound the value is moved inside, by a rounding error.
    tolerance = (1e-5 if dtype == "float32" else 1e-9) * reach(twin)
    assert abs(numbers(distribution.value(variable)) - value)[0] < tolerance


@singles
def test_slope_of_the_value_is_its_difference_quotient(distribution, twin):
    variables, step = np.linspace(-4, 4, 33), 1e-4  # zero is among them
    (slopes,) = gradient(lambda v: (distribution.value(v),), variables)[0]
    up, down = (numbers(distribution.value(variables + s)) for s in (step, -step))
    # Second differences: step^2 / 6 of the third derivative, and rounding over the step.
    np.testing.assert_allclose(slopes, (up - down) / (2 * step), rtol=1e-6, atol=1e-9)


@pairs
def test_pair_is_isotropic_and_never_above_its_maximum(pair):
    drawn = pair.value(*np.random.default_rng(2).standard_normal((2, 20000)))
    x, y = (numbers(c) for c in components(pair, *drawn))
    r = np.hypot(x, y)
    assert r.max() <= pair.maximum
    # Five standard errors of means, and of second moments, of 20000 draws.
    scatter = np.sqrt(np.mean(r**2) / 2)
    bound = 5 * scatter / np.sqrt(20000)
    assert abs(x.mean()) < bound
    assert abs(y.mean()) < bound
    covariance = np.cov(x, y) / scatter**2
    assert abs(covariance[0, 1]) < 5 / np.sqrt(20000)
    assert abs(covariance[0, 0] - covariance[1, 1]) < 5 * np.sqrt(8 / 20000)
    radial = stats.rayleigh(scale=pair.scatter)
    assert stats.kstest(r, lambda r: radial.cdf(r) / radial.cdf(pair.maximum)).pvalue > 1e-3


@pairs
def test_length_of_a_pair_is_the_radial_quantile(pair):
    length = np.linspace(0.01, 6, 100)
    first, angle = pair.value(length, 0 * length)
    mass = -np.expm1(-0.5 * (pair.maximum / pair.scatter) ** 2)
    inner = -mass * -np.expm1(-0.5 * length**2)
    expected = pair.scatter * np.sqrt(-2 * np.log1p(inner))
    # The formula in the documentation rounds where the length nears its maximum.
    np.testing.assert_allclose(numbers(components(pair, first, angle)[0]), expected, rtol=1e-7)
    assert np.all(numbers(angle) == 0)


@pairs
def test_density_of_a_pair_integrates_to_one(pair):
    low, high = pair.support[0]

    def density(first):
        return float(np.exp(numbers(pair.log_density(np.array([first]), np.array([10.0])))[0]))

    # The same at every angle: 180 degrees of it; quadrature to 1e-8.
    total = 180 * integrate.quad(density, low, high, epsabs=1e-8, epsrel=1e-8, limit=50)[0]
    assert total == pytest.approx(1, abs=1e-6)


@pairs
@few
@given(fraction=st.floats(0, 1), angle=st.floats(-89.9, 90), single=st.booleans())
def test_pair_returns_from_its_variables(pair, fraction, angle, single):
    low, high = pair.support[0]
    dtype = "float32" if single else "float64"
    first = np.array([low + fraction * (high - low)], dtype)
    given_pair = first, np.array([angle], dtype)
    found = pair.value(*pair.variable(*given_pair))
    # Compared as components: the rounder, the less the angle means.
    for a, b in zip(components(pair, *found), components(pair, *given_pair)):
        assert abs(numbers(a) - numbers(b))[0] < 1e-5
    assert abs(numbers(found[0]) - first)[0] < 1e-5


@pairs
@few
@given(u_1=st.floats(-3, 3), u_2=st.floats(-3, 3))
def test_slopes_of_a_pair_are_its_difference_quotients(pair, u_1, u_2):
    def function(a, b):
        return components(pair, *pair.value(a, b))

    assert_slopes(function, pair, np.array([u_1]), np.array([u_2]))


@pairs
def test_components_have_their_slopes_at_the_circle(pair):
    def function(a, b):
        return components(pair, *pair.value(a, b))

    zero = np.zeros(1)
    slopes = gradient(function, zero, zero)[..., 0]
    mass = -np.expm1(-0.5 * (pair.maximum / pair.scatter) ** 2)
    # At the circle, the slope of the radial quantile; moved off it by 1e-6.
    np.testing.assert_allclose(
        slopes, pair.scatter * np.sqrt(mass) * np.eye(2), atol=1e-5 * pair.scatter
    )
    assert_slopes(function, pair, zero, zero)


def assert_slopes(function, pair, *point):
    # A step over the neighborhood of the circle that is moved off it.
    step = 1e-2
    slopes = gradient(function, *point)[..., 0]
    for j in range(2):

        def at(n, j=j):
            moved = [p + n * step * (k == j) for k, p in enumerate(point)]
            return np.array([numbers(c)[0] for c in function(*moved)])

        quotient = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)
        # step^4 / 30 of the fifth derivative, and twice the 1e-6 of the circle over the step.
        atol = 1e-6 * pair.scatter + 4e-4
        np.testing.assert_allclose(slopes[:, j], quotient, rtol=1e-5, atol=atol)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pairs
def test_circle_is_finite_with_finite_slopes(pair, dtype):
    zero = np.zeros(1, dtype)
    first, angle = pair.value(zero, zero)
    assert numbers(angle)[0] == 0
    round_one = 1.0 if isinstance(pair, Ellipticity) else 0.0
    # Moved off the circle: by 2e-6 in the axis ratio, by 1e-6 in the shear.
    assert numbers(first)[0] == pytest.approx(round_one, abs=3e-6)
    assert np.all(np.isfinite(gradient(pair.value, zero, zero)))
    circle = np.array([round_one], dtype)
    assert np.all(np.isfinite(numbers(pair.variable(circle, zero))))
    assert np.all(np.isfinite(gradient(pair.variable, circle, zero)))
    assert np.isfinite(numbers(pair.log_density(circle, zero))[0])


@pytest.mark.parametrize(
    ("cls", "numbers", "wanted"),
    [
        (Uniform, (2.0, 1.0), "low < high"),
        (Uniform, (0.0, np.inf), "finite"),
        (Uniform, ("a", 1.0), "low: a number"),
        (Normal, (0.0, 0.0), "sigma > 0"),
        (Normal, (np.nan, 1.0), "mean: a number"),
        (LogNormal, (-1.0, 1.0), "median > 0"),
        (TruncatedNormal, (0.0, 1.0, 1.0, 1.0), "low < high"),
        (Fixed, (np.inf,), "finite"),
        (Linked, (3,), "name of a parameter"),
        (Linked, ("q", 0.0), "scale"),
        (Ellipticity, (0.2, 1.5), "between 0 and 1"),
        (Shear, (-0.1,), "scatter > 0"),
    ],
)
def test_numbers_that_make_no_distribution_are_refused(cls, numbers, wanted):
    with pytest.raises(InputError, match=wanted):
        cls(*numbers)


def test_quantities_are_turned_into_bare_numbers():
    found = TruncatedNormal(1.0 * u.arcsec, 100 * u.mas, 0.5, 1 * u.arcmin).in_unit("arcsec")
    assert found == TruncatedNormal(1.0, 0.1, 0.5, 60.0)
    with pytest.raises(InputError, match="sigma: a pure number is wanted"):
        LogNormal(1.0 * u.arcsec, 0.1 * u.arcsec).in_unit("arcsec")
    with pytest.raises(InputError, match="low < high"):
        Uniform(1.0 * u.arcsec, 100 * u.mas).in_unit("arcsec")
