"""The density that samplers get is likelihood times prior, and its gradient that of it."""

import numpy as np
import pytest

from rimlens.errors import InputError
from rimlens.imaging import PSF, ForwardModel, Grid
from rimlens.lens import SIE, SIS
from rimlens.posterior import Posterior
from rimlens.prior import AnalyticPrior, Ellipticity, LogNormal, Uniform
from rimlens.source import Gaussian


@pytest.fixture(scope="module")
def posterior():
    lens, source = SIE(theta_E=1.1, q=0.8), Gaussian(sigma=0.25, center_x=0.1)
    model = ForwardModel(
        lens, source, Grid((40, 40), 0.1), psf=PSF.gaussian(fwhm=0.2, pixel_scale=0.1), noise=0.02
    )
    priors = {
        "lens": AnalyticPrior(lens, theta_E=Uniform(0.5, 2.0), q=Ellipticity(0.2)),
        "source": AnalyticPrior(source, sigma=LogNormal(0.25, 0.3)),
    }
    return Posterior(model, priors, model.simulate(rng=1)[0])


def truth(posterior):
    values = {"lens": {"theta_E": 1.1, "q": 0.8}, "source": {"sigma": 0.25}}
    parts = []
    for role, prior in posterior.priors.items():
        model = posterior.forward_model.models[role]
        own = {name: getattr(model, name) for name in model.parameters}
        own = {name: np.array([getattr(v, "value", v)], float) for name, v in own.items()}
        own |= {name: np.array([v]) for name, v in values[role].items()}
        parts.append(np.array(prior.unconstrain(own)["vector"])[0])
    return np.concatenate(parts)


def test_labels_name_every_variable(posterior):
    assert posterior.labels == ("lens.theta_E", "lens.e_1", "lens.e_2", "source.sigma")


def test_it_is_likelihood_times_prior(posterior):
    u = truth(posterior)
    values = posterior.constrain(u)
    wanted = posterior.forward_model.log_likelihood(posterior._data, values)  # noqa: SLF001
    assert posterior.log_prob(u) == pytest.approx(float(wanted[0]) - 0.5 * u @ u, rel=1e-5)


def test_many_points_are_as_each_alone(posterior):
    u = posterior.initial(5, rng=2)
    np.testing.assert_allclose(
        posterior.log_prob(u), [posterior.log_prob(v) for v in u], rtol=1e-4
    )
    np.testing.assert_allclose(posterior.gradient(u)[1], posterior.gradient(u[1]), rtol=1e-3)


def test_gradient_is_that_of_finite_differences(posterior):
    u, step = truth(posterior) + 0.05, 1e-2
    shifts = step * np.eye(len(u))
    found = [(posterior.log_prob(u + s) - posterior.log_prob(u - s)) / (2 * step) for s in shifts]
    np.testing.assert_allclose(posterior.gradient(u), found, rtol=0.03, atol=2.0)


def test_emcee_finds_the_truth(posterior):
    emcee = pytest.importorskip("emcee")
    rng = np.random.default_rng(3)
    start = truth(posterior) + 0.02 * rng.normal(size=(16, 4))
    sampler = emcee.EnsembleSampler(16, 4, posterior.log_prob, vectorize=True)
    sampler.random_state = np.random.RandomState(1).get_state()
    sampler.run_mcmc(start, 300)
    radii = posterior.constrain(sampler.get_chain(discard=150, flat=True))["lens.theta_E"]
    assert abs(radii.mean() - 1.1) < 4 * radii.std()
    assert 0 < radii.std() < 0.01


def test_where_there_is_no_number_there_is_no_probability(posterior):
    assert posterior.log_prob(np.full(4, np.nan)) == -np.inf


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda p: p.log_prob(np.zeros(3)),
            r"u: shape \(4,\) or \(n, 4\) is wanted, found \(3,\)",
        ),
        (
            lambda p: Posterior(
                p.forward_model, {"lens": AnalyticPrior(SIS(), theta_E=Uniform(0.5, 2))}, 0
            ),
            "priors: lens: a prior over the lens of the forward model, SIE, is wanted",
        ),
        (
            lambda p: Posterior(p.forward_model, {"lense": p.priors["lens"]}, 0),
            "priors: lense: ",
        ),
    ],
)
def test_wrong_arguments_are_reported(posterior, call, message):
    posterior.forward_model.images(np.zeros((40, 40)))
    with pytest.raises(InputError, match=message):
        call(posterior)
