"""From particles to convergence maps: what a map is, and the making of those of one halo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u

from rimlens.cosmology import (
    cosmology_of,
    critical_surface_density,
    kpc_per_arcsec,
)
from rimlens.datasets.tng.deposit import surface_density
from rimlens.datasets.tng.geometry import densest_point, unwrap
from rimlens.datasets.tng.projection import projection_name, sky_axes
from rimlens.datasets.tng.smoothing import NEIGHBORS, kernel_widths
from rimlens.errors import InputError
from rimlens.imaging import Grid

if TYPE_CHECKING:
    from rimlens.datasets.tng.snapshot import Particles
    from rimlens.typing import ArrayLike


@dataclass(frozen=True)
class MapSettings:
    """What maps of halos are to be.

    Parameters
    ----------
    pixels : int, optional
        A side.
    field : Quantity or float, optional
        Side of the map, an angle or a length at the lens; bare numbers are in arcsec.
    projections : sequence, optional
        Lines of sight: ``"x"``, ``"y"``, ``"z"`` or directions such as ``(1, 0.5, 0)``.
    z_lens, z_source : float, optional
        Where the halo and the source are put.  Lengths and masses of the halo stay what they were
        at the snapshot's own redshift.
    cosmology : str or astropy.cosmology.FLRW, optional
        The default of astropy if not given.
    neighbors : int, optional
        As in `kernel_widths`.

    Raises
    ------
    InputError
        If one of them is not what it should be.

    Examples
    --------
    >>> from astropy import units as u
    >>> from rimlens.datasets.tng import MapSettings
    >>> settings = MapSettings(pixels=128, field=7.68 * u.arcsec, cosmology="Planck18")
    >>> settings.pixel_scale
    <Quantity 0.06 arcsec>
    """

    pixels: int = 188
    field: u.Quantity = 105.0 * u.kpc
    projections: tuple = ("x", "y", "z")
    z_lens: float = 0.5
    z_source: float = 1.5
    cosmology: object = None
    neighbors: int = NEIGHBORS

    def __post_init__(self):
        """Check everything before the first particle is read."""
        if not (isinstance(self.pixels, (int, np.integer)) and self.pixels >= 4):
            raise InputError(f"pixels: a number of at least 4 is wanted, found {self.pixels!r}")
        if not (isinstance(self.neighbors, (int, np.integer)) and self.neighbors >= 1):
            raise InputError(
                f"neighbors: a number of at least 1 is wanted, found {self.neighbors!r}"
            )
        given = [self.projections] if isinstance(self.projections, str) else self.projections
        names = tuple(projection_name(p) for p in given)
        if not names or len(set(names)) < len(names):
            raise InputError(f"projections: different ones are wanted, found {self.projections!r}")
        object.__setattr__(self, "projections", names)
        object.__setattr__(self, "cosmology", cosmology_of(self.cosmology))
        critical_surface_density(self.z_lens, self.z_source, self.cosmology)
        object.__setattr__(self, "field", self._angle(self.field))

    @property
    def pixel_scale(self) -> Any:
        """Side of a pixel, in arcsec."""
        return self.field / self.pixels

    @property
    def grid(self) -> Any:
        """The pixels in kpc at the lens, about the halo's center."""
        scale = self.pixel_scale.value * kpc_per_arcsec(self.z_lens, self.cosmology)
        return Grid((self.pixels, self.pixels), scale)

    @property
    def facts(self) -> Any:
        """The settings as plain data."""
        return {
            "pixels": int(self.pixels),
            "field_arcsec": float(self.field.value),
            "projections": list(self.projections),
            "z_lens": float(self.z_lens),
            "z_source": float(self.z_source),
            "cosmology": cosmology_of(self.cosmology).to_format("yaml"),
            "neighbors": int(self.neighbors),
            "smoothing": "Gaussian of sqrt(103 / 1120) times the distance to that neighbor, all "
            "types of particles together (Rau, Vegetti & White 2013)",
        }

    def _angle(self, field):
        try:
            field = u.Quantity(field, None if isinstance(field, u.Quantity) else u.arcsec)
            if field.unit.is_equivalent(u.kpc):
                scale = kpc_per_arcsec(self.z_lens, self.cosmology)
                field = field.to_value(u.kpc) / scale * u.arcsec
            field = field.to(u.arcsec)
        except (TypeError, u.UnitConversionError):
            field = np.nan * u.arcsec
        if field.shape or not (np.isfinite(field) and field > 0):
            raise InputError(
                f"field: a positive angle or length at the lens is wanted, found {self.field!r}"
            )
        return field


def convergence_maps(
    particles: Particles,
    settings: MapSettings,
    center: ArrayLike | None = None,
    box_size: float = 0.0,
) -> np.ndarray:
    r"""Return maps of the convergence of one halo.

    The surface density of all particles, smoothed as `kernel_widths` says, over the critical one,
    :math:`\Sigma_{cr} = c^2 D_s / (4 \pi G D_l D_{ls})`.

    Parameters
    ----------
    particles : Particles
        In physical kpc and solar masses.
    settings : MapSettings
        What the maps are to be.
    center : array_like, optional
        Of the maps, in kpc, shape ``(3,)``; by default where the halo is densest.
    box_size : float, optional
        Side of the periodic box in kpc; 0 if it is not periodic.

    Returns
    -------
    ndarray
        float32, shape ``(projections, pixels, pixels)``; along z, rows are the y and columns the x
        of the simulation.

    Raises
    ------
    InputError
        If there are no more particles than neighbors are asked for.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.datasets.tng import MapSettings, Particles, convergence_maps
    >>> rng = np.random.default_rng(1)
    >>> particles = Particles(rng.normal(0.0, 5.0, (1000, 3)), np.full(1000, 1e9))
    >>> convergence_maps(particles, MapSettings(pixels=32)).shape
    (3, 32, 32)
    """
    if center is None:
        center = densest_point(particles.positions, particles.masses, box_size)
    positions = unwrap(particles.positions, np.asarray(center, float), box_size)
    widths = kernel_widths(positions, settings.neighbors)
    grid = settings.grid
    critical = critical_surface_density(settings.z_lens, settings.z_source, settings.cosmology)
    maps = [
        surface_density(positions @ sky_axes(projection).T, particles.masses, widths, grid)
        for projection in settings.projections
    ]
    return (np.array(maps) / critical.value).astype(np.float32)
