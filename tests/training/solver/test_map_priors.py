"""Checks of solvers whose unknowns are maps of a prior: trained, stored and used."""

import numpy as np
import pytest

from rimlens import RIMSolver
from rimlens.datasets import MapCollection
from rimlens.imaging import Grid
from rimlens.maps import einstein_radius
from rimlens.training.recipes.solver import Recipe
from rimlens.training.simulations import simulator_of
from rimlens.training.solver import train
from tiny_solver import tiny_architecture


@pytest.fixture(scope="module")
def collections(tmp_path_factory):
    """Return files of a halo and of a galaxy."""
    folder = tmp_path_factory.mktemp("collections")
    halo, galaxy = Grid((64, 64), 1.0), Grid((32, 32), 1.0)
    maps = {
        "halo": MapCollection([6.0 / np.hypot(halo.radius, 1.0)], halo.pixel_scale),
        "galaxy": MapCollection(
            [np.exp(-(galaxy.radius**2) / 18.0)],
            galaxy.pixel_scale,
            {"group": [1], "half_light_radius": [3.5]},
        ),
    }
    for name, collection in maps.items():
        collection.write(folder / f"{name}.asdf")
    return {name: str(folder / f"{name}.asdf") for name in maps}


@pytest.fixture(scope="module")
def recipe(collections):
    """Return a recipe whose lens and source are maps of priors, as a TOML file has them."""
    return Recipe.from_dict(
        {
            "name": "maps",
            "batch_size": 4,
            "stages": [[2, 10]],
            "updates_per_epoch": 5,
            "warmup": 2,
            "held_back": 10,
            "precision": "float32",
            "psf_size": 9,
            "theta_E_domain": [9.0, 24.0],
            "architecture": tiny_architecture(steps=2).to_dict(),
            "domain": {"fwhm": [1.4, 3.0]},
            "lens": {
                "prior": "tng",
                "collection": collections["halo"],
                "theta_E": {"uniform": [12.0, 18.0]},
            },
            "source": {
                "prior": "cosmos",
                "collection": collections["galaxy"],
                "half_light_radius": {"uniform": [3.0, 6.0]},
                "normalization": "peak",
            },
        }
    )


@pytest.fixture(scope="module")
def trained(recipe, tmp_path_factory):
    path = tmp_path_factory.mktemp("trained") / "maps.asdf"
    return train(recipe, path, progress=False), path


def test_simulations_come_from_the_priors_and_have_a_shear(recipe):
    batch = simulator_of(recipe).draw(6, rng=1)
    radii = [einstein_radius(kappa, 4.0) for kappa in batch["convergence"]]
    # A pixel of the map is 4 pixels of the image.
    assert np.all((np.array(radii) > 11.0) & (np.array(radii) < 19.0))
    assert np.all(np.any(batch["shear"] != 0, axis=1))
    assert np.all(batch["source"].max(axis=(1, 2)) < 1.01)


def test_a_solver_of_map_priors_comes_back_from_its_file(trained, recipe):
    solver, path = trained
    again = RIMSolver.from_pretrained(path)
    assert again.lens == solver.lens == recipe.lens_prior
    assert again.source == solver.source == recipe.source_prior
    batch = simulator_of(recipe).draw(2, rng=3)
    inputs = {name: batch[name] for name in ("image", "sigma", "weight", "psf")}
    found, expected = (s.inference.solve_batch(inputs) for s in (again, solver))
    for name in ("convergence", "source", "shear"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-5)


def test_the_images_are_fitted_better_than_by_the_first_guess(trained):
    chi2 = trained[0].weights.scores["reduced_chi2_median_per_step"]
    assert chi2[-1] < 0.7 * chi2[0]
