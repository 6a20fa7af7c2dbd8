import numpy as np
import pytest
from astropy import units as u
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from scipy import stats

from rimlens import backend
from rimlens.errors import InputError
from rimlens.lens import SIE, SIS, Lens
from rimlens.models.parameter import Parameter
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


class Sheared(Lens):
    """A lens with a shear and with coefficients, which the models at hand have not."""

    parameters = {
        "gamma_ext": Parameter("", "strength", 0.0, (0, None)),
        "phi_ext": Parameter("deg", "direction", 0.0),
        "terms": Parameter("arcsec", "coefficients", 0.0, shape=(2, 2)),
    }

    def __init__(self, **values):
        super().__init__(**{"terms": np.zeros((2, 2)), **values})

    def psi(self, x, y, p):
        return x * p.gamma_ext


def everything():
    """Return a prior with every distribution over a sum of lenses."""
    return AnalyticPrior(
        SIE(center_x=0.2) + SIS(),
        sie_theta_E=Uniform(0.5, 2.0),
        sie_q=Ellipticity(0.2),
        sie_center_x=Normal(0.1, 0.05),
        sie_center_y=TruncatedNormal(0.0, 0.1, -0.1, 0.3),
        sis_theta_E=LogNormal(0.1, 0.3),
        sis_center_x=Linked("sie_center_x", scale=-2.0, offset=0.5),
        sis_center_y=Fixed(1.0),
    )


def sheared():
    return AnalyticPrior(Sheared(), gamma_ext=Shear(0.05), terms=Normal(0.0, 0.1))


priors = pytest.mark.parametrize("make", [everything, sheared])


def numbers(values):
    return {name: np.asarray(ops.convert_to_numpy(value)) for name, value in values.items()}


def test_vector_stacks_what_varies_in_the_order_of_the_model():
    prior = AnalyticPrior(SIE(), center_y=Normal(0, 1), q=Ellipticity(0.2), theta_E=Uniform(1, 2))
    assert prior.labels == ("theta_E", "e_1", "e_2", "center_y")
    assert prior.variables == {"vector": (4,)}
    assert everything().labels == (
        "sie_theta_E",
        "sie_e_1",
        "sie_e_2",
        "sie_center_x",
        "sie_center_y",
        "sis_theta_E",
    )
    assert sheared().labels[:4] == ("gamma_1", "gamma_2", "terms[0, 0]", "terms[0, 1]")


def test_draws_follow_their_distributions():
    values = everything().sample(4000, rng=11)
    # One seed: a p-value below 1e-3 is a fault, not chance.
    for name, twin in {
        "sie_theta_E": stats.uniform(0.5, 1.5),
        "sie_center_x": stats.norm(0.1, 0.05),
        "sie_center_y": stats.truncnorm(-1, 3, 0, 0.1),
        "sis_theta_E": stats.lognorm(0.3, scale=0.1),
        "sie_phi": stats.uniform(-90, 180),
    }.items():
        assert stats.kstest(values[name], twin.cdf).pvalue > 1e-3, name


@priors
def test_draws_are_complete_and_repeat_with_the_seed(make):
    prior = make()
    values = prior.sample(7, rng=np.random.default_rng(3))
    assert list(values) == list(prior.model.parameters)
    for name, parameter in prior.model.parameters.items():
        assert values[name].shape == (7, *parameter.shape)
        assert values[name].dtype == "float64"
        assert np.array_equal(values[name], prior.sample(7, rng=3)[name])
        assert np.all(parameter.allows(values[name]))
    models = prior.draw(7, rng=3)
    assert models.batch_shape == (7,)
    assert all(np.array_equal(models.values[name], values[name]) for name in values)


def test_what_is_not_named_stays_at_the_models_own_values():
    values = AnalyticPrior(SIE(theta_E=1.3, phi=20.0), center_x=Normal(0, 1)).sample(3, rng=1)
    assert np.all(values["theta_E"] == 1.3)
    assert np.all(values["phi"] == 20.0)


def test_linked_parameters_follow():
    prior = AnalyticPrior(
        SIE() + SIS() + SIS(),
        sie_center_x=Normal(0.0, 0.1),
        sis_center_x=Linked("sis2_center_x", offset=100 * u.mas),  # through another link
        sis2_center_x=Linked("sie_center_x", scale=2.0),
        sis2_center_y=Linked("sie_center_y"),
    )
    values = prior.sample(5, rng=1)
    # Sums of two numbers: rounding.
    np.testing.assert_allclose(values["sis2_center_x"], 2 * values["sie_center_x"], rtol=1e-15)
    np.testing.assert_allclose(values["sis_center_x"], values["sis2_center_x"] + 0.1, rtol=1e-15)
    assert np.all(values["sis2_center_y"] == 0)
    assert prior.labels == ("sie_center_x",)


