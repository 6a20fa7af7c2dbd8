"""From the image of a galaxy to a map of its brightness."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u

from rimlens.arguments import positive_angle
from rimlens.datasets.cosmos.denoising import denoise
from rimlens.datasets.cosmos.neighbors import FILLS, isolate
from rimlens.datasets.cosmos.psf import center_psf, homogenize
from rimlens.datasets.cosmos.resampling import crop, resample, taper
from rimlens.errors import InputError

if TYPE_CHECKING:
    from rimlens.datasets.cosmos.catalog import RealGalaxy

# Half of the side of a map's point-spread function, in arcsec, and in widths of the one wanted.
_PSF_REACH = 0.75
_PSF_WIDTHS = 2.0
BRIGHTNESS_UNIT = u.electron / u.s / u.arcsec**2


@dataclass(frozen=True)
class StampSettings:
    """How maps are made from images.

    Parameters
    ----------
    pixel_scale : float or Quantity, optional
        Side of a map's pixel; a bare number is in arcsec.
    size : int, optional
        Side of a map in pixels.
    neighbors : {"noise", "zero", "keep"}, optional
        What stands in the place of other galaxies (`isolate`).
    denoise : bool, optional
        Whether noise is removed (`denoise`).
    taper : float, optional
        Part of a stamp's side, at each end, over which its brightness falls to zero.
    psf_fwhm : float or Quantity, optional
        Full width at half maximum of the Gaussian that every galaxy gets as its point-spread
        function before it is resampled; by default each keeps its own.

    Raises
    ------
    InputError
        If a value cannot be used.

    Examples
    --------
    >>> import astropy.units as u
    >>> StampSettings(pixel_scale=50 * u.mas, size=64).pixel_scale
    0.05
    """

    pixel_scale: float = 0.03
    size: int = 128
    neighbors: str = "noise"
    denoise: bool = True
    taper: float = 0.1
    psf_fwhm: float | None = None

    def __post_init__(self):
        """Check the values and bring lengths to arcsec."""
        for name in ("pixel_scale", "psf_fwhm"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, positive_angle(value, name))
        if not (isinstance(self.size, int) and self.size >= 4):
            raise InputError(f"size: an integer of at least 4 is wanted, found {self.size!r}")
        if self.neighbors not in FILLS:
            raise InputError(
                f"neighbors: one of {', '.join(FILLS)} is wanted, found {self.neighbors!r}"
            )
        if not 0 <= self.taper <= 0.5:
            raise InputError(f"taper: a number from 0 to 0.5 is wanted, found {self.taper}")

    @property
    def psf_size(self) -> Any:
        """Side of the point-spread function of a map, in pixels."""
        reach = max(_PSF_REACH, _PSF_WIDTHS * (self.psf_fwhm or 0.0))
        return 2 * int(np.ceil(reach / self.pixel_scale - 1e-6)) + 1

    def to_dict(self) -> Any:
        """Return the values as a dict."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Stamp:
    """A map of one galaxy and what is known of it.

    Parameters
    ----------
    brightness : ndarray
        Surface brightness in electron / (s arcsec2), shape ``(size, size)``.
    psf : ndarray
        Its point-spread function on the map's pixels, out to 0.75 arcsec or to twice the width
        that is wanted, of sum one.
    psf_fwhm, effective_psf_fwhm : float
        Noise-equivalent full width (`rimlens.imaging.equivalent_fwhm`) of the point-spread
        function of the image and of that of the map, in arcsec.
    flux : float
        Of the galaxy in its stamp, in electron/s; the neighbors' is not in it.
    map_flux : float
        What the map has of it, after cropping and tapering.
    half_light_radius : float
        Of the light where the galaxy is seen, in arcsec.
    neighbors : int
        How many other galaxies were seen.
    """

    brightness: np.ndarray
    psf: np.ndarray
    psf_fwhm: float
    effective_psf_fwhm: float
    flux: float
    map_flux: float
    half_light_radius: float
    neighbors: int


def make_stamp(
    galaxy: RealGalaxy, correlation: np.ndarray, settings: StampSettings | None = None
) -> Stamp:
    """Make a map from the image of a galaxy.

    In this order: the sky is subtracted, neighbors are removed, noise is removed, the
    point-spread function is changed, the stamp is cropped to the map's field and tapered, its flux
    per pixel becomes surface brightness, and it is resampled, with zeros around it.

    Parameters
    ----------
    galaxy : RealGalaxy
        The image.
    correlation : ndarray
        Of its noise (`noise_correlation`).
    settings : StampSettings, optional
        How.

    Returns
    -------
    Stamp

    Raises
    ------
    NoCentralObjectError
        If there is nothing to be seen in the middle.
    InputError
        If the point-spread function is wider than the one that is wanted.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.datasets.cosmos import RealGalaxy, StampSettings, make_stamp
    >>> y, x = np.mgrid[-24:24, -24:24]
    >>> image, psf = np.exp(-(x**2 + y**2) / 18), np.exp(-(x**2 + y**2) / 3)[1:, 1:]
    >>> galaxy = RealGalaxy(7, image, psf / psf.sum(), 0.03, 0.0, 1e-6)
    >>> stamp = make_stamp(galaxy, np.array([[1.0]]), StampSettings(0.05, 32))
    >>> stamp.brightness.shape, round(float(stamp.flux / image.sum()), 2)
    ((32, 32), 1.0)
    """
    from rimlens.imaging import equivalent_fwhm

    settings = settings or StampSettings()
    scale = galaxy.pixel_scale
    alone = isolate(galaxy, correlation, settings.neighbors)
    image = alone.image
    if settings.denoise:
        image = denoise(image, galaxy.noise_variance, correlation)
    psf = center_psf(galaxy.psf)
    psf_fwhm = equivalent_fwhm(psf) * scale
    radius = half_light_radius(image, alone.footprint) * scale
    flux = image.sum()
    if settings.psf_fwhm is not None:
        image, psf = homogenize(image, psf, settings.psf_fwhm / scale)
    field = settings.size * settings.pixel_scale / scale
    brightness = taper(crop(image, field), settings.taper) / scale**2
    shape = (settings.size, settings.size)
    brightness = resample(brightness, scale, settings.pixel_scale, shape)
    psf = resample(psf, scale, settings.pixel_scale, (settings.psf_size, settings.psf_size))
    return Stamp(
        brightness.astype("float32"),
        (psf / psf.sum()).astype("float32"),
        psf_fwhm,
        equivalent_fwhm(psf) * settings.pixel_scale,
        float(flux),
        float(brightness.sum() * settings.pixel_scale**2),
        float(radius),
        alone.neighbors,
    )


def half_light_radius(image: np.ndarray, footprint: np.ndarray) -> float:
    """Return the radius of the circle around the center of light with half of the light.

    Parameters
    ----------
    image : ndarray
        Shape ``(ny, nx)``.
    footprint : ndarray of bool
        Where its light counts.

    Returns
    -------
    float
        In pixels.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[-50:51, -50:51]
    >>> inside = np.hypot(x, y) <= 40
    >>> round(half_light_radius(np.ones((101, 101)), inside))  # 40 / sqrt(2)
    28
    """
    y, x = np.nonzero(footprint)
    light = np.maximum(image[y, x], 0.0)
    total = light.sum()
    distance = np.hypot(x - (light * x).sum() / total, y - (light * y).sum() / total)
    order = np.argsort(distance)
    enclosed = np.cumsum(light[order]) / total
    return float(np.interp(0.5, enclosed, distance[order]))
