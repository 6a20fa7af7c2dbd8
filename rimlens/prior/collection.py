"""A prior over pixelated models whose draws are the maps of a collection, seen in many ways."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from rimlens.datasets.collection import MapCollection
from rimlens.errors import InputError
from rimlens.prior.distributions import Uniform
from rimlens.prior.maps import FAINTEST, MapPrior
from rimlens.prior.resampling import resample
from rimlens.prior.scalars import check_scalar, draw_scalars, support
from rimlens.typing import PathLike

if TYPE_CHECKING:
    import astropy.units as u

    from rimlens.lens.pixelated import PixelatedConvergence
    from rimlens.prior.distribution import Distribution
    from rimlens.source.pixelated import PixelatedSource

# The groups of a collection are always shuffled alike, so that its parts stay apart.
_SEED = 0


class CollectionPrior(MapPrior):
    r"""The maps of a collection, turned by any angle, mirrored, shifted and scaled.

    The variable is the map: its decimal logarithm for a convergence, the map itself for a source.
    Draws are resampled by cubic splines, after smoothing where the pixels of the model's grid are
    the larger ones.  Where the grid reaches beyond a map, a source is dark, and a convergence goes
    on as one over the distance from the map's center.  The density is not known.

    A subclass may say which maps it can use (`usable`), where their centers are (`centers`), how
    it scales each (`lengths`), and what it does to the resampled ones (`adjusted`).

    Parameters
    ----------
    model : PixelatedConvergence or PixelatedSource
        A single model; of its map the shape and the unit count.
    collection : MapCollection, str or path-like
        The maps, or an ASDF file of them.  The file is read at the first draw: to move the
        variables, it is not needed.
    scale : float or Distribution, optional
        What lengths are multiplied by, from arcsec in the collection to the unit of the grid.
    shift : float, Quantity or Distribution, optional
        How far the map's center is from the grid's along each axis, in the unit of the grid.  A
        number is the largest distance, and all below are equally likely.
    rotate : bool, optional
        Whether maps are turned, by any angle.
    flip : bool, optional
        Whether maps are mirrored, every other one.
    part : tuple of float, optional
        Which part of the groups to draw from, two numbers from 0 to 1: what ``(0.9, 1)`` draws, a
        training on ``(0, 0.9)`` has not seen.
    axis_ratio : float or Distribution, optional
        By which maps are squeezed along a random direction, and stretched across it, so that
        areas stay: few maps become more shapes.

    Attributes
    ----------
    grid : Grid
        That of the model.

    Raises
    ------
    InputError
        If the model or an argument is not what it should be; at the first draw, if the collection
        has no maps to draw from or another unit than the model.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.datasets import MapCollection
    >>> from rimlens.imaging import Grid
    >>> from rimlens.prior import CollectionPrior, Uniform
    >>> from rimlens.source import PixelatedSource
    >>> stamps = MapCollection(np.ones((3, 20, 20)), pixel_scale=0.1)
    >>> model = PixelatedSource(Grid((8, 8), 0.1), brightness_map=np.zeros((8, 8)))
    >>> prior = CollectionPrior(model, stamps, scale=Uniform(0.5, 1.5))
    >>> prior.sample(2, rng=1)["brightness_map"].shape
    (2, 8, 8)
    """

    def __init__(
        self,
        model: PixelatedConvergence | PixelatedSource,
        collection: MapCollection | PathLike,
        scale: float | Distribution = 1.0,
        shift: float | u.Quantity | Distribution = 0.0,
        rotate: bool = True,
        flip: bool = True,
        part: tuple[float, ...] = (0.0, 1.0),
        axis_ratio: float | Distribution = 1.0,
    ) -> None:
        super().__init__(model)
        self.scale = check_scalar(self._where("scale"), scale)
        self._require_positive("scale", self.scale)
        self.shift = check_scalar(self._where("shift"), shift, "arcsec")
        self.rotate, self.flip = bool(rotate), bool(flip)
        self.part = self._checked_part(part)
        self.axis_ratio = check_scalar(self._where("axis_ratio"), axis_ratio)
        self._require_positive("axis_ratio", self.axis_ratio)
        self._given, self._drawn_from = self._checked_collection(collection), None
        if isinstance(self._given, MapCollection):
            self._drawn_from = self._selected(self._given)

    @property
    def configuration(self) -> Any:
        """The arguments; of a collection in a file, the path."""
        return {
            "model": self.model,
            "collection": self._given,
            "scale": self.scale,
            "shift": self.shift,
            "rotate": self.rotate,
            "flip": self.flip,
            "part": self.part,
            "axis_ratio": self.axis_ratio,
        }

    @property
    def collection(self) -> Any:
        """The maps that are drawn from, read from their file when they are first asked for."""
        if self._drawn_from is None:
            self._drawn_from = self._selected(MapCollection.read(self._given))
        return self._drawn_from

    def usable(self, collection: MapCollection) -> np.ndarray:
        """Return which maps of a collection can be drawn: all.

        Parameters
        ----------
        collection : MapCollection
            Those of the part of the groups.

        Returns
        -------
        ndarray
            bool, shape ``(n,)``.
        """
        return np.ones(len(collection), bool)

    def centers(self, rows: np.ndarray) -> np.ndarray:
        """Return the places about which maps are turned and mirrored: their middles.

        Parameters
        ----------
        rows : ndarray
            Which maps of `collection` are drawn, shape ``(n,)``.

        Returns
        -------
        ndarray
            ``(x, y)`` in pixels from the middle of the map, shape ``(n, 2)``.
        """
        return np.zeros((len(rows), 2))

    def lengths(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return what lengths of maps are multiplied by: draws of `scale`.

        Parameters
        ----------
        rows : ndarray
            Which maps of `collection` are drawn, shape ``(n,)``.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        ndarray
            Shape ``(n,)``.
        """
        return draw_scalars(self.scale, len(rows), rng)

    def adjusted(self, maps: np.ndarray, rows: Any, rng: np.random.Generator) -> np.ndarray:
        """Return the resampled maps as they are drawn: unchanged.

        Parameters
        ----------
        maps : ndarray
            Shape ``(n, *grid.shape)``, float64.
        rows, rng
            As for `lengths`.

        Returns
        -------
        ndarray
            Of the same shape.
        """
        return maps

    def draws(self, n, rng):
        """Return `n` maps of the collection, seen anew."""
        rows = rng.integers(len(self.collection), size=n)
        lengths = self.lengths(rows, rng)
        angles = rng.uniform(0.0, 2 * np.pi, n) if self.rotate else np.zeros(n)
        flips = rng.random(n) < 0.5 if self.flip else np.zeros(n, bool)
        shifts = self._shifts(n, rng) + self.grid.center
        steps = lengths * self.collection.pixel_scale.to_value("arcsec")
        centers = self.centers(rows)
        stretches = self._stretches(n, rng)
        maps = np.empty((n, *self.grid.shape))
        for i, row in enumerate(rows):
            maps[i] = resample(
                self.collection.maps[row],
                self.grid,
                steps[i],
                angles[i],
                flips[i],
                shifts[i],
                centers[i],
                beyond="isothermal" if self.is_convergence else "zero",
                stretch=stretches[i],
            )
        maps = self.adjusted(maps * self._factor(self.collection), rows, rng)
        return {self.name: np.maximum(maps, FAINTEST) if self.is_convergence else maps}

    def _shifts(self, n, rng):
        shift = self.shift
        if isinstance(shift, float):
            shift = Uniform(-abs(shift), abs(shift)) if shift else 0.0
        return draw_scalars(shift, (n, 2), rng)

    def _stretches(self, n, rng):
        if self.axis_ratio == 1.0:
            # Takes no random numbers.
            return np.tile([1.0, 0.0], (n, 1))
        ratios = draw_scalars(self.axis_ratio, n, rng)
        return np.stack([ratios, rng.uniform(0.0, np.pi, n)], axis=-1)

    def _selected(self, collection):
        """Return the maps that are drawn from, of all that there are."""
        self._factor(collection)
        low, high = self.part
        if (low, high) != (0.0, 1.0):
            collection = collection.split([low, high - low, 1.0 - high], rng=_SEED)[1]
        usable = self.usable(collection)
        if not np.any(usable):
            raise InputError(
                f"{self._where('collection')}: maps to draw from are wanted, found "
                f"{len(collection)} in the part {low:g} to {high:g} of the groups, and none of "
                "them can be used"
            )
        return collection if np.all(usable) else collection[usable]

    def _factor(self, collection):
        """Return what turns the collection's numbers into the model's."""
        unit = self.model.brightness_unit
        if collection.unit is None or (unit is None and not self.is_convergence):
            return 1.0
        if not self.is_convergence and collection.unit.is_equivalent(unit):
            return collection.unit.to(unit)
        wanted = (
            "maps of convergence, without unit" if self.is_convergence else f"a unit like {unit}"
        )
        raise InputError(
            f"{self._where('collection')}: {wanted} is wanted, found maps in {collection.unit}"
        )

    def _checked_collection(self, collection):
        if isinstance(collection, MapCollection):
            return collection
        try:
            return os.fspath(collection)
        except TypeError:
            raise InputError(
                f"{self._where('collection')}: a MapCollection or the path of one is wanted, "
                f"found {collection!r}"
            ) from None

    def _checked_part(self, part):
        try:
            low, high = (float(number) for number in part)
        except (TypeError, ValueError):
            low, high = 1.0, 0.0
        if not 0.0 <= low < high <= 1.0:
            raise InputError(
                f"{self._where('part')}: two rising numbers from 0 to 1 are wanted, found {part!r}"
            )
        return [low, high]

    def _require_positive(self, name, value):
        """Refuse a number or a distribution that may be zero or less."""
        low, high = support(value)
        if low < 0 or high <= 0:
            raise InputError(
                f"{self._where(name)}: a positive number or a distribution of such is wanted, "
                f"found {value!r}; a TruncatedNormal ends where it should"
            )

    def _where(self, name):
        return f"{type(self).__name__}: {name}"
