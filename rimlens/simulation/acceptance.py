"""What makes a mock observation a strong lens: cuts on the noiseless image and on the truths.

A cut is called with a batch of draws and the simulator that made them, and returns which are
accepted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rimlens.errors import InputError


@dataclass(frozen=True)
class LensedLight:
    """Accept what is magnified, shows its light, and shows it on more than one side.

    Parameters
    ----------
    magnification : float
        Least ratio of the image's light to the source's.
    visible : float
        Least fraction of the image's light where pixels count.
    one_sided : float, optional
        Largest length of the mean direction of that light from the lens; by default that of the
        simulator's domain.

    Examples
    --------
    >>> from rimlens.simulation import LensedLight
    >>> LensedLight(magnification=5.0)
    LensedLight(magnification=5.0, visible=0.6, one_sided=None)
    """

    magnification: float = 3.0
    visible: float = 0.6
    one_sided: float | None = None

    def __call__(self, batch: dict[str, np.ndarray], simulator: Any) -> Any:
        """Return which draws of a batch are accepted, shape ``(n,)``."""
        grid = simulator.image_grid
        limit = simulator.domain.one_sided if self.one_sided is None else self.one_sided
        area = (grid.pixel_scale / simulator.source_grid.pixel_scale) ** 2
        image = batch["image"]
        total = image.sum(axis=(1, 2))
        magnification = total * area / (batch["source"].sum(axis=(1, 2)) + 1e-6)
        seen = (image * batch["weight"]).reshape(len(image), -1)
        flux = seen.sum(axis=1) + 1e-6
        if "center" in batch:
            x, y = (v.ravel() - c[:, None] for v, c in zip((grid.x, grid.y), batch["center"].T))
            radius = np.hypot(x, y) + 1e-6
            along = np.stack([np.sum(seen * v / radius, axis=1) for v in (x, y)])
        else:
            directions = np.stack([grid.x, grid.y]) / (grid.radius + 1e-6)
            along = (seen @ directions.reshape(2, -1).T.astype(seen.dtype)).T
        one_sided = np.hypot(*along) / flux
        return (
            (magnification > self.magnification)
            & (flux > self.visible * total)
            & (one_sided < limit)
        )


@dataclass(frozen=True)
class PaperCuts:
    """Accept what Adam et al. (2023, ApJ 951, 6) trained on.

    Their cuts are on areas brighter than a threshold, with a source whose peak is one: the image's
    must be so many times the source's, the source's must have so many pixels, the image must be
    darker than a tolerance along its edges, and the convergence must reach one.

    Parameters
    ----------
    magnification : float
        Least ratio of the areas.
    threshold : float
        Brightness above which a pixel of the image counts.
    source_threshold : float
        The same of a source's pixel.
    source_pixels : int
        Least number of such.
    edge : int
        Width in pixels of the border that must be dark.
    edge_tolerance : float
        Brightness that it may have.
    convergence : float
        Least maximum of the convergence map.

    Examples
    --------
    >>> from rimlens.simulation import PaperCuts
    >>> PaperCuts(edge_tolerance=0.1).magnification
    3.0
    """

    magnification: float = 3.0
    threshold: float = 0.1
    source_threshold: float = 0.1
    source_pixels: int = 10
    edge: int = 5
    edge_tolerance: float = 0.2
    convergence: float = 1.0

    def __post_init__(self):
        """Check that there is a border."""
        if self.edge < 1:
            raise InputError(f"edge: at least 1 pixel is wanted, found {self.edge}")

    def __call__(self, batch: dict[str, np.ndarray], simulator: Any) -> Any:
        """Return which draws of a batch are accepted, shape ``(n,)``."""
        image, source = batch["image"], batch["source"]
        image_scale = simulator.image_grid.pixel_scale
        source_scale = simulator.source_grid.pixel_scale
        bright = np.sum(image > self.threshold, axis=(1, 2)) * image_scale**2
        # Both areas above one threshold, but the source's pixels are counted above their own.
        own = np.sum(source > self.threshold, axis=(1, 2)) * source_scale**2
        pixels = np.sum(source > self.source_threshold, axis=(1, 2))
        border = np.ones(image.shape[1:], bool)
        border[self.edge : -self.edge, self.edge : -self.edge] = False
        edge = np.max(image, axis=(1, 2), where=border, initial=-np.inf)
        return (
            (bright >= self.magnification * own)
            & (edge <= self.edge_tolerance)
            & (pixels >= self.source_pixels)
            & (batch["convergence"].max(axis=(1, 2)) >= self.convergence)
        )