@priors
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_parameters_return_from_their_variables(make, dtype, seed):
    prior = make()
    values = {name: v.astype(dtype) for name, v in prior.sample(20, rng=seed).items()}
    variables = prior.unconstrain(values)
    found = numbers(prior.constrain(variables))
    assert ops.dtype(variables["vector"]) == dtype
    for name, value in found.items():
        assert value.dtype == dtype
        # An angle is as sharp as its ellipse is long: e of 0.01 or more here but for chance.
        scale = 90.0 if name.endswith(("phi", "phi_ext")) else 1.0
        assert np.all(np.abs(value - values[name]) < (1e-4 if scale > 1 else 1e-5) * scale), name


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_far_variables_stay_inside_the_bounds(dtype):
    for reach in (-40, 40):
        prior = AnalyticPrior(
            SIE(), theta_E=Normal(1.0, 0.1), q=Uniform(0.01, 1.0), center_x=Uniform(-0.1, 0.7)
        )
        vector = np.full((1, 3), reach, dtype)
        values = {
            n: v.astype(float) for n, v in numbers(prior.constrain({"vector": vector})).items()
        }
        # In single precision 0.01 is below 0.01, which the model would refuse.
        prior.model.copy(**values)
        assert -0.1 <= values["center_x"][0] <= 0.7
        assert np.isfinite(ops.convert_to_numpy(prior.log_prob(values))[0])
    far = numbers(everything().constrain({"vector": np.full((1, 6), 40.0, dtype)}))
    assert far["sie_q"][0] >= (1 - 0.8) / (1 + 0.8)


@priors
def test_slopes_are_difference_quotients(make):
    prior = make()
    (k,) = prior.variables["vector"]
    vectors = np.random.default_rng(4).standard_normal((5, k))

    def total(vector):
        values = prior.constrain({"vector": vector})
        return sum(ops.sum(ops.reshape(v, (5, -1)), axis=1) for v in values.values())

    _, (slopes,) = backend.value_and_grad(lambda v: (total(v), ()), [vectors])
    step = 1e-4
    for i in range(k):
        change = step * (np.arange(k) == i)
        quotient = (total(vectors + change) - total(vectors - change)) / (2 * step)
        # step^2 of third derivatives: those of the angle, of tens of degrees, are largest.
        np.testing.assert_allclose(np.asarray(slopes)[:, i], quotient, rtol=1e-5, atol=1e-5)


def test_density_is_the_product_of_densities():
    prior = AnalyticPrior(
        SIE(), theta_E=Uniform(0.5, 2.0), center_x=Normal(0.0, 0.1), phi=Fixed(1)
    )
    values = prior.sample(10, rng=2)
    expected = stats.norm(0, 0.1).logpdf(values["center_x"]) - np.log(1.5)
    # Closed forms.
    np.testing.assert_allclose(prior.log_prob(values), expected, rtol=1e-12)
    assert (
        ops.convert_to_numpy(prior.log_prob({**values, "theta_E": 0 * values["q"]}))[0] == -np.inf
    )
    terms = sheared().sample(3, rng=1)
    pair = Shear(0.05).log_density(terms["gamma_ext"], terms["phi_ext"])
    expected = pair + stats.norm(0, 0.1).logpdf(terms["terms"]).sum(axis=(1, 2))
    np.testing.assert_allclose(sheared().log_prob(terms), expected, rtol=1e-12)


def test_density_transforms_like_the_variables():
    prior = everything()
    vector = np.random.default_rng(1).standard_normal((1, 6))
    free = ["sie_theta_E", "sie_q", "sie_phi", "sie_center_x", "sie_center_y", "sis_theta_E"]

    def value(vector, name):
        return prior.constrain({"vector": vector})[name]

    rows = [
        np.asarray(backend.value_and_grad(lambda v, n=n: (value(v, n), ()), [vector])[1][0])[0]
        for n in free
    ]
    jacobian = np.linalg.slogdet(np.array(rows))[1]
    found = ops.convert_to_numpy(prior.log_prob(prior.constrain({"vector": vector})))[0]
    # p(value) |d value / d u| = N(u); rounding through six bijections.
    assert found + jacobian == pytest.approx(stats.norm.logpdf(vector).sum(), abs=1e-8)


def test_start_is_the_medians_off_the_circle():
    start = everything().initial(2)["vector"]
    assert start.dtype == "float32"
    np.testing.assert_array_equal(start, np.float32([[0, 0.1, 0, 0, 0, 0]] * 2))


def test_units_are_those_of_the_parameters():
    prior = AnalyticPrior(SIE(), theta_E=Uniform(500 * u.mas, 2 * u.arcsec), phi=Fixed(1 * u.rad))
    bare = AnalyticPrior(SIE(), theta_E=Uniform(0.5, 2.0), phi=Fixed(180 / np.pi))
    assert prior.configuration["theta_E"] == Uniform(0.5, 2.0)
    assert prior.sample(1)["phi"][0] == pytest.approx(bare.sample(1)["phi"][0], rel=1e-14)
    with pytest.raises(
        InputError, match="theta_E: low: a unit like arcsec is wanted, found 1.0 kg"
    ):
        AnalyticPrior(SIE(), theta_E=Uniform(1 * u.kg, 2 * u.kg))
    with pytest.raises(InputError, match="q: low: a pure number is wanted"):
        AnalyticPrior(SIE(), q=Uniform(0.5 * u.deg, 1.0))


