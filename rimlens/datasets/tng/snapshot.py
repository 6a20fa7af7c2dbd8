"""Snapshots of Arepo and Gadget in HDF5, and single-halo cutouts: particles in kpc and Msun.

TNG's layout is described by Nelson et al. (2019, Comput. Astrophys. 6, 2).  Which particles make a
halo is the task of the group catalog.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rimlens.datasets.tng.files import chunks_of, first_file, named, opened
from rimlens.datasets.tng.units import FileUnits
from rimlens.errors import FileFormatError, InputError, RimlensWarning
from rimlens.typing import PathLike

# Gas, dark matter, stars, black holes; type 3 of TNG are tracers without mass.
TYPES = (0, 1, 4, 5)


@dataclass(frozen=True)
class Particles:
    """Positions and masses.

    Parameters
    ----------
    positions : ndarray
        In physical kpc, shape ``(n, 3)``, float64.
    masses : ndarray
        In solar masses, shape ``(n,)``, float64.
    """

    positions: np.ndarray
    masses: np.ndarray

    def __len__(self) -> int:
        return len(self.masses)


class Snapshot:
    """All chunks of a snapshot, or one cutout.

    Parameters
    ----------
    path : str or path-like
        One of the files, or a folder that holds no others.
    allow_missing : bool, optional
        Whether chunks may be missing; what is in them is then not there, with a warning.
    types : sequence of int, optional
        The types of particles to read.
    length_unit, mass_unit : str, optional
        For files that do not state their units, such as ``"kpc/h"`` and ``"1e10 Msun/h"``.

    Attributes
    ----------
    path : pathlib.Path
        A file that exists.
    files : dict of int to pathlib.Path
        The chunks that exist, by number.
    missing : list of str
        The names of those that do not.
    counts : dict of int to ndarray
        Particles of each type in each chunk that exists, shape ``(6,)``.
    totals : ndarray
        Particles of each type in the snapshot, by its header.
    kpc : float
        What a length of one in the coordinates is in physical kpc.
    box_size : float
        Side of the periodic box in kpc; 0 if there is none.
    redshift : float
        Of the snapshot.
    header : dict
        The attributes of the header.

    Raises
    ------
    FileFormatError
        If a file is missing (and may not be), truncated, no snapshot, or does not hold what its
        header says.
    InputError
        If units are unknown.

    Warns
    -----
    RimlensWarning
        Of chunks that are missing and may be.
    """

    def __init__(
        self,
        path: PathLike,
        allow_missing: bool = False,
        types: Sequence[int] = TYPES,
        length_unit: str | None = None,
        mass_unit: str | None = None,
    ) -> None:
        self.path = first_file(path, "snapshot")
        self._units = {"length": length_unit, "mass": mass_unit}
        with opened(self.path) as file:
            self.header = self._header(file)
            units = FileUnits(file, **self._units)
            self.redshift = units.redshift
            self.kpc = units.kpc(_first(file, types, "Coordinates"))
            self.box_size = float(np.max(self.header.get("BoxSize", 0.0))) * self.kpc
        self.types = tuple(t for t in types if t < len(self.header["NumPart_ThisFile"]))
        # A cutout is whole, whatever its header has from the snapshot.
        self._cutout = "CutoutID" in self.header
        count = 1 if self._cutout else int(self.header.get("NumFilesPerSnapshot", 1))
        self.files, self.missing = chunks_of(self.path, count)
        if self.missing:
            self._tell_missing(count, allow_missing)
        self.counts = {i: self._counted(file) for i, file in self.files.items()}
        self.totals = self._totals()
        self._firsts = self._first_of_chunks()

    def particles(self, ranges: dict[int, tuple[int, ...]] | None = None) -> Particles:
        """Return particles of all types.

        Parameters
        ----------
        ranges : dict of int to tuple of int, optional
            By type, the first and one past the last, counted over all chunks; by default all.

        Returns
        -------
        Particles
            In the order of types and chunks.

        Raises
        ------
        FileFormatError
            If a file is damaged, or a range lies in a chunk that is missing.
        InputError
            If there are no particles.
        """
        if ranges is not None and not self.holds(ranges):
            raise FileFormatError(
                f"{self.path}: the particles {ranges} are wanted, found some of them in chunks "
                "that are missing"
            )
        positions, masses = [], []
        for i, file in self.files.items():
            wanted = {t: rows for t in self.types if (rows := self._rows(i, t, ranges))}
            if wanted:
                self._read(file, wanted, positions, masses)
        if not positions:
            raise InputError(
                f"{self.path}: particles of the types {', '.join(map(str, self.types))} are "
                f"wanted, found none in {len(self.files)} file(s)"
            )
        return Particles(np.concatenate(positions), np.concatenate(masses))

    def holds(self, ranges: dict[int, tuple[int, ...]]) -> Any:
        """Return whether all particles of some ranges are in chunks that exist.

        Parameters
        ----------
        ranges : dict of int to tuple of int
            As for `particles`.
        """
        found = {
            t: sum(
                rows.stop - rows.start for i in self.files if (rows := self._rows(i, t, ranges))
            )
            for t in self.types
        }
        return all(found[t] == high - low for t, (low, high) in ranges.items() if t in found)

    def use_offsets(self, first: np.ndarray) -> None:
        """Take the numbers of the first particles of chunks from a file of offsets.

        Between two gaps they cannot be known without.

        Parameters
        ----------
        first : ndarray
            Shape ``(chunks, 6)``.
        """
        self._firsts = {i: np.asarray(first[i], np.int64) for i in self.files}

    def _rows(self, i, t, ranges):
        """Return which rows of a chunk are in the range of a type, as a slice or None."""
        start, stop = 0, self.counts[i][t]
        if ranges is not None:
            low, high = ranges.get(t, (0, 0))
            if self._firsts[i] is None:
                return None
            start = max(low - self._firsts[i][t], start)
            stop = min(high - self._firsts[i][t], stop)
        return slice(int(start), int(stop)) if stop > start else None

    def _first_of_chunks(self):
        """Return the number of the first particle of each type in each chunk that exists.

        It is None between two gaps.
        """
        known, first = {}, np.zeros(len(self.totals), np.int64)
        for i in range(max(self.files) + 1):
            if i not in self.files:
                first = None
            known[i] = first
            first = None if first is None else first + self.counts[i]
        # From the other end.
        last, count = self.totals.copy(), len(self.files) + len(self.missing)
        for i in range(count - 1, -1, -1):
            if i not in self.files:
                break
            last = last - self.counts[i]
            known[i] = last
        return {i: known[i] for i in self.files}

    def _header(self, file):
        if "Header" not in file or "NumPart_ThisFile" not in file["Header"].attrs:
            raise FileFormatError(
                f"{file.filename}: is no snapshot: a group 'Header' with 'NumPart_ThisFile' is "
                f"wanted, found {named(sorted(file)) or 'nothing'}"
            )
        parameters = dict(file["Parameters"].attrs) if "Parameters" in file else {}
        return {**parameters, **dict(file["Header"].attrs)}

    def _tell_missing(self, count, allowed):
        words = f"{self.path}: {len(self.missing)} of {count} chunks are missing: "
        if not allowed:
            raise FileFormatError(
                f"{words}{named(self.missing)}; fetch them, or allow missing chunks to go on "
                "without the particles in them"
            )
        warnings.warn(
            f"{words}{named(self.missing)}; the particles in them are left out",
            RimlensWarning,
            stacklevel=3,
        )

    def _counted(self, path):
        """Return the particles of each type in a file, if it holds what its header says."""
        with opened(path) as file:
            counts = np.asarray(self._header(file)["NumPart_ThisFile"], np.int64)
            for t in self.types:
                name = f"PartType{t}/Coordinates"
                found = len(file[name]) if name in file else 0
                if found != counts[t]:
                    raise FileFormatError(
                        f"{path}: {counts[t]} particles of type {t} are wanted by its header, "
                        f"found {found}"
                    )
        return counts

    def _totals(self):
        found = sum(self.counts.values())
        if self._cutout:
            return found
        totals = np.asarray(self.header.get("NumPart_Total", found), np.int64)
        high = np.asarray(self.header.get("NumPart_Total_HighWord", 0), np.int64)
        totals = totals + (high << 32)
        chosen = list(self.types)
        if not self.missing and np.any(found[chosen] != totals[chosen]):
            raise FileFormatError(
                f"{self.path}: {totals[chosen]} particles of the types {self.types} are wanted by "
                f"the header, found {found[chosen]} in all files"
            )
        return totals

    def _read(self, path, wanted, positions, masses):
        """Append the particles of a file, by type."""
        with opened(path) as file:
            units = FileUnits(file, **self._units)
            header = self._header(file)
            for t, rows in wanted.items():
                coordinates = file[f"PartType{t}/Coordinates"]
                place = coordinates[rows].astype(float) * units.kpc(coordinates)
                mass = _masses(file, header, t, rows, units)
                if not (np.all(np.isfinite(place)) and np.all(np.isfinite(mass) & (mass >= 0))):
                    raise FileFormatError(
                        f"{path}: finite positions and masses of type {t} are wanted, found "
                        "others; fetch it again"
                    )
                positions.append(place)
                masses.append(np.broadcast_to(mass, len(place)))


def _masses(file, header, t, rows, units):
    """Return masses of particles of a type: a number if all have that of the header's table."""
    name = f"PartType{t}/Masses"
    if name in file:
        return file[name][rows].astype(float) * units.msun(file[name])
    table = np.atleast_1d(header.get("MassTable", []))
    mass = float(table[t]) if t < len(table) else 0.0
    if mass <= 0:
        raise FileFormatError(
            f"{file.filename}: masses of type {t} are wanted, as {name!r} or in the header's "
            "MassTable, found neither"
        )
    return mass * units.msun()


def _first(file, types, name):
    """Return a data set of the first type that has it, or None."""
    paths = (f"PartType{t}/{name}" for t in types)
    return next((file[path] for path in paths if path in file), None)
