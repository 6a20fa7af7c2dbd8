r"""How alike two images are, as image processing measures it.

With the mean square difference MSE of an image and the true one and the range :math:`L` of the
true one, its peak unless another is given,

.. math::
    \mathrm{PSNR} = 10 \log_{10} \frac{L^2}{\mathrm{MSE}}

is the peak signal-to-noise ratio in decibels (Wang & Bovik 2009, IEEE Signal Processing Magazine
26, 98, eq. 3), and

.. math::
    \mathrm{SSIM} = \left\langle
    \frac{(2 \mu_x \mu_y + C_1) (2 \sigma_{xy} + C_2)}
         {(\mu_x^2 + \mu_y^2 + C_1) (\sigma_x^2 + \sigma_y^2 + C_2)} \right\rangle

the mean structural similarity (Wang et al. 2004, IEEE Transactions on Image Processing 13, 600,
eqs. 13 to 17): means, variances and covariance under a Gaussian window of 11 x 11 pixels with a
standard deviation of 1.5 pixels and a sum of one, :math:`C_1 = (0.01 L)^2`,
:math:`C_2 = (0.03 L)^2`, and the mean over all places where the window lies in the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rimlens.analysis.checking import checked_maps
from rimlens.errors import InputError

if TYPE_CHECKING:
    from rimlens.typing import ArrayLike

# Of the window of the structural similarity: standard deviation and half width in pixels.
_WIDTH, _REACH = 1.5, 5
_K1, _K2 = 0.01, 0.03


def peak_signal_to_noise_ratio(
    found: ArrayLike, true: ArrayLike, data_range: float | None = None
) -> Any:
    """Return the peak signal-to-noise ratio of images in decibels.

    Parameters
    ----------
    found, true : array_like
        Images of one shape, ``(ny, nx)`` or ``(n, ny, nx)``.
    data_range : float, optional
        The range :math:`L`; by default the peak of each true image, as if it were one.

    Returns
    -------
    float or ndarray
        One number an image; infinite where the images are equal.

    Raises
    ------
    InputError
        If the images have not one such shape or are not finite, or the range is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.analysis import peak_signal_to_noise_ratio
    >>> true = np.eye(10)
    >>> round(peak_signal_to_noise_ratio(true + 0.1, true), 6)
    20.0
    """
    found, true = checked_maps(found, true)
    span = _range(true, data_range)
    error = np.mean((found - true) ** 2, axis=(-2, -1))
    with np.errstate(divide="ignore"):
        return _like(10 * np.log10(span**2 / error))


def structural_similarity(
    found: ArrayLike, true: ArrayLike, data_range: float | None = None
) -> Any:
    """Return the mean structural similarity of images: 1 where they are equal.

    Parameters
    ----------
    found, true : array_like
        Images of one shape, ``(ny, nx)`` or ``(n, ny, nx)``, at least 11 pixels a side.
    data_range : float, optional
        The range :math:`L`; by default the peak of each true image, as if it were one.

    Returns
    -------
    float or ndarray
        One number an image, from -1 to 1.

    Raises
    ------
    InputError
        If the images have not one such shape or are not finite, or the range is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.analysis import structural_similarity
    >>> true = np.eye(16)
    >>> structural_similarity(true, true)
    1.0
    >>> structural_similarity(0.5 * true, true) < 1
    True
    """
    from scipy.ndimage import gaussian_filter

    found, true = checked_maps(found, true)
    if min(true.shape[-2:]) < 2 * _REACH + 1:
        raise InputError(
            f"true: at least {2 * _REACH + 1} pixels a side are wanted, found {true.shape}"
        )
    span = np.asarray(_range(true, data_range))[..., None, None]
    c1, c2 = (_K1 * span) ** 2, (_K2 * span) ** 2

    def windowed(values):
        mean = gaussian_filter(values, _WIDTH, radius=_REACH, axes=(-2, -1))
        return mean[..., _REACH:-_REACH, _REACH:-_REACH]

    mean_x, mean_y = windowed(found), windowed(true)
    variance_x = windowed(found**2) - mean_x**2
    variance_y = windowed(true**2) - mean_y**2
    covariance = windowed(found * true) - mean_x * mean_y
    similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    similarity /= (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    return _like(similarity.mean(axis=(-2, -1)))


def relative_rms(found: ArrayLike, true: ArrayLike) -> Any:
    r"""Return the root mean square difference of images over that of the true one.

    It is :math:`\sqrt{\sum (x - y)^2 / \sum y^2}`: 0 where they are equal, 1
    for an image of zeros.

    Parameters
    ----------
    found, true : array_like
        Images of one shape, ``(ny, nx)`` or ``(n, ny, nx)``.

    Returns
    -------
    float or ndarray
        One number an image; infinite where the true image is zero and the other is not.

    Raises
    ------
    InputError
        If the images have not one such shape or are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.analysis import relative_rms
    >>> relative_rms(np.zeros((4, 4)), np.ones((4, 4)))
    1.0
    """
    found, true = checked_maps(found, true)
    difference = np.sum((found - true) ** 2, axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return _like(np.sqrt(difference / np.sum(true**2, axis=(-2, -1))))


def _range(true, data_range):
    """Return the range of every image."""
    span = np.max(true, axis=(-2, -1)) if data_range is None else np.asarray(data_range, float)
    if not (np.all(np.isfinite(span)) and np.all(span > 0)):
        what = "true: a positive peak" if data_range is None else "data_range: a positive number"
        raise InputError(f"{what} is wanted, found {span}")
    return span


def _like(values):
    """Return one number as a float, several as an array."""
    return float(values) if np.ndim(values) == 0 else values
