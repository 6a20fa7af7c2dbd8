"""What a weight map holds: inverse variances, or the exposure time of every pixel.

Programs that drizzle write either into an extension ``WHT``, and nothing in the file says which.
"""

import astropy.units as u
import numpy as np

from rimlens.observation.bunit import header_unit
from rimlens.observation.noise import scatter_ratio

EXPOSURE, INVERSE_VARIANCE = "exposure", "ivar"
# Inverse variances agree with the scatter of the data within this factor: drizzled noise is
# correlated, which lowers the variance of differences of neighbors to a third, and light that
# varies raises it.
_VARIANCE_FACTOR = 5.0
# A drizzled weight is the exposure time times the area of an output pixel in input pixels, 0.36
# from 0.05 to 0.03 arcsec, and part of the exposures may miss the image.
_TIME_FACTOR = 4.0
# The weight of a well-exposed pixel: a few have more, where a cosmic ray hit none of them.
_HIGH = 90


def weight_meaning(weight, data, used, exposure_time):
    """Return what a weight map holds, and how that was found.

    Weights are compared, as a factor, with the exposure time of the header and with the inverse
    variance of the data, from the differences of neighboring pixels.  What is closer wins, if it
    is close at all.

    Parameters
    ----------
    weight : rimlens.observation.fits_images.FITSImage
        The map.
    data : ndarray
        The image, shape ``(ny, nx)``.
    used : ndarray of bool or None
        Its pixels in use.
    exposure_time : float or None
        Of the whole image, in seconds.

    Returns
    -------
    meaning : {"exposure", "ivar"} or None
        None if neither fits.
    why : str
        A phrase with the numbers.
    """
    values = weight.values
    good = (values > 0) & np.isfinite(values) & np.isfinite(data)
    good = good if used is None else good & used
    if not good.any():
        return None, "no weight is positive"
    typical = np.percentile(values[good], _HIGH)
    if header_unit(weight, quiet=True) == u.s:
        return EXPOSURE, "its unit is that of a time"
    sigma = 1 / np.sqrt(np.where(good, values, 1.0))
    ratio = scatter_ratio(np.where(good, data, 0.0), sigma, good) ** 2
    off = {INVERSE_VARIANCE: _distance(ratio) / np.log(_VARIANCE_FACTOR)}
    why = f"a typical weight is {typical:.4g}"
    if np.isfinite(ratio):
        scatter = 1 / np.sqrt(np.median(values[good]) / ratio)
        why += f", the scatter of neighboring pixels {scatter:.3g}"
    if exposure_time:
        off[EXPOSURE] = _distance(typical / exposure_time) / np.log(_TIME_FACTOR)
        why += f", the exposure time of the header {exposure_time:.4g} s"
    meaning = min(off, key=off.get)
    return (meaning if off[meaning] <= 1 else None), why


def _distance(ratio):
    return abs(np.log(ratio)) if ratio > 0 else np.inf
