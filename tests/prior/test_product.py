import numpy as np
import pytest
from keras import ops

from rimlens.errors import InputError
from rimlens.lens import SIE, SIS
from rimlens.prior import AnalyticPrior, Ellipticity, Normal, ProductPrior, Uniform
from rimlens.source import Gaussian


@pytest.fixture
def prior():
    return ProductPrior(
        lens=AnalyticPrior(SIE() + SIS(), sie_q=Ellipticity(0.2)),
        source=AnalyticPrior(Gaussian() + Gaussian(), gaussian2_center_x=Normal(0.0, 0.1)),
    )


def test_variables_carry_the_name_of_their_prior(prior):
    assert prior.variables == {"lens.vector": (2,), "source.vector": (1,)}
    start = prior.initial(3)
    assert {name: v.shape for name, v in start.items()} == {
        "lens.vector": (3, 2),
        "source.vector": (3, 1),
    }
    assert start["lens.vector"][0, 0] > 0  # as the lens's prior says


def test_draws_are_independent_and_repeat_with_the_seed(prior):
    values = prior.sample(4, rng=5)
    assert set(values) == {"lens", "source"}
    again = prior.draw(4, rng=5)
    for name, share in values.items():
        assert again[name].batch_shape == (4,)
        assert all(np.array_equal(again[name].values[k], v) for k, v in share.items())
    twins = ProductPrior(a=prior.priors["source"], b=prior.priors["source"]).sample(4, rng=5)
    assert not np.any(twins["a"]["gaussian2_center_x"] == twins["b"]["gaussian2_center_x"])


def test_parameters_return_from_their_variables(prior):
    values = prior.sample(4, rng=5)
    variables = prior.unconstrain(values)
    assert set(variables) == set(prior.variables)
    found = prior.constrain(variables)
    for name, share in values.items():
        for parameter, value in share.items():
            # Float64 through the bijection and back.
            np.testing.assert_allclose(found[name][parameter], value, rtol=1e-9, atol=1e-9)


def test_density_is_the_sum_of_logarithms(prior):
    values = prior.sample(4, rng=5)
    parts = [ops.convert_to_numpy(p.log_prob(values[n])) for n, p in prior.priors.items()]
    np.testing.assert_allclose(prior.log_prob(values), sum(parts), rtol=1e-15)  # rounding


def test_products_may_be_nested(prior):
    outer = ProductPrior(first=prior, second=AnalyticPrior(SIS(), theta_E=Uniform(1, 2)))
    assert list(outer.variables) == ["first.lens.vector", "first.source.vector", "second.vector"]
    values = outer.sample(2, rng=1)
    found = outer.constrain(outer.unconstrain(values))
    np.testing.assert_allclose(
        found["second"]["theta_E"], values["second"]["theta_E"], rtol=1e-12
    )  # rounding
    assert found["first"]["lens"].keys() == values["first"]["lens"].keys()


def test_product_equals_what_its_configuration_makes(prior):
    assert ProductPrior(**prior.configuration) == prior
    assert repr(ProductPrior(**prior.configuration)) == repr(prior)
    assert prior != ProductPrior(lens=prior.priors["lens"])


def test_errors_name_the_prior_and_the_parameter(prior):
    with pytest.raises(InputError, match="priors are wanted, found none"):
        ProductPrior()
    with pytest.raises(InputError, match="priors are wanted, found lens=SIE"):
        ProductPrior(lens=SIE())
    with pytest.raises(InputError, match=r"a dict of \['lens', 'source'\] is wanted"):
        prior.unconstrain({"lens": {}})
    with pytest.raises(InputError, match=r"source.vector: shape \(4, 1\) is wanted"):
        prior.constrain({"lens.vector": np.zeros((4, 2)), "source.vector": np.zeros((3, 1))})
    with pytest.raises(InputError, match="n: an integer"):
        prior.sample(0)
    with pytest.raises(InputError, match="rng: a seed"):
        prior.draw(1, "seed")
