"""Starts are the most likely lenses of their radii, with the image traced back as their source."""

import numpy as np
import pytest
from scipy import ndimage

from rimlens.imaging import Grid
from rimlens.maps import einstein_radius
from rimlens.posterior.exposure import Exposure
from rimlens.posterior.lenses import MapVariables
from rimlens.posterior.population import LensPopulation
from rimlens.posterior.starts import RADII, likely_starts, most_likely

IMAGE, MAPS, SOURCE = Grid((48, 48)), Grid((32, 32), 1.5), Grid((40, 40), 0.5)


def isothermal(theta_E, q=1.0):
    radius = np.hypot(MAPS.x * np.sqrt(q), MAPS.y / np.sqrt(q))
    return 0.5 * theta_E / np.hypot(radius, 0.5)


@pytest.fixture(scope="module")
def lens():
    rng = np.random.default_rng(1)
    maps = [isothermal(*pair) for pair in zip(rng.uniform(6, 14, 300), rng.uniform(0.6, 1.6, 300))]
    shear = rng.normal(0, 0.05, (300, 2))
    return MapVariables(LensPopulation.from_maps(np.array(maps), shear, 6, MAPS), IMAGE)


@pytest.fixture(scope="module")
def exposure(lens):
    u = lens.start(isothermal(10.0), np.zeros(2))
    alpha_x, alpha_y = lens.deflection(u)
    light = np.exp(-0.5 * ((IMAGE.x - alpha_x - 1) ** 2 + (IMAGE.y - alpha_y) ** 2) / 1.5**2)
    psf = np.zeros((3, 3))
    psf[1, 1] = 1.0
    return Exposure(light, np.full(IMAGE.shape, 0.02), np.ones(IMAGE.shape), psf)


def test_a_lens_of_a_given_deflection_is_the_nearest_to_the_mean_of_the_prior(lens, exposure):
    def mean_deflection(u):
        alpha_x, alpha_y = lens.deflection(u)
        return np.mean((alpha_x * IMAGE.x + alpha_y * IMAGE.y) / IMAGE.radius)

    wanted = 1.2 * mean_deflection(np.zeros(lens.size))
    u = most_likely(exposure, lens, wanted)
    assert mean_deflection(u) == pytest.approx(wanted, rel=1e-3)
    rng = np.random.default_rng(2)
    for _ in range(20):
        other = u + 0.3 * rng.normal(size=lens.size)
        # Back to the same deflection, along the gradient.
        other += (
            u * (wanted - mean_deflection(other)) / (wanted - mean_deflection(np.zeros(lens.size)))
        )
        assert np.linalg.norm(other) > np.linalg.norm(u) - 0.05


def test_starts_have_their_radii(lens, exposure):
    u = lens.start(isothermal(10.0, 1.3), np.array([0.05, -0.02]))
    starts = likely_starts(exposure, lens, u, SOURCE)
    radii = [
        einstein_radius(lens.physical(v)["convergence"], 1.5) for v in (u, *(s.u for s in starts))
    ]
    np.testing.assert_allclose(np.array(radii[1:]) / radii[0], RADII, rtol=0.03)


def test_the_source_of_a_start_is_the_image_traced_back(lens, exposure):
    u = lens.start(isothermal(10.0), np.zeros(2))
    start = likely_starts(exposure, lens, u, SOURCE)[RADII.index(1.0)]
    found = start.brightness(SOURCE.x, SOURCE.y)
    row, column = ndimage.maximum_position(found)
    assert SOURCE.x[row, column] == pytest.approx(1.0, abs=1.0)
    assert SOURCE.y[row, column] == pytest.approx(0.0, abs=1.0)
