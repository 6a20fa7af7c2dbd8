"""A prior over pixelated sources whose draws are real galaxies of chosen size and brightness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rimlens.errors import InputError
from rimlens.prior.collection import CollectionPrior
from rimlens.prior.scalars import check_scalar, draw_scalars
from rimlens.source.pixelated import PixelatedSource
from rimlens.typing import PathLike, Tensor

if TYPE_CHECKING:
    from rimlens.datasets.collection import MapCollection
    from rimlens.prior.distribution import Distribution

_NORMALIZATIONS = ("peak", "flux")


class CosmosPrior(CollectionPrior):
    r"""Galaxies of a collection, turned by any angle, mirrored, shifted, and of a drawn size.

    Lengths are multiplied by the ratio of a drawn half-light radius to that of the galaxy, which
    the table of the collection has (`rimlens.datasets.cosmos.build_cosmos`), so that galaxies of
    the sky fit a grid in any unit.  Brightnesses are multiplied so that either the brightest pixel
    or the flux, the sum over the map times the area of a pixel, has a drawn value; without it
    they are those of the collection.

    Parameters
    ----------
    model : PixelatedSource
        A single source; of its map the shape and the unit count.
    collection : MapCollection, str or path-like
        The galaxies, or an ASDF file of them.
    scale, shift, rotate, flip, part, axis_ratio
        As in `CollectionPrior`; `scale` is for galaxies that keep their size.
    half_light_radius : float or Distribution, optional
        Of the drawn galaxies, in the unit of the grid; by default lengths are multiplied by
        `scale` alone.
    normalization : {"peak", "flux"}, optional
        What `brightness` is; by default brightnesses are left as they are.
    brightness : float or Distribution, optional
        The brightest pixel of a map, in the unit of the model, or the flux, in that unit times the
        square of that of the grid.

    Raises
    ------
    InputError
        If both a half-light radius and a scale are given, or an argument is not what it should
        be; at the first draw, if the collection has no half-light radii, or as for
        `CollectionPrior`.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.datasets import MapCollection
    >>> from rimlens.imaging import Grid
    >>> from rimlens.prior import CosmosPrior, Uniform
    >>> from rimlens.source import PixelatedSource
    >>> grid = Grid((32, 32), 0.05)
    >>> galaxy = np.exp(-grid.radius**2 / 0.02)
    >>> stamps = MapCollection([galaxy], 0.05, {"group": [7], "half_light_radius": [0.083]})
    >>> model = PixelatedSource(grid, brightness_map=np.zeros(grid.shape))
    >>> prior = CosmosPrior(
    ...     model, stamps, half_light_radius=Uniform(0.1, 0.2), normalization="peak"
    ... )
    >>> float(prior.sample(1, rng=1)["brightness_map"].max())
    1.0
    """

    def __init__(
        self,
        model: PixelatedSource,
        collection: MapCollection | PathLike,
        scale: Any = 1.0,
        shift: Any = 0.0,
        rotate: Any = True,
        flip: Any = True,
        part: Any = (0.0, 1.0),
        half_light_radius: float | Distribution | None = None,
        normalization: str | None = None,
        brightness: float | Distribution = 1.0,
        axis_ratio: Any = 1.0,
    ) -> None:
        if not isinstance(model, PixelatedSource):
            raise InputError(
                f"{self._where('model')}: a PixelatedSource is wanted, found "
                f"{type(model).__name__}"
            )
        if normalization is not None and normalization not in _NORMALIZATIONS:
            raise InputError(
                f"{self._where('normalization')}: one of {', '.join(_NORMALIZATIONS)}, or None, "
                f"is wanted, found {normalization!r}"
            )
        if half_light_radius is not None and scale != 1.0:
            raise InputError(
                f"{self._where('scale')}: either it or a half-light radius is wanted, found both"
            )
        self.normalization = normalization
        self.brightness = check_scalar(self._where("brightness"), brightness)
        self._require_positive("brightness", self.brightness)
        self.half_light_radius = half_light_radius
        if half_light_radius is not None:
            self.half_light_radius = check_scalar(
                self._where("half_light_radius"), half_light_radius, "arcsec"
            )
            self._require_positive("half_light_radius", self.half_light_radius)
        super().__init__(model, collection, scale, shift, rotate, flip, part, axis_ratio)

    @property
    def configuration(self) -> Any:
        """The arguments; of a collection in a file, the path."""
        return {
            **super().configuration,
            "half_light_radius": self.half_light_radius,
            "normalization": self.normalization,
            "brightness": self.brightness,
        }

    def usable(self, collection: Any) -> Any:
        """Return which galaxies have what is asked of them: light, and a size."""
        usable = collection.maps.sum(axis=(1, 2)) > 0
        if self.half_light_radius is not None:
            if "half_light_radius" not in collection.table.colnames:
                raise InputError(
                    f"{self._where('collection')}: a table with a column half_light_radius is "
                    f"wanted, found {', '.join(collection.table.colnames)}"
                )
            usable &= self._radii(collection) > 0
        return usable

    def lengths(self, rows: Any, rng: np.random.Generator) -> Any:
        """Return what lengths of the maps are multiplied by."""
        if self.half_light_radius is None:
            return super().lengths(rows, rng)
        radii = draw_scalars(self.half_light_radius, len(rows), rng)
        return radii / self._radii(self.collection)[rows]

    def adjusted(self, maps: Tensor, rows: Any, rng: np.random.Generator) -> Any:
        """Return the resampled maps with the drawn brightness."""
        if self.normalization is None:
            return maps
        if self.normalization == "peak":
            found = maps.max(axis=(1, 2))
        else:
            found = maps.sum(axis=(1, 2)) * self.grid.pixel_scale**2
        wanted = draw_scalars(self.brightness, len(rows), rng)
        # A galaxy that was shifted out of the grid stays away.
        ratio = np.divide(wanted, found, out=np.zeros(len(rows)), where=found > 0)
        return maps * ratio[:, None, None]

    def _radii(self, collection):
        column = collection.table["half_light_radius"]
        radii = column.to("arcsec").value if column.unit is not None else column
        return np.nan_to_num(np.asarray(radii, dtype=float))

    def _factor(self, collection):
        """Return what turns the collection's numbers into the model's, if they are to be kept."""
        return 1.0 if self.normalization is not None else super()._factor(collection)
