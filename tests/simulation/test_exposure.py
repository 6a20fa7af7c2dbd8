"""Checks of simulated masks and noise."""

from dataclasses import replace

import numpy as np
import pytest

from rimlens.generators import SimulationDomain
from rimlens.imaging import Grid
from rimlens.simulation.exposure import draw_masks, draw_noise, noise_maps

GRID = Grid((128, 128))
DOMAIN = SimulationDomain()


@pytest.fixture(scope="module")
def theta_E():
    return np.exp(np.random.default_rng(1).uniform(np.log(12), np.log(42), 400))


@pytest.fixture(scope="module")
def masks(theta_E):
    domain = replace(DOMAIN, satellite_fraction=0.0)
    return draw_masks(400, GRID, theta_E, domain, np.random.default_rng(2))


def test_masks_leave_the_ring_and_its_surroundings(masks, theta_E):
    # The core hides at most three fifths of the Einstein radius, the outer mask starts a third
    # beyond it (or at the edge of the field); both centers are scattered by a pixel, four at most.
    inner = 0.6 * theta_E + 4.5
    outer = np.minimum(1.35 * theta_E + 4, 64) - 4.5
    radius = GRID.radius[None]
    promised = (radius > inner[:, None, None]) & (radius < outer[:, None, None])
    assert promised.any(axis=(1, 2)).mean() > 0.9
    assert masks[promised].min() == 1


def test_masks_hide_a_core_and_an_outside_in_most_draws(masks):
    assert masks.shape == (400, 128, 128)
    assert set(np.unique(masks)) == {0.0, 1.0}
    # Drawn with probabilities of 0.93 and 0.8; 400 draws know them to 0.02.
    assert np.mean(masks[:, 63:65, 63:65].min(axis=(1, 2)) == 0) > 0.8
    assert np.mean(masks[:, 0, 0] == 0) > 0.7
    assert np.mean(masks[:, 0, 0] == 1) > 0.05


def test_masks_of_the_core_follow_the_lens(theta_E):
    domain = replace(DOMAIN, satellite_fraction=0.0, core_mask_fraction=1.0)
    center = np.random.default_rng(4).uniform(-12, 12, (400, 2))
    masks = draw_masks(400, GRID, theta_E, domain, np.random.default_rng(2), center)
    x, y = (v - c[:, None, None] for v, c in zip((GRID.x, GRID.y), center.T))
    near = np.hypot(x, y) < 20
    hidden = near & (masks == 0)
    found = np.array([[v[i][hidden[i]].mean() for v in (x, y)] for i in range(400)])
    # Their centers are scattered by a pixel.
    assert np.abs(np.median(found, axis=0)).max() < 0.2
    assert np.std(found) < 1.5
    ring = np.abs(np.hypot(x, y) - theta_E[:, None, None]) < 1
    inside = (np.abs(GRID.x) < 63) & (np.abs(GRID.y) < 63)
    assert masks[ring & inside].min() == 1


def test_cores_are_masked_as_often_as_the_domain_says(theta_E):
    domain = replace(DOMAIN, core_mask_fraction=0.4)
    masks = draw_masks(400, GRID, theta_E, domain, np.random.default_rng(2))
    # Four standard deviations of 400 draws.
    assert np.mean(masks[:, 63:65, 63:65].min(axis=(1, 2)) == 0) == pytest.approx(0.4, abs=0.1)


def test_satellites_hide_more(theta_E, masks):
    domain = replace(DOMAIN, satellite_fraction=1.0)
    pocked = draw_masks(400, GRID, theta_E, domain, np.random.default_rng(2))
    assert pocked.mean() < masks.mean()


@pytest.mark.parametrize("mixing", [0.0, 0.22])
def test_noise_has_the_variance_stated_whether_neighbors_mix_or_not(mixing):
    domain = replace(DOMAIN, noise_mixing=mixing, lens_light_residual=0.0, sky_residual=0.0)
    rng = np.random.default_rng(3)
    sigma = rng.uniform(0.5, 2, (20, 64, 64)).astype("float32")
    noise = draw_noise(sigma, Grid((64, 64)), domain, rng) / sigma
    # 82,000 pixels know a variance to 0.5 %, mixing makes that 0.6 %; four of those.
    assert np.var(noise) == pytest.approx(1, abs=0.024)
    neighbors = np.mean(noise[:, 1:] * noise[:, :-1])
    assert (neighbors > 0.05) == (mixing > 0)


def test_what_is_left_of_lens_light_fades_outwards():
    domain = replace(DOMAIN, lens_light_residual=2.0, sky_residual=0.0, noise_mixing=0.0)
    sigma = np.ones((40, 128, 128), "float32")
    noise = draw_noise(sigma, GRID, domain, np.random.default_rng(4))
    near, far = noise[:, GRID.radius < 6], noise[:, GRID.radius > 60]
    # White noise alone has 1; three patterns of amplitude 2 add some 10 at the center, and at ten
    # and more lengths almost nothing.
    assert np.mean(near**2) > 3
    assert np.mean(far**2) == pytest.approx(1, abs=0.05)


def test_the_brightest_pixel_has_at_most_the_signal_to_noise_ratio_asked_for():
    rng = np.random.default_rng(5)
    ring = np.exp(-((GRID.radius - 20) ** 2) / 18).astype("float32")
    images = np.repeat(ring[None], 200, axis=0)
    domain = replace(DOMAIN, peak_signal_to_noise=(10.0, 20.0))
    sigma = noise_maps(images, np.ones_like(images), GRID, domain, rng)
    assert sigma.dtype == np.float32
    assert np.all(sigma > 0)
    best = np.max(images / sigma, axis=(1, 2))
    # Lens light at the ring adds noise that the ratio does not count: up to a factor of three.
    assert best.max() < 20.0 * 1.05
    assert best.min() > 10.0 / 3
    assert best.max() > 14


def test_noise_rises_towards_the_lens():
    images = np.full((50, 128, 128), 1e-3, "float32")
    sigma = noise_maps(images, np.ones_like(images), GRID, DOMAIN, np.random.default_rng(6))
    assert np.all(sigma[:, 64, 64] > sigma[:, 64, 127])
