"""A subhalo deflects as another code says, is found where it is, and not where there is none."""

import numpy as np
import pytest

from rimlens.imaging import Grid
from rimlens.lens import DPIE
from rimlens.maps import einstein_radius
from rimlens.posterior.exposure import Blur, Exposure
from rimlens.posterior.lenses import LensVariables, MapVariables
from rimlens.posterior.marginal import FieldState, MarginalPosterior
from rimlens.posterior.population import LensPopulation
from rimlens.posterior.refine import refine_field
from rimlens.posterior.source_field import SourceField, Spectrum
from rimlens.posterior.substructure import (
    PerturbedVariables,
    SubhaloScan,
    deflection,
    mean_convergence,
    scan,
)

IMAGE, MAPS, SOURCE = Grid((56, 56)), Grid((28, 28), 2.0), Grid((64, 64), 0.5)
PLACE, STRENGTH = (8.0, 7.0), 1.2


def light(x, y):
    knots = ((0.0, 0.0, 1.0, 1.5), (1.5, 1.0, 0.8, 0.6), (-1.0, 1.5, 0.6, 0.5))
    return sum(
        peak * np.exp(-0.5 * ((x - x0) ** 2 + (y - y0) ** 2) / size**2)
        for x0, y0, peak, size in knots
    )


@pytest.fixture(scope="module")
def smooth():
    rng = np.random.default_rng(1)
    radii = rng.uniform(9.0, 13.0, (60, 1, 1))
    stretch = rng.normal(0, 0.15, (60, 2, 1, 1))
    x, y = MAPS.x, MAPS.y
    r2 = (1 + stretch[:, 0]) * x**2 + (1 - stretch[:, 0]) * y**2 + 2 * stretch[:, 1] * x * y
    maps = 0.5 * radii / np.sqrt(r2 + 0.5)
    shear = rng.normal(0, 0.05, (60, 2))
    return MapVariables(LensPopulation.from_maps(maps, shear, 2, MAPS), IMAGE).smooth


def observed(lens, u, subhalo, sigma=0.01):
    alpha_x, alpha_y = lens.deflection(u)
    if subhalo:
        tidal = np.sqrt(STRENGTH * einstein_radius(lens.physical(u)["convergence"], 2.0))
        of_x, of_y = deflection(IMAGE.x - PLACE[0], IMAGE.y - PLACE[1], STRENGTH, tidal)
        alpha_x, alpha_y = alpha_x + of_x, alpha_y + of_y
    y, x = np.mgrid[-3:4, -3:4]
    psf = np.exp(-0.5 * (x**2 + y**2))
    psf = np.float32(psf / psf.sum())
    image = Blur(psf, IMAGE.shape)(light(IMAGE.x - alpha_x, IMAGE.y - alpha_y))
    noise = np.random.default_rng(3).normal(0, sigma, image.shape)
    ones = np.ones(image.shape)
    return Exposure(image + noise, sigma * ones, ones, psf)


@pytest.fixture(scope="module", params=[True, False], ids=["subhalo", "none"])
def case(request, smooth):
    u = np.zeros(smooth.size)
    u[:4] = 0.2, -0.3, 0.4, -0.2
    return request.param, observed(smooth, u, request.param), u


def test_it_deflects_as_a_pseudo_isothermal_sphere():
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-5, 5, (2, 50))
    sphere = DPIE(theta_E=1.3, r_core=1e-4, r_cut=2.5)
    for found, wanted in zip(deflection(x, y, 1.3, 2.5), sphere.deflection(x, y)):
        np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_the_convergence_is_the_mean_over_pixels():
    grid, center = Grid((5, 6), 0.5), (0.3, -0.2)
    found = mean_convergence(grid, center, 1.3, 2.5)
    n = 101
    steps = 0.5 * ((np.arange(n) + 0.5) / n - 0.5)
    sphere = DPIE(theta_E=1.3, r_core=1e-6, r_cut=2.5, center_x=center[0], center_y=center[1])
    for row, column in ((0, 0), (2, 3), (4, 5)):
        x, y = np.meshgrid(grid.x[row, column] + steps, grid.y[row, column] + steps)
        # In the pixel of the cusp the sum converges slowly.
        assert found[row, column] == pytest.approx(sphere.convergence(x, y).mean(), rel=0.01)


class FixedSpectrum(MarginalPosterior):
    """With one spectrum for all lenses."""

    def _spectrum(self, state, gram, pulled):
        return Spectrum(1.0, 1.5, 1.5)


class WithChange(LensVariables):
    """A lens with a change of the deflection whose size is the last variable."""

    def __init__(self, lens, change):
        self._lens, self._change, self.size = lens, change, lens.size + 1

    def deflection(self, u):
        return tuple(a + u[-1] * c for a, c in zip(self._lens.deflection(u[:-1]), self._change))

    def jacobian(self, u):
        of_lens = self._lens.jacobian(u[:-1])
        return tuple(np.concatenate([a, c[None]]) for a, c in zip(of_lens, self._change))

    def physical(self, u):
        return self._lens.physical(u[:-1])


