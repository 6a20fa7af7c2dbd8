"""Replaceable pieces of an exposure: point-spread functions, noise and masks.

What a simulator takes by default is like HST.  A piece of one's own needs one method, ``draw``,
with the arguments and the result of those here; lengths are in pixels of the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rimlens.errors import InputError
from rimlens.simulation.exposure import draw_masks, draw_noise, noise_maps
from rimlens.simulation.psf import psf_library
from rimlens.typing import PathLike

if TYPE_CHECKING:
    from rimlens.generators.domain import SimulationDomain
    from rimlens.imaging.grid import Grid
    from rimlens.typing import ArrayLike


class PSFLibrary:
    """Point-spread functions that are drawn from a library of stamps.

    Parameters
    ----------
    stamps : array_like
        Shape ``(count, size, size)`` of odd size, at the pixel scale of the image; each is
        normalized to a sum of one.

    Attributes
    ----------
    stamps : ndarray
        float32.
    size : int
        Side of a stamp.

    Raises
    ------
    InputError
        If the shape is another one, a stamp is masked or not finite somewhere or has no
        positive sum.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.simulation import PSFLibrary
    >>> library = PSFLibrary(np.ones((2, 5, 5)))
    >>> library.draw(3, np.random.default_rng(1)).shape
    (3, 5, 5)
    """

    def __init__(self, stamps: ArrayLike) -> None:
        from rimlens.arguments import without_mask
        from rimlens.observation.psf import normalize_psf

        stamps = np.asarray(without_mask(stamps, "psf"))
        if stamps.ndim != 3 or len(set(stamps.shape[1:])) != 1 or stamps.shape[1] % 2 == 0:
            raise InputError(
                "psf: a library of shape (count, size, size) with an odd size is wanted, found "
                f"{stamps.shape}"
            )
        if not len(stamps):
            raise InputError("psf: at least one point-spread function is wanted, found none")
        own = stamps.shape[1:]
        self.stamps = np.stack([normalize_psf(stamp, own) for stamp in stamps]).astype("float32")
        self.size = own[0]

    @classmethod
    def read(cls, files: Sequence[PathLike]) -> PSFLibrary:
        """Read a library from FITS files.

        Parameters
        ----------
        files : sequence of str or path
            One stamp or a cube of stamps in each, in the first extension that has an image.  They
            are surrounded with zeros to the size of the largest.

        Returns
        -------
        PSFLibrary

        Raises
        ------
        FileFormatError
            If a file cannot be read, or has no image.
        InputError
            As above, or if a stamp has an even size.
        """
        stamps = [stamp for file in files for stamp in _stamps_in(file)]
        size = max((max(stamp.shape) for stamp in stamps), default=0)
        for stamp in stamps:
            if stamp.shape[0] % 2 == 0 or stamp.shape[1] % 2 == 0:
                raise InputError(f"psf: stamps of odd size are wanted, found {stamp.shape}")
        return cls(
            np.array([np.pad(s, [((size - k) // 2,) * 2 for k in s.shape]) for s in stamps])
        )

    @classmethod
    def telescope(
        cls, count: int, size: int, fwhm: tuple[float, ...], rng: int | np.random.Generator
    ) -> PSFLibrary:
        """Return the library of an obstructed telescope: see `rimlens.simulation.psf`.

        Parameters
        ----------
        count : int
            How many.
        size : int
            Side of a stamp, odd.
        fwhm : tuple of float
            Range of the noise-equivalent full widths.
        rng : int or numpy.random.Generator
            Source of randomness.

        Returns
        -------
        PSFLibrary
        """
        return cls._trusted(psf_library(count, size, fwhm, np.random.default_rng(rng)))

    @classmethod
    def gaussian(
        cls,
        count: int,
        size: int,
        mean: float,
        sigma: float,
        low: float,
        high: float,
        rng: int | np.random.Generator,
    ) -> PSFLibrary:
        """Return a library of Gaussians, averaged over pixels.

        Parameters
        ----------
        count : int
            How many.
        size : int
            Side of a stamp, odd.
        mean, sigma, low, high : float
            Of the truncated normal distribution of the full width at half maximum.
        rng : int or numpy.random.Generator
            Source of randomness.

        Returns
        -------
        PSFLibrary
        """
        from scipy.special import erf

        rng = np.random.default_rng(rng)
        width = truncated_normal(count, mean, sigma, low, high, rng) / np.sqrt(8 * np.log(2))
        edges = np.arange(size + 1) - size / 2
        along = np.diff(erf(edges / (np.sqrt(2) * width[:, None])), axis=1)
        return cls(along[:, :, None] * along[:, None, :])

    @classmethod
    def _trusted(cls, stamps):
        """Return a library of stamps that are what they should be, to the last bit."""
        library = cls.__new__(cls)
        library.stamps, library.size = stamps, stamps.shape[-1]
        return library

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw point-spread functions.

        Parameters
        ----------
        n : int
            How many.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        ndarray
            Shape ``(n, size, size)``, float32.
        """
        return self.stamps[rng.integers(len(self.stamps), size=n)]


