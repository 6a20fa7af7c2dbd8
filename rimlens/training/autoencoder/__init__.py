"""Training an autoencoder of maps: its recipe, the fit, and the scores on held-back maps."""

# First of all: the backend chooses the array library.
from rimlens import backend  # noqa: F401
from rimlens.training.autoencoder.fit import fit, train, train_vae
from rimlens.training.autoencoder.scoring import score
from rimlens.training.recipes.autoencoder import Annealing, VAERecipe, read_vae_recipe

__all__ = ["Annealing", "VAERecipe", "fit", "read_vae_recipe", "score", "train", "train_vae"]