def test_the_score_is_that_of_one_more_variable(smooth, case):
    _, exposure, u = case
    field = SourceField.around(light, SOURCE, 100)
    posterior = FixedSpectrum(exposure, smooth, evidence=False)
    at = posterior.evaluate(u, FieldState(field))
    change = deflection(IMAGE.x - PLACE[0], IMAGE.y - PLACE[1], 1.0, 3.0)
    score, information = posterior.score(at, *(c[None] for c in change))
    more = FixedSpectrum(exposure, WithChange(smooth, change), evidence=False)
    full = more.evaluate(np.append(u, 0.0), at.state)
    precision = full.curvature + np.eye(len(full.u))
    # The change has no prior, and the lens is where it is best for every size of it.
    precision[-1, -1] -= 1.0
    covariance = np.linalg.inv(precision)
    assert information[0] == pytest.approx(1 / covariance[-1, -1], rel=1e-3)
    step = -(covariance @ full.gradient)[-1]
    assert score[0] / information[0] == pytest.approx(step, rel=1e-2, abs=1e-6)


def test_a_subhalo_is_found_where_it_is(smooth, case):
    there, exposure, u = case
    lens = MapVariables(smooth.population, IMAGE)
    # The population has components of its own, which are not enough.
    found = refine_field(exposure, lens, u, light(SOURCE.x, SOURCE.y), SOURCE, exposure.image)
    assert isinstance(found.lens, PerturbedVariables) == there
    if there:
        place, strength, _ = found.lens.subhalo(found.maximum.u)
        assert np.hypot(*(place - PLACE)) < 0.5
        assert strength == pytest.approx(STRENGTH, rel=0.3)
        errors = np.sqrt(np.diag(np.linalg.inv(found.maximum.curvature + np.eye(found.lens.size))))
        assert np.all(errors[-3:] < 0.5)


def test_a_scan_without_arcs_has_no_places(smooth):
    exposure = Exposure(0.0 * IMAGE.x, np.ones(IMAGE.shape), np.ones(IMAGE.shape), np.eye(1))
    field = SourceField.around(light, SOURCE, 60)
    posterior = MarginalPosterior(exposure, smooth)
    at = posterior.evaluate(np.zeros(smooth.size), FieldState(field))
    assert scan(posterior, at, 10.0).peaks() == []


def test_peaks_lie_apart():
    x = np.array([0.0, 1.0, 10.0, 20.0, 30.0, 40.0])
    significance = np.array([9.0, 10.0, 8.0, 4.0, 7.5, 7.2])
    found = SubhaloScan(x, 0 * x, significance, np.ones(6), 12.0)
    assert found.peaks() == [1, 2, 4]


def test_the_mass_of_the_map_is_that_of_the_subhalo(smooth):
    one = np.ones(1)
    found = SubhaloScan(3.0 * one, 2.0 * one, 0.5 * one, one, 4.0)
    lens = PerturbedVariables(smooth, found, 0, MAPS, IMAGE)
    u = np.zeros(lens.size)
    (x, y), strength, tidal = lens.subhalo(u)
    assert (x, y, strength, tidal) == pytest.approx((3.0, 2.0, 1.0, 2.0))
    # Of the mass pi a b a circle of the radius r has the part (r + a - sqrt(r^2 + a^2)) / a.
    within = np.hypot(MAPS.x - x, MAPS.y - y) < 16.0
    wanted = np.pi * strength * (16 + tidal - np.hypot(16, tidal))
    assert lens.subhalo_map(u)[within].sum() * 4.0 == pytest.approx(wanted, rel=0.02)


def test_the_jacobian_is_that_of_finite_differences(smooth):
    one = np.ones(1)
    found = SubhaloScan(3.0 * one, 2.0 * one, 0.5 * one, one, 4.0)
    lens = PerturbedVariables(smooth, found, 0, MAPS, IMAGE)
    u = 0.3 * np.random.default_rng(1).normal(size=lens.size)
    columns = lens.jacobian(u)
    for k in (0, 2, *range(smooth.size, lens.size)):
        unit = 1e-2 * np.eye(lens.size)[k]
        ahead, behind = lens.deflection(u + unit), lens.deflection(u - unit)
        for column, a, b in zip(columns, ahead, behind):
            wanted = (a - b) / 2e-2
            np.testing.assert_allclose(column[k], wanted, atol=0.01 * np.abs(wanted).max())


def test_the_lens_names_its_subhalo(smooth):
    one = np.ones(1)
    found = SubhaloScan(3.0 * one, 2.0 * one, 0.5 * one, one, 4.0)
    lens = PerturbedVariables(smooth, found, 0, MAPS, IMAGE)
    physical = lens.physical(np.zeros(lens.size))
    subhalo = DPIE(r_core=1e-4, **physical["subhalo"])
    alone = physical["convergence"] - smooth.physical(np.zeros(smooth.size))["convergence"]
    far = np.hypot(MAPS.x - 3.0, MAPS.y - 2.0) > 6
    np.testing.assert_allclose(alone[far], subhalo.convergence(MAPS.x, MAPS.y)[far], rtol=0.05)
