"""Files laid out as the public documentation of the telescopes describes them.

HST: ACS Data Handbook, chapter 2, and the keywords of AstroDrizzle; JWST: the pipeline's page on
``i2d`` products; Euclid: cutouts of MER mosaics of Q1; Rubin: ``lsst.afw.image.MaskedImage``.
"""

import numpy as np
from astropy.io import fits

from observation.mock_exposure import gaussian, rotated_wcs

SHAPE = (60, 70)
# Sky of 0.1 electrons a second during 2000 s.
TIME, SKY_SIGMA = 2000.0, np.sqrt(0.1 / 2000.0)


def sky(sigma=SKY_SIGMA, shape=SHAPE, seed=3):
    return np.random.default_rng(seed).normal(0.0, sigma, shape)


def _write(path, primary, images):
    hdus = [fits.PrimaryHDU(header=fits.Header(primary))]
    for name, values, cards in images:
        header = rotated_wcs(SHAPE).to_header()
        for keyword, value in cards.items():
            header["HIERARCH " * (len(keyword) > 8) + keyword] = value
        hdus.append(fits.ImageHDU(values, header, name=name))
    fits.HDUList(hdus).writeto(path)
    return path


def hst_drc(path, *, weight=None, primary=(), sci=()):
    """Write a drizzled frame of ACS, whose weights are exposure times."""
    primary = {
        "TELESCOP": "HST", "INSTRUME": "ACS", "FILTER1": "CLEAR1L", "FILTER2": "F814W",
        "EXPTIME": TIME, "CCDGAIN": 2.0, "ATODGNA": 2.02, "D001SCAL": 0.05, "D001ISCL": 0.05,
        "D001PIXF": 1.0, "D001KERN": "square", "D001OUUN": "cps",
    } | dict(primary)  # fmt: skip
    weight = np.full(SHAPE, TIME) if weight is None else weight
    cards = {"BUNIT": "ELECTRONS/S", "PHOTFLAM": 7.07e-20, "PHOTPLAM": 8045.0} | dict(sci)
    images = [("SCI", sky(), cards), ("WHT", weight, {}), ("CTX", np.ones(SHAPE, "int32"), {})]
    return _write(path, primary, images)


def hst_flt(path):
    """Write a calibrated exposure of ACS/WFC: two chips with their errors and flags."""
    primary = {"TELESCOP": "HST", "INSTRUME": "ACS", "EXPTIME": 500.0, "CCDGAIN": 2.0}
    hdus = [fits.PrimaryHDU(header=fits.Header(primary))]
    for chip in (1, 2):
        flags = np.zeros(SHAPE, "int16")
        flags[chip, 5] = 4096
        arrays = {"SCI": sky(seed=chip) + chip, "ERR": np.full(SHAPE, 0.01 * chip), "DQ": flags}
        for name, values in arrays.items():
            header = rotated_wcs(SHAPE).to_header()
            header["BUNIT"] = "ELECTRONS"
            hdus.append(fits.ImageHDU(values, header, name=name, ver=chip))
    fits.HDUList(hdus).writeto(path)
    return path


def jwst_i2d(path, flags=None):
    """Write a resampled frame of NIRCam with a border that no exposure covers."""
    primary = {"TELESCOP": "JWST", "INSTRUME": "NIRCAM", "FILTER": "F277W", "EFFEXPTM": 1030.7}
    data, error = sky(0.01), np.full(SHAPE, 0.01)
    data[:, :6] = error[:, :6] = np.nan
    cards = {"BUNIT": "MJy/sr", "PHOTMJSR": 0.4, "PIXAR_SR": 9.31e-14, "XPOSURE": 1030.7}
    images = [
        ("SCI", data, cards),
        ("ERR", error, {"BUNIT": "MJy/sr"}),
        ("CON", np.ones((1, *SHAPE), "int32"), {}),
        ("WHT", np.full(SHAPE, 7.0), {}),
        ("VAR_POISSON", error**2, {}),
        ("VAR_RNOISE", error**2, {}),
    ]
    if flags is not None:
        images.append(("DQ", flags, {}))
    return _write(path, primary, images)


def euclid_cutout(path, bands=("VIS", "NIR_H"), image="BGSUB"):
    """Write a cutout in several bands, with flags in the noise and missing data."""
    images = []
    for number, band in enumerate(bands):
        data, error = sky(0.01, seed=number), np.full(SHAPE, 0.01)
        error[3, 4], error[5, 6], data[7, 8] = 1e16, 1e-4, -99.0
        images += [
            (f"{band}_{image}", data, {"MAGZERO": 24.6 + number, "FILTER": band}),
            (f"{band}_PSF", gaussian((21, 21)), {}),
            (f"{band}_RMS", error, {}),
        ]
    return _write(path, {}, images)


RUBIN_PLANES = {
    "MP_BAD": 0, "MP_SAT": 1, "MP_INTRP": 2, "MP_CR": 3, "MP_EDGE": 4, "MP_DETECTED": 5,
    "MP_DETECTED_NEGATIVE": 6, "MP_SUSPECT": 7, "MP_NO_DATA": 8,
}  # fmt: skip


def rubin_cutout(path, psf=True):
    """Write a masked image: a saturated pixel at (2, 3), a detection over (20:40, 20:40)."""
    flags = np.zeros(SHAPE, "int32")
    flags[20:40, 20:40] = 1 << RUBIN_PLANES["MP_DETECTED"]
    flags[2, 3] = 1 << RUBIN_PLANES["MP_SAT"]
    images = [
        ("IMAGE", sky(3.0), {"BUNIT": "nJy", "EXTTYPE": "IMAGE"}),
        ("MASK", flags, RUBIN_PLANES | {"EXTTYPE": "MASK"}),
        ("VARIANCE", np.full(SHAPE, 9.0), {"EXTTYPE": "VARIANCE"}),
    ]
    if psf:
        images.append(("PSF", gaussian((21, 21)), {}))
    return _write(path, {"TELESCOP": "Simonyi Survey Telescope"}, images)
