"""Training a variational autoencoder on maps that priors draw."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from rimlens.errors import InputError
from rimlens.io.pretrained import in_half_precision
from rimlens.io.weights import VAEWeights
from rimlens.prior.vae.autoencoder import VAE, arrays_of, in_batches
from rimlens.prior.vae.network import Autoencoder, SummedSquares
from rimlens.progress import keras_verbosity
from rimlens.random import Stream, stream
from rimlens.training.autoencoder.scoring import aggregate, score
from rimlens.training.fitting import (
    TrainingClock,
    checkpoint_of,
    fit_epochs,
    new_output,
    provenance,
)
from rimlens.training.logs import log_callbacks
from rimlens.training.recipes.autoencoder import VAERecipe, read_vae_recipe
from rimlens.typing import PathLike

# Added to the recipe's seed for maps on which the result is scored.
HELD_BACK = 1_000_000


class MapDraws:
    """Maps from several priors.

    Parameters
    ----------
    priors : list of tuple
        Priors over a pixelated model, and their shares.
    """

    def __init__(self, priors: list[tuple[Any, ...]]) -> None:
        self._priors, self._shares = zip(*priors)
        (self._name,) = self._priors[0].model.parameters

    def draw(self, n: int, rng: int | np.random.Generator) -> np.ndarray:
        """Return `n` maps in random order.

        Parameters
        ----------
        n : int
            How many.
        rng : int or numpy.random.Generator
            Source of randomness.

        Returns
        -------
        ndarray
            float32, shape ``(n, ny, nx)``.
        """
        rng = np.random.default_rng(rng)
        counts = rng.multinomial(n, self._shares)
        parts = [p.sample(m, rng)[self._name] for p, m in zip(self._priors, counts) if m]
        maps = np.concatenate(parts).astype("float32")
        return maps[rng.permutation(n)]


class MapBatches(keras.utils.PyDataset):
    """Endless maps for `keras.Model.fit`: each epoch's are new, and the same on every run.

    Parameters
    ----------
    draws : MapDraws
        Where they come from.
    vae : VAE
        Says how its network sees a map.
    recipe : VAERecipe
        Sizes, seed, and what is annealed.
    **kwargs
        Passed to `keras.utils.PyDataset`.
    """

    def __init__(self, draws, vae, recipe, **kwargs):
        super().__init__(**kwargs)
        self._draws, self._vae, self._recipe = draws, vae, recipe
        self.epoch = 0
        self._drawn = None, None, None

    def __len__(self):
        """Return the updates in an epoch."""
        return self._recipe.updates_per_epoch

    def __getitem__(self, index):
        """Return inputs and targets of one batch."""
        recipe, epoch = self._recipe, self.epoch
        n = recipe.batch_size
        maps, order = self._maps(epoch)
        rng = stream(recipe.seed, Stream.MAP_BATCH, epoch, index)
        # Mirrored, and turned by quarters: the eight orientations of the square.
        chosen = [
            np.rot90(map_[:, ::side], turns)
            for map_, side, turns in zip(
                maps[order[index * n : (index + 1) * n]],
                rng.choice([-1, 1], n),
                rng.integers(4, size=n),
            )
        ]
        seen = np.stack(chosen)
        update = epoch * recipe.updates_per_epoch + index
        return {
            "maps": seen,
            "noise": rng.standard_normal((n, recipe.architecture.latent)).astype("float32"),
            "beta": np.full(n, recipe.beta(update), "float32"),
            "bottleneck": np.full(n, recipe.bottleneck(update), "float32"),
        }, seen

    def _maps(self, epoch):
        """Return the maps of an epoch as the network sees them, and the order of their use."""
        if self._drawn[0] != epoch:
            recipe = self._recipe
            rng = stream(recipe.seed, Stream.MAPS, epoch)
            n = recipe.updates_per_epoch * recipe.batch_size // recipe.reuse
            seen = in_batches(self._vae.seen, self._draws.draw(n, rng))
            order = np.concatenate([rng.permutation(n) for _ in range(recipe.reuse)])
            self._drawn = epoch, seen, order
        return self._drawn[1:]


def fit(
    network: Autoencoder,
    draws: MapDraws,
    vae: VAE,
    recipe: VAERecipe,
    checkpoint: PathLike | None = None,
    verbose: Any = "auto",
    callbacks: Sequence[Any] = (),
) -> list[float]:
    """Train networks as a recipe says.

    Parameters
    ----------
    network : Autoencoder
        Trained in place.
    draws : MapDraws
        Where the maps come from.
    vae : VAE
        Says how the network sees a map.
    recipe : VAERecipe
        Updates, learning rate and seed.
    checkpoint : path, optional
        Folder in which progress is kept after every epoch, and from which an interrupted training
        goes on.
    verbose : optional
        As in `keras.Model.fit`.
    callbacks : sequence of keras.callbacks.Callback, optional
        More of them.

    Returns
    -------
    list of float
        The loss after each epoch of this run.
    """
    rate = keras.optimizers.schedules.ExponentialDecay(
        recipe.learning_rate, recipe.decay_updates, recipe.decay_rate, recipe.staircase
    )
    adam = keras.optimizers.AdamW(
        rate, weight_decay=recipe.weight_decay, clipvalue=recipe.clip_value
    )
    network.compile(
        optimizer=adam,
        loss=SummedSquares(dtype="float32"),
        jit_compile=keras.backend.backend() == "jax",
    )
    # The optimizer's variables must exist before a checkpoint can be read into them.
    network.optimizer.build(network.trainable_variables)
    batches = MapBatches(draws, vae, recipe)
    return fit_epochs(
        network,
        batches,
        recipe.updates // recipe.updates_per_epoch,
        checkpoint=checkpoint,
        callbacks=callbacks,
        verbose=verbose,
        part="training",
    ).losses


def train_vae(
    vae: VAE,
    recipe: VAERecipe,
    checkpoint: Any = None,
    verbose: Any = "auto",
    callbacks: Sequence[Any] = (),
) -> list[float]:
    """Train a `VAE` in place, score it on held-back maps and describe its weights.

    Parameters
    ----------
    vae : VAE
        Trained in place.
    recipe : VAERecipe
        What the training depends on.
    checkpoint, verbose, callbacks
        As in `fit`.

    Returns
    -------
    list of float
        The loss after each epoch of this run.

    Raises
    ------
    InputError
        If the recipe is for another architecture, or Keras's ``floatx`` is not ``float32``.
    """
    _require_single_precision()
    if recipe.architecture != vae.architecture:
        raise InputError(
            f"recipe: the architecture of the VAE is wanted, {vae.architecture}, found "
            f"{recipe.architecture}"
        )
    keras.utils.set_random_seed(recipe.seed)
    network = Autoencoder(recipe.architecture, dtype=keras.DTypePolicy(recipe.precision))
    draws = MapDraws(recipe.priors())
    clock = TrainingClock(checkpoint)
    history = fit(network, draws, vae, recipe, checkpoint, verbose, [clock, *callbacks])
    measured = draws.draw(recipe.measured, stream(recipe.seed, Stream.MEASURED_MAPS))
    arrays = whiten(vae, arrays_of(network), measured)
    vae.set_arrays(in_half_precision(arrays), "training")
    held_back = MapDraws(recipe.priors(held_back=True))
    scores = score(vae, held_back, recipe.held_back, recipe.seed + HELD_BACK)
    maps = recipe.updates * recipe.batch_size // recipe.reuse
    vae.weights = VAEWeights(
        **provenance(recipe, clock.spent, {"maps": maps}, recipe.updates),
        architecture=vae.architecture.to_dict(),
        domain={"size": vae.architecture.size, "pixel_scale": float(recipe.pixel_scale)},
        scores={"held_back_seed": recipe.seed + HELD_BACK, **scores},
        arrays={},
    )
    return history


def whiten(vae, arrays, maps):
    """Return arrays in which the latent vectors of maps have no mean and unit covariance.

    Parameters
    ----------
    vae : VAE
        Of their architecture; its arrays are replaced.
    arrays : dict of ndarray
        The trained networks.
    maps : ndarray
        Convergence or brightness, shape ``(n, size, size)``.

    Returns
    -------
    dict of ndarray
        With the mean and the matrix of the latent numbers.
    """
    latent = vae.architecture.latent
    neutral = {"latent_mean": np.zeros(latent), "latent_matrix": np.eye(latent)}
    vae.set_arrays({**arrays, **neutral}, "training")
    mean, covariance, _ = aggregate(vae, in_batches(vae.seen, maps))
    return {**arrays, "latent_mean": mean, "latent_matrix": np.linalg.cholesky(covariance)}


def train(
    recipe: VAERecipe | PathLike,
    output: PathLike,
    overwrite: bool = False,
    progress: bool = True,
    log: PathLike | None = None,
) -> VAE:
    """Train a variational autoencoder as a recipe says and write its weights.

    Progress is kept in the folder ``OUTPUT.checkpoint`` until the weights are written; a training
    that was interrupted goes on from there.

    Parameters
    ----------
    recipe : VAERecipe, str or path
        A recipe, a TOML file, or the name of a recipe in the package.
    output : str or path
        The ASDF file to write.
    overwrite : bool, optional
        Whether an existing file may be replaced.
    progress : bool, optional
        Whether to show a progress bar; a line an epoch where there is no terminal.
    log : str or path, optional
        Folder for what every epoch came to: see `rimlens.training.logs.log_callbacks`.

    Returns
    -------
    VAE

    Raises
    ------
    OutputExistsError
        If the output exists and may not be overwritten.
    InputError
        If the checkpoint beside the output belongs to another recipe.
    """
    _require_single_precision()
    output = new_output(output, overwrite)
    if not isinstance(recipe, VAERecipe):
        recipe = read_vae_recipe(recipe)
    # A recipe that cannot be used leaves no folder that the corrected one would find.
    recipe.priors()
    checkpoint = checkpoint_of(output, recipe)
    vae = VAE(recipe.architecture)
    train_vae(vae, recipe, checkpoint, keras_verbosity(progress), log_callbacks(log))
    vae.save(output, overwrite=overwrite)
    shutil.rmtree(checkpoint)
    return vae


def _require_single_precision():
    if keras.config.floatx() != "float32":
        # Keras adds up the terms of the loss in it, and fails where they are of another type.
        raise InputError(
            "keras: floatx='float32' is wanted for training, found "
            f"{keras.config.floatx()!r}, as keras.json or keras.config.set_floatx says"
        )
