"""A small simulator that several tests share."""

import pytest

from rimlens.generators import SimulationDomain
from rimlens.imaging import Grid
from rimlens.simulation import Simulator

GRIDS = Grid((64, 64)), Grid((32, 32), 2.0), Grid((48, 48), 2 / 3)


@pytest.fixture(scope="session")
def grids():
    return GRIDS


@pytest.fixture(scope="session")
def simulator():
    # Nothing is left of lens light and sky, so that noise is noise alone; sources are resolved.
    domain = SimulationDomain(
        theta_E=(8.0, 15.0),
        source_radius=(4.0, 8.0),
        noise_mixing=0.0,
        lens_light_residual=0.0,
        sky_residual=0.0,
    )
    return Simulator(*GRIDS, domain, psf_size=15, psf_count=5)


@pytest.fixture(scope="session")
def batch(simulator):
    return simulator.draw(12, rng=4)
