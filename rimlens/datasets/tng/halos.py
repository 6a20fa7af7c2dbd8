"""Halos one by one: groups that a catalog finds, or snapshots and cutouts that are one."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u

from rimlens.datasets.tng.files import first_file, named, stem_of
from rimlens.datasets.tng.geometry import densest_point, unwrap
from rimlens.datasets.tng.selection import Selection, halo_masses, relaxedness
from rimlens.datasets.tng.snapshot import Particles, Snapshot
from rimlens.errors import InputError, RimlensWarning
from rimlens.io.metadata import readable
from rimlens.typing import PathLike

if TYPE_CHECKING:
    from rimlens.datasets.tng.catalog import GroupCatalog


@dataclass(frozen=True)
class Halo:
    """The particles of one halo and what is known of it.

    Parameters
    ----------
    group : int
        Its number; halos of one number are not independent.
    particles : Particles
        All that belong to it.
    center : ndarray
        In kpc, shape ``(3,)``.
    box_size : float
        Side of the periodic box in kpc; 0 if it is not periodic.
    properties : dict
        Numbers, text and Quantities for the table of maps.
    """

    group: int
    particles: Particles
    center: np.ndarray
    box_size: float
    properties: dict = field(default_factory=dict)


class GroupHalos:
    """The groups of a snapshot that are chosen from its catalog, each once.

    Groups that lie in part in missing chunks are left out, with a warning that counts them.

    Parameters
    ----------
    snapshot : Snapshot
        The particles.
    catalog : GroupCatalog
        Of the same snapshot.
    selection : Selection, optional
        Which groups; by default all that have a subhalo.
    central : bool, optional
        Whether to take the particles of the central subhalo only, not of the whole group.

    Attributes
    ----------
    names : list of str
        One for each halo.
    facts : dict
        Where the halos come from, as plain data.

    Raises
    ------
    InputError
        If the catalog is of another snapshot, or no group is chosen.

    Warns
    -----
    RimlensWarning
        Of groups that are left out.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        catalog: GroupCatalog,
        selection: Selection | None = None,
        central: bool = False,
    ) -> None:
        selection = selection or Selection()
        self._snapshot, self._catalog, self._central = snapshot, catalog, bool(central)
        _check_same(snapshot, catalog)
        if catalog.chunk_offsets is not None:
            snapshot.use_offsets(catalog.chunk_offsets)
        chosen = selection.chosen(catalog)
        there = [i for i in chosen if snapshot.holds(self._ranges(i))]
        if len(there) < len(chosen):
            words = (
                f"{snapshot.path}: {len(chosen) - len(there)} of {len(chosen)} chosen groups have "
                "particles in missing chunks"
            )
            if not there:
                raise InputError(f"{words}; fetch {named(snapshot.missing)}")
            warnings.warn(f"{words} and are left out", RimlensWarning, stacklevel=2)
        self._groups = {f"group_{i}": i for i in there}
        self.names = list(self._groups)
        self.facts = {
            "snapshots": [snapshot_facts(snapshot)],
            "catalog": catalog.path.name,
            "offsets": catalog.offsets_name,
            "particles": "central subhalo" if central else "FoF group",
            "selection": {k: str(v) for k, v in asdict(selection).items()},
        }

    def halo(self, name: str) -> Halo:
        """Return a halo.

        Parameters
        ----------
        name : str
            One of `names`.

        Returns
        -------
        Halo
        """
        group, catalog = self._groups[name], self._catalog
        offset, substructure = relaxedness(catalog)
        return Halo(
            int(group),
            self._snapshot.particles(self._ranges(group)),
            catalog.groups["GroupPos"][group],
            self._snapshot.box_size,
            {
                "mass": halo_masses(catalog)[group] * u.Msun,
                "center_offset": offset[group],
                "substructure": substructure[group],
            },
        )

    def _ranges(self, group):
        if self._central:
            return self._catalog.subhalo_ranges(self._catalog.groups["GroupFirstSub"][group])
        return self._catalog.group_ranges(group)


