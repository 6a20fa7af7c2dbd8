"""Small exposures and the FITS files that hold them."""

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from rimlens import Observation

SIGMA = 0.1


def gaussian(shape=(9, 9), sigma=1.2, shift=(0.0, 0.0)):
    """Return a Gaussian about the center of a stamp, sum 1, moved by `shift` (rows, columns)."""
    y, x = (np.arange(n) - (n - 1) / 2 - s for n, s in zip(shape, shift))
    stamp = np.exp(-0.5 * (y[:, None] ** 2 + x**2) / sigma**2)
    return stamp / stamp.sum()


def rotated_wcs(shape, pixel_scale=0.05, rotation=37.0):
    """Return a TAN WCS with negative determinant, far from its reference point."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval = 359.9999, -45.0
    wcs.wcs.crpix = shape[1] / 2 + 31.25, shape[0] / 2 - 17.5
    c, s = np.cos(np.radians(rotation)), np.sin(np.radians(rotation))
    wcs.wcs.cd = pixel_scale / 3600 * np.array([[-c, s], [s, c]])
    wcs.wcs.set()
    return wcs


def image(shape, seed=1):
    """Return noise of `SIGMA`."""
    return np.random.default_rng(seed).normal(0.0, SIGMA, shape)


def exposure(shape=(20, 26), **changes):
    """Return an observation; `changes` stand in for its arguments."""
    arguments = {
        "uncertainty": np.full(shape, SIGMA),
        "psf": gaussian(),
        "wcs": rotated_wcs(shape),
        "unit": "electron / s",
        "meta": {"EXPTIME": 420.0, "FILTER": "F814W"},
    }
    data = changes.pop("data", None)
    return Observation(image(shape) if data is None else data, **(arguments | changes))


def write_fits(path, shape=(20, 26), *, header=None, primary=None, **extensions):
    """Write a file with SCI, ERR, DQ and PSF; an extension that is None is left out.

    `header` has cards for the image beside its WCS, or is False for no WCS.
    """
    arrays = {
        "SCI": image(shape),
        "ERR": np.full(shape, SIGMA),
        "DQ": np.zeros(shape, "int16"),
        "PSF": gaussian(),
    } | extensions
    hdus = [fits.PrimaryHDU(header=fits.Header(primary or {}))]
    for name, array in arrays.items():
        if array is None:
            continue
        cards = fits.Header() if header is False else rotated_wcs(shape).to_header()
        if name not in ("DQ", "PSF"):
            cards.update(header or {})
        hdus.append(fits.ImageHDU(np.asarray(array), cards, name=name))
    fits.HDUList(hdus).writeto(path)
    return path
