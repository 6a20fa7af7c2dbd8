"""`VAE`: maps to latent vectors and back, with weights from a file."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from rimlens import backend
from rimlens.imaging import Grid
from rimlens.io.pretrained import Pretrained, require_shapes
from rimlens.io.weights import VAEWeights
from rimlens.prior.vae.architecture import VAEArchitecture
from rimlens.prior.vae.network import Autoencoder
from rimlens.typing import PathLike, Tensor

# Between these the decimal logarithm of a convergence is held.
LOG_KAPPA = -4.0, 3.0
# Of the brightest pixel of a source: a dark map is not divided by zero.
_DARK = 1e-30
# Maps that are decoded together.
_BATCH = 256


class VAE(Pretrained):
    r"""A variational autoencoder of convergence maps or of galaxies.

    A latent vector :math:`u` is standard normal; the decoder makes a map :math:`g(m + A u)` of it,
    the encoder finds the vector of a map, :math:`A^{-1} [\mu(x) - m]`.  The mean :math:`m` and the
    triangular matrix :math:`A` are measured after the training, on maps that it drew, so that the
    vectors of all maps together, with their uncertainties, have no mean and no correlation and a
    variance of one.

    Convergences are positive.  Galaxies are encoded in units of their brightest pixel, and come
    back in those units.  The networks know pixels alone: a map may have any pixel scale.

    Parameters
    ----------
    architecture : VAEArchitecture, optional
        Maps and networks; the weights of a new autoencoder are random.

    Examples
    --------
    >>> from rimlens.prior.vae import VAE
    >>> VAE.presets()
    ['vae_convergence', 'vae_source']
    >>> galaxies = VAE.from_pretrained("vae_source")
    >>> galaxies.sample(2, rng=1).shape
    (2, 64, 64)
    """

    _folder = "vae"
    _format = VAEWeights
    _called = "weights of a VAE"

    def __init__(self, architecture: VAEArchitecture | None = None) -> None:
        self.architecture = architecture or VAEArchitecture()
        # Those in double precision are made when they are asked for.
        self._networks = {"float32": Autoencoder(self.architecture, dtype="float32")}
        latent = self.architecture.latent
        self.set_arrays(
            {
                **arrays_of(self._networks["float32"]),
                "latent_mean": np.zeros(latent),
                "latent_matrix": np.eye(latent),
            },
            "new",
        )

    def __reduce__(self):
        """Pickle and copy what makes the autoencoder again: networks cannot be kept."""
        return type(self), (self.architecture,), {"arrays": self._arrays, "weights": self.weights}

    def __setstate__(self, state):
        """Take the arrays of another autoencoder."""
        self.set_arrays(state["arrays"], "pickle")
        self.weights = state["weights"]

    @classmethod
    def _from_weights(cls, weights, path):
        return cls(VAEArchitecture.from_dict(weights.architecture))

    @property
    def arrays(self) -> Any:
        """The networks' arrays by name, as a dict of ndarray."""
        return dict(self._arrays)

    def set_arrays(self, arrays: dict[str, np.ndarray], origin: PathLike) -> None:
        """Take over arrays: see `rimlens.io.pretrained.Pretrained.set_arrays`."""
        latent = self.architecture.latent
        wanted = {w.path: tuple(w.shape) for w in self.network_variables}
        wanted |= {"latent_mean": (latent,), "latent_matrix": (latent, latent)}
        require_shapes(wanted, arrays, origin)
        self._arrays = {name: np.asarray(array, "float32") for name, array in arrays.items()}
        for network in self._networks.values():
            self._assign(network)
        # The mean and the matrix are constants of a compiled function.
        self._decode = backend.jit_compile(self.decode, variables=self.network_variables)

    @property
    def network_variables(self) -> Any:
        """The Keras variables of the networks in single precision."""
        return list(self._networks["float32"].trainable_weights)

    @property
    def grid(self) -> Any:
        """The grid of the maps, its pixels as long as in the training."""
        scale = 1.0 if self.weights is None else self.weights.domain["pixel_scale"]
        return Grid((self.architecture.size,) * 2, scale)

    def seen(self, maps: Tensor) -> Tensor:
        """Return maps as the network sees them: log10 of a convergence, a galaxy over its peak.

        Parameters
        ----------
        maps : tensor
            Shape ``(n, size, size)``.

        Returns
        -------
        tensor
            Of the same shape.
        """
        if self.architecture.maps == "convergence":
            low, high = (10.0**bound for bound in LOG_KAPPA)
            return ops.log(ops.clip(maps, low, high)) / math.log(10.0)
        return maps / ops.maximum(ops.max(maps, axis=(1, 2), keepdims=True), _DARK)

    def encode(self, maps: Tensor) -> Tensor:
        """Return the latent vectors of maps: the means of what the encoder says.

        Parameters
        ----------
        maps : tensor
            Convergence or brightness, shape ``(n, size, size)``.

        Returns
        -------
        tensor
            Shape ``(n, latent)``, of the same type of number.
        """
        maps = ops.convert_to_tensor(maps)
        mean, _ = self.posterior(self.seen(maps))
        return mean

    def posterior(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and covariance of the latent vectors of maps as the network sees them.

        Parameters
        ----------
        seen : tensor
            From `seen`.

        Returns
        -------
        mean, covariance : tensor
            Shapes ``(n, latent)`` and ``(n, latent, latent)``.
        """
        network = self._network(ops.dtype(seen))
        center, _, inverse = self._whitening(ops.dtype(seen))
        mean, log_variance, _ = network.encoder(seen)
        spread = ops.exp(0.5 * log_variance)[:, None, :] * inverse
        covariance = ops.matmul(spread, ops.transpose(spread, (0, 2, 1)))
        return ops.matmul(mean - center, ops.transpose(inverse)), covariance

    def decode(self, vectors: Tensor) -> Tensor:
        """Return the maps of latent vectors.

        Parameters
        ----------
        vectors : tensor
            Shape ``(n, latent)``.

        Returns
        -------
        tensor
            Convergence, or brightness in units of the brightest pixel, shape ``(n, size, size)``,
            of the same type of number, with derivatives.
        """
        vectors = ops.convert_to_tensor(vectors)
        center, matrix, _ = self._whitening(ops.dtype(vectors))
        latent = ops.matmul(vectors, ops.transpose(matrix)) + center
        maps, _ = self._network(ops.dtype(vectors)).decoder(latent)
        if self.architecture.maps == "convergence":
            maps = ops.exp(ops.clip(maps, *LOG_KAPPA) * math.log(10.0))
        return maps

    def sample(self, n: int, rng: int | np.random.Generator | None = None) -> np.ndarray:
        """Draw maps.

        Parameters
        ----------
        n : int
            How many.
        rng : int or numpy.random.Generator, optional
            Seed or generator.

        Returns
        -------
        ndarray
            As from `decode`, float32.
        """
        shape = (n, self.architecture.latent)
        vectors = np.random.default_rng(rng).standard_normal(shape).astype("float32")
        return self.decoded(vectors)

    def decoded(self, vectors: Any) -> Any:
        """Return the maps of many latent vectors: arrays, where `decode` takes tensors."""
        return in_batches(self._decode, vectors)

    def _whitening(self, dtype):
        """Return mean, matrix and its inverse as tensors."""
        center, matrix = self._arrays["latent_mean"], self._arrays["latent_matrix"]
        inverse = np.linalg.inv(matrix.astype("float64"))
        return tuple(ops.convert_to_tensor(v.astype(dtype)) for v in (center, matrix, inverse))

    def _network(self, dtype):
        """Return the networks in a precision."""
        if dtype not in self._networks:
            self._networks[dtype] = Autoencoder(self.architecture, dtype=dtype)
            self._assign(self._networks[dtype])
        return self._networks[dtype]

    def _assign(self, network):
        for variable in network.trainable_weights:
            variable.assign(self._arrays[variable.path])


def arrays_of(network):
    """Return the weights of the networks as arrays by name."""
    return {w.path: ops.convert_to_numpy(w.value) for w in network.trainable_weights}


def in_batches(function, values):
    """Return what a function of a tensor gives, without all maps in memory at once.

    Parameters
    ----------
    function : callable
        Of a tensor whose first axis is a batch.
    values : ndarray
        Shape ``(n, ...)``.

    Returns
    -------
    ndarray or tuple of ndarray
        Shape ``(n, ...)``.
    """
    found = []
    for i in range(0, len(values), _BATCH):
        result = function(ops.convert_to_tensor(values[i : i + _BATCH]))
        found.append(keras.tree.map_structure(ops.convert_to_numpy, result))
    return keras.tree.map_structure(lambda *parts: np.concatenate(parts), *found)
