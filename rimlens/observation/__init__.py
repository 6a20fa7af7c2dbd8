"""One exposure of a lens: image, noise, mask, point-spread function and place on the sky.

Reading and writing FITS files, checking what they hold, binning and cutting belong here, and what
makes an observation of a raw frame; what becomes of an observation does not.
"""

from rimlens.observation.observation import Observation
from rimlens.observation.preparation.background import subtract_background
from rimlens.observation.preparation.bands import match_bands, to_grid
from rimlens.observation.preparation.cosmic_rays import mask_cosmic_rays
from rimlens.observation.preparation.cutout import cut_out
from rimlens.observation.preparation.frame import read_frame
from rimlens.observation.preparation.lens_center import center_on_lens, find_lens_center
from rimlens.observation.preparation.lens_light import (
    LensLight,
    fit_lens_light,
    subtract_lens_light,
)
from rimlens.observation.preparation.neighbors import mask_neighbors
from rimlens.observation.preparation.noise_map import (
    drizzle_noise_ratio,
    estimate_noise,
    noise_correlation,
)
from rimlens.observation.preparation.pipeline import preparation_steps, prepare
from rimlens.observation.preparation.psf_stamps import psf_stamp
from rimlens.observation.preparation.regions import mask_core, mask_regions
from rimlens.observation.preparation.stars import StarPSF, measure_star_psf, psf_from_stars
from rimlens.observation.wcs import grid_wcs

__all__ = [
    "LensLight",
    "Observation",
    "StarPSF",
    "center_on_lens",
    "cut_out",
    "drizzle_noise_ratio",
    "estimate_noise",
    "find_lens_center",
    "fit_lens_light",
    "grid_wcs",
    "mask_core",
    "mask_cosmic_rays",
    "mask_neighbors",
    "mask_regions",
    "match_bands",
    "measure_star_psf",
    "noise_correlation",
    "preparation_steps",
    "prepare",
    "psf_from_stars",
    "psf_stamp",
    "read_frame",
    "subtract_background",
    "subtract_lens_light",
    "to_grid",
]
