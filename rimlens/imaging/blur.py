"""From light on sub-pixels to the pixels of an exposure: point-spread function and binning."""

import numpy as np
from keras import ops

from rimlens.errors import InputError
from rimlens.imaging.convolution import convolve, psf_transform
from rimlens.observation.psf import trim_psf

# Half a pixel's shift, for stamps whose center lies between pixels: Lagrange interpolation keeps
# flux and center exactly and ends, unlike that by Fourier transforms.  Of a variance, which must
# not become negative, it is the mean of neighbors.
_HALF_PIXEL = np.array([-5, 49, -245, 1225, 1225, -245, 49, -5]) / 2048
_MEAN = np.array([0.5, 0.5])
# Stamps of at most so many pixels are summed directly, which is then faster than transforms:
# a sum over 5 x 5 takes a third of their time, its gradient about as long (docs/performance.rst).
_DIRECT = 25


class Blur:
    """What the telescope and its pixels do to the light on a grid of sub-pixels.

    The light is averaged to the sampling of the point-spread function, convolved, and averaged to
    the pixels of the image.

    Parameters
    ----------
    psf : PSF or None
        Without one there is no convolution.
    shape : tuple of int
        ``(ny, nx)`` of the image.
    oversampling : int
        Sub-pixels a side in a pixel of the image.
    dtype : str
        Of the images.

    Raises
    ------
    InputError
        If a stamp is larger than the image, or the samplings do not divide one another.
    """

    def __init__(self, psf, shape, oversampling, dtype):
        self._psf = psf
        if psf is None:
            self._before, self._after = oversampling, 1
            return
        if psf.oversampling > oversampling:
            if psf.oversampling % oversampling:
                raise InputError(_disagreement(psf.oversampling, oversampling))
            psf = psf.binned(psf.oversampling // oversampling)
        elif oversampling % psf.oversampling:
            raise InputError(_disagreement(psf.oversampling, oversampling))
        self._psf = psf
        self._before, self._after = oversampling // psf.oversampling, psf.oversampling
        if psf.variance is not None and self._after > 1:
            raise InputError(
                "psf: variance: a point-spread function with the image's own pixels is wanted, "
                f"found an oversampling of {self._after}"
            )
        fine = tuple(n * self._after for n in shape)
        size = psf.stamps.shape[1:]
        if any(trim_psf(stamp, fine).shape != size for stamp in psf.stamps):
            raise InputError(
                f"psf: the stamp of {size} is larger than the image of {fine}; trim it about its "
                "center"
            )
        self._blurred = _convolution(_odd(psf.stamps, _HALF_PIXEL), fine, dtype)
        self._variance = None
        if psf.variance is not None:
            self._variance = _convolution(_odd(psf.variance, _MEAN), fine, dtype)

    def __call__(self, light):
        """Return the image.

        Parameters
        ----------
        light : tensor
            Surface brightness, shape ``(batch, oversampling * ny, oversampling * nx)``.

        Returns
        -------
        image : tensor
            Shape ``(batch, ny, nx)``.
        sigma : tensor or None
            Standard deviation of what the point-spread function's variance adds to the noise.
        """
        light = _averaged(light, self._before)
        if self._psf is None:
            return light, None
        image = _averaged(self._blurred(light), self._after)
        if self._variance is None:
            return image, None
        # In units of the brightest: the square of a physical brightness can be below what single
        # precision holds.
        brightest = ops.stop_gradient(ops.max(ops.abs(light), axis=(1, 2), keepdims=True))
        brightest = ops.where(brightest > 0, brightest, ops.ones_like(brightest))
        variance = self._variance(ops.square(light / brightest))
        tiny = np.finfo(ops.dtype(light)).tiny
        return image, brightest * ops.sqrt(ops.maximum(variance, tiny))

    def __len__(self):
        """Return the number of stamps."""
        return 1 if self._psf is None else len(self._psf)


def _odd(stamps, shift):
    """Return stamps with an odd number of rows and of columns, about the same center."""
    for axis in (1, 2):
        if stamps.shape[axis] % 2 == 0:
            stamps = np.apply_along_axis(np.convolve, axis, stamps, shift)
    return stamps


def _convolution(stamps, shape, dtype):
    """Return a function that convolves images with stamps, by the faster way."""
    stamps = stamps.astype(dtype)
    ky, kx = stamps.shape[1:]
    if ky * kx > _DIRECT:
        transform = psf_transform(stamps, shape)
        return lambda images: convolve(images, transform, (ky, kx))

    def direct_sum(images):
        (ny, nx), (top, left) = shape, (ky // 2, kx // 2)
        padded = ops.pad(images, ((0, 0), (top, top), (left, left)))
        return sum(
            ops.convert_to_tensor(stamps[:, ky - 1 - i, kx - 1 - j, None, None])
            * padded[:, i : i + ny, j : j + nx]
            for i in range(ky)
            for j in range(kx)
        )

    return direct_sum


def _averaged(images, factor):
    """Return images whose pixels are the means of blocks."""
    if factor == 1:
        return images
    _, ny, nx = images.shape
    blocks = ops.reshape(images, (-1, ny // factor, factor, nx // factor, factor))
    return ops.mean(blocks, axis=(2, 4))


def _disagreement(of_psf, of_image):
    return (
        "oversampling: those of image and point-spread function must divide one another, found "
        f"{of_image} and {of_psf}"
    )
