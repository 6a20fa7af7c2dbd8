"""Batches of mock observations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops

from rimlens import backend
from rimlens.errors import InputError
from rimlens.generators.domain import SimulationDomain
from rimlens.imaging import convolve, psf_transform
from rimlens.lens.pixelated import PixelatedConvergence
from rimlens.random import Stream, stream
from rimlens.simulation.acceptance import LensedLight
from rimlens.simulation.candidates import arrays, joined, padded, part, single
from rimlens.simulation.pieces import HSTMasks, HSTNoise, PSFLibrary
from rimlens.simulation.unknowns import (
    GeneratedLenses,
    GeneratedSources,
    MapLenses,
    ModelLenses,
    ModelSources,
)

if TYPE_CHECKING:
    from rimlens.imaging.grid import Grid
    from rimlens.prior.prior import Prior

# After so many times as many draws as were asked for, a domain is given up.
_ROUNDS = 100
# Draws that are rendered together: of those that are not needed any more, few.
_AT_ONCE = 8
# What is drawn and not rendered.
_OF_AN_EXPOSURE = ("weight", "psf", "theta_E", "center")


class Simulator:
    """Draws mock observations of sources behind lenses.

    Parameters
    ----------
    image_grid, convergence_grid, source_grid : Grid
        The grids, in pixels of the image.
    domain : SimulationDomain, optional
        The ranges to draw from.
    psf_size : int, optional
        Side of the stamps of the default point-spread functions, odd.
    psf_count : int, optional
        Size of the library that they are drawn from.
    seed : int, optional
        Seed of that library.
    lens, source : rimlens.prior.Prior, optional
        Priors over the parameters of a lens and of a source model, lengths in pixels of the image;
        without one the generators of galaxies draw.  Any prior stands behind any other.
    psfs, noise, masks : optional
        Other point-spread functions, noise and masks than HST's: see `PSFLibrary`, `HSTNoise` and
        `HSTMasks`, which say what a piece of one's own must have.
    cuts : sequence of callable, optional
        What is accepted: see `rimlens.simulation.acceptance`.
    external_shear : bool, optional
        Whether lenses that are convergence maps get an external shear; without, they are lenses
        of a model as any other, and the truths have its parameters.
    fused : bool, optional
        Whether drawing is compiled by XLA: it starts some seconds later and is then faster.  The
        numbers are the same to rounding.

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
        image_grid: Grid,
        convergence_grid: Grid,
        source_grid: Grid,
        domain: SimulationDomain | None = None,
        *,
        psf_size: int = 33,
        psf_count: int = 300,
        seed: int = 0,
        lens: Prior | None = None,
        source: Prior | None = None,
        psfs: Any = None,
        noise: Any = None,
        masks: Any = None,
        cuts: Sequence[Callable[..., Any]] | None = None,
        external_shear: bool = True,
        fused: bool = False,
    ) -> None:
        self.image_grid = image_grid
        self.convergence_grid = convergence_grid
        self.source_grid = source_grid
        self.domain = domain or SimulationDomain()
        if psfs is None:
            rng = stream(seed, Stream.PSF_LIBRARY)
            psfs = PSFLibrary.telescope(psf_count, psf_size, self.domain.fwhm, rng)
        self.psfs = psfs
        self.noise = noise or HSTNoise(self.domain)
        self.masks = masks or HSTMasks(self.domain)
        self.cuts = tuple(cuts) if cuts is not None else (LensedLight(),)
        self._lenses = self._lenses_of(lens, external_shear)
        self._sources = (
            GeneratedSources(source_grid, self.domain)
            if source is None
            else ModelSources(source_grid, source)
        )
        generated = isinstance(self._lenses, GeneratedLenses) and source is None
        if self.domain.center_offset and not generated:
            raise InputError(
                "center_offset: lenses and sources of the generators are wanted, found a prior; "
                "state the place of the lens in the prior"
            )
        self._fused = fused
        self._render = backend.jit_compile(self._render_eagerly, fused)

    def __getstate__(self):
        """Leave out the compiled function, which cannot go to another process."""
        return {name: value for name, value in self.__dict__.items() if name != "_render"}

    def __setstate__(self, state):
        """Compile anew."""
        self.__dict__.update(state)
        self._render = backend.jit_compile(self._render_eagerly, self._fused)

    def draw(self, n: int, rng: int | np.random.Generator) -> dict[str, np.ndarray]:
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
            ``psf`` of shape ``(n, size, size)``, the truths ``convergence`` and ``source`` (maps),
            ``shear`` ``(n, 2)`` and ``theta_E``, and ``noiseless`` (the image without noise);
            float32.  Besides, where priors over models draw, their parameters as the dicts
            ``lens`` and ``source_parameters``.

        Raises
        ------
        InputError
            If hardly a draw looks like a lens.
        """
        rng = np.random.default_rng(rng)
        accepted, count = [], 0
        for _ in range(_ROUNDS):
            # Half as many more are drawn than asked for, to choose among.
            candidates = self._candidates(n + (n + 1) // 2, rng)
            for batch in self._rendered(candidates):
                good = np.ones(len(batch["image"]), bool)
                for cut in self.cuts:
                    good &= cut(batch, self)
                accepted.append(part(batch, good))
                count += good.sum()
                if count >= n:
                    break
            if count >= n:
                break
        else:
            raise InputError(
                f"domain: of {_ROUNDS} times as many draws as asked for at least {n} are to look "
                f"like lenses, found {count}; sources that large or that far off the axis are not "
                "lensed"
            )
        truth = part(joined(accepted), slice(n))
        noiseless = truth.pop("image")
        # The truths are the maps, which have their own.
        truth.pop("center", None)
        sigma, noise = self.noise.draw(noiseless, truth["weight"], self.image_grid, rng)
        return {"image": noiseless + noise, "sigma": sigma, "noiseless": noiseless, **truth}

    def batch(self, number: int, n: int, seed: int) -> dict[str, np.ndarray]:
        """Return one of a series of batches: each has random numbers of its own.

        Parameters
        ----------
        number : int
            Place in the series.
        n : int
            Observations in a batch.
        seed : int
            Of the series.

        Returns
        -------
        dict of ndarray
            As `draw`.
        """
        return self.draw(n, stream(seed, Stream.BATCH, number))

    def on_the_fly(self) -> Any:
        """Return itself: what a `SimulationSet` has besides its stored observations."""
        return self

    def _lenses_of(self, prior, external_shear):
        grids = self.image_grid, self.convergence_grid
        if prior is None:
            return GeneratedLenses(*grids, self.domain)
        if external_shear and isinstance(prior.model, PixelatedConvergence):
            return MapLenses(*grids, prior, self.domain)
        return ModelLenses(*grids, prior)

    def _candidates(self, n, rng):
        """Return what `n` observations are made of."""
        lens, theta_E = self._lenses.draw(n, rng)
        source = self._sources.draw(n, theta_E, rng)
        shear = self._lenses.draw_shear(n, rng)
        psf = self.psfs.draw(n, rng)
        centers = {}
        if self.domain.center_offset:
            center = self._draw_centers(theta_E, rng)
            lens, source = self._lenses.moved(lens, center), self._sources.moved(source, center)
            centers = {"center": center}
        weight = self.masks.draw(n, theta_E, self.image_grid, rng, **centers)
        return single(
            {
                "lens": lens,
                "source": source,
                "shear": shear,
                "psf": psf,
                "weight": weight,
                "theta_E": theta_E,
                **centers,
            }
        )

    def _draw_centers(self, theta_E, rng):
        """Return places about the middle of the image, uniform in a disc, shape ``(n, 2)``."""
        n = len(theta_E)
        distance = self.domain.center_offset * theta_E * np.sqrt(rng.random(n))
        angle = rng.uniform(0, 2 * np.pi, n)
        return distance[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)

    def _rendered(self, candidates):
        """Yield the candidates as observations without noise, some at a time."""
        n = len(candidates["psf"])
        size = min(n, _AT_ONCE)
        for first in range(0, n, size):
            some = part(candidates, slice(first, first + size))
            count = len(some["psf"])
            parts = [some[name] for name in ("lens", "source", "shear", "psf")]
            # Always as many, so that one compilation serves.
            found = self._render(*(padded(values, count, size) for values in parts))
            yield {
                **part(arrays(found), slice(count)),
                **{name: some[name] for name in _OF_AN_EXPOSURE if name in some},
            }

    def _render_eagerly(self, lens, source, shear, psf):
        lens_truth, (alpha_x, alpha_y) = self._lenses.render(lens, shear)
        x, y = (
            ops.convert_to_tensor(v.astype("float32"))
            for v in (self.image_grid.x, self.image_grid.y)
        )
        source_truth, lensed = self._sources.render(source, x - alpha_x, y - alpha_y)
        transform = psf_transform(psf, self.image_grid.shape)
        image = convolve(lensed, transform, tuple(psf.shape[1:]))
        return {**lens_truth, **source_truth, "image": image}
