"""The prior over convergence maps of simulated galaxies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u

from rimlens.errors import InputError
from rimlens.maps.einstein import convergence_center, einstein_radius
from rimlens.prior.collection import CollectionPrior
from rimlens.prior.scalars import check_scalar, draw_scalars
from rimlens.typing import PathLike

if TYPE_CHECKING:
    from rimlens.datasets.collection import MapCollection
    from rimlens.lens.pixelated import PixelatedConvergence
    from rimlens.prior.distribution import Distribution


class TNGPrior(CollectionPrior):
    r"""Convergence maps of simulated halos, with Einstein radii of a given distribution.

    A draw is a map of the collection, turned about its lens by any angle, mirrored, shifted, and
    stretched so that its Einstein radius is the one that was drawn:

    .. math::
        \kappa'(\theta) = \kappa(\theta \, \theta_E / \theta_E'), \qquad
        \alpha'(\theta) = \frac{\theta_E'}{\theta_E}
            \alpha\left(\theta \, \theta_E / \theta_E'\right)

    The lens equation has no scale: with all angles, those of the source too, multiplied by one
    number, a lens is a lens again, with the same convergences, slopes and shapes.  Multiplying the
    convergence instead (as did Adam et al. 2023, ApJ 951, 6) is another lens and another source
    redshift, and moves the Einstein radius to another part of the profile: halos would have
    centers and slopes there that none of the simulation has.

    Maps whose mean convergence is nowhere above 1 are left out.  Where a small Einstein radius
    shrinks a map below the field, the convergence goes on as one over the distance from the
    center.

    Parameters
    ----------
    model : PixelatedConvergence
        A single model; of its map the shape counts.
    collection : MapCollection, str or path-like
        The maps, or an ASDF file of them, as `rimlens.datasets.tng.rasterize` writes it.  Where
        the table has no column ``theta_E``, Einstein radii are measured.
    theta_E : float, Quantity or Distribution
        The Einstein radius of the draws, in the unit of the grid.
    shift, rotate, flip, part
        As for `CollectionPrior`; the center of a map is that of the lens in it, as
        `rimlens.reconstruction.convergence_center` finds it.

    Raises
    ------
    InputError
        As by `CollectionPrior`; at the first draw, if no map has an Einstein radius.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.datasets import MapCollection
    >>> from rimlens.imaging import Grid
    >>> from rimlens.lens import PixelatedConvergence
    >>> from rimlens.prior import TNGPrior, Uniform
    >>> from rimlens.reconstruction import einstein_radius
    >>> grid = Grid((64, 64), 0.05)
    >>> maps = MapCollection([0.4 / np.hypot(grid.radius, 0.1)], grid.pixel_scale)
    >>> model = PixelatedConvergence(grid, convergence_map=np.ones(grid.shape))
    >>> prior = TNGPrior(model, maps, theta_E=1.1)
    >>> (kappa,) = prior.sample(1, rng=1)["convergence_map"]
    >>> round(einstein_radius(kappa, grid.pixel_scale), 2)
    1.1
    """

    def __init__(
        self,
        model: PixelatedConvergence,
        collection: MapCollection | PathLike,
        theta_E: float | u.Quantity | Distribution,
        shift: Any = 0.0,
        rotate: Any = True,
        flip: Any = True,
        part: Any = (0.0, 1.0),
    ) -> None:
        self._radii: Any = None
        self._centers = {}
        self.theta_E = check_scalar("TNGPrior: theta_E", theta_E, "arcsec")
        self._require_positive("theta_E", self.theta_E)
        super().__init__(model, collection, 1.0, shift, rotate, flip, part)
        if not self.is_convergence:
            raise InputError(
                f"{self._where('model')}: a PixelatedConvergence is wanted, found "
                f"{type(model).__name__}"
            )

    @property
    def configuration(self) -> Any:
        """The arguments; of a collection in a file, the path."""
        found = super().configuration
        del found["scale"], found["axis_ratio"]
        return {**found, "theta_E": self.theta_E}

    def usable(self, collection: MapCollection) -> np.ndarray:
        """Return which maps have an Einstein radius.

        Parameters
        ----------
        collection : MapCollection
            Those of the part of the groups.

        Returns
        -------
        ndarray
            bool, shape ``(n,)``.
        """
        radii = _einstein_radii(collection)
        usable = radii > 0
        self._radii = radii[usable]
        return usable

    def centers(self, rows: np.ndarray) -> np.ndarray:
        """Return where in the maps the lenses are.

        Parameters
        ----------
        rows : ndarray
            Which maps of `collection` are drawn, shape ``(n,)``.

        Returns
        -------
        ndarray
            ``(x, y)`` in pixels from the middle of the map, shape ``(n, 2)``.
        """
        for row in set(rows.tolist()) - set(self._centers):
            self._centers[row] = convergence_center(self.collection.maps[row])
        ny, nx = self.collection.maps.shape[1:]
        found = np.array([self._centers[row] for row in rows])
        return found - [(nx - 1) / 2, (ny - 1) / 2]

    def lengths(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return what lengths of maps are multiplied by, for the Einstein radii that are drawn.

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
        return draw_scalars(self.theta_E, len(rows), rng) / self._radii[rows]


def _einstein_radii(collection):
    """Return the Einstein radius of every map in arcsec, nan where there is none."""
    if "theta_E" in collection.table.colnames:
        column = collection.table["theta_E"]
        factor = 1.0 if column.unit is None else column.unit.to(u.arcsec)
        return factor * np.ma.filled(np.ma.asarray(column, float), np.nan)
    scale = collection.pixel_scale.to_value(u.arcsec)
    return np.array([einstein_radius(kappa, scale) for kappa in collection.maps])
