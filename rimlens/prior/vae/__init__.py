"""Variational autoencoders of maps, and the prior in whose latent space a network can work.

Encoder, decoder and the prior; they are trained in `rimlens.training.autoencoder`.
"""

import rimlens.backend  # noqa: F401 - chooses the array library, before keras is imported
from rimlens.prior.vae.architecture import VAEArchitecture
from rimlens.prior.vae.autoencoder import VAE
from rimlens.prior.vae.prior import VAEPrior

__all__ = ["VAE", "VAEArchitecture", "VAEPrior"]
