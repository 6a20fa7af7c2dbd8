"""Noise that is independent from pixel to pixel, and what every noise model has."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops

from rimlens.arguments import numbers
from rimlens.errors import InputError
from rimlens.imaging.likelihood import chi2
from rimlens.typing import Tensor

if TYPE_CHECKING:
    from rimlens.typing import ArrayLike


class Noise(ABC):
    """The noise of an exposure.

    An author gives `standard_deviation`; noise that is independent from pixel to pixel needs no
    more.  No method squares a brightness: in physical units that are small, as erg/s/cm2/Å, its
    square is below what single precision holds.

    Attributes
    ----------
    batch : int
        For how many images the noise is given; one serves any number.
    """

    batch = 1

    @cached_property
    def scale(self) -> Any:
        """A power of two about as large as the noise where the image is dark."""
        sigma = self.standard_deviation(np.zeros((1, 1, 1), "float32"))
        return float(2.0 ** np.round(np.log2(np.median(ops.convert_to_numpy(sigma)))))

    @abstractmethod
    def standard_deviation(self, image: Tensor) -> Tensor:
        """Return the standard deviation of each pixel.

        Parameters
        ----------
        image : tensor
            The image without noise, shape ``(batch, ny, nx)``.

        Returns
        -------
        tensor
            Of a shape that broadcasts with `image`.
        """

    def check(self, shape: Any) -> Any:
        """Raise `InputError` if the noise does not belong to images of ``(ny, nx)`` pixels."""
        return None

    def draw(self, image: np.ndarray, rng: int | np.random.Generator) -> np.ndarray:
        """Return an image with noise.

        Parameters
        ----------
        image : ndarray
            Without noise, shape ``(batch, ny, nx)``.
        rng : int or numpy.random.Generator
            Seed or generator.

        Returns
        -------
        ndarray
            Of the same shape and dtype.
        """
        rng = np.random.default_rng(rng)
        sigma = ops.convert_to_numpy(self.standard_deviation(image))
        return (image + sigma * rng.standard_normal(image.shape)).astype(image.dtype)

    def chi2(
        self, model: Tensor, data: Tensor, weight: Tensor, extra: Tensor | None = None
    ) -> Tensor:
        r"""Return :math:`\sum_i w_i (m_i - d_i)^2 / \sigma_i^2` of each image.

        Parameters
        ----------
        model, data : tensor
            Shape ``(batch, ny, nx)``.
        weight : tensor
            One where a pixel counts and zero where it is masked.
        extra : tensor, optional
            Standard deviation of what is added to the noise, independent of it.

        Returns
        -------
        tensor
            Shape ``(batch,)``.
        """
        # In about units of the noise, whose square would underflow in the derivative by it.
        sigma = self._total(model, extra) / self.scale
        return chi2(model / self.scale, data / self.scale, sigma, weight)

    def log_likelihood(
        self, model: Tensor, data: np.ndarray, weight: np.ndarray, extra: Any = None
    ) -> Tensor:
        r"""Return the logarithm of the normal distribution of each image.

        .. math::

            -\sum_i w_i \left[ \frac{(m_i - d_i)^2}{2 \sigma_i^2} + \ln \sigma_i
            + \tfrac12 \ln 2\pi \right]

        Parameters
        ----------
        model, data, weight, extra
            As in `chi2`.

        Returns
        -------
        tensor
            Shape ``(batch,)``.
        """
        sigma = self._total(model, extra) + 0 * model
        normalization = weight * (ops.log(sigma) + 0.5 * math.log(2 * math.pi))
        return -0.5 * self.chi2(model, data, weight, extra) - ops.sum(normalization, axis=(1, 2))

    def _total(self, model, extra):
        sigma = self.standard_deviation(model)
        return sigma if extra is None else sigma * ops.sqrt(1 + ops.square(extra / sigma))


class ConstantNoise(Noise):
    """Noise of one standard deviation in all pixels.

    Parameters
    ----------
    sigma : float
        Standard deviation, in the unit of the image.

    Raises
    ------
    InputError
        If it is not a positive number.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import ConstantNoise
    >>> one = np.ones((1, 2, 2), "float32")
    >>> float(ConstantNoise(2.0).chi2(3 * one, one, one)[0])
    4.0
    """

    def __init__(self, sigma: float) -> None:
        self.sigma = float(_positive(sigma, "sigma", "noise", (0,)))

    def standard_deviation(self, image: Any) -> Any:
        """Return the one standard deviation."""
        return ops.full((1, 1, 1), self.sigma, dtype=ops.dtype(image))


class NoiseMap(Noise):
    """Noise whose standard deviation is given for every pixel.

    Parameters
    ----------
    sigma : array_like
        Standard deviations, in the unit of the image, shape ``(ny, nx)``, or ``(batch, ny, nx)``.

    Raises
    ------
    InputError
        If one is not a positive number; where pixels are masked, any positive number serves.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import NoiseMap
    >>> one = np.ones((1, 2, 2), "float32")
    >>> float(NoiseMap([[1.0, 1.0], [2.0, 2.0]]).chi2(3 * one, one, one)[0])
    10.0
    """

    def __init__(self, sigma: ArrayLike) -> None:
        sigma = _positive(sigma, "sigma", "noise", (2, 3))
        self.sigma = sigma.reshape(-1, *sigma.shape[-2:])
        self.batch = len(self.sigma)

    def check(self, shape: Any) -> None:
        """Raise `InputError` if the map has another shape than the images."""
        _same_shape(self.sigma, "noise: sigma", shape)

    def standard_deviation(self, image: Any) -> Any:
        """Return the map."""
        return ops.convert_to_tensor(self.sigma.astype(ops.dtype(image)))


class PoissonNoise(Noise):
    r"""Noise of the counted photons and of the background.

    .. math::

        \sigma^2 = \sigma_\mathrm{bg}^2 + \frac{\max(m, 0)}{g\,t}

    with the image :math:`m` in counts per second, the exposure time :math:`t` and the gain
    :math:`g`.  The noise depends on the model: compare models by the `log_likelihood`, as
    the chi-square alone favors bright ones.

    Parameters
    ----------
    exposure_time : float or array_like
        In seconds; a number, or a map of shape ``(ny, nx)``.
    background : float or array_like
        Standard deviation of what does not depend on the image (sky, dark current, read-out), in
        the unit of the image.
    gain : float, optional
        Electrons per count.

    Raises
    ------
    InputError
        If a time, background or gain is not a positive number.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import PoissonNoise
    >>> noise = PoissonNoise(exposure_time=100.0, background=0.1)
    >>> round(float(noise.standard_deviation(np.ones((1, 1, 1), "float32"))[0, 0, 0]), 4)
    0.1414
    """

    def __init__(
        self, exposure_time: float | ArrayLike, background: float | ArrayLike, gain: float = 1.0
    ) -> None:
        self.exposure_time = _positive(exposure_time, "exposure_time", "noise", (0, 2))
        self.background = _positive(background, "background", "noise", (0, 2))
        self.gain = float(_positive(gain, "gain", "noise", (0,)))

    def check(self, shape: Any) -> None:
        """Raise `InputError` if a map has another shape than the images."""
        _same_shape(self.exposure_time, "noise: exposure_time", shape)
        _same_shape(self.background, "noise: background", shape)

    def standard_deviation(self, image: Any) -> Any:
        """Return the standard deviation of background and photons."""
        # The brightness at which the photons' variance is that of the background.
        equal = self.gain * self.exposure_time * self.background**2
        equal, background = (a.astype(ops.dtype(image)) for a in (equal, self.background))
        return background * ops.sqrt(1 + ops.maximum(image, 0.0) / equal)

    def draw(self, image: Any, rng: int | np.random.Generator) -> Any:
        """Return an image with counted photons and a normal background."""
        rng = np.random.default_rng(rng)
        electrons = self.gain * self.exposure_time
        counted = rng.poisson(np.maximum(image, 0) * electrons) / electrons
        counted = np.where(image > 0, counted, image)
        background = self.background * rng.standard_normal(image.shape)
        return (counted + background).astype(image.dtype)


def _positive(values, name, what, axes):
    """Return positive numbers with one of some numbers of axes, or raise `InputError`."""
    values = numbers(values, f"{what}: {name}")
    if values.ndim not in axes:
        raise InputError(
            f"{what}: {name}: {' or '.join(map(str, axes))} axes are wanted, found the shape "
            f"{values.shape}"
        )
    bad = np.count_nonzero(~(np.isfinite(values) & (values > 0)))
    if bad:
        raise InputError(
            f"{what}: {name}: positive numbers are wanted, found {bad} of {values.size} that are "
            "zero, negative, NaN or infinite"
        )
    return values


def _same_shape(values, where, shape):
    if values.ndim and values.shape[-2:] != tuple(shape):
        raise InputError(f"{where}: the shape {tuple(shape)} is wanted, found {values.shape[-2:]}")
