"""Which galaxies of a catalog are wanted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rimlens.errors import InputError

if TYPE_CHECKING:
    from rimlens.datasets.cosmos.catalog import CosmosCatalog

# Smallest signal-to-noise ratio, and largest ratio of the masked pixels' brightness beside the
# galaxy to its peak, by the limiting magnitude of the public sample.
_CLEAN = {"23.5": (20.0, 0.2), "25.2": (12.0, 0.8)}
# Pixels from the nearest mask beyond which it does no harm, and the largest difference between
# the magnitude of the stamp and that of the survey.
_MASK_DISTANCE = 11.0
_MAGNITUDE_DIFFERENCE = 0.8


@dataclass(frozen=True)
class Selection:
    """Ranges that a galaxy must lie in, ends included; None for no limit.

    Parameters
    ----------
    magnitude : tuple of float, optional
        Of the catalog, F814W.
    flux : tuple of float, optional
        Of the stamp without neighbors, in electron/s.
    half_light_radius : tuple of float, optional
        Of the stamp without neighbors, in arcsec (`half_light_radius`).
    clean : bool, optional
        Whether to leave out, where the table ``_selection`` of a public sample lies beside the
        catalog, galaxies whose stamps are suspect: faint, beside a mask, or of another magnitude
        than the survey's (Mandelbaum et al. 2014, ApJS 212, 5, sect. 4.1).

    Raises
    ------
    InputError
        If a range is no pair of increasing numbers.

    Examples
    --------
    >>> Selection(magnitude=(None, 22.5)).allows(magnitude=23.0)
    False
    """

    magnitude: tuple | None = None
    flux: tuple | None = None
    half_light_radius: tuple | None = None
    clean: bool = True

    def __post_init__(self):
        """Check the ranges."""
        for name in ("magnitude", "flux", "half_light_radius"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _range(name, value))

    def to_dict(self) -> Any:
        """Return the ranges as a dict."""
        return asdict(self)

    def allows(self, **values: Any) -> bool:
        """Return whether values lie in their ranges.

        Parameters
        ----------
        **values : float
            By the names of the ranges.

        Returns
        -------
        bool
        """
        for name, value in values.items():
            low, high = getattr(self, name) or (None, None)
            if not np.isfinite(value):
                return False
            if (low is not None and value < low) or (high is not None and value > high):
                return False
        return True

    def rows(self, catalog: CosmosCatalog) -> np.ndarray:
        """Return the rows of a catalog that its tables allow.

        Parameters
        ----------
        catalog : CosmosCatalog
            Of galaxies.

        Returns
        -------
        ndarray of int
            In the catalog's order.
        """
        allowed = np.array([self.allows(magnitude=m) for m in catalog.table["MAG"]])
        if self.clean and "selection" in catalog.companions:
            allowed &= _clean(catalog)
        return np.flatnonzero(allowed)


def _clean(catalog):
    """Return which stamps of a public sample are not suspect."""
    table = catalog.companions["selection"]
    wanted = (
        "sn_ellip_gauss", "min_mask_dist_pixels", "average_mask_adjacent_pixel_count",
        "peak_image_pixel_count", "dmag",
    )  # fmt: skip
    missing = [name for name in wanted if name not in table.colnames]
    if missing:
        raise InputError(
            f"{catalog.path.stem}_selection.fits: the columns {', '.join(wanted)} are wanted, "
            f"{', '.join(missing)} not found; select with clean=False"
        )
    columns = {name: np.asarray(table[name], dtype=float) for name in wanted}
    bright = "23.5" if "23.5" in catalog.path.name else "25.2"
    signal_to_noise, ratio = _CLEAN[bright]
    peak = columns["peak_image_pixel_count"]
    peak = np.where(peak == 0, 1e-5, peak)
    masked = columns["average_mask_adjacent_pixel_count"] / peak
    return (
        (columns["sn_ellip_gauss"] >= signal_to_noise)
        & ((columns["min_mask_dist_pixels"] > _MASK_DISTANCE) | (masked < ratio))
        & (np.abs(columns["dmag"]) < _MAGNITUDE_DIFFERENCE)
    )


def _range(name, value):
    try:
        low, high = (None if v is None else float(v) for v in value)
    except (TypeError, ValueError):
        low = high = np.nan
    ends = [v for v in (low, high) if v is not None]
    if not np.all(np.isfinite(ends)) or (len(ends) == 2 and low > high):
        raise InputError(
            f"{name}: a pair of increasing numbers, or None, is wanted, found {value!r}"
        )
    return low, high