def test_brightness_has_the_unit_of_the_model():
    unit = u.MJy / u.sr
    prior = AnalyticPrior(Gaussian(I_0=1.0 * unit), I_0=LogNormal(2000.0 * u.kJy / u.sr, 0.1))
    assert prior.configuration["I_0"].median == pytest.approx(2.0, rel=1e-14)
    drawn = prior.draw(3, rng=1)
    assert drawn.I_0.unit == unit
    np.testing.assert_array_equal(drawn.I_0.value, prior.sample(3, rng=1)["I_0"])
    with pytest.raises(InputError, match="I_0: median: a pure number is wanted"):
        AnalyticPrior(Gaussian(I_0=1.0), I_0=LogNormal(2.0 * unit, 0.1))


@pytest.mark.parametrize(
    ("distributions", "wanted"),
    [
        ({"thetaE": Uniform(1, 2)}, "no parameter 'thetaE'; did you mean 'theta_E'"),
        ({"theta_E": 1.2}, r"theta_E: a distribution is wanted, such as Fixed\(1.2\), found 1.2"),
        (
            {"theta_E": Uniform(-1, 1)},
            "theta_E: a distribution between 0 and inf arcsec is wanted",
        ),
        ({"q": Fixed(1.1)}, "between 0.01 and 1 is wanted, found Fixed"),
        ({"q": TruncatedNormal(0.5, 0.1, 0.0, 1.0)}, "between 0.01 and 1"),
        ({"theta_E": Normal(1.0, 0.3)}, "TruncatedNormal"),
        ({"q": LogNormal(0.8, 0.1)}, "between 0.01 and 1"),
        ({"q": Ellipticity(0.2, 0.99)}, "between 0.01 and 1"),
        (
            {"theta_E": Ellipticity(0.2)},
            "under the name of a parameter 'q', found under 'theta_E'",
        ),
        ({"q": Ellipticity(0.2), "phi": Uniform(0, 1)}, "covers 'phi' too, found Uniform"),
        ({"center_x": Linked("centr_y")}, "did you mean 'center_y'"),
        ({"center_x": Linked("q")}, "center_x: a link to a parameter of its own unit"),
        ({"center_x": Linked("center_y"), "center_y": Linked("center_x")}, "circle: "),
        ({"theta_E": Linked("center_x"), "center_x": Normal(0, 1)}, "theta_E: a distribution"),
        ({"theta_E": Linked("center_x", offset=1 * u.kg)}, "theta_E: offset: a unit like arcsec"),
    ],
    ids=str,
)
def test_what_does_not_fit_the_model_is_refused(distributions, wanted):
    with pytest.raises(InputError, match=wanted):
        AnalyticPrior(SIE(), **distributions)


def test_tail_of_a_normal_may_be_negligible():
    # Ten standard deviations from the bound.
    assert AnalyticPrior(SIE(), theta_E=Normal(1.0, 0.1)).labels == ("theta_E",)


def test_prior_equals_what_its_configuration_makes():
    prior = everything()
    again = AnalyticPrior(**prior.configuration)
    assert again == prior
    assert repr(again) == repr(prior)
    assert again != sheared()
    assert again != AnalyticPrior(prior.model, sie_theta_E=Uniform(0.5, 2.0))
    assert repr(AnalyticPrior(SIS(), theta_E=Uniform(1, 2))) == (
        "AnalyticPrior(model=SIS(theta_E=1 arcsec, center_x=0 arcsec, center_y=0 arcsec), "
        "theta_E=Uniform(low=1.0, high=2.0))"
    )


def test_prior_may_leave_nothing_to_vary():
    prior = AnalyticPrior(SIS())
    assert prior.variables == {"vector": (0,)}
    values = prior.sample(2)
    assert values["theta_E"].shape == (2,)
    assert ops.convert_to_numpy(prior.unconstrain(values)["vector"]).shape == (2, 0)
    assert np.all(ops.convert_to_numpy(prior.log_prob(values)) == 0)


def test_prior_compiles_with_a_batch_of_any_size():
    prior = everything()
    function = backend.jit_compile(lambda vector: prior.constrain({"vector": vector})["sie_q"])
    for n in (1, 3):
        vector = np.random.default_rng(n).standard_normal((n, 6)).astype("float32")
        # A graph may order sums otherwise: rounding.
        np.testing.assert_allclose(
            function(vector), prior.constrain({"vector": vector})["sie_q"], rtol=1e-5
        )
