"""A tiny solver, its simulations and a training that several tests share."""

import numpy as np
import pytest

from rimlens.generators import SimulationDomain
from rimlens.rim import RIMSolver
from rimlens.simulation import Simulator
from rimlens.training.recipes.solver import Recipe
from rimlens.training.solver.training_set import inputs_and_targets
from tiny_solver import tiny_architecture

ARCHITECTURE = tiny_architecture(steps=3)
DOMAIN = SimulationDomain(theta_E=(12.0, 20.0), source_radius=(4.0, 8.0), fwhm=(1.4, 3.0))
RECIPE = Recipe(
    name="tiny",
    seed=3,
    batch_size=8,
    stages=((2, 40), (3, 40)),
    updates_per_epoch=20,
    learning_rate=5e-3,
    warmup=10,
    precision="float32",
    psf_size=9,
    calibration=12,
    held_back=10,
    theta_E_domain=(9.0, 24.0),
    architecture=ARCHITECTURE,
    domain=DOMAIN,
)


@pytest.fixture(scope="session")
def architecture():
    return ARCHITECTURE


@pytest.fixture(scope="session")
def recipe():
    return RECIPE


@pytest.fixture(scope="session")
def simulator():
    a = ARCHITECTURE
    grids = a.image_grid, a.convergence_grid, a.source_grid
    return Simulator(*grids, DOMAIN, psf_size=9, psf_count=5)


@pytest.fixture(scope="session")
def batch(simulator):
    return simulator.draw(4, rng=1)


@pytest.fixture(scope="session")
def inputs(batch, untrained):
    return inputs_and_targets(batch, untrained.machine)[0]


@pytest.fixture(scope="session")
def targets(batch, untrained):
    return inputs_and_targets(batch, untrained.machine)[1]


@pytest.fixture(scope="session")
def untrained():
    return RIMSolver(ARCHITECTURE)


@pytest.fixture(scope="session")
def restless():
    """Return a solver whose weights are random everywhere, so that every path of it counts."""
    solver = RIMSolver(ARCHITECTURE)
    rng = np.random.default_rng(12)
    arrays = solver.arrays
    for name in sorted(arrays):
        # Small steps, so that the lens stays one with a ring inside the field.
        size = 0.01 if "head" in name else 0.05
        arrays[name] = size * rng.standard_normal(arrays[name].shape)
    solver.set_arrays(arrays, "a test")
    return solver
