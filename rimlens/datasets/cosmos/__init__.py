"""Maps of real galaxies, from HST images of the COSMOS field in the layout of GalSim.

The images are those of Leauthaud et al. (2007, ApJS 172, 219), prepared by Mandelbaum et al.
(2012, MNRAS 420, 1518).  From the catalog to a collection of maps: reading, selecting, removing
neighbors and noise, bringing to any pixel scale, and fetching the public samples.  What is drawn
from the maps is a prior's (`rimlens.prior`).
"""

from rimlens.datasets.cosmos.build import build_cosmos, measure_correlation
from rimlens.datasets.cosmos.catalog import CosmosCatalog, RealGalaxy, StampError
from rimlens.datasets.cosmos.denoising import denoise, inverse_starlet, starlet
from rimlens.datasets.cosmos.download import download_cosmos
from rimlens.datasets.cosmos.neighbors import Isolated, NoCentralObjectError, isolate
from rimlens.datasets.cosmos.noise import correlated_noise, filtered_deviation, noise_correlation
from rimlens.datasets.cosmos.psf import center_psf, homogenize
from rimlens.datasets.cosmos.resampling import crop, resample, taper
from rimlens.datasets.cosmos.selection import Selection
from rimlens.datasets.cosmos.stamp import Stamp, StampSettings, half_light_radius, make_stamp

__all__ = [
    "CosmosCatalog",
    "Isolated",
    "NoCentralObjectError",
    "RealGalaxy",
    "Selection",
    "Stamp",
    "StampError",
    "StampSettings",
    "build_cosmos",
    "center_psf",
    "correlated_noise",
    "crop",
    "denoise",
    "download_cosmos",
    "filtered_deviation",
    "half_light_radius",
    "homogenize",
    "inverse_starlet",
    "isolate",
    "make_stamp",
    "measure_correlation",
    "noise_correlation",
    "resample",
    "starlet",
    "taper",
]
