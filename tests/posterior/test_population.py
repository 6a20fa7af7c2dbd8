"""A population of lenses gives back what it is made of, and lenses that it has not seen."""

import numpy as np
import pytest

from rimlens.errors import InputError
from rimlens.generators import SimulationDomain, convergence_maps, draw_convergence_parameters
from rimlens.imaging import ConvergenceDeflection, Grid
from rimlens.posterior import LensPopulation

GRID, IMAGE = Grid((32, 32), 4.0), Grid((64, 64), 2.0)


def lenses(n, seed):
    domain = SimulationDomain(subhalo_fraction=0.0)
    parameters = draw_convergence_parameters(n, domain, np.random.default_rng(seed))
    parameters = {name: np.float32(value) for name, value in parameters.items()}
    return np.array(convergence_maps(parameters, GRID)), parameters["theta_E"]


@pytest.fixture(scope="module")
def population():
    maps, _ = lenses(1000, 1)
    shear = np.random.default_rng(2).normal(0, 0.05, (1000, 2))
    return LensPopulation.from_maps(maps, shear, 60)


def test_unseen_lenses_deflect_as_their_projections_do(population):
    maps, theta_E = lenses(20, 3)
    found = population.convergence(np.array([population.project(m) for m in maps]))
    deflection = ConvergenceDeflection(GRID, IMAGE)
    errors = np.hypot(*(np.array(a) for a in deflection(np.float32(found - maps))))
    for error, radius in zip(errors, theta_E):
        ring = abs(IMAGE.radius / radius - 1) < 0.4
        assert np.sqrt(np.mean(error[ring] ** 2)) < 0.06, radius


def test_coefficients_are_unit_normal_over_the_population(population):
    maps, _ = lenses(300, 4)
    u = np.array([population.project(m) for m in maps])[:, :20]
    assert np.all(abs(u.mean(axis=0)) < 0.3)
    np.testing.assert_allclose(u.std(axis=0), 1.0, atol=0.4)


def test_projection_is_the_inverse_of_the_map(population):
    u = np.random.default_rng(5).normal(size=60)
    found = population.project(population.convergence(u))
    np.testing.assert_allclose(found[:15], u[:15], atol=0.3)
    # Weak modes are left to the prior.
    assert np.all(abs(found) <= abs(u) + 0.2)


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
        LensPopulation.from_maps(maps, np.zeros((5, 2)), count)
