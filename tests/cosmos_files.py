"""A catalog of known galaxies in the layout of GalSim, for several tests."""

import numpy as np
from astropy.io import fits
from astropy.table import Table

PIXEL_SCALE = 0.03
SIGMA = 0.0026
# What drizzling does to COSMOS: of next neighbors nearly a half, diagonally nearly a quarter.
CORRELATION = np.outer([0.05, 0.46, 1.0, 0.46, 0.05], [0.05, 0.46, 1.0, 0.46, 0.05])


def blob(shape, x=0.0, y=0.0, sigma=4.0, q=1.0):
    """Return a Gaussian of unit peak, at pixels from the middle."""
    rows, columns = (np.arange(n) - (n - 1) / 2 for n in shape)
    return np.exp(-0.5 * (((rows - y) / q)[:, None] ** 2 + (columns - x) ** 2) / sigma**2)


def galaxy_image(shape=(64, 64), flux=20.0):
    """Return a clumpy galaxy without noise, of a given flux."""
    image = blob(shape, sigma=6, q=0.7) + 0.5 * blob(shape, 6, 4, 2) + 0.4 * blob(shape, -7, -2, 2)
    return image * flux / image.sum()


def psf_image(shape=(33, 31), sigma=1.6):
    """Return a point-spread function of sum 0.98, as those of COSMOS."""
    psf = blob(shape, sigma=sigma)
    return 0.98 * psf / psf.sum()


def write_catalog(folder, images, psfs=None, name="real_galaxy_catalog_test", **columns):
    """Write a catalog with one file of stamps and one of point-spread functions."""
    n = len(images)
    psfs = [psf_image()] * n if psfs is None else psfs
    for kind, stamps in (("images", images), ("PSF_images", psfs)):
        hdus = [fits.PrimaryHDU(stamps[0]), *(fits.ImageHDU(s) for s in stamps[1:])]
        fits.HDUList(hdus).writeto(folder / f"real_galaxy_{kind}.fits", overwrite=True)
    table = {
        "IDENT": 100 + np.arange(n),
        "MAG": np.linspace(21.0, 23.0, n),
        "GAL_FILENAME": ["real_galaxy_images.fits"] * n,
        "GAL_HDU": np.arange(n),
        "PSF_FILENAME": ["real_galaxy_PSF_images.fits"] * n,
        "PSF_HDU": np.arange(n),
        "PIXEL_SCALE": np.full(n, PIXEL_SCALE),
        "NOISE_MEAN": np.zeros(n),
        "NOISE_VARIANCE": np.full(n, SIGMA**2),
        **columns,
    }
    path = folder / f"{name}.fits"
    Table(table).write(path, overwrite=True)
    return path