class SingleHalos:
    """Snapshots and cutouts that are one halo each.

    The number of a cutout's group is that in its header, or else the last one in its name.

    Parameters
    ----------
    paths : str, path-like or sequence of them
        Files, or folders with the chunks of one snapshot each.
    center : sequence of float, optional
        Of the halo, in the unit of the file's coordinates; by default where it is densest.
    radius : Quantity or float, optional
        Of the sphere of particles that are taken about the center, in kpc; by default all.
    **reading
        As for `Snapshot`.

    Attributes
    ----------
    names, facts
        As of `GroupHalos`.

    Raises
    ------
    FileFormatError, InputError
        As by `Snapshot`; if `center` or `radius` is none, or there is no file.

    Warns
    -----
    RimlensWarning
        Of several cutouts of one halo, all but the first of which are left out; as by `Snapshot`.
    """

    def __init__(
        self,
        paths: PathLike | Sequence[PathLike],
        center: Sequence[float] | None = None,
        radius: u.Quantity | float | None = None,
        **reading: Any,
    ) -> None:
        paths = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
        self._center, self._radius = _checked_center(center), _checked_radius(radius)
        self._snapshots, twice = {}, 0
        for stem in dict.fromkeys(stem_of(first_file(path, "snapshot")) for path in paths):
            path = next(p for p in paths if stem_of(first_file(p, "snapshot")) == stem)
            snapshot = Snapshot(path, **reading)
            group = _group_of(snapshot, len(self._snapshots))
            twice += group in self._snapshots
            self._snapshots.setdefault(group, snapshot)
        if not self._snapshots:
            raise InputError("paths: snapshots or cutouts are wanted, found none")
        if twice:
            warnings.warn(
                f"{twice} file(s) are of halos that other files have too, and are left out",
                RimlensWarning,
                stacklevel=2,
            )
        self._groups = {f"halo_{group}": group for group in self._snapshots}
        self.names = list(self._groups)
        self.facts = {
            "snapshots": [snapshot_facts(s) for s in self._snapshots.values()],
            "center": None if self._center is None else self._center.tolist(),
            "radius_kpc": self._radius,
        }

    def halo(self, name: str) -> Halo:
        """Return a halo.

        Parameters
        ----------
        name : str
            One of `names`.

        Returns
        -------
        Halo

        Warns
        -----
        RimlensWarning
            If the particles fill a periodic box: they are hardly one halo.
        """
        group = self._groups[name]
        snapshot = self._snapshots[group]
        particles = snapshot.particles()
        box = snapshot.box_size
        center = self._center
        if center is None:
            center = densest_point(particles.positions, particles.masses, box)
        else:
            center = center * snapshot.kpc
        apart = np.linalg.norm(unwrap(particles.positions, center, box), axis=1)
        if self._radius is not None:
            inside = apart < self._radius
            if not np.any(inside):
                raise InputError(
                    f"{snapshot.path}: particles within {self._radius:g} kpc of the center are "
                    f"wanted, found none of {len(particles)}"
                )
            particles = Particles(particles.positions[inside], particles.masses[inside])
        elif box and apart.max() > 0.5 * box:
            warnings.warn(
                f"{snapshot.path}: all {len(particles)} particles of a periodic box are taken as "
                "one halo; give a group catalog, or a center and a radius, to choose halos",
                RimlensWarning,
                stacklevel=2,
            )
        return Halo(group, particles, center, box, {"file": snapshot.path.name})


def snapshot_facts(snapshot):
    """Return where particles come from, as plain data.

    Parameters
    ----------
    snapshot : Snapshot
        As it was read.

    Returns
    -------
    dict
        Names and sizes of files, and the header.
    """
    return {
        "files": {path.name: path.stat().st_size for path in snapshot.files.values()},
        "missing": list(snapshot.missing),
        "redshift": snapshot.redshift,
        "box_size_kpc": snapshot.box_size,
        "types": list(snapshot.types),
        "header": {
            name: _text(value)
            for name, value in snapshot.header.items()
            if name.startswith(("Num", "Mass", "Unit", "Omega", "Hubble", "Time", "Sim", "Cutout"))
            and not name.startswith(("TimeB", "TimeM", "TimeL", "TimeO"))
        },
    }


def _text(value):
    return value.decode() if isinstance(value, bytes) else readable(value)


def _check_same(snapshot, catalog):
    """Refuse a catalog whose groups have more particles than the snapshot."""
    last = catalog.group_offsets + catalog.groups["GroupLenType"]
    types = [t for t in snapshot.types if t < last.shape[1]]
    highest = last.max(axis=0, initial=0)
    if any(highest[t] > snapshot.totals[t] for t in types):
        raise InputError(
            f"{catalog.path}: a catalog of the snapshot {snapshot.path} is wanted, found one "
            f"with particles up to {highest[types]} of the types {types}; the snapshot has "
            f"{snapshot.totals[types]}"
        )


def _group_of(snapshot, number):
    """Return the number of a halo that has a file of its own; `number` if the file has none."""
    if "CutoutID" in snapshot.header:
        return int(snapshot.header["CutoutID"])
    digits = re.findall(r"\d+", stem_of(snapshot.path).name.removesuffix(".hdf5"))
    return int(digits[-1]) if digits else number


def _checked_center(center):
    if center is None:
        return None
    try:
        found = np.array([float(c) for c in center])
    except (TypeError, ValueError):
        found = np.zeros(0)
    if found.shape != (3,) or not np.all(np.isfinite(found)):
        raise InputError(f"center: three finite numbers are wanted, found {center!r}")
    return found


def _checked_radius(radius):
    if radius is None:
        return None
    try:
        found = float(
            u.Quantity(radius, None if isinstance(radius, u.Quantity) else u.kpc).to_value(u.kpc)
        )
    except (TypeError, u.UnitConversionError):
        found = np.nan
    if not (np.isfinite(found) and found > 0):
        raise InputError(f"radius: a positive length is wanted, found {radius!r}")
    return found
