"""Variational autoencoders of maps, and the prior in whose latent space a network can work.

Encoder and decoder, their training on maps that other priors draw, and their scores.  What is done
with a prior is not known here.
"""

import rimlens.backend  # noqa: F401 - chooses the array library, before keras is imported
from rimlens.prior.vae.architecture import VAEArchitecture
from rimlens.prior.vae.autoencoder import VAE
from rimlens.prior.vae.prior import VAEPrior
from rimlens.prior.vae.recipe import Annealing, VAERecipe, read_vae_recipe

__all__ = [
    "VAE",
    "Annealing",
    "VAEArchitecture",
    "VAEPrior",
    "VAERecipe",
    "read_vae_recipe",
]