@dataclass(frozen=True)
class HSTNoise:
    """Noise of drizzled exposures after the subtraction of the lens light.

    Parameters
    ----------
    domain : SimulationDomain
        The ranges to draw from: see `rimlens.simulation.exposure`.
    """

    domain: SimulationDomain

    def draw(
        self, noiseless: np.ndarray, weight: np.ndarray, grid: Grid, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw noise.

        Parameters
        ----------
        noiseless : ndarray
            Images, shape ``(n, ny, nx)``.
        weight : ndarray
            One where a pixel counts, same shape.
        grid : Grid
            Of the image.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        sigma, noise : ndarray
            Stated standard deviations and noise, shape ``(n, ny, nx)``, float32.
        """
        sigma = noise_maps(noiseless, weight, grid, self.domain, rng)
        noise = draw_noise(sigma, grid, self.domain, rng)
        if self.domain.noise_misstatement > 1:
            largest = np.log(self.domain.noise_misstatement)
            factor = np.exp(rng.uniform(-largest, largest, len(sigma)))
            sigma *= factor.astype("float32")[:, None, None]
        return sigma, noise


@dataclass(frozen=True)
class WhiteNoise:
    """White Gaussian noise of one level in each image, as of Adam et al. (2023).

    Parameters
    ----------
    mean, sigma, low, high : float
        Of the truncated normal distribution of the level, in units of the brightness of sources,
        whose peak is one.

    Raises
    ------
    InputError
        If they are not ``0 < low < high``, or `sigma` is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import Grid
    >>> from rimlens.simulation import WhiteNoise
    >>> images = np.zeros((2, 8, 8), "float32")
    >>> sigma, noise = WhiteNoise().draw(images, images, Grid((8, 8)), np.random.default_rng(1))
    >>> float(np.ptp(sigma[0]))
    0.0
    """

    mean: float = 0.01
    sigma: float = 0.03
    low: float = 0.001
    high: float = 0.1

    def __post_init__(self):
        """Check the range."""
        if not (0 < self.low < self.high and self.sigma > 0):
            raise InputError(
                f"noise: 0 < low < high and a positive sigma are wanted, found {self!r}"
            )

    def draw(
        self, noiseless: np.ndarray, weight: np.ndarray, grid: Grid, rng: np.random.Generator
    ) -> Any:
        """Draw noise: see `HSTNoise.draw`."""
        level = truncated_normal(
            len(noiseless), self.mean, self.sigma, self.low, self.high, rng
        ).astype("float32")
        sigma = np.broadcast_to(level[:, None, None], noiseless.shape).copy()
        return sigma, sigma * rng.standard_normal(noiseless.shape, dtype="float32")


@dataclass(frozen=True)
class HSTMasks:
    """Masks of a lens's core, of satellites and of the outskirts.

    Parameters
    ----------
    domain : SimulationDomain
        The ranges to draw from: see `rimlens.simulation.exposure`.
    """

    domain: SimulationDomain

    def draw(
        self,
        n: int,
        theta_E: np.ndarray,
        grid: Grid,
        rng: np.random.Generator,
        center: np.ndarray | None = None,
    ) -> np.ndarray:
        """Draw the pixels that count.

        Parameters
        ----------
        n : int
            How many masks.
        theta_E : ndarray
            Einstein radii, shape ``(n,)``.
        grid : Grid
            Of the image.
        rng : numpy.random.Generator
            Source of randomness.
        center : ndarray, optional
            Of the lenses, shape ``(n, 2)``, where a domain has a `center_offset`.

        Returns
        -------
        ndarray
            One where a pixel counts, zero where not; shape ``(n, ny, nx)``, float32.
        """
        return draw_masks(n, grid, theta_E, self.domain, rng, center)


@dataclass(frozen=True)
class NoMasks:
    """Every pixel counts."""

    def draw(
        self,
        n: int,
        theta_E: np.ndarray,
        grid: Grid,
        rng: int | np.random.Generator,
        center: np.ndarray | None = None,
    ) -> Any:
        """Return ones: see `HSTMasks.draw`."""
        return np.ones((n, *grid.shape), "float32")


def truncated_normal(n, mean, sigma, low, high, rng):
    """Return draws of a normal distribution between two bounds, shape ``(n,)``."""
    from scipy.special import ndtr, ndtri

    below, above = ndtr((np.array([low, high]) - mean) / sigma)
    return np.clip(mean + sigma * ndtri(rng.uniform(below, above, n)), low, high)


def _stamps_in(file):
    from astropy.io import fits

    from rimlens.errors import FileFormatError

    try:
        with fits.open(file, memmap=False) as hdus:
            images = [hdu.data for hdu in hdus if hdu.is_image and hdu.data is not None]
    except OSError as error:
        raise FileFormatError(f"{file}: cannot be read: {error}") from error
    if not images or images[0].ndim not in (2, 3):
        raise FileFormatError(f"{file}: an image or a cube of stamps is wanted, found none")
    return images[0].reshape(-1, *images[0].shape[-2:]).astype(float)
