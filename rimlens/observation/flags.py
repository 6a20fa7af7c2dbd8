"""Which pixels the flags of a telescope's pipeline make unusable.

An image of flags is a sum of bits, and not every bit spoils a pixel: some say that the pixel
belongs to a detection, or that something was corrected.
"""

import numpy as np

# Planes of Rubin's and HSC's masks that leave a pixel as good as it was: detections, the number
# of exposures that went into a coadd, and injected sources.
_HARMLESS_PLANES = {
    "DETECTED", "DETECTED_NEGATIVE", "NOT_DEBLENDED", "CROSSTALK", "CLIPPED", "REJECTED",
    "SENSOR_EDGE", "INEXACT_PSF", "PARTLY_VIGNETTED", "BRIGHT_OBJECT", "INJECTED",
    "INJECTED_CORE", "INJECTED_TEMPLATE", "HIGH_VARIANCE",
}  # fmt: skip
_PLANE = "MP_"
# The JWST pipeline sets this bit beside whichever other makes a pixel unusable; alone, the others
# (a cosmic ray that was corrected, for instance) do not.
_DO_NOT_USE = 1


def unusable_pixels(flags, primary):
    """Return where flags say that a pixel is not to be used.

    Parameters
    ----------
    flags : rimlens.observation.fits_images.FITSImage
        An image of flags.  Of Rubin's planes, whose bits stand in its header (``MP_SAT = 1``),
        those of detections and the like count for nothing; of JWST's bits, ``DO_NOT_USE`` alone
        counts; of all others, every bit.
    primary : astropy.io.fits.Header
        Of the file.

    Returns
    -------
    ndarray of bool
        Of the shape of the image.
    """
    values = np.nan_to_num(flags.values, nan=1.0)
    planes = {
        keyword.removeprefix(_PLANE): value
        for keyword, value in flags.header.items()
        if keyword.startswith(_PLANE) and isinstance(value, int)
    }
    if planes:
        bits = sum(1 << bit for plane, bit in planes.items() if plane not in _HARMLESS_PLANES)
    elif str(primary.get("TELESCOP", "")).strip() == "JWST" and flags.name == "DQ":
        bits = _DO_NOT_USE
    else:
        return values != 0
    return (values.astype("int64") & bits) != 0
