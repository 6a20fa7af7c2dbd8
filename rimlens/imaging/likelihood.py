"""The Gaussian likelihood of an exposure with a noise map and a mask."""

from __future__ import annotations

from keras import ops

from rimlens.typing import Tensor


def chi2(model: Tensor, data: Tensor, sigma: Tensor, weight: Tensor) -> Tensor:
    r"""Return :math:`\sum_i w_i (m_i - d_i)^2 / \sigma_i^2` of each image.

    Parameters
    ----------
    model, data : tensor
        Images, shape ``(batch, ny, nx)``.
    sigma : tensor
        Standard deviations, positive, same shape.
    weight : tensor
        One where a pixel counts and zero where it is masked, same shape.

    Returns
    -------
    tensor
        Shape ``(batch,)``.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones((1, 2, 2), "float32")
    >>> float(chi2(3 * one, one, 2 * one, one)[0])
    4.0
    """
    return ops.sum(weight * ops.square((model - data) / sigma), axis=(1, 2))


def reduced_chi2(model: Tensor, data: Tensor, sigma: Tensor, weight: Tensor) -> Tensor:
    """Return the chi-square of each image divided by the number of pixels that count.

    Parameters
    ----------
    model, data, sigma, weight : tensor
        As in `chi2`.

    Returns
    -------
    tensor
        Shape ``(batch,)``.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones((1, 2, 2), "float32")
    >>> float(reduced_chi2(3 * one, one, 2 * one, one)[0])
    1.0
    """
    return chi2(model, data, sigma, weight) / ops.sum(weight, axis=(1, 2))
