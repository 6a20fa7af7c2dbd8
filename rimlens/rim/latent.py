"""The refinement in latent space: lens and source are maps that autoencoders know.

The search of `rimlens.posterior` runs over the latent vectors of a convergence map and of a source
(Adam et al. 2023, ApJ 951, 6, sample them around the network's answer).  What the autoencoders
cannot draw is not found, nor is its error stated.
"""

from __future__ import annotations

import numpy as np
from keras import ops

from rimlens.errors import InputError
from rimlens.imaging import Grid
from rimlens.lens.pixelated import PixelatedConvergence
from rimlens.posterior.exposure import Blur
from rimlens.posterior.lenses import LatentVariables
from rimlens.posterior.refine import refine_models
from rimlens.posterior.starts import interpolated
from rimlens.prior.distributions import LogNormal
from rimlens.prior.vae import VAE, VAEPrior
from rimlens.rim.lens_unknowns import PixelatedLens
from rimlens.source.pixelated import PixelatedSource

LENSES, SOURCES = "vae_convergence", "vae_source"
# Standard deviation of the logarithm of a source's brightness about that of the first answer.
BRIGHTNESS_SCATTER = 0.5
SHEAR_SCATTER = 0.06
# Light fainter than this part of the peak does not count for the place of a source.
FAINT = 0.2


class LatentRefinement:
    """Refines answers of a solver of maps.

    Parameters
    ----------
    lens, source : LensUnknowns, SourceUnknowns
        Of the solver.

    Raises
    ------
    InputError
        If one of the unknowns is no map, or the convergence maps have not the number of pixels
        that the autoencoder's have.
    """

    def __init__(self, lens, source):
        shape = VAE.from_pretrained(LENSES).grid.shape
        is_map = isinstance(lens, PixelatedLens) and source.is_map
        if not is_map or lens.grid.shape != shape:
            found = f"some of {lens.grid.shape} pixels" if is_map else "parameters of models"
            raise InputError(
                "method: 'latent' wants a solver of a source map and of convergence maps of "
                f"{shape} pixels, as the autoencoder {LENSES!r} draws them, found {found}"
            )
        model = PixelatedConvergence(lens.grid, convergence_map=np.zeros(shape))
        prior = VAEPrior(model, LENSES)
        self.variables = LatentVariables(prior, SHEAR_SCATTER, lens.image_grid)
        self._source_grid = source.grid
        self._source_shape = VAE.from_pretrained(SOURCES).grid.shape

    def __call__(self, exposure, result, report=None):
        """Refine one answer.

        Parameters
        ----------
        exposure : Exposure
            The image.
        result : dict of ndarray
            The network's answer, a batch of one.
        report : callable, optional
            Called before every evaluation of the posterior.

        Returns
        -------
        LatentAnswer
        """
        lens = self.variables
        u = lens.start(result["convergence"][0], result["shear"][0])
        source = np.maximum(result["source"][0].astype(float), 0.0)
        prior, vector = self._source(source)
        posterior = refine_models(exposure, lens, u, prior, vector, report=report)
        return LatentAnswer(posterior, prior, exposure)

    def _source(self, source):
        """Return the prior about a source map, and the variables of that source."""
        grid = self._source_grid
        bright = np.where(source > FAINT * source.max(), source, 0.0)
        if not bright.any():
            bright = np.ones(grid.shape)
        center = tuple(float(np.average(v, weights=bright)) for v in (grid.x, grid.y))
        about = Grid(self._source_shape, grid.pixel_scale, center)
        found = interpolated(source, grid, about.x, about.y)
        model = PixelatedSource(about, brightness_map=np.zeros(about.shape))
        brightness = LogNormal(max(float(found.max()), 1e-3), BRIGHTNESS_SCATTER)
        prior = VAEPrior(model, SOURCES, brightness)
        maps = ops.convert_to_tensor(found.astype("float32")[None])
        vector = prior.unconstrain({"brightness_map": maps})["vector"]
        return prior, ops.convert_to_numpy(vector)[0].astype(float)


class LatentAnswer:
    """The maximum of a posterior over latent vectors, as `rimlens.rim.refined.RefinedAnswer`.

    Parameters
    ----------
    posterior : LaplacePosterior
        About the maximum.
    prior : VAEPrior
        Of the source.
    exposure : Exposure
        The image.
    """

    def __init__(self, posterior, prior, exposure):
        self.posterior, self._prior, self.exposure = posterior, prior, exposure

    @property
    def source_grid(self):
        """The grid of the source: that of the prior, where the rays would be undeflected."""
        grid = self._prior.model.grid
        moved = self.posterior.lens.displacement(self.posterior.maximum.u[: self._size])
        return Grid(grid.shape, grid.pixel_scale, tuple(grid.center + moved))

    @property
    def lens_distance(self):
        """Root mean square of the variables of the lens, which have a scatter of one."""
        return float(np.sqrt(np.mean(self.posterior.maximum.u[: self._size] ** 2)))

    def result(self):
        """Return the maximum: see `RefinedAnswer.result`."""
        maximum = self.posterior.maximum
        lensed = self._brightness(maximum.u, *maximum.rays)
        model = Blur(self.exposure.psf, lensed.shape)(lensed).astype(float)
        return {
            **self._physical(maximum.u),
            "model": model,
            "foreground": self.exposure.foreground_of(model),
        }

    def draws(self, n, rng, scale=1.0):
        """Return draws: see `RefinedAnswer.draws`."""
        maximum = self.posterior.maximum
        drawn, _ = self.posterior.draw(n, rng)
        found = []
        for u in maximum.u + scale * (drawn - maximum.u):
            one = self._physical(u)
            rays = self.exposure.trace(self.posterior.lens, u[: self._size])
            light = one["source"].sum() * self.source_grid.pixel_scale**2
            lensed = self._brightness(u, *rays).sum()
            found.append({**one, "magnification": lensed / light if light != 0 else np.nan})
        return {name: np.stack([one[name] for one in found]) for name in found[0]}

    @property
    def _size(self):
        return self.posterior.lens.size

    def _physical(self, u):
        lens = self.posterior.lens
        dx, dy = lens.displacement(u[: self._size])
        # The rays were deflected to where the prior has the source.
        source = self._brightness(u, self.source_grid.x - dx, self.source_grid.y - dy)
        return {**lens.physical(u[: self._size]), "source": source}

    def _brightness(self, u, x, y):
        vector = ops.convert_to_tensor(u[self._size :].astype("float32")[None])
        values = self._prior.constrain({"vector": vector})
        x, y = (ops.convert_to_tensor(v.astype("float32")[None]) for v in (x, y))
        found = self._prior.model.tensor_surface_brightness(x, y, values)
        return ops.convert_to_numpy(found)[0].astype(float)
