"""Checks of the autoencoders in the package."""

from importlib import resources

import numpy as np
import pytest
from keras import ops

from rimlens import testing
from rimlens.imaging import Grid
from rimlens.prior import GeneratedConvergencePrior, GeneratedGalaxyPrior, LogNormal
from rimlens.prior.vae import VAE, VAEPrior
from rimlens.source import PixelatedSource
from rimlens.training.autoencoder import read_vae_recipe
from rimlens.training.autoencoder.fit import MapDraws
from rimlens.training.autoencoder.scoring import reconstructions


@pytest.fixture(scope="module", params=VAE.presets())
def vae(request):
    return VAE.from_pretrained(request.param)


def test_there_is_one_of_each():
    assert VAE.presets() == ["vae_convergence", "vae_source"]


def test_the_recipe_in_the_weights_is_that_in_the_package(vae):
    assert vae.weights.recipe == read_vae_recipe(vae.weights.name).to_dict()


def test_files_are_small(vae):
    folder = resources.files("rimlens") / "data" / "vae"
    assert (folder / f"{vae.weights.name}.asdf").stat().st_size <= 4e6


def test_generated_maps_come_back_as_well_as_the_weights_state(vae):
    # Files of galaxies are the user's own; what the generators draw is here.
    recipe = read_vae_recipe(vae.weights.name)
    entry = {k: v for k, v in recipe.data[0].items() if k not in ("prior", "share")}
    cls = {"convergence": GeneratedConvergencePrior, "source": GeneratedGalaxyPrior}
    model = recipe.priors()[0][0].model
    prior = cls[vae.architecture.maps](model, **entry)
    seen = ops.convert_to_numpy(vae.seen(MapDraws([(prior, 1.0)]).draw(100, 4_000_000)))
    lost = np.mean((reconstructions(vae, seen) - seen) ** 2)
    # A hundred maps scatter; broken weights lose as much as a mean map, or more.
    stated = vae.weights.scores
    assert lost < 2 * stated["mean_square_error"] < 0.5 * stated["variance"]


def test_the_prior_over_galaxies_obeys_the_laws():
    model = PixelatedSource(Grid((64, 64), 0.04), brightness_map=np.zeros((64, 64)))
    prior = VAEPrior(model, "vae_source", brightness=LogNormal(2.0, 0.4))
    testing.check_prior(prior, both_backends=False)
