"""Batches of mock observations."""

import keras
import numpy as np
from keras import ops

from rimlens import backend
from rimlens.errors import InputError
from rimlens.imaging import convolve, psf_transform
from rimlens.simulation.domain import SimulationDomain
from rimlens.simulation.exposure import draw_masks, draw_noise, noise_maps
from rimlens.simulation.psf import psf_library
from rimlens.simulation.unknowns import (
    GeneratedLenses,
    GeneratedSources,
    ModelLenses,
    ModelSources,
)

# After so many times as many draws as were asked for, a domain is given up.
_ROUNDS = 100


class Simulator:
    """Draws mock observations of a pixelated source behind a pixelated lens.

    Parameters
    ----------
    image_grid, convergence_grid, source_grid : Grid
        The grids, in pixels of the image.
    domain : SimulationDomain, optional
        The ranges to draw from.
    psf_size : int, optional
        Side of the point-spread functions' stamps, odd.
    psf_count : int, optional
        Size of the library that they are drawn from.
    seed : int, optional
        Seed of that library.
    lens, source : rimlens.prior.Prior, optional
        Priors over the parameters of a lens and of a source model, lengths in pixels of the image;
        without one the generators of galaxies draw.

    Examples
    --------
    >>> from rimlens.imaging import Grid
    >>> from rimlens.simulation import Simulator
    >>> simulator = Simulator(Grid((32, 32)), Grid((16, 16), 2.0), Grid((24, 24)), psf_count=2)
    >>> batch = simulator.draw(2, rng=1)
    >>> batch["image"].shape
    (2, 32, 32)
    """

    def __init__(
        self,
        image_grid,
        convergence_grid,
        source_grid,
        domain=None,
        *,
        psf_size=33,
        psf_count=300,
        seed=0,
        lens=None,
        source=None,
    ):
        self.image_grid = image_grid
        self.convergence_grid = convergence_grid
        self.source_grid = source_grid
        self.domain = domain or SimulationDomain()
        self.psf_size = psf_size
        rng = np.random.default_rng([seed, 1])
        self.psfs = psf_library(psf_count, psf_size, self.domain.fwhm, rng)
        self._lenses = (
            GeneratedLenses(image_grid, convergence_grid, self.domain)
            if lens is None
            else ModelLenses(image_grid, convergence_grid, lens)
        )
        self._sources = (
            GeneratedSources(source_grid, self.domain)
            if source is None
            else ModelSources(source_grid, source)
        )
        self._render = backend.compiled(self._render_eagerly)

    def draw(self, n, rng):
        """Draw `n` mock observations and their truths.

        Parameters
        ----------
        n : int
            How many.
        rng : int or numpy.random.Generator
            Source of randomness.

        Returns
        -------
        dict of ndarray
            ``image``, ``sigma``, ``weight`` (1 where a pixel counts) of shape ``(n, ny, nx)``,
            ``psf`` of shape ``(n, size, size)``, the truths ``convergence`` and ``source`` (maps)
            and ``theta_E``, and ``noiseless`` (the image without noise); float32.  Besides, where
            the generator draws lenses, ``shear`` ``(n, 2)``; where priors do, the parameters as
            the dicts ``lens`` and ``source_parameters``.

        Raises
        ------
        InputError
            If hardly a draw of the domain looks like a lens.
        """
        rng = np.random.default_rng(rng)
        accepted, count = [], 0
        for _ in range(_ROUNDS):
            # Half as many more are drawn than asked for, to choose among.
            batch, good = self._draw_some(n + (n + 1) // 2, rng)
            accepted.append(_chosen(batch, good))
            count += good.sum()
            if count >= n:
                break
        else:
            raise InputError(
                f"domain: of {_ROUNDS} times as many draws as asked for at least {n} are to look "
                f"like lenses, found {count}; sources that large or that far off the axis are not "
                "lensed"
            )
        truth = keras.tree.map_structure(lambda *parts: np.concatenate(parts)[:n], *accepted)
        noiseless, weight = truth.pop("image"), truth["weight"]
        sigma = noise_maps(noiseless, weight, self.image_grid, self.domain, rng)
        noise = draw_noise(sigma, self.image_grid, self.domain, rng)
        return {"image": noiseless + noise, "sigma": sigma, "noiseless": noiseless, **truth}

    def _draw_some(self, n, rng):
        """Return `n` draws without noise, and which of them look like lenses."""
        lens, theta_E = self._lenses.draw(n, rng)
        source = self._sources.draw(n, theta_E, rng)
        shear = self._lenses.draw_shear(n, rng)
        psf = self.psfs[rng.integers(len(self.psfs), size=n)]
        rendered = self._render(_single(lens), _single(source), shear, psf)
        rendered = keras.tree.map_structure(ops.convert_to_numpy, rendered)
        weight = draw_masks(n, self.image_grid, theta_E, self.domain, rng)
        batch = {**rendered, "weight": weight, "psf": psf, "theta_E": theta_E.astype("float32")}
        return batch, self._accepted(rendered, weight)

    def _render_eagerly(self, lens, source, shear, psf):
        lens_truth, (alpha_x, alpha_y) = self._lenses.render(lens, shear)
        x, y = (
            ops.convert_to_tensor(v.astype("float32"))
            for v in (self.image_grid.x, self.image_grid.y)
        )
        source_truth, lensed = self._sources.render(source, x - alpha_x, y - alpha_y)
        transform = psf_transform(psf, self.image_grid.shape)
        image = convolve(lensed, transform, (self.psf_size, self.psf_size))
        return {**lens_truth, **source_truth, "image": image}

    def _accepted(self, rendered, weight):
        """Return which draws look like lenses.

        A lens is magnified at least three times, shows most of its light where pixels count, and
        shows it on more than one side of its centre.
        """
        image = rendered["image"]
        area = (self.image_grid.pixel_scale / self.source_grid.pixel_scale) ** 2
        total = image.sum(axis=(1, 2))
        magnification = total * area / (rendered["source"].sum(axis=(1, 2)) + 1e-6)
        seen = image * weight
        flux = seen.sum(axis=(1, 2)) + 1e-6
        direction = (self.image_grid.x + 1j * self.image_grid.y) / (self.image_grid.radius + 1e-6)
        one_sided = np.abs((seen * direction).sum(axis=(1, 2))) / flux
        return (magnification > 3) & (flux > 0.6 * total) & (one_sided < self.domain.one_sided)


def _chosen(batch, good):
    return keras.tree.map_structure(lambda values: values[good], batch)


def _single(parameters):
    return {name: np.asarray(value, dtype="float32") for name, value in parameters.items()}
