"""Convolution with a point-spread function that does not move the image."""

import numpy as np
from keras import ops
from scipy.fft import next_fast_len

from rimlens import backend


def psf_transform(psf, image_shape):
    """Prepare point-spread functions for `convolve`.

    Parameters
    ----------
    psf : tensor
        Stamps of any odd or even size, shape ``(batch, ky, kx)``; the centre of a stamp is its
        geometric centre, which for an even size lies between pixels.
    image_shape : tuple of int
        ``(ny, nx)`` of the images to convolve.

    Returns
    -------
    tensor of complex
        Fourier transforms on the padded grid, shape ``(batch, py, px // 2 + 1)``.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import convolve, psf_transform
    >>> image = np.zeros((1, 5, 5), "float32")
    >>> image[0, 2, 2] = 1.0
    >>> transform = psf_transform(np.ones((1, 3, 3), "float32") / 9, (5, 5))
    >>> round(float(convolve(image, transform, (3, 3))[0, 1, 3]), 3)
    0.111
    """
    psf = ops.convert_to_tensor(psf)
    ky, kx = psf.shape[1:]
    py, px = _padded(image_shape, (ky, kx))
    # A phase puts the centre of the stamp, which may lie between pixels, on the origin.
    shift_y = np.exp(2j * np.pi * np.fft.fftfreq(py) * (ky - 1) / 2)
    shift_x = np.exp(2j * np.pi * np.fft.rfftfreq(px) * (kx - 1) / 2)
    phase = (shift_y[:, None] * shift_x).astype(_complex(psf))
    return backend.rfft2(psf, (py, px)) * ops.convert_to_tensor(phase)


def convolve(images, transform, psf_shape):
    """Convolve images with point-spread functions; what lies outside an image is zero.

    Parameters
    ----------
    images : tensor
        Shape ``(batch, ny, nx)``.
    transform : tensor of complex
        From `psf_transform` for this image shape.
    psf_shape : tuple of int
        ``(ky, kx)`` of the stamps, which fixes the padding.

    Returns
    -------
    tensor
        Shape ``(batch, ny, nx)``; the flux of a point stays centred on it.
    """
    images = ops.convert_to_tensor(images)
    ny, nx = images.shape[1:]
    padded = _padded((ny, nx), psf_shape)
    product = backend.rfft2(images, padded) * transform
    return backend.irfft2(product, padded)[:, :ny, :nx]


def equivalent_fwhm(psf):
    r"""Return the full width at half maximum of the Gaussian with the same noise-equivalent area.

    The area is :math:`1 / \sum p^2 = 4 \pi \sigma^2` (King 1983, PASP 95, 163), which is well
    defined where a half-maximum contour is not: in an undersampled point-spread function.

    Parameters
    ----------
    psf : ndarray
        A stamp, shape ``(ky, kx)``; it need not be normalised.

    Returns
    -------
    float
        In pixels.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[-10:11, -10:11]
    >>> round(equivalent_fwhm(np.exp(-(x**2 + y**2) / 8)), 2)
    4.71
    """
    psf = np.asarray(psf, dtype=float)
    area = psf.sum() ** 2 / (psf**2).sum()
    return float(np.sqrt(8 * np.log(2)) * np.sqrt(area / (4 * np.pi)))


def _complex(x):
    return "complex128" if ops.dtype(x) == "float64" else "complex64"


def _padded(image_shape, psf_shape):
    return tuple(next_fast_len(n + k - 1, True) for n, k in zip(image_shape, psf_shape))
