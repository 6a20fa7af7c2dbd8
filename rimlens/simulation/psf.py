r"""Point-spread functions of an obstructed telescope.

The Fraunhofer pattern of a round pupil with a central obscuration, four spider vanes and small
aberrations, integrated over pixels and blurred by jitter: the light of HST and its like, at any
rotation and sampling.
"""

import numpy as np
from scipy import ndimage

from rimlens.errors import InputError
from rimlens.imaging import equivalent_fwhm


def telescope_psf(size, sampling, rng):
    r"""Return one random point-spread function.

    Parameters
    ----------
    size : int
        Side of the stamp in pixels, odd.
    sampling : float
        :math:`\lambda / D` in pixels of the image.
    rng : numpy.random.Generator
        Draws the rotation, the obscuration, the aberrations and the jitter.

    Returns
    -------
    ndarray
        Shape ``(size, size)``, sum one.

    Examples
    --------
    >>> import numpy as np
    >>> psf = telescope_psf(21, 1.4, np.random.default_rng(1))
    >>> bool(abs(psf.sum() - 1) < 1e-12)
    True
    """
    oversampling = 3
    pixels = 64
    y, x = (np.mgrid[:pixels, :pixels] - (pixels - 1) / 2) / (pixels / 2)
    angle = rng.uniform(0, 2 * np.pi)
    xr, yr = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    radius, azimuth = np.hypot(x, y), np.arctan2(yr, xr)
    vane = rng.uniform(0.01, 0.03)
    pupil = (radius < 1) & (radius > rng.uniform(0.2, 0.36))
    pupil &= (np.abs(xr) > vane) & (np.abs(yr) > vane)
    defocus, astigmatism, coma = rng.normal(0, (0.25, 0.15, 0.15))
    phase = defocus * (2 * radius**2 - 1) + astigmatism * radius**2 * np.cos(2 * azimuth)
    phase += coma * (3 * radius**3 - 2 * radius) * np.cos(azimuth - rng.uniform(0, 2 * np.pi))
    field = pupil * np.exp(1j * phase)
    # A matrix Fourier transform gives the pattern at any sampling (Soummer et al. 2007).
    fine = size * oversampling
    at = (np.arange(fine) - (fine - 1) / 2) / oversampling / sampling
    kernel = np.exp(-1j * np.pi * np.outer(at, x[0]))
    pattern = np.abs(kernel @ field @ kernel.T) ** 2
    jitter = np.exp(rng.uniform(np.log(0.1), np.log(0.9)))
    pattern = ndimage.gaussian_filter(pattern, jitter * oversampling, mode="constant")
    stamp = pattern.reshape(size, oversampling, size, oversampling).sum(axis=(1, 3))
    return stamp / stamp.sum()


def psf_library(count, size, fwhm_range, rng):
    """Return a library of point-spread functions to draw from.

    Parameters
    ----------
    count : int
        How many.
    size : int
        Side of a stamp in pixels, odd.
    fwhm_range : tuple of float
        Allowed noise-equivalent full widths, in pixels (see `rimlens.imaging.equivalent_fwhm`).
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray
        Shape ``(count, size, size)``, float32, each of sum one.

    Raises
    ------
    InputError
        If hardly a point-spread function has such a width.
    """
    low, high = fwhm_range
    library = []
    tries = 0
    while len(library) < count:
        tries += 1
        if tries > 100 * count + 1000:
            raise InputError(f"fwhm: no telescope has a width in {fwhm_range} pixels")
        psf = telescope_psf(size, np.exp(rng.uniform(np.log(0.5), np.log(high))), rng)
        if low <= equivalent_fwhm(psf) <= high:
            library.append(psf)
    return np.array(library, dtype="float32")
