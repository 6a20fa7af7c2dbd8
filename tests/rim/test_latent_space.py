"""A solver whose unknowns are latent vectors of autoencoders, and an external shear."""

import pytest

from rimlens.generators import SimulationDomain
from rimlens.prior import prior_from_table
from rimlens.rim import Architecture, RIMSolver
from rimlens.simulation import Simulator
from rimlens.training.recipes.solver import Recipe
from rimlens.training.solver import train_solver

pytestmark = pytest.mark.slow

ARCHITECTURE = Architecture(
    64, 16, 4.0, 16, 2.0, steps=2, latent_size=16, filters=(4, 6), vector_units=16
)
DOMAIN = SimulationDomain(core_mask=(1.0, 3.0), satellite_fraction=0.0, lens_light_residual=0.0)


@pytest.fixture(scope="module")
def priors(tiny_vae):
    """Return priors over the lens and the source, as a recipe names them."""
    lens = {
        "components": [
            {
                "prior": "vae",
                "grid": {"shape": [16, 16], "pixel_scale": 4.0},
                "weights": tiny_vae["convergence"],
            },
            {"models": ["external_shear"], "prior": {"gamma_ext": {"shear": [0.05, 0.2]}}},
        ]
    }
    source = {
        "prior": "vae",
        "grid": {"shape": [16, 16], "pixel_scale": 2.0},
        "weights": tiny_vae["source"],
        "brightness": {"log_normal": [1.5, 0.3]},
    }
    return prior_from_table("lens", lens), prior_from_table("source", source)


@pytest.fixture(scope="module")
def simulator(priors):
    a = ARCHITECTURE
    grids = a.image_grid, a.convergence_grid, a.source_grid
    lens, source = priors
    return Simulator(*grids, DOMAIN, psf_size=9, psf_count=3, lens=lens, source=source)


@pytest.fixture(scope="module")
def trained(priors, simulator):
    lens, source = priors
    solver = RIMSolver(ARCHITECTURE, lens=lens, source=source)
    recipe = Recipe(
        "latent",
        batch_size=8,
        stages=((2, 20),),
        updates_per_epoch=10,
        learning_rate=1e-2,
        warmup=5,
        held_back=10,
        precision="float32",
        theta_E_domain=(6.0, 30.0),
        architecture=ARCHITECTURE,
        domain=DOMAIN,
    )
    train_solver(solver, simulator, recipe, verbose=0)
    return solver


def test_the_solver_lowers_chi_square_in_latent_space(trained):
    assert trained.machine.lens.vector_size == 6 + 2
    assert trained.machine.source.vector_size == 6 + 1
    chi2 = trained.weights.scores["reduced_chi2_median_per_step"]
    # From the network's first estimate, which saw no gradient, to the end.
    assert chi2[-1] < 0.7 * chi2[0]
    assert chi2[-1] < 2.0


def test_weights_come_back_with_their_priors(trained, tmp_path):
    trained.save(tmp_path / "latent.asdf")
    again = RIMSolver.from_pretrained(tmp_path / "latent.asdf")
    assert again.lens == trained.lens
    assert again.source == trained.source
