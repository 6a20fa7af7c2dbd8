"""Group catalogs of FoF and Subfind, as TNG has them: halos and where their particles stand.

The particles of a snapshot are sorted by group, and inside a group by subhalo, so that an offset
and a length find them (Nelson et al. 2019, Comput. Astrophys. 6, 2).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rimlens.datasets.tng.files import chunks_of, first_file, named, opened
from rimlens.datasets.tng.units import FileUnits
from rimlens.errors import FileFormatError
from rimlens.typing import PathLike

_GROUP = (
    "GroupLenType", "GroupFirstSub", "GroupMass", "GroupPos", "GroupCM", "Group_M_Crit200",
    "Group_R_Crit200",
)  # fmt: skip
_SUBHALO = ("SubhaloLenType", "SubhaloMass", "SubhaloPos", "SubhaloGrNr")
_OPTIONAL = ("Group_M_Crit200", "Group_R_Crit200")
_LENGTHS = ("GroupPos", "GroupCM", "Group_R_Crit200", "SubhaloPos")
_MASSES = ("GroupMass", "Group_M_Crit200", "SubhaloMass")


class GroupCatalog:
    """Groups of a snapshot, their subhalos and the offsets of their particles.

    Parameters
    ----------
    path : str or path-like
        One of the files, or a folder that holds no others; all chunks must be there.
    offsets : str or path-like, optional
        TNG's file of offsets; without it they are sums of the lengths before.
    length_unit, mass_unit : str, optional
        As for `Snapshot`.

    Attributes
    ----------
    box_size : float
        Side of the periodic box in kpc; 0 if there is none.
    groups, subhalos : dict of str to ndarray
        Columns by their names in the files, in physical kpc and solar masses; -1 stands for no
        subhalo, however the files say it.
    group_offsets, subhalo_offsets : ndarray
        First particle of each type, shapes ``(groups, 6)`` and ``(subhalos, 6)``.
    offsets_name : str or None
        The name of the file of offsets.
    chunk_offsets : ndarray or None
        First particle of each type in each chunk of the snapshot, from the file of offsets.

    Raises
    ------
    FileFormatError
        If a file is missing, truncated or no catalog, lacks a column, or does not hold what its
        header says.
    """

    def __init__(
        self,
        path: PathLike,
        offsets: PathLike | None = None,
        length_unit: str | None = None,
        mass_unit: str | None = None,
    ) -> None:
        self.path = first_file(path, "group catalog")
        units = {"length": length_unit, "mass": mass_unit}
        with opened(self.path) as file:
            header = _header(file)
            self.box_size = float(np.max(header.get("BoxSize", 0.0)))
            if self.box_size:
                self.box_size *= FileUnits(file, **units).kpc()
        count = int(header.get("NumFiles", header.get("NumFilesPerSnapshot", 1)))
        files, missing = chunks_of(self.path, count)
        if missing:
            raise FileFormatError(
                f"{self.path}: {len(missing)} of {count} chunks are missing: {named(missing)}; "
                "fetch them: without them, the particles of a group cannot be found"
            )
        parts = [_read(file, units) for file in files.values()]
        self.groups = _joined([part[0] for part in parts])
        self.subhalos = _joined([part[1] for part in parts])
        self.groups["GroupFirstSub"] = self._first_subhalos()
        wanted = int(header.get("Ngroups_Total", len(self)))
        if len(self) != wanted:
            raise FileFormatError(
                f"{self.path}: {wanted} groups are wanted by the header, found {len(self)}"
            )
        self.chunk_offsets, self.offsets_name = None, None
        if offsets is None:
            self.group_offsets = _summed(self.groups["GroupLenType"])
            self.subhalo_offsets = self._summed_in_groups()
        else:
            self._read_offsets(offsets)
            self.offsets_name = Path(offsets).name

    def __len__(self) -> int:
        return len(self.groups["GroupLenType"])

    def group_ranges(self, group: int) -> Any:
        """Return the particles of a group, by type: first and one past the last.

        Parameters
        ----------
        group : int
            Its number.
        """
        return _ranges(self.group_offsets[group], self.groups["GroupLenType"][group])

    def subhalo_ranges(self, subhalo: int) -> Any:
        """Return the particles of a subhalo, by type: first and one past the last.

        Parameters
        ----------
        subhalo : int
            Its number.
        """
        return _ranges(self.subhalo_offsets[subhalo], self.subhalos["SubhaloLenType"][subhalo])

    def _first_subhalos(self):
        """Return the number of each group's first subhalo; -1 where it has none."""
        first, count = self.groups["GroupFirstSub"], len(self.subhalos["SubhaloLenType"])
        # TNG says -1; Illustris the same bits without a sign, of 32 or of 64 bits.
        none = (first == -1) if first.dtype.kind == "i" else first == np.iinfo(first.dtype).max
        for bits in (32, 64):
            none |= (first == 2**bits - 1) & (first >= count)
        wrong = ~none & ((first < 0) | (first >= count))
        if np.any(wrong):
            raise FileFormatError(
                f"{self.path}: 'Group/GroupFirstSub': numbers below {count}, the subhalos in the "
                f"catalog, or -1 are wanted, found {first[wrong][0]}"
            )
        return np.where(none, -1, first.astype(np.int64))

    def _summed_in_groups(self):
        """Return the offsets of subhalos: those of their groups, and the subhalos before."""
        lengths = self.subhalos["SubhaloLenType"].astype(np.int64)
        if not len(lengths):
            return np.zeros((0, 6), np.int64)
        group = self.subhalos["SubhaloGrNr"]
        before = _summed(lengths)
        _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
        return self.group_offsets[group] + before - before[first[inverse]]

    def _read_offsets(self, path):
        with opened(path) as file:
            try:
                self.group_offsets = file["Group/SnapByType"][:].astype(np.int64)
                self.subhalo_offsets = (
                    file["Subhalo/SnapByType"][:].astype(np.int64)
                    if len(self.subhalos["SubhaloLenType"])
                    else np.zeros((0, 6), np.int64)
                )
            except KeyError as error:
                raise FileFormatError(
                    f"{path}: 'Group/SnapByType' and 'Subhalo/SnapByType' are wanted, found "
                    f"{named(sorted(file))}"
                ) from error
            if "FileOffsets/SnapByType" in file:
                self.chunk_offsets = file["FileOffsets/SnapByType"][:].astype(np.int64)
                if len(self.chunk_offsets) == 6 and self.chunk_offsets.shape[1] != 6:
                    self.chunk_offsets = self.chunk_offsets.T  # Illustris has types first
        for what, offsets, wanted in (
            ("groups", self.group_offsets, len(self)),
            ("subhalos", self.subhalo_offsets, len(self.subhalos["SubhaloLenType"])),
        ):
            if len(offsets) != wanted:
                raise FileFormatError(
                    f"{path}: offsets of {wanted} {what} are wanted, as in {self.path}, found "
                    f"{len(offsets)}: it belongs to another catalog"
                )


