"""Bands add their information on the lens, and keep their own sources."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from rimlens.generators import SimulationDomain, convergence_maps, draw_convergence_parameters
from rimlens.imaging import Grid
from rimlens.maps import einstein_radius
from rimlens.posterior.exposure import Blur, Exposure
from rimlens.posterior.joint import JointPosterior, refine_bands
from rimlens.posterior.lenses import MapVariables
from rimlens.posterior.marginal import MarginalPosterior
from rimlens.posterior.population import LensPopulation
from rimlens.posterior.refine import refine_field

IMAGE, MAPS, SOURCE = Grid((56, 56)), Grid((28, 28), 2.0), Grid((64, 64), 0.5)
NOISE = 0.04


def disc(x, y):
    return np.exp(-0.5 * ((x - 1.0) ** 2 + (y + 0.5) ** 2) / 1.2**2)


def knot(x, y):
    return np.exp(-0.5 * ((x + 0.5) ** 2 + (y - 1.0) ** 2) / 0.9**2)


@pytest.fixture(scope="module")
def lens():
    domain = SimulationDomain(theta_E=(8.0, 16.0), subhalo_fraction=0.0)
    parameters = draw_convergence_parameters(200, domain, np.random.default_rng(1))
    parameters = {name: np.float32(value) for name, value in parameters.items()}
    maps = np.array(convergence_maps(parameters, MAPS))
    shear = np.random.default_rng(2).normal(0, 0.05, (200, 2))
    return MapVariables(LensPopulation.from_maps(maps, shear, 5, MAPS).smooth, IMAGE)


def observed(lens, u, light, fwhm, seed):
    y, x = np.mgrid[-4:5, -4:5]
    psf = np.exp(-4 * np.log(2) * (x**2 + y**2) / fwhm**2)
    psf = np.float32(psf / psf.sum())
    alpha_x, alpha_y = lens.deflection(u)
    image = Blur(psf, IMAGE.shape)(light(IMAGE.x - alpha_x, IMAGE.y - alpha_y))
    noise = np.random.default_rng(seed).normal(0, NOISE, image.shape)
    ones = np.ones(image.shape)
    return Exposure(image + noise, NOISE * ones, ones, psf)


@pytest.fixture(scope="module")
def truth(lens):
    u = np.zeros(lens.size)
    u[:5] = 0.3, -0.5, 0.4, -0.3, 0.2
    return u


@pytest.fixture(scope="module")
def bands(lens, truth):
    return [observed(lens, truth, disc, 2.0, 3), observed(lens, truth, knot, 2.5, 4)]


@pytest.fixture(scope="module")
def alone(lens, bands):
    source = disc(SOURCE.x, SOURCE.y)
    return refine_field(bands[0], lens, np.zeros(lens.size), source, SOURCE, bands[0].image)


@pytest.fixture(scope="module")
def together(bands, alone):
    return refine_bands(bands, alone, SOURCE)


def radius_deviation(posterior, lens):
    u, _ = posterior.draw(100, np.random.default_rng(5))
    return np.std([einstein_radius(lens.physical(one)["convergence"]) for one in u])


def test_the_likelihoods_add_and_the_prior_counts_once(lens, bands, together):
    states = [one.maximum.state for one in together]
    posteriors = [MarginalPosterior(band, lens) for band in bands]
    u = together[0].maximum.u + 0.1
    at = JointPosterior(posteriors).evaluate(u, states)
    alone = [one.evaluate(u, state) for one, state in zip(posteriors, states)]
    prior = 0.5 * u @ u
    assert at.value - prior == pytest.approx(sum(one.value - prior for one in alone), rel=1e-12)
    likelihood = sum(one.gradient - u for one in alone)
    np.testing.assert_allclose(at.gradient - u, likelihood, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(at.curvature, sum(one.curvature for one in alone), rtol=1e-12)


def test_the_search_ends_where_the_gradient_of_all_bands_vanishes(together):
    at = together[0].maximum
    step = np.linalg.solve(at.curvature + np.eye(len(at.u)), at.gradient)
    # The step that is left, in standard deviations: the search ends at a gain of 0.1.
    assert np.sqrt(step @ at.gradient) < 1.0


def test_one_band_is_no_other_posterior(lens, bands, alone):
    at = alone.maximum
    single = MarginalPosterior(bands[0], lens).evaluate(at.u, at.state)
    joint = JointPosterior([MarginalPosterior(bands[0], lens)]).evaluate(at.u, [at.state])
    assert joint.value == pytest.approx(single.value, rel=1e-12)
    np.testing.assert_allclose(joint.gradient, single.gradient, rtol=1e-9, atol=1e-9)


def test_two_bands_know_the_lens_better_than_one(lens, truth, alone, together):
    first, second = together
    np.testing.assert_array_equal(first.maximum.u, second.maximum.u)
    deviation = radius_deviation(first, lens)
    assert deviation < 0.95 * radius_deviation(alone, lens)
    found, wanted = (
        einstein_radius(lens.physical(u)["convergence"]) for u in (first.maximum.u, truth)
    )
    assert abs(found - wanted) < 4 * deviation


def test_every_band_has_its_own_source(bands, together):
    places = []
    for posterior, exposure in zip(together, bands):
        at = posterior.maximum
        image = Blur(exposure.psf, IMAGE.shape)(at.state.field.brightness(at.source, *at.rays))
        bright = image > 2 * NOISE
        assert bright.sum() > 50
        # Of some hundred pixels chi-square scatters by a tenth.
        assert np.mean(exposure.residual(image)[bright] ** 2) < 1.3
        found = at.state.field.brightness(at.source, SOURCE.x, SOURCE.y)
        brightest = np.argmax(gaussian_filter(found, 1.0))
        places.append([SOURCE.x.flat[brightest], SOURCE.y.flat[brightest]])
    # No image shows where a source lies, but how far apart they are in two bands; to a pixel.
    np.testing.assert_allclose(np.subtract(*places), [1.5, -1.5], atol=0.7)
