"""One exposure of a lens: image, noise, mask, point-spread function and place on the sky.

Reading and writing FITS files, checking what they hold, binning and cutting belong here; what
becomes of an observation does not.
"""

from rimlens.observation.observation import Observation
from rimlens.observation.wcs import grid_wcs

__all__ = ["Observation", "grid_wcs"]
