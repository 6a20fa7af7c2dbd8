"""Linear convolution by zero-padded Fourier transforms: of maps, and with point-spread functions.

Nothing wraps around: the padding is the least fast length at which what comes round the edge falls
outside the result.
"""

from __future__ import annotations

import numpy as np
from keras import ops
from scipy.fft import next_fast_len

from rimlens import backend
from rimlens.typing import Tensor


class Convolution:
    r"""The convolution of maps with one or several kernels.

    .. math::

        o_{ab} = \sum_{ij} k_{a-i,\, b-j} \, m_{ij}

    Parameters
    ----------
    kernels : ndarray
        Kernels, shape ``(n, ky, kx)``.
    first : tuple of int
        Displacement ``(rows, columns)`` from input to output of a kernel's first element.
    input_shape, output_shape : tuple of int
        ``(ny, nx)`` of the maps, and of the result; their first pixels coincide.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging.convolution import Convolution
    >>> mean = Convolution(np.ones((1, 3, 3)) / 9, (-1, -1), (4, 5), (4, 5))
    >>> round(float(mean(np.ones((1, 4, 5), "float32"))[0, 0, 2, 2]), 6)
    1.0
    """

    def __init__(self, kernels, first, input_shape, output_shape):
        self.output_shape = tuple(output_shape)
        self.padded = tuple(
            padded_length(low, low + k - 1, n, m)
            for low, k, n, m in zip(first, kernels.shape[-2:], input_shape, output_shape)
        )
        margin = [(0, p - k) for p, k in zip(self.padded, kernels.shape[-2:])]
        full = np.pad(kernels, [(0, 0), *margin])
        full = np.roll(full, first, axis=(-2, -1))
        # As `rimlens.backend.rfft2` has it: column by column.
        self._transforms = np.swapaxes(np.fft.rfft2(full), -1, -2)

    def __call__(self, maps):
        """Return the convolved maps.

        Parameters
        ----------
        maps : tensor
            Shape ``(batch, ny, nx)``.

        Returns
        -------
        tensor
            Shape ``(batch, n, my, mx)``.
        """
        maps = ops.convert_to_tensor(maps)
        transforms = as_complex(self._transforms, ops.dtype(maps))
        product = backend.rfft2(maps, self.padded)[:, None] * transforms
        return backend.irfft2(product, self.padded, self.output_shape)


def psf_transform(psf: Tensor, image_shape: tuple[int, ...]) -> Tensor:
    """Prepare point-spread functions for `convolve`.

    Parameters
    ----------
    psf : tensor
        Stamps of any odd or even size, shape ``(batch, ky, kx)``; the center of a stamp is its
        geometric center, which for an even size lies between pixels.
    image_shape : tuple of int
        ``(ny, nx)`` of the images to convolve.

    Returns
    -------
    tensor of complex
        Fourier transforms on the padded grid, shape ``(batch, px // 2 + 1, py)``.

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
    # A phase puts the center of the stamp, which may lie between pixels, on the origin.
    shift_y = np.exp(2j * np.pi * np.fft.fftfreq(py) * (ky - 1) / 2)
    shift_x = np.exp(2j * np.pi * np.fft.rfftfreq(px) * (kx - 1) / 2)
    phase = as_complex(shift_x[:, None] * shift_y, ops.dtype(psf))
    return backend.rfft2(psf, (py, px)) * phase


def convolve(images: Tensor, transform: Tensor, psf_shape: tuple[int, ...]) -> Tensor:
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
        Shape ``(batch, ny, nx)``; the flux of a point stays centered on it.
    """
    images = ops.convert_to_tensor(images)
    shape = tuple(images.shape[1:])
    padded = _padded(shape, psf_shape)
    return backend.irfft2(backend.rfft2(images, padded) * transform, padded, shape)


def correlate(images, transform, psf_shape):
    """Apply the adjoint of `convolve`: the correlation of images with point-spread functions.

    Parameters
    ----------
    images, transform, psf_shape
        As in `convolve`.

    Returns
    -------
    tensor
        Shape ``(batch, ny, nx)``.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging.convolution import correlate, psf_transform
    >>> image = np.zeros((1, 1, 3), "float32")
    >>> image[0, 0, 1] = 1.0
    >>> transform = psf_transform(np.array([[[0.5, 0.3, 0.2]]], "float32"), (1, 3))
    >>> np.asarray(correlate(image, transform, (1, 3))).round(3)
    array([[[0.2, 0.3, 0.5]]], dtype=float32)
    """
    return convolve(images, ops.conjugate(transform), psf_shape)


def padded_length(low, high, inputs, outputs):
    """Return the least fast length at which nothing wraps around into the result.

    Parameters
    ----------
    low, high : int
        Displacements that the kernel reaches.
    inputs, outputs : int
        Lengths of the map and of the result, which begin together.

    Returns
    -------
    int

    Examples
    --------
    >>> padded_length(-12, 12, 128, 128)
    144
    """
    least = max(high + inputs, outputs - low, high - low + 1, inputs, outputs)
    return next_fast_len(least, True)


def as_complex(values, dtype):
    """Return complex values as a tensor of the precision of a real dtype."""
    return backend.constant(values.astype("complex128" if dtype == "float64" else "complex64"))


def _padded(image_shape, psf_shape):
    # Half a pixel's shift gives an even stamp faint wings on both sides.
    reach = ((k - 1) // 2 if k % 2 else k - 1 for k in psf_shape)
    return tuple(padded_length(-r, r, n, n) for r, n in zip(reach, image_shape))
