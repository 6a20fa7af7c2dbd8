import numpy as np
import pytest
from keras import ops

from rimlens.errors import InputError
from rimlens.lens import SIS
from rimlens.prior import AnalyticPrior, Prior, Uniform


class Doubled(Prior):
    """Every parameter is twice a variable of its own; the density is not known."""

    variables = {"vector": (3,)}

    def transform(self, u):
        return {name: 2 * u["vector"][:, i] for i, name in enumerate(self.model.parameters)}

    def inverse(self, values):
        return {"vector": ops.stack([0.5 * v for v in values.values()], axis=1)}


@pytest.fixture
def prior():
    return AnalyticPrior(SIS(), theta_E=Uniform(0.5, 2.0), center_x=Uniform(-1.0, 1.0))


def values(n=2, **changes):
    return {"theta_E": np.ones(n), "center_x": np.zeros(n), "center_y": np.zeros(n), **changes}


def test_two_formulas_make_a_prior():
    prior = Doubled(SIS())
    assert prior == Doubled(SIS())
    assert prior != Doubled(SIS(theta_E=2.0))
    assert repr(prior).startswith("Doubled(model=SIS(theta_E=1 arcsec")
    # Standard normals, doubled; the standard error of a scatter of 4000 draws is 1 per cent.
    assert prior.sample(4000, rng=1)["center_x"].std() == pytest.approx(2.0, rel=0.05)
    assert np.all(prior.initial(2)["vector"] == np.zeros((2, 3), "float32"))
    with pytest.raises(InputError, match="Doubled: a prior with a density is wanted"):
        prior.log_prob(values())


def test_prior_without_its_formulas_is_refused():
    with pytest.raises(TypeError, match="must define transform"):

        class Nothing(Prior):
            pass


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        (SIS, r"a lens or a source is wanted; SIS\(\) is one"),
        ("sis", "found 'sis'"),
        (SIS(theta_E=[1.0, 2.0]), "a single model is wanted, found a batch of 2"),
    ],
)
def test_prior_is_over_a_single_model(model, wanted):
    with pytest.raises(InputError, match=wanted):
        AnalyticPrior(model)


@pytest.mark.parametrize("n", [0, -1, 1.5, "3", None])
def test_number_of_draws_is_a_positive_integer(prior, n):
    with pytest.raises(InputError, match="n: an integer of at least 1 is wanted"):
        prior.sample(n)


@pytest.mark.parametrize("rng", ["seed", -1])
def test_seed_is_a_seed(prior, rng):
    with pytest.raises(InputError, match="rng: a seed or a numpy.random.Generator is wanted"):
        prior.draw(1, rng)


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, r"variables: a dict of \['vector'\] is wanted, found \[\]"),
        (np.zeros((1, 2)), "found ndarray"),
        ({"vector": np.zeros((1, 3))}, r"vector: shape \(n, 2\) is wanted, found \(1, 3\)"),
        ({"vector": np.zeros(2)}, r"vector: shape \(n, 2\) is wanted, found \(2,\)"),
        ({"vector": "words"}, "AnalyticPrior: (vector|variables)"),
    ],
)
def test_variables_are_checked(prior, variables, wanted):
    with pytest.raises(InputError, match=wanted):
        prior.constrain(variables)


@pytest.mark.parametrize("method", ["unconstrain", "log_prob"])
@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"theta_E": np.ones(2)}, "parameters: a dict of .* is wanted, found"),
        (values(q=np.ones(2)), "found .*'q'"),
        (values(center_y=np.zeros(3)), r"center_y: shape \(2\) is wanted, found \(3,\)"),
        (values(center_y=0.0), r"center_y: shape \(2\) is wanted, found \(\)"),
    ],
)
def test_parameters_are_checked(prior, method, given, wanted):
    with pytest.raises(InputError, match=wanted):
        getattr(prior, method)(given)


def test_mixed_numbers_become_the_most_exact(prior):
    mixed = values(theta_E=np.ones(2, "float32"), center_x=np.zeros(2, int))
    assert ops.dtype(prior.unconstrain(mixed)["vector"]) == "float64"
    whole = {name: v.astype(int) for name, v in values().items()}
    assert ops.dtype(prior.unconstrain(whole)["vector"]) == "float32"
