"""Convergence maps of haloes in IllustrisTNG and other simulations of Arepo and Gadget.

Reading snapshots, cutouts and group catalogues, choosing haloes, smoothing and projecting their
particles, and fetching the files.  Drawing from the maps is the task of `rimlens.prior`.
"""

from rimlens.datasets.tng.catalogue import GroupCatalogue
from rimlens.datasets.tng.download import download
from rimlens.datasets.tng.haloes import GroupHaloes, Halo, SingleHaloes
from rimlens.datasets.tng.maps import MapSettings, convergence_maps
from rimlens.datasets.tng.rasterize import rasterize
from rimlens.datasets.tng.selection import Selection
from rimlens.datasets.tng.snapshot import Particles, Snapshot

__all__ = [
    "GroupCatalogue",
    "GroupHaloes",
    "Halo",
    "MapSettings",
    "Particles",
    "Selection",
    "SingleHaloes",
    "Snapshot",
    "convergence_maps",
    "download",
    "rasterize",
]
