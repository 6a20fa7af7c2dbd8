"""Convergence maps of halos in IllustrisTNG and other simulations of Arepo and Gadget.

Reading snapshots, cutouts and group catalogs, choosing halos, smoothing and projecting their
particles, and fetching the files.  Drawing from the maps is the task of `rimlens.prior`.
"""

from rimlens.datasets.tng.catalog import GroupCatalog
from rimlens.datasets.tng.download import download
from rimlens.datasets.tng.halos import GroupHalos, Halo, SingleHalos
from rimlens.datasets.tng.maps import MapSettings, convergence_maps
from rimlens.datasets.tng.rasterize import rasterize
from rimlens.datasets.tng.selection import Selection
from rimlens.datasets.tng.snapshot import Particles, Snapshot

__all__ = [
    "GroupCatalog",
    "GroupHalos",
    "Halo",
    "MapSettings",
    "Particles",
    "Selection",
    "SingleHalos",
    "Snapshot",
    "convergence_maps",
    "download",
    "rasterize",
]
