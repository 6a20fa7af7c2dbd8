"""A population of lenses gives back what it is made of, and lenses that it has not seen."""

import numpy as np
import pytest

from rimlens.errors import InputError
from rimlens.generators import SimulationDomain, convergence_maps, draw_convergence_parameters
from rimlens.imaging import ConvergenceDeflection, Grid
from rimlens.posterior import LensPopulation
from rimlens.posterior.population import SMOOTH

GRID, IMAGE = Grid((32, 32), 4.0), Grid((64, 64), 2.0)


def lenses(n, seed, subhalo_fraction=0.0):
    domain = SimulationDomain(subhalo_fraction=subhalo_fraction)
    parameters = draw_convergence_parameters(n, domain, np.random.default_rng(seed))
    parameters = {name: np.float32(value) for name, value in parameters.items()}
    return np.array(convergence_maps(parameters, GRID)), parameters["theta_E"]


@pytest.fixture(scope="module")
def population():
    maps, _ = lenses(300, 1)
    few, _ = lenses(100, 2, subhalo_fraction=0.2)
    shear = np.random.default_rng(2).normal(0, 0.05, (400, 2))
    return LensPopulation.from_maps(np.concatenate([maps, few]), shear, 30, GRID)


def test_unseen_lenses_deflect_as_their_projections_do(population):
    maps, theta_E = lenses(20, 3)
    found = np.array([population.convergence(population.project(m)) for m in maps])
    deflection = ConvergenceDeflection(GRID, IMAGE)
    errors = np.hypot(*(np.array(a) for a in deflection(np.float32(found - maps))))
    for error, radius in zip(errors, theta_E):
        ring = abs(IMAGE.radius / radius - 1) < 0.4
        assert np.sqrt(np.mean(error[ring] ** 2)) < 0.01, radius


def test_power_laws_need_no_components(population):
    for kappa in lenses(10, 6)[0]:
        u = population.project(kappa)
        assert np.all(abs(u[SMOOTH:]) < 0.1)
        np.testing.assert_allclose(population.smooth.convergence(u[:SMOOTH]), kappa, rtol=0.02)


def test_subhalos_are_in_the_components(population):
    maps, _ = lenses(40, 7, subhalo_fraction=0.3)

    def left(population, kappa):
        error = np.log(population.convergence(population.project(kappa)) / kappa)
        return np.sum(kappa * error**2)

    assert np.sum([left(population, k) for k in maps]) < 0.7 * np.sum(
        [left(population.smooth, k) for k in maps]
    )


def test_variables_of_power_laws_are_unit_normal_over_the_population(population):
    maps, _ = lenses(300, 4)
    u = np.array([population.project(m) for m in maps])[:, :SMOOTH]
    assert np.all(abs(u.mean(axis=0)) < 0.3)
    np.testing.assert_allclose(u.std(axis=0), 1.0, atol=0.4)


def test_projection_is_the_inverse_of_the_map(population):
    u = 0.5 * np.random.default_rng(5).normal(size=population.size)
    found = population.project(population.convergence(u))
    strong = SMOOTH + 10
    np.testing.assert_allclose(found[:strong], u[:strong], atol=0.1)
    # Weak components are left to the prior.
    assert np.all(abs(found) <= abs(u) + 0.1)


def test_a_map_that_is_hardly_known_gives_a_likely_lens(population):
    (kappa,), _ = lenses(1, 9)
    # What a network makes of the masked middle of a lens.
    wrong = np.where(GRID.radius < 8, 0.2 * kappa, kappa)
    sure, unsure = population.project(wrong), population.project(wrong, 0.3)
    assert unsure @ unsure < 0.5 * (sure @ sure)
    outside = GRID.radius > 12
    error = np.log(population.convergence(unsure) / kappa)[outside]
    assert np.sqrt(np.mean(error**2)) < 0.5


def test_derivatives_are_those_of_the_map(population):
    u = 0.5 * np.random.default_rng(8).normal(size=population.size)
    _, derivatives = population.derivatives(u)
    for i in (0, 1, 2, 5, 8, SMOOTH, SMOOTH + 9):
        step = 1e-5 * np.eye(population.size)[i]
        change = population.convergence(u + step) - population.convergence(u - step)
        np.testing.assert_allclose(change / 2e-5, derivatives[i], rtol=1e-4, atol=1e-7)


def test_scatter_of_the_shear_is_that_of_a_component(population):
    assert population.shear_scatter == pytest.approx(0.05, rel=0.05)


@pytest.mark.parametrize(
    ("maps", "count", "message"),
    [
        (np.zeros((5, 4, 4)), 2, "convergence: positive values are wanted"),
        (np.ones((5, 4, 4)), 5, "count: fewer components than the 5 maps are wanted, found 5"),
    ],
)
def test_what_cannot_be_measured_is_reported(maps, count, message):
    with pytest.raises(InputError, match=message):
        LensPopulation.from_maps(maps, np.zeros((5, 2)), count, Grid((4, 4)))
