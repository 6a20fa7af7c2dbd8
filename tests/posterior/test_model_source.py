"""The posterior of the parameters of lens and source: gradient, and the way to the truth."""

import numpy as np
import pytest

from rimlens.imaging import Grid
from rimlens.lens import SIE
from rimlens.posterior.exposure import Exposure
from rimlens.posterior.lenses import ModelVariables
from rimlens.posterior.model_source import ModelPosterior
from rimlens.posterior.refine import refine_models
from rimlens.prior import AnalyticPrior, Ellipticity, Normal, Uniform
from rimlens.source import Gaussian

IMAGE = Grid((48, 48))
LENS = AnalyticPrior(
    SIE(), theta_E=Uniform(5, 20), q=Ellipticity(0.2), center_x=Normal(0, 1), center_y=Normal(0, 1)
)
SOURCE = AnalyticPrior(
    Gaussian(),
    I_0=Uniform(0.1, 3.0),
    sigma=Uniform(0.5, 5.0),
    center_x=Normal(0, 3),
    center_y=Normal(0, 3),
)
TRUTH = np.array([0.3, 0.4, -0.3, 0.2, 0.1, 0.2, -0.2, 0.3, -0.2])


@pytest.fixture(scope="module")
def case():
    lens = ModelVariables(LENS, IMAGE, Grid((24, 24), 2.0))
    psf = np.zeros((5, 5), "float32")
    psf[1:4, 1:4] = 1 / 9
    blank = Exposure(np.zeros(IMAGE.shape), np.ones(IMAGE.shape), np.ones(IMAGE.shape), psf)
    image = ModelPosterior(blank, lens, SOURCE).image(TRUTH)
    noise = np.random.default_rng(1).normal(0, 0.01, IMAGE.shape)
    exposure = Exposure(image + noise, np.full(IMAGE.shape, 0.01), np.ones(IMAGE.shape), psf)
    return lens, exposure


def test_gradient_is_that_of_finite_differences(case):
    lens, exposure = case
    posterior = ModelPosterior(exposure, lens, SOURCE)
    u, step = TRUTH + 0.05, 1e-2
    found = [
        (posterior.evaluate(u + s, None).value - posterior.evaluate(u - s, None).value)
        / (2 * step)
        for s in step * np.eye(len(u))
    ]
    np.testing.assert_allclose(posterior.evaluate(u, None).gradient, found, rtol=0.05, atol=5.0)


def test_it_goes_to_the_truth_within_its_error(case):
    lens, exposure = case
    start = TRUTH + 0.2 * np.random.default_rng(2).normal(size=len(TRUTH))
    found = refine_models(exposure, lens, start[: lens.size], SOURCE, start[lens.size :])
    u, none = found.draw(500, np.random.default_rng(3))
    assert none is None
    pull = (found.maximum.u - TRUTH) / u.std(axis=0)
    assert np.sqrt(np.mean(pull**2)) < 2.5, pull
    assert np.all(u.std(axis=0) < 0.1)


def test_physical_values_are_those_of_the_prior(case):
    lens, _ = case
    found = lens.physical(TRUTH[: lens.size])
    assert set(found) == {"convergence", "shear", "lens"}
    assert 5 < found["lens"]["theta_E"] < 20
    assert found["convergence"].shape == (24, 24)
