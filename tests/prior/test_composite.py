"""Checks of priors over sums."""

import numpy as np
import pytest

from rimlens import testing
from rimlens.errors import InputError
from rimlens.imaging import Grid
from rimlens.lens import SIE, SIS, ExternalShear, PixelatedConvergence
from rimlens.prior import (
    AnalyticPrior,
    CompositePrior,
    Ellipticity,
    GeneratedConvergencePrior,
    Normal,
    Shear,
    Uniform,
)
from rimlens.source import Gaussian

MAIN = AnalyticPrior(SIE(), theta_E=Uniform(0.8, 1.5), q=Ellipticity(0.2))
OTHERS = AnalyticPrior(
    SIS() + ExternalShear(),
    sis_theta_E=Uniform(0.1, 0.2),
    externalshear_gamma_ext=Shear(0.05, 0.2),
)


@pytest.fixture
def prior():
    return CompositePrior([MAIN, OTHERS])


def test_the_prior_obeys_the_laws(prior):
    testing.check_prior(prior, both_backends=False)


def test_the_model_is_the_sum_and_the_vector_that_of_all(prior):
    assert prior.model == SIE() + SIS() + ExternalShear()
    assert prior.variables == {"vector": (6,)}
    start = prior.initial(2)["vector"]
    np.testing.assert_array_equal(start[:, :3], MAIN.initial(2)["vector"])
    np.testing.assert_array_equal(start[:, 3:], OTHERS.initial(2)["vector"])


def test_each_component_has_what_its_own_prior_gives(prior):
    vector = np.random.default_rng(1).standard_normal((3, 6))
    found = prior.constrain({"vector": vector})
    main = MAIN.constrain({"vector": vector[:, :3]})
    others = OTHERS.constrain({"vector": vector[:, 3:]})
    np.testing.assert_array_equal(found["sie_q"], main["q"])
    np.testing.assert_array_equal(found["sis_theta_E"], others["sis_theta_E"])


def test_the_density_is_the_product_of_those_of_all(prior):
    values = prior.sample(4, rng=2)
    main = {name: values[f"sie_{name}"] for name in SIE.parameters}
    others = {name: values[name] for name in OTHERS.model.parameters}
    np.testing.assert_allclose(
        prior.log_prob(values), MAIN.log_prob(main) + OTHERS.log_prob(others), rtol=1e-12
    )  # rounding


def test_what_does_not_fit_is_refused():
    source = AnalyticPrior(Gaussian(), center_x=Normal(0.0, 0.1))
    with pytest.raises(InputError, match="priors: at least one is wanted, found none"):
        CompositePrior([])
    with pytest.raises(InputError, match="priors: priors are wanted, found SIE"):
        CompositePrior([SIE()])
    with pytest.raises(InputError, match=r"all over lenses .* found \['SIE', 'Gaussian'\]"):
        CompositePrior([MAIN, source])
    model = PixelatedConvergence(Grid((8, 8)), convergence_map=np.zeros((8, 8)))
    with pytest.raises(InputError, match="with a vector are wanted, found GeneratedConv.*'map'"):
        CompositePrior([MAIN, GeneratedConvergencePrior(model)])
