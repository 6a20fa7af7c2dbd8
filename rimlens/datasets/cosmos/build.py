"""From a catalog to a collection of maps."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u

from rimlens.datasets.building import build_collection
from rimlens.datasets.collection import MapCollection
from rimlens.datasets.cosmos.catalog import CosmosCatalog, StampError
from rimlens.datasets.cosmos.neighbors import NoCentralObjectError
from rimlens.datasets.cosmos.noise import noise_correlation
from rimlens.datasets.cosmos.selection import Selection
from rimlens.datasets.cosmos.stamp import BRIGHTNESS_UNIT, StampSettings, make_stamp
from rimlens.errors import RimlensWarning
from rimlens.typing import PathLike

if TYPE_CHECKING:
    from rimlens.typing import ArrayLike

_PART = 64
# Of galaxies that the correlation of noise is measured on.
_MEASURED = 100
_REFERENCES = ("Leauthaud et al. 2007, ApJS 172, 219", "Mandelbaum et al. 2012, MNRAS 420, 1518")
_EMPTY, _OUTSIDE = "nothing in the middle", "outside the selection"
_UNITS = {
    "magnitude": u.mag,
    "flux": u.electron / u.s,
    "map_flux": u.electron / u.s,
    "half_light_radius": u.arcsec,
    "noise": BRIGHTNESS_UNIT,
    "psf_fwhm": u.arcsec,
    "effective_psf_fwhm": u.arcsec,
}


def build_cosmos(
    path: PathLike,
    output: PathLike,
    selection: Selection | None = None,
    settings: StampSettings | None = None,
    overwrite: bool = False,
    progress: Callable[..., Any] | None = None,
    correlation: ArrayLike | None = None,
) -> MapCollection:
    """Write a collection of maps of real galaxies.

    Galaxies are worked on in parts of 64, which are kept until the end: the same call goes on
    where an earlier one was interrupted.

    Parameters
    ----------
    path : str or path-like
        A catalog, or the folder that holds one (`CosmosCatalog`).
    output : str or path-like
        The ASDF file to write.
    selection : Selection, optional
        Which galaxies; by default all whose stamps are not suspect.
    settings : StampSettings, optional
        How maps are made.
    overwrite : bool, optional
        Whether an existing file may be replaced.
    progress : callable, optional
        Called with a list of the names of all parts; what it returns is called with the name of
        each before it is made.
    correlation : array_like, optional
        Of the noise, by separation in pixels; by default measured on the empty parts of a hundred
        images (`noise_correlation`).

    Returns
    -------
    MapCollection
        In electron / (s arcsec2).  Its table has the columns ``group`` (the galaxy's IDENT),
        ``magnitude``, ``flux``, ``map_flux``, ``half_light_radius``, ``neighbors``, ``noise``
        (deviation of an image's pixel), ``psf_fwhm``, ``effective_psf_fwhm`` and ``psf``
        (`Stamp`).

    Raises
    ------
    FileFormatError
        If the catalog or a file of stamps is damaged.
    OutputExistsError
        If the file exists and may not be overwritten.
    InputError
        If no galaxy is left, or as for `rimlens.datasets.build_collection`.

    Warns
    -----
    RimlensWarning
        If galaxies are left out after their stamps were asked for; it counts them by reason.

    Examples
    --------
    >>> build_cosmos("COSMOS_23.5_training_sample", "galaxies.asdf")  # doctest: +SKIP
    <MapCollection of 42188 maps in electron / (arcsec2 s), 128 x 128 pixels of 0.03 arcsec, ...>
    """
    selection, settings = selection or Selection(), settings or StampSettings()
    with CosmosCatalog(path) as catalog:
        rows = selection.rows(catalog)
        if correlation is None:
            correlation = measure_correlation(catalog)
        correlation = np.asarray(correlation, dtype=float)
        idents = np.asarray(catalog.table["IDENT"], dtype=np.int64)
        build = {
            "catalog": catalog.path.name,
            "idents": hashlib.sha256(idents.tobytes()).hexdigest(),
            "selection": selection.to_dict(),
            "settings": settings.to_dict(),
            "noise_correlation": correlation.tolist(),
        }
        meta = {
            "origin": "COSMOS, HST ACS F814W",
            "references": list(_REFERENCES),
            **build,
            "selected": len(rows),
            "versions": {name: version(name) for name in ("rimlens", "photutils", "reproject")},
        }
        left_out = Counter()

        def part(some):
            return lambda: _maps(catalog, some, correlation, selection, settings, left_out)

        parts = {f"{i:06d}": part(rows[i : i + _PART]) for i in range(0, len(rows), _PART)}
        step = progress(list(parts)) if progress is not None else None
        collection = build_collection(output, parts, build, meta, overwrite, step)
    _warn_of(left_out, len(rows) - len(collection), len(rows))
    return collection


def measure_correlation(catalog: CosmosCatalog) -> np.ndarray:
    """Return the correlation of noise, measured on a hundred images spread over a catalog.

    Parameters
    ----------
    catalog : CosmosCatalog
        Of galaxies.

    Returns
    -------
    ndarray
        As `noise_correlation` gives it.
    """
    step = max(1, len(catalog) // _MEASURED)

    def galaxies():
        for i in range(0, len(catalog), step):
            try:
                yield catalog.galaxy(i)
            except StampError:
                continue

    return noise_correlation(galaxies())


def _maps(catalog, rows, correlation, selection, settings, left_out):
    """Return the collection of some rows; what is left out is counted by reason."""
    columns = {name: [] for name in ("group", *_UNITS, "neighbors", "psf")}
    maps = []
    for row in rows:
        try:
            galaxy = catalog.galaxy(row)
            stamp = make_stamp(galaxy, correlation, settings)
        except StampError as error:
            left_out[error.reason] += 1
            continue
        except NoCentralObjectError:
            left_out[_EMPTY] += 1
            continue
        if not selection.allows(flux=stamp.flux, half_light_radius=stamp.half_light_radius):
            left_out[_OUTSIDE] += 1
            continue
        maps.append(stamp.brightness)
        values = {
            **vars(stamp),
            "group": galaxy.ident,
            "magnitude": float(catalog.table["MAG"][row]),
            "noise": np.sqrt(galaxy.noise_variance) / galaxy.pixel_scale**2,
        }
        for name, column in columns.items():
            column.append(values[name])
    if not maps:
        return None
    table = {
        name: np.array(column) * _UNITS[name] if name in _UNITS else np.array(column)
        for name, column in columns.items()
    }
    return MapCollection(maps, settings.pixel_scale, table, BRIGHTNESS_UNIT)


def _warn_of(left_out, missing, selected):
    """Warn of galaxies that are not in the collection."""
    if not missing:
        return
    reasons = [f"{reason}: {count}" for reason, count in left_out.items()]
    if missing > left_out.total():
        reasons.append(f"in parts made before: {missing - left_out.total()}")
    warnings.warn(
        f"{missing} of {selected} galaxies are left out ({', '.join(reasons)})",
        RimlensWarning,
        stacklevel=3,
    )
