"""The prior that a variational autoencoder has learned."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from keras import ops

from rimlens.errors import InputError
from rimlens.lens.pixelated import PixelatedConvergence
from rimlens.prior.distribution import Distribution
from rimlens.prior.distributions import Fixed
from rimlens.prior.prior import Prior
from rimlens.prior.scalars import check_scalar, support
from rimlens.prior.vae.autoencoder import VAE
from rimlens.source.pixelated import PixelatedSource
from rimlens.typing import PathLike

if TYPE_CHECKING:
    import astropy.units as u

# Of the brightness of a map, in any unit.
_DARK = 1e-12

_MODELS = {"convergence": PixelatedConvergence, "source": PixelatedSource}


class VAEPrior(Prior):
    """Maps that a variational autoencoder draws.

    The variable is the latent vector: `constrain` decodes it, and `unconstrain` encodes a map.
    The decoder reaches few of all maps, so that `unconstrain` projects: a map comes back as one
    that the autoencoder knows.  The density of a map is not known.

    An autoencoder knows pixels alone.  The grid of the model must have as many as its maps; pixel
    scale and center are free, and lengths go with the pixels.

    Parameters
    ----------
    model : PixelatedConvergence or PixelatedSource
        A single model; of its map only the shape counts.
    weights : str or path-like
        The name of weights in the package (`VAE.presets`), or a file that ``rimlens train`` wrote.
    brightness : float, Quantity or Distribution, optional
        What the maps of a source, whose brightest pixel is near one, are multiplied by; one by
        default.  A distribution adds a number to the vector.

    Attributes
    ----------
    vae : VAE
        The autoencoder.

    Raises
    ------
    InputError
        If the model is not one of the maps that the autoencoder makes, its grid has another number
        of pixels, or a brightness is given for a convergence or is not positive.
    FileFormatError
        If the weights cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import Grid
    >>> from rimlens.lens import PixelatedConvergence
    >>> from rimlens.prior.vae import VAEPrior
    >>> model = PixelatedConvergence(Grid((64, 64), 0.1), convergence_map=np.zeros((64, 64)))
    >>> prior = VAEPrior(model, "vae_convergence")
    >>> prior.sample(2, rng=1)["convergence_map"].shape
    (2, 64, 64)
    """

    projects = True

    def __init__(
        self,
        model: PixelatedConvergence | PixelatedSource,
        weights: PathLike,
        brightness: float | u.Quantity | Distribution = 1.0,
    ) -> None:
        super().__init__(model)
        try:
            self.weights = os.fspath(weights)
        except TypeError:
            raise InputError(
                f"{type(self).__name__}: weights: a name or a path is wanted, found {weights!r}"
            ) from None
        self.vae = VAE.from_pretrained(self.weights)
        kind = self.vae.architecture.maps
        self._check_model(kind)
        (self._map,) = model.parameters
        self.brightness = self._checked_brightness(brightness, kind)
        self._varies = isinstance(self.brightness, Distribution)
        self.variables = {"vector": (self.vae.architecture.latent + self._varies,)}

    @property
    def configuration(self) -> Any:
        """The model, the weights' name or path, and the brightness."""
        return {"model": self.model, "weights": self.weights, "brightness": self.brightness}

    @property
    def network_variables(self) -> Any:
        """The Keras variables of the autoencoder in single precision."""
        return self.vae.network_variables

    def draws(self, n, rng):
        """Return the maps of `n` draws, decoded in single precision."""
        vectors = rng.standard_normal((n, *self.variables["vector"]))
        latent = vectors[:, : self.vae.architecture.latent]
        maps = self.vae.decoded(latent.astype("float32")).astype("float64")
        return {self._map: maps * ops.convert_to_numpy(self._brightness(vectors))}

    def transform(self, u):
        """Return the map of the vector."""
        vector = u["vector"]
        maps = self.vae.decode(vector[:, : self.vae.architecture.latent])
        return {self._map: maps * self._brightness(vector)}

    def inverse(self, values):
        """Return the vector of the map, with the brightness that fits it best if that varies."""
        maps = values[self._map]
        if self.vae.architecture.maps == "source" and not self._varies:
            vector, _ = self.vae.posterior(maps / self.brightness)
        else:
            vector = self.vae.encode(maps)
        if self._varies:
            decoded = self.vae.decode(vector)
            fit = ops.sum(maps * decoded, axis=(1, 2)) / ops.sum(ops.square(decoded), axis=(1, 2))
            # A distribution of positive numbers has no place for a map that is dark.
            number = self.brightness.variable(ops.maximum(fit, _DARK))
            vector = ops.concatenate([vector, number[:, None]], axis=1)
        return {"vector": vector}

    def _brightness(self, vector):
        """Return what each map is multiplied by, with axes of one."""
        if self._varies:
            return self.brightness.value(vector[:, -1])[:, None, None]
        return self.brightness

    def _check_model(self, kind):
        where, model = type(self).__name__, self.model
        if not isinstance(model, _MODELS[kind]):
            raise InputError(
                f"{where}: model: the weights {self.weights!r} make a {_MODELS[kind].__name__}, "
                f"found {type(model).__name__}"
            )
        wanted = (self.vae.architecture.size,) * 2
        if model.grid.shape != wanted:
            raise InputError(
                f"{where}: model: a grid of {wanted} pixels is wanted, of any pixel scale, as the "
                f"maps of the weights {self.weights!r} have; found {model.grid.shape}"
            )

    def _checked_brightness(self, brightness, kind):
        where = f"{type(self).__name__}: brightness"
        if kind != "source" and brightness != 1.0:
            raise InputError(f"{where}: none is wanted for a convergence, found {brightness!r}")
        found = check_scalar(where, brightness, self.model.brightness_unit or "")
        low, high = support(found)
        if low < 0 or high <= 0:
            raise InputError(
                f"{where}: a positive number or a distribution of such is wanted, found "
                f"{brightness!r}"
            )
        return found.value if isinstance(found, Fixed) else found
