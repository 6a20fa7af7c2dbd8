"""Maps of one pixel scale, with a table of where each comes from: what priors draw from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.table import Table

from rimlens.arguments import positive_angle
from rimlens.errors import FileFormatError, InputError
from rimlens.io.files import read_asdf, write_asdf
from rimlens.io.metadata import plain
from rimlens.typing import PathLike

if TYPE_CHECKING:
    from rimlens.typing import ArrayLike

_TAG = "asdf://rimlens/tags/map_collection-1.0.0"


class MapCollection:
    """Maps of convergence or of surface brightness.

    Parameters
    ----------
    maps : array_like
        Convergence, or surface brightness, shape ``(n, ny, nx)``; kept as float32.
    pixel_scale : Quantity or float
        Side of a pixel; a bare number is in arcsec.
    table : astropy.table.Table or dict, optional
        A row for each map.  The column ``group`` (integers or text) says which maps are of one
        halo or galaxy; by default every map is a group of its own.
    unit : Unit or str, optional
        Of surface brightness; None for convergence, or for brightness on no scale.
    meta : dict, optional
        Where the maps come from: text, numbers, lists and dictionaries.

    Attributes
    ----------
    maps : ndarray
        Shape ``(n, ny, nx)``, float32.
    pixel_scale : Quantity
        In arcsec.
    table : astropy.table.Table
        As given, of `n` rows.
    unit : Unit or None
        As given.
    meta : dict
        As given.

    Raises
    ------
    InputError
        If the maps are not an array of finite numbers of that shape, the pixel scale is no
        positive angle, the table has another length, no column ``group`` or objects in a column,
        or the unit or `meta` cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.datasets import MapCollection
    >>> collection = MapCollection(np.ones((4, 8, 8)), 0.05, {"group": [7, 7, 9, 9]})
    >>> [len(part) for part in collection.split([0.5, 0.5], rng=1)]
    [2, 2]
    >>> collection[collection.table["group"] == 7]
    <MapCollection of 2 maps, 8 x 8 pixels of 0.05 arcsec, 1 group>
    """

    def __init__(
        self,
        maps: ArrayLike,
        pixel_scale: u.Quantity | float,
        table: Table | dict[str, Any] | None = None,
        unit: u.UnitBase | str | None = None,
        meta: dict[str, Any] | None = None,
    ) -> None:
        self.maps = _checked_maps(maps)
        self.pixel_scale = positive_angle(pixel_scale, "pixel_scale") * u.arcsec
        self.table = _checked_table(table, len(self.maps))
        try:
            self.unit = None if unit is None else u.Unit(unit)
        except (TypeError, ValueError) as error:
            raise InputError(f"unit: a unit of brightness is wanted, found {unit!r}") from error
        self.meta = plain({} if meta is None else meta, "meta")

    def __len__(self) -> int:
        return len(self.maps)

    def __getitem__(self, rows: Any) -> Any:
        """Return the collection of some of the maps.

        Parameters
        ----------
        rows : int, slice, mask or array of int
            Which; a single one makes a collection of one map.
        """
        if isinstance(rows, (int, np.integer)):
            rows = [rows]
        if not isinstance(rows, slice):
            rows = np.asarray(rows)
            rows = rows if rows.size else rows.astype(int)
        try:
            maps, table = self.maps[rows], self.table[rows]
        except (IndexError, ValueError) as error:
            raise InputError(
                f"rows: a slice, a mask of {len(self)} or numbers below {len(self)} are wanted: "
                f"{error}"
            ) from error
        return MapCollection(maps, self.pixel_scale, table, self.unit, self.meta)

    def __eq__(self, other):
        if type(other) is not type(self):
            return NotImplemented
        return (
            np.array_equal(self.maps, other.maps)
            and self.pixel_scale == other.pixel_scale
            and _same_table(self.table, other.table)
            and self.unit == other.unit
            and self.meta == other.meta
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self):
        n, ny, nx = self.maps.shape
        groups = len(np.unique(self.table["group"]))
        unit = "" if self.unit is None else f" in {self.unit}"
        return (
            f"<MapCollection of {n} maps{unit}, {ny} x {nx} pixels of "
            f"{self.pixel_scale.value:.6g} arcsec, {groups} group{'s' * (groups != 1)}>"
        )

    def split(
        self, fractions: Sequence[float], rng: int | np.random.Generator | None = None
    ) -> tuple[MapCollection, ...]:
        """Return collections that have no group in common.

        Parameters
        ----------
        fractions : sequence of float
            Which part of the groups each gets; none below zero, and their sum is 1.
        rng : int or numpy.random.Generator, optional
            Seed or generator that shuffles the groups; without it, the split differs from call to
            call.

        Returns
        -------
        tuple of MapCollection
            One for each fraction, its maps in their order here.

        Raises
        ------
        InputError
            If the fractions are none.

        Examples
        --------
        >>> import numpy as np
        >>> from rimlens.datasets import MapCollection
        >>> collection = MapCollection(np.ones((10, 8, 8)), 0.05)
        >>> train, held_back = collection.split([0.9, 0.1], rng=1)
        >>> len(train), len(held_back)
        (9, 1)
        """
        try:
            shares = np.asarray(fractions, dtype=float).ravel()
        except (TypeError, ValueError):
            shares = np.array([np.nan])
        if not (np.all(shares >= 0) and abs(shares.sum() - 1) < 1e-6):
            raise InputError(
                f"fractions: numbers of at least 0 and of sum 1 are wanted, found {fractions!r}"
            )
        groups, member = np.unique(self.table["group"], return_inverse=True)
        position = np.random.default_rng(rng).permutation(len(groups))
        # Sums of fractions are rounded, so that an edge is the same however it was reached.
        edges = np.rint(np.round(np.cumsum(shares)[:-1] * len(groups), 6)).astype(int)
        part = np.searchsorted(edges, position[member], side="right")
        return tuple(self[part == i] for i in range(len(shares)))

    @classmethod
    def stack(cls, collections: Sequence[MapCollection]) -> MapCollection:
        """Return one collection of the maps of several.

        Parameters
        ----------
        collections : sequence of MapCollection
            At least one, of one shape, pixel scale and unit and with the same columns.

        Returns
        -------
        MapCollection
            With the `meta` of the first.

        Raises
        ------
        InputError
            If they do not fit each other.

        Examples
        --------
        >>> import numpy as np
        >>> from rimlens.datasets import MapCollection
        >>> one = MapCollection(np.ones((1, 8, 8)), 0.05, {"group": [1]})
        >>> two = MapCollection(np.ones((1, 8, 8)), 0.05, {"group": [2]})
        >>> len(MapCollection.stack([one, two]))
        2
        """
        from astropy.table import vstack

        collections = list(collections)
        if not collections:
            raise InputError("collections: at least one is wanted, found none")
        first = collections[0]
        for name, of in (
            ("shape of maps", lambda c: c.maps.shape[1:]),
            ("pixel scale", lambda c: c.pixel_scale),
            ("unit", lambda c: c.unit),
            ("columns", lambda c: c.table.colnames),
        ):
            others = [of(c) for c in collections if of(c) != of(first)]
            if others:
                raise InputError(
                    f"collections: one {name} is wanted, found {of(first)} and {others[0]}"
                )
        maps = np.concatenate([c.maps for c in collections])
        table = vstack([c.table for c in collections], metadata_conflicts="silent")
        return cls(maps, first.pixel_scale, table, first.unit, first.meta)

    def write(self, path: PathLike, overwrite: bool = False) -> None:
        """Write the collection to an ASDF file, which appears whole or not at all.

        Parameters
        ----------
        path : str or path-like
            The file to write.
        overwrite : bool, optional
            Whether an existing file may be replaced.

        Raises
        ------
        OutputExistsError
            If the file exists and may not be overwritten.
        InputError
            If the file cannot be written.
        """
        write_asdf(path, "collection", self, overwrite)

    @classmethod
    def read(cls, path: PathLike) -> MapCollection:
        """Return the collection in an ASDF file.

        Parameters
        ----------
        path : str or path-like
            A file that `write` wrote.

        Returns
        -------
        MapCollection

        Raises
        ------
        FileFormatError
            If the file is missing, is not ASDF, holds no collection, comes from a newer version,
            or was truncated or altered.
        """
        try:
            return read_asdf(path, "collection", _TAG, "rimlens maps")
        except InputError as error:
            raise FileFormatError(f"{path}: cannot be read: {error}") from error


def _checked_maps(maps):
    try:
        maps = np.ascontiguousarray(maps, dtype=np.float32)
    except (TypeError, ValueError):
        raise InputError("maps: an array of numbers (n, ny, nx) is wanted") from None
    if maps.ndim != 3 or 0 in maps.shape[1:]:
        raise InputError(f"maps: an array (n, ny, nx) is wanted, found shape {maps.shape}")
    for i, values in enumerate(maps):
        bad = np.count_nonzero(~np.isfinite(values))
        if bad:
            raise InputError(f"maps: finite values are wanted, found {bad} others in map {i}")
    return maps


def _checked_table(table, n):
    if table is None:
        return Table({"group": np.arange(n)})
    try:
        table = Table(table, copy=True)
    except (TypeError, ValueError) as error:
        raise InputError(f"table: an astropy Table is wanted: {error}") from error
    if len(table) != n:
        raise InputError(f"table: a row for each of {n} maps is wanted, found {len(table)} rows")
    if "group" not in table.colnames or table["group"].dtype.kind not in "iuUS":
        raise InputError(
            "table: a column 'group' of integers or text is wanted, found the columns "
            f"{table.dtype.descr}"
        )
    wrong = [name for name in table.colnames if table[name].dtype.kind not in "biufcUS"]
    if wrong:
        raise InputError(
            f"table: numbers, booleans or text are wanted, found {table[wrong[0]].dtype} in the "
            f"column {wrong[0]!r}"
        )
    # Facts about the whole collection have a place of their own.
    table.meta.clear()
    return table


def _same_table(a, b):
    return a.colnames == b.colnames and all(
        a[name].unit == b[name].unit
        and a[name].dtype.kind == b[name].dtype.kind
        # A float that is not a number says that something is unknown.
        and np.array_equal(a[name], b[name], equal_nan=a[name].dtype.kind in "fc")
        for name in a.colnames
    )
