"""Stationary noise that is correlated between pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops

from rimlens import backend
from rimlens.arguments import finite_numbers
from rimlens.errors import InputError
from rimlens.imaging.convolution import as_complex, padded_length
from rimlens.imaging.noise import Noise
from rimlens.typing import Tensor

if TYPE_CHECKING:
    from rimlens.typing import ArrayLike


# Conjugate gradients end where the residual has shrunk by this, by dtype, or after so many steps.
_TOLERANCE = {"float32": 1e-6, "float64": 1e-12}
_STEPS = 300
# A power spectrum's values below this part of the largest would amplify rounding, and those
# below minus the other are no rounding: there is no such noise.
_LEAST_POWER = 1e-6
_NEGATIVE_POWER = 1e-2


class CorrelatedNoise(Noise):
    r"""Stationary noise that is correlated between pixels, as resampled exposures have it.

    .. math::

        \chi^2 = (m - d)^T C^{-1} (m - d)

    over the pixels that count, with the covariance :math:`C_{ij} = \xi(\theta_i - \theta_j)`.
    :math:`C` is applied by zero-padded Fourier transforms and inverted by conjugate gradients, so
    that masks and the image's edges are treated exactly.

    Parameters
    ----------
    covariance : array_like
        The covariance :math:`\xi` of two pixels by their separation, zero in the middle, zero
        beyond; an odd number of rows and of columns.

    Raises
    ------
    InputError
        If the sizes are not odd, it is not symmetric, or no noise has such a covariance.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import CorrelatedNoise
    >>> noise = CorrelatedNoise([[0.0, 0.1, 0.0], [0.1, 1.0, 0.1], [0.0, 0.1, 0.0]])
    >>> one = np.ones((1, 8, 8), "float32")
    >>> bool(noise.chi2(2 * one, one, one)[0] < 64)  # neighbors agree on what they say
    True
    """

    def __init__(self, covariance: ArrayLike) -> None:
        xi = finite_numbers(covariance, "noise: covariance")
        if xi.ndim != 2 or xi.shape[0] % 2 == 0 or xi.shape[1] % 2 == 0:
            raise InputError(
                "noise: covariance: an odd number of rows and of columns is wanted, found the "
                f"shape {xi.shape}"
            )
        if not np.allclose(xi, xi[::-1, ::-1], rtol=0, atol=1e-6 * np.abs(xi).max()):
            raise InputError("noise: covariance: symmetry about the middle is wanted")
        if not xi[tuple(n // 2 for n in xi.shape)] > 0:
            raise InputError("noise: covariance: a positive variance in the middle is wanted")
        self.covariance = 0.5 * (xi + xi[::-1, ::-1])
        self._sigma = float(np.sqrt(xi[tuple(n // 2 for n in xi.shape)]))
        self._spectrum(tuple(4 * n for n in xi.shape))

    @classmethod
    def from_power_spectrum(cls, power: ArrayLike) -> CorrelatedNoise:
        """Return noise of a given power spectrum.

        Parameters
        ----------
        power : array_like
            Mean squared modulus of the noise's Fourier coefficients over the number of pixels, in
            the order of `numpy.fft.fft2`; its mean is the variance of a pixel.

        Returns
        -------
        CorrelatedNoise

        Raises
        ------
        InputError
            If it is negative or not finite, or has no two axes.
        """
        power = finite_numbers(power, "noise: power")
        if power.ndim != 2 or not np.all(power >= 0):
            raise InputError("noise: power: two axes and numbers that are not negative are wanted")
        xi = np.fft.fftshift(np.fft.ifft2(power).real)
        # An even size has one separation that is the same to either side.
        return cls(xi[tuple(slice(1 - n % 2, None) for n in power.shape)])

    @classmethod
    def from_patch(
        cls, patch: ArrayLike, reach: int = 4, mask: ArrayLike | None = None
    ) -> CorrelatedNoise:
        """Return noise as measured in a blank patch of sky.

        The products of pairs are tapered linearly to zero beyond the reach, in either direction,
        which makes the result the covariance of some noise.

        Parameters
        ----------
        patch : array_like
            Pixels without any source, shape ``(ny, nx)``.
        reach : int, optional
            Largest separation in pixels over which noise is taken to be correlated.
        mask : array_like of bool, optional
            True where a pixel is not to be used.

        Returns
        -------
        CorrelatedNoise

        Raises
        ------
        InputError
            If the patch is smaller than three times the reach, or not finite where it counts.
        """
        patch = np.array(patch, dtype=float)
        used = np.ones(patch.shape) if mask is None else 1.0 - np.asarray(mask, float)
        patch = finite_numbers(np.where(used > 0, patch, 0.0), "noise: patch")
        if patch.ndim != 2 or min(patch.shape) < 3 * reach:
            raise InputError(
                f"noise: patch: at least {3 * reach} pixels a side are wanted for a reach of "
                f"{reach}, found the shape {patch.shape}"
            )
        patch = used * (patch - patch.sum() / used.sum())
        padded = tuple(n + reach for n in patch.shape)

        def correlation(values):
            found = np.fft.irfft2(np.abs(np.fft.rfft2(values, padded)) ** 2, padded)
            return np.roll(found, (reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]

        taper = 1 - np.abs(np.arange(-reach, reach + 1)) / (reach + 1)
        return cls(correlation(patch) / correlation(used) * taper[:, None] * taper)

    def check(self, shape: Any) -> None:
        """Raise `InputError` if the covariance reaches farther than the images."""
        if any(k > 2 * n - 1 for k, n in zip(self.covariance.shape, shape)):
            raise InputError(
                f"noise: covariance: at most {tuple(2 * n - 1 for n in shape)} pixels are wanted "
                f"for images of {tuple(shape)}, found {self.covariance.shape}"
            )

    def standard_deviation(self, image: Any) -> Any:
        """Return the standard deviation of a pixel."""
        return ops.full((1, 1, 1), self._sigma, dtype=ops.dtype(image))

    def draw(self, image: Any, rng: int | np.random.Generator) -> Any:
        """Return an image with correlated noise."""
        rng = np.random.default_rng(rng)
        ny, nx = image.shape[1:]
        padded = self._padded((ny, nx))
        white = np.fft.rfft2(rng.standard_normal((len(image), *padded)))
        noise = np.fft.irfft2(white * np.sqrt(self._spectrum(padded)), padded)[:, :ny, :nx]
        return (image + self._sigma * noise).astype(image.dtype)

    def chi2(self, model: Tensor, data: np.ndarray, weight: np.ndarray, extra: Any = None) -> Any:
        """Return the chi-square of each image; arguments as for `Noise.chi2`, without `extra`."""
        if extra is not None:
            raise InputError(
                "noise: a point-spread function without variance is wanted for correlated noise"
            )
        dtype = ops.dtype(model)
        shape = tuple(model.shape[1:])
        padded = self._padded(shape)
        spectrum = np.swapaxes(self._spectrum(padded), 0, 1)
        counts = ops.cast(weight > 0, dtype)
        rest = counts * (model - data) / self._sigma

        def filtered(values, transform):
            product = backend.rfft2(counts * values, padded) * transform
            return counts * backend.irfft2(product, padded, shape)

        covariance, inverse = (as_complex(s, dtype) for s in (spectrum, 1 / spectrum))
        solution = ops.stop_gradient(
            _conjugate_gradients(
                lambda v: filtered(v, covariance),
                lambda v: filtered(v, inverse),
                ops.stop_gradient(rest),
                _TOLERANCE[dtype],
            )
        )
        # Its derivative by the residual is that of r C^-1 r, with the solution held fixed.
        back = filtered(solution, covariance)
        return ops.sum(solution * (2 * rest - back), axis=(1, 2))

    def log_likelihood(
        self, model: Tensor, data: np.ndarray, weight: np.ndarray, extra: Any = None
    ) -> Any:
        """Return minus half the chi-square: what is missing does not depend on the model."""
        return -0.5 * self.chi2(model, data, weight, extra)

    def _padded(self, shape):
        reach = (n // 2 for n in self.covariance.shape)
        return tuple(padded_length(-r, r, n, n) for r, n in zip(reach, shape))

    def _spectrum(self, padded):
        """Return the power spectrum on a padded grid, as `numpy.fft.rfft2` orders it.

        It is that of the noise in units of its standard deviation.
        """
        ky, kx = self.covariance.shape
        full = np.zeros(padded)
        full[:ky, :kx] = self.covariance / self._sigma**2
        power = np.fft.rfft2(np.roll(full, (-(ky // 2), -(kx // 2)), (0, 1))).real
        if power.min() < -_NEGATIVE_POWER * power.max():
            raise InputError(
                "noise: covariance: no noise has it, its power spectrum falls to "
                f"{power.min() / power.max():.1%} of its maximum"
            )
        return np.maximum(power, _LEAST_POWER * power.max())


def _conjugate_gradients(matrix, preconditioner, target, tolerance):
    """Solve a symmetric positive system for every image of a batch."""

    def dot(a, b):
        return ops.sum(a * b, axis=(1, 2), keepdims=True)

    size = dot(target, target)

    def unfinished(step, solution, rest, direction, gain):
        return (step < _STEPS) & ops.any(dot(rest, rest) > tolerance**2 * size)

    def improve(step, solution, rest, direction, gain):
        image = matrix(direction)
        tiny = ops.cast(1e-30, ops.dtype(target))
        length = gain / ops.maximum(dot(direction, image), tiny)
        solution, rest = solution + length * direction, rest - length * image
        conditioned = preconditioner(rest)
        new = dot(rest, conditioned)
        direction = conditioned + new / ops.maximum(gain, tiny) * direction
        return step + 1, solution, rest, direction, new

    first = preconditioner(target)
    start = (0, ops.zeros_like(target), target, first, dot(target, first))
    return ops.while_loop(unfinished, improve, start)[1]
