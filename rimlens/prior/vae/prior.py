"""The prior that a variational autoencoder has learned."""

import os

from keras import ops

from rimlens.errors import InputError
from rimlens.lens.pixelated import PixelatedConvergence
from rimlens.prior.distribution import Distribution
from rimlens.prior.distributions import Fixed, Linked
from rimlens.prior.pairs import Pair
from rimlens.prior.prior import Prior
from rimlens.prior.vae.autoencoder import DARK, VAE, brightest_pixel
from rimlens.source.pixelated import PixelatedSource

_MODELS = {"convergence": PixelatedConvergence, "source": PixelatedSource}


class VAEPrior(Prior):
    """Maps that a variational autoencoder draws.

    The variable is the latent vector: `constrain` decodes it, and `unconstrain` encodes a map.
    The decoder reaches few of all maps, so that `unconstrain` projects: a map comes back as one
    that the autoencoder knows.  The density of a map is not known.

    An autoencoder knows pixels alone.  The grid of the model must have as many as its maps; pixel
    scale and centre are free, and lengths go with the pixels.

    Parameters
    ----------
    model : PixelatedConvergence or PixelatedSource
        A single model; of its map only the shape counts.
    weights : str or path-like
        The name of weights in the package (`VAE.presets`), or a file that ``rimlens train`` wrote.
    peak : Distribution, optional
        Of the brightest pixel of a source; it adds a number to the vector.  By default the
        brightest pixel is one, whatever the map.

    Attributes
    ----------
    vae : VAE
        The autoencoder.

    Raises
    ------
    InputError
        If the model is not one of the maps that the autoencoder makes, its grid has another number
        of pixels, or a peak is given for a convergence or is none.
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

    def __init__(self, model, weights, peak=None):
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
        self.peak = None if peak is None else self._checked_peak(peak, kind)
        self.variables = {"vector": (self.vae.architecture.latent + (peak is not None),)}

    @property
    def configuration(self):
        """The model, the weights' name or path, and the distribution of the peak if it has one."""
        found = {"model": self.model, "weights": self.weights}
        return found if self.peak is None else {**found, "peak": self.peak}

    def draws(self, n, rng):
        """Return the maps of `n` draws, decoded in single precision."""
        vectors = rng.standard_normal((n, *self.variables["vector"]))
        latent = vectors[:, : self.vae.architecture.latent]
        maps = self.vae.decoded(latent.astype("float32")).astype("float64")
        if self.peak is not None:
            maps *= ops.convert_to_numpy(self.peak.value(vectors[:, -1]))[:, None, None]
        return {self._map: maps}

    def transform(self, u):
        """Return the map of the vector."""
        vector = u["vector"]
        maps = self.vae.decode(vector[:, : self.vae.architecture.latent])
        if self.peak is not None:
            maps = maps * self.peak.value(vector[:, -1])[:, None, None]
        return {self._map: maps}

    def inverse(self, values):
        """Return the vector of the map."""
        maps = values[self._map]
        vector = self.vae.encode(maps)
        if self.peak is not None:
            # A dark map has a little light: a distribution may have no place for less.
            brightest = ops.maximum(brightest_pixel(maps)[:, :, 0], DARK)
            vector = ops.concatenate([vector, self.peak.variable(brightest)], axis=1)
        return {"vector": vector}

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

    def _checked_peak(self, distribution, kind):
        where = f"{type(self).__name__}: peak"
        if kind != "source":
            raise InputError(f"{where}: none is wanted for a convergence, found {distribution!r}")
        if not isinstance(distribution, Distribution) or isinstance(
            distribution, (Fixed, Linked, Pair)
        ):
            raise InputError(
                f"{where}: a distribution of one number is wanted, found {distribution!r}"
            )
        try:
            found = distribution.in_unit(self.model.brightness_unit)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        if found.support[0][0] < 0:
            raise InputError(f"{where}: positive numbers are wanted, found {distribution!r}")
        return found
