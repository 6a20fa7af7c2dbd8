"""A refinement comes back from a wrong start, and takes more than a power law where it must."""

import numpy as np
import pytest

from rimlens.generators import SimulationDomain, convergence_maps, draw_convergence_parameters
from rimlens.imaging import Grid
from rimlens.maps import einstein_radius
from rimlens.posterior.exposure import Blur, Exposure
from rimlens.posterior.lenses import MapVariables
from rimlens.posterior.population import LensPopulation
from rimlens.posterior.refine import refine_field

IMAGE, MAPS, SOURCE = Grid((56, 56)), Grid((28, 28), 2.0), Grid((64, 64), 0.5)
NOISE = 0.02


def light(x, y):
    return np.exp(-0.5 * ((x - 1.0) ** 2 + (y + 0.5) ** 2) / 1.2**2)


@pytest.fixture(scope="module")
def lens():
    domain = SimulationDomain(theta_E=(8.0, 16.0), subhalo_fraction=0.1)
    parameters = draw_convergence_parameters(300, domain, np.random.default_rng(1))
    parameters = {name: np.float32(value) for name, value in parameters.items()}
    maps = np.array(convergence_maps(parameters, MAPS))
    shear = np.random.default_rng(2).normal(0, 0.05, (300, 2))
    return MapVariables(LensPopulation.from_maps(maps, shear, 20, MAPS), IMAGE)


@pytest.fixture(scope="module")
def psf():
    y, x = np.mgrid[-3:4, -3:4]
    values = np.exp(-0.5 * (x**2 + y**2))
    return np.float32(values / values.sum())


def observed(lens, u, psf, seed, sigma=NOISE):
    alpha_x, alpha_y = lens.deflection(u)
    lensed = light(IMAGE.x - alpha_x, IMAGE.y - alpha_y)
    image = Blur(psf, lensed.shape)(lensed)
    noise = np.random.default_rng(seed).normal(0, sigma, image.shape)
    ones = np.ones(image.shape)
    return Exposure(image + noise, sigma * ones, ones, psf)


def refined(lens, exposure, start):
    source = light(SOURCE.x, SOURCE.y)
    return refine_field(exposure, lens, start, source, SOURCE, exposure.image)


def test_it_comes_back_from_a_wrong_power_law(lens, psf):
    u = np.zeros(lens.size)
    u[:5] = 0.3, -0.5, 0.4, -0.3, 0.2
    exposure = observed(lens, u, psf, 3)
    start = u + np.concatenate([[-0.4, 0.5, 0.3, 0.4], np.zeros(lens.size - 4)])
    found = refined(lens, exposure, start)
    assert found.lens.size == lens.smooth.size
    truth = einstein_radius(lens.physical(u)["convergence"])
    wrong = einstein_radius(lens.physical(start)["convergence"])
    assert abs(wrong / truth - 1) > 0.08
    radius = einstein_radius(found.lens.physical(found.maximum.u)["convergence"])
    assert radius == pytest.approx(truth, rel=0.01)


def test_components_are_taken_where_a_power_law_does_not_fit(lens, psf):
    u, smooth = np.zeros(lens.size), lens.smooth.size
    u[smooth + 2 : smooth + 4] = 8.0, -8.0
    exposure = observed(lens, u, psf, 4, 0.2 * NOISE)
    found = refined(lens, exposure, np.zeros(lens.size))
    assert found.lens.size == lens.size
    third, fourth = found.maximum.u[smooth + 2 : smooth + 4]
    assert third > 2
    assert fourth < -2
    # Five times the noise hides them.
    exposure = observed(lens, u, psf, 4)
    assert refined(lens, exposure, np.zeros(lens.size)).lens.size == smooth
