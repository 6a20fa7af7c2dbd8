"""The refinement in latent space finds lens and source among the maps of the autoencoders."""

from dataclasses import replace

import numpy as np
import pytest

from rimlens import RIMSolver
from rimlens.errors import InputError
from rimlens.imaging import Grid
from rimlens.lens import PixelatedConvergence
from rimlens.posterior.lenses import LatentVariables
from rimlens.prior import VAEPrior
from rimlens.simulation.hst import simulate_observation

IMAGE = Grid((24, 24), 5.0)


@pytest.fixture(scope="module")
def variables():
    grid = Grid((64, 64), 2.0)
    model = PixelatedConvergence(grid, convergence_map=np.zeros(grid.shape))
    return LatentVariables(VAEPrior(model, "vae_convergence"), 0.06, IMAGE)


def test_the_jacobian_is_that_of_finite_differences(variables):
    u = 0.5 * np.random.default_rng(1).normal(size=variables.size)
    found = variables.jacobian(u)
    step = 1e-2
    for k in (0, 7, *range(variables.size - 4, variables.size)):
        unit = step * np.eye(variables.size)[k]
        ahead, behind = variables.deflection(u + unit), variables.deflection(u - unit)
        for component, a, b in zip(found, ahead, behind):
            wanted = (a - b) / (2 * step)
            np.testing.assert_allclose(component[k], wanted, atol=0.02 * np.abs(wanted).max())


def test_the_start_is_the_map_and_the_shear(variables):
    u = np.random.default_rng(2).normal(size=variables.size)
    u[-2:] = 0
    physical = variables.physical(u)
    again = variables.physical(variables.start(physical["convergence"], physical["shear"]))
    np.testing.assert_allclose(again["shear"], physical["shear"])
    assert np.std(np.log(again["convergence"] / physical["convergence"])) < 0.1


def test_a_displacement_moves_all_rays(variables):
    u = np.zeros(variables.size)
    still = variables.deflection(u)
    u[-2:] = [1.0, -0.5]
    moved = variables.deflection(u)
    for a, b, wanted in zip(moved, still, variables.displacement(u)):
        np.testing.assert_allclose(a - b, wanted, atol=1e-4)


@pytest.mark.slow
def test_lens_and_source_are_found_with_errors():
    observation, truth = simulate_observation(6)
    solver = RIMSolver.from_pretrained()
    network = solver.reconstruct(observation)
    found = solver.reconstruct(observation, refine=True, method="latent")
    assert found.meta["refinement"] == "latent"
    error = found.einstein_radius.value / truth["theta_E"] - 1
    assert abs(error) < 0.03
    assert 0 < found.errors["einstein_radius"] < 0.1
    bright = network.model.data > 2 * observation.sigma
    before, after = (np.mean(r.normalized_residual[bright] ** 2) for r in (network, found))
    assert after < before
    # The source stands where its own map says.
    predicted = np.array(found.forward_model()())[0]
    np.testing.assert_allclose(predicted, found.model.data, atol=0.03 * found.model.data.max())
    assert len(found.sample(3, rng=1)) == 3


def test_models_have_no_latent_space():
    observation, _ = simulate_observation(6)
    with pytest.raises(InputError, match="'latent' wants a solver of a source map"):
        RIMSolver.from_pretrained("epl").reconstruct(observation, refine=True, method="latent")


def test_maps_of_another_size_are_refused():
    solver = RIMSolver.from_pretrained()
    architecture = replace(solver.architecture, convergence_size=32, convergence_scale=4.0)
    other = RIMSolver(architecture)
    with pytest.raises(InputError, match=r"maps of \(64, 64\) pixels.*found some of \(32, 32\)"):
        other.reconstruct(simulate_observation(6)[0], refine=True, method="latent")
