"""A reconstruction whose numbers are known in closed form, for the tests of three subpackages."""

import astropy.units as u
import numpy as np
from astropy.nddata import NDData, StdDevUncertainty
from astropy.wcs import WCS

from rimlens.observation import Observation
from rimlens.reconstruction import Reconstruction

THETA_E = 0.6  # arcsec
SIGMA = 0.02
PIXEL_SCALE = 0.05


def sky(shape, pixel_scale=PIXEL_SCALE, rotation=30.0, flipped=False, center=(150.1, 2.2)):
    """Return a TAN WCS whose rows point `rotation` degrees east of north."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval = center
    wcs.wcs.crpix = (shape[1] + 1) / 2, (shape[0] + 1) / 2
    cosine, sine = np.cos(np.radians(rotation)), np.sin(np.radians(rotation))
    # Columns of this matrix are (east, north) of a step along x and of one along y.
    x_sign = 1.0 if flipped else -1.0
    wcs.wcs.cd = (pixel_scale / 3600) * np.array(
        [[x_sign * cosine, sine], [-x_sign * sine, cosine]]
    )
    wcs.wcs.set()
    return wcs


def isothermal(shape, theta_e, subpixels=16):
    """Return the pixel-averaged convergence of an isothermal sphere in the middle of a map."""
    y, x = ((np.arange(n * subpixels) + 0.5) / subpixels - n / 2 for n in shape)
    convergence = theta_e / 2 / np.hypot(y[:, None], x)
    return convergence.reshape(shape[0], subpixels, shape[1], subpixels).mean(axis=(1, 3))


def known_reconstruction(
    shape=(40, 48), *, unit=u.electron / u.s, rotation=30.0, flipped=False, shear=(0.03, -0.04)
):
    """Return an isothermal lens of `THETA_E`, noise of `SIGMA` and a reduced chi-square near 1."""
    rng = np.random.default_rng(8)
    y, x = np.indices(shape, dtype=float)
    x0, y0 = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    radius = np.hypot(x - x0, y - y0) * PIXEL_SCALE
    model = np.exp(-0.5 * ((radius - THETA_E) / 0.08) ** 2) * (
        1 + 0.5 * np.sin(np.arctan2(y - y0, x - x0))
    )
    mask = radius < 0.15
    wcs = sky(shape, rotation=rotation, flipped=flipped)
    observation = Observation(
        np.where(mask, 0.0, model + SIGMA * rng.normal(size=shape)),
        uncertainty=StdDevUncertainty(np.full(shape, SIGMA)),
        psf=np.exp(-0.5 * np.hypot(*np.mgrid[-4:5, -4:5]) ** 2),
        wcs=wcs,
        mask=mask,
        unit=unit,
        meta={"OBJECT": "SDSSJ0000+0000", "EXPTIME": 420.0, "FILTER": "F814W"},
    )
    sy, sx = np.mgrid[-12:12, -12:12] + 0.5
    return Reconstruction(
        observation=observation,
        source=NDData(
            np.exp(-0.5 * (sx**2 + (sy / 0.6) ** 2) / 9.0).astype("float32"),
            unit=unit,
            wcs=sky((24, 24), 0.03, rotation, flipped),
        ),
        convergence=NDData(isothermal(shape, THETA_E / PIXEL_SCALE).astype("float32"), wcs=wcs),
        shear=shear,
        model=model,
        chi2_history=[80.0, 20.5, 6.0, 2.0, 1.3, 1.1, 1.02, 1.0],
        meta={"weights": "default", "rimlens": "0.1.0", "elapsed": 1.25, "binning": 2},
    )
