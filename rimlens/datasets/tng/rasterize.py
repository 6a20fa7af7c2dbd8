"""Building a collection of convergence maps: from halos to one file."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.table import Table

from rimlens.datasets.building import build_collection
from rimlens.datasets.collection import MapCollection
from rimlens.datasets.tng.maps import MapSettings, convergence_maps
from rimlens.errors import RimlensWarning
from rimlens.io.files import refuse_existing
from rimlens.typing import PathLike

if TYPE_CHECKING:
    from rimlens.datasets.tng.halos import GroupHalos, SingleHalos

_PACKAGES = ("rimlens", "numpy", "scipy", "astropy", "h5py")


def rasterize(
    halos: GroupHalos | SingleHalos,
    path: PathLike,
    settings: MapSettings | None = None,
    overwrite: bool = False,
    progress: Callable[..., Any] | None = None,
) -> MapCollection:
    """Write the convergence maps of halos to a file.

    Every halo is kept as soon as its maps are made: the same call goes on where an earlier one was
    interrupted.

    Parameters
    ----------
    halos : GroupHalos or SingleHalos
        What to make maps of.
    path : str or path-like
        The ASDF file to write.
    settings : MapSettings, optional
        What the maps are to be.
    overwrite : bool, optional
        Whether an existing file may be replaced, and an interrupted build with other settings
        thrown away.
    progress : callable, optional
        Called with the name of a halo before its maps are made.

    Returns
    -------
    MapCollection
        A row for each map, with the ``group``, the ``projection``, the Einstein radius ``theta_E``
        in arcsec (nan where the mean convergence is nowhere above 1), the mass of the
        ``particles`` and their number, and what the halos bring.

    Raises
    ------
    OutputExistsError
        If the file exists and may not be overwritten.
    FileFormatError, InputError
        If particles cannot be read or are too few, or as by `build_collection`.

    Warns
    -----
    RimlensWarning
        If maps have no Einstein radius: no prior over lenses draws them.
    """
    refuse_existing(Path(path), overwrite)
    settings = settings or MapSettings()
    facts = {"maps": settings.facts, "halos": halos.facts}
    content = "convergence maps of simulated halos"
    made = build_collection(
        path,
        {name: partial(_maps_of, halos, name, settings) for name in halos.names},
        facts,
        {"content": content, **facts, "versions": {p: metadata.version(p) for p in _PACKAGES}},
        overwrite,
        progress,
    )
    _warn_of_weak_maps(path, made.table["theta_E"])
    return made


def _warn_of_weak_maps(path, radii):
    """Warn of maps that are no strong lenses, with their number."""
    weak, n = np.count_nonzero(~(np.asarray(radii, float) > 0)), len(radii)
    if weak:
        found = "none of them has" if weak == n else f"{weak} of them have no"
        found += " an Einstein radius" if weak == n else " Einstein radius"
        warnings.warn(
            f"{path}: holds {n} maps, and {found}: their mean convergence is below 1 in every "
            "circle, and a prior over lenses cannot draw them; choose more massive halos, other "
            "redshifts of lens and source, or finer pixels",
            RimlensWarning,
            stacklevel=3,
        )


def _maps_of(halos, name, settings):
    """Return the collection of the maps of one halo."""
    # It needs the array library of its package, which takes seconds to import.
    from rimlens.maps.einstein import einstein_radius

    halo = halos.halo(name)
    maps = convergence_maps(halo.particles, settings, halo.center, halo.box_size)
    scale = settings.pixel_scale
    n = len(maps)
    columns = {
        "group": np.full(n, halo.group),
        "projection": list(settings.projections),
        "theta_E": [einstein_radius(kappa, scale.value) for kappa in maps] * u.arcsec,
        "particle_mass": np.full(n, halo.particles.masses.sum()) * u.Msun,
        "particles": np.full(n, len(halo.particles)),
        **{
            key: np.full(n, getattr(value, "value", value)) * getattr(value, "unit", 1)
            if not isinstance(value, str)
            else [value] * n
            for key, value in halo.properties.items()
        },
    }
    return MapCollection(maps, scale, Table(columns))