def _header(file):
    if "Header" not in file or "Ngroups_ThisFile" not in file["Header"].attrs:
        raise FileFormatError(
            f"{file.filename}: is no group catalog: a group 'Header' with 'Ngroups_ThisFile' is "
            f"wanted, found {named(sorted(file)) or 'nothing'}"
        )
    return dict(file["Header"].attrs)


def _read(path, said):
    """Return the columns of groups and of subhalos in a file."""
    with opened(path) as file:
        units = FileUnits(file, **said)
        header = _header(file)
        subhalos = header.get("Nsubgroups_ThisFile", header.get("Nsubhalos_ThisFile", 0))
        return (
            _columns(file, "Group", _GROUP, int(header["Ngroups_ThisFile"]), units),
            _columns(file, "Subhalo", _SUBHALO, int(subhalos), units),
        )


def _columns(file, name, columns, count, units):
    if not count:
        return {}
    found = {}
    for column in columns:
        path = f"{name}/{column}"
        if path not in file:
            if column in _OPTIONAL:
                continue
            raise FileFormatError(f"{file.filename}: {path!r} is wanted, found none")
        dataset = file[path]
        if len(dataset) != count:
            raise FileFormatError(
                f"{file.filename}: {count} rows of {path!r} are wanted by its header, found "
                f"{len(dataset)}"
            )
        values = dataset[:]
        if column in _LENGTHS:
            values = values * units.kpc(dataset)
        elif column in _MASSES:
            values = values * units.msun(dataset)
        found[column] = values
    return found


def _joined(parts):
    """Return columns of several files; of none, empty lengths."""
    parts = [part for part in parts if part]
    if not parts:
        empty = np.zeros((0, 6), np.int64)
        return {"GroupLenType": empty, "SubhaloLenType": empty, "GroupFirstSub": empty[:, 0]}
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _summed(lengths):
    """Return the sum of the lengths before each, by type."""
    lengths = lengths.astype(np.int64)
    return np.cumsum(lengths, axis=0) - lengths


def _ranges(first, length):
    return {t: (int(first[t]), int(first[t] + length[t])) for t in range(len(length))}
