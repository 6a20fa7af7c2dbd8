r"""A Gauss-Newton step along the unknowns that change the whole image.

A gradient says where to go, not how far.  For the few unknowns that are not pixels the curvature
of the likelihood is affordable: with :math:`c_m` the change of the image along unknown :math:`m`,
a column of the Jacobian, the step solves

.. math::
    \left( \sum \frac{w}{\sigma^2} c_m c_n + \frac{\delta_{mn}}{s_m^2} \right) \Delta_n
        = -\partial_m \mathcal{L}

(Levenberg 1944, Quart. Appl. Math. 2, 164), with :math:`s_m` the distance that is expected from
a fair guess.  A deflection is smooth, so that for an unknown of the lens
:math:`c_m \approx -(P * \nabla s) \cdot \alpha_m` with :math:`\alpha_m` constant over a block
of pixels; for an unknown of the source :math:`c_m = P * \partial_m s`.
"""

from keras import ops

from rimlens.rim.constants import CONSTANTS


def curvature(lens_jacobian, source_jacobian, slopes, inverse_variance, block):
    """Return the Gauss-Newton curvature of half the chi-square.

    Parameters
    ----------
    lens_jacobian : sequence of tensor
        The two components of :math:`alpha_m` on blocks, shape ``(batch, m, by, bx)``.
    source_jacobian : tensor or None
        Change of the blurred image along the source's unknowns, shape ``(batch, k, ny, nx)``.
    slopes : sequence of tensor
        Gradient of the lensed source with respect to the source position, blurred, the two
        components of shape ``(batch, ny, nx)``.
    inverse_variance : tensor
        Zero where masked, shape ``(batch, ny, nx)``.
    block : int
        Side of a block.

    Returns
    -------
    tensor
        Shape ``(batch, m + k, m + k)``, the lens first.
    """
    (alpha_x, alpha_y), (slope_x, slope_y) = lens_jacobian, slopes
    xx, xy, yy = (
        block_sum(inverse_variance * a * b, block)[:, None]
        for a, b in ((slope_x, slope_x), (slope_x, slope_y), (slope_y, slope_y))
    )
    product = "bmyx,bnyx->bmn"
    lens = ops.einsum(product, xx * alpha_x + xy * alpha_y, alpha_x)
    lens = lens + ops.einsum(product, xy * alpha_x + yy * alpha_y, alpha_y)
    if source_jacobian is None:
        return lens
    weighted = inverse_variance[:, None] * source_jacobian
    source = ops.einsum(product, weighted, source_jacobian)
    cross = 0.0
    for alpha, slope in ((alpha_x, slope_x), (alpha_y, slope_y)):
        cross = cross - ops.einsum(product, alpha, block_sum(weighted * slope[:, None], block))
    upper = ops.concatenate([lens, cross], axis=2)
    lower = ops.concatenate([ops.transpose(cross, (0, 2, 1)), source], axis=2)
    return ops.concatenate([upper, lower], axis=1)


def damped_step(curvature, descent, prior_scale):
    """Return the damped step and the standard errors of the unknowns.

    Parameters
    ----------
    curvature : tensor
        Shape ``(batch, m, m)``.
    descent : tensor
        Minus the gradient of half the chi-square, shape ``(batch, m)``.
    prior_scale : tensor
        Expected distances, shape ``(m,)``.

    Returns
    -------
    step, error : tensor
        Shape ``(batch, m)``.
    """
    # In units of the expected distances the matrix is well conditioned.
    curvature = curvature * prior_scale[:, None] * prior_scale
    identity = ops.eye(prior_scale.shape[0], dtype=ops.dtype(curvature))
    damped = curvature * (1.0 + CONSTANTS.step_damping * identity) + identity
    step = ops.solve(damped, (descent * prior_scale)[..., None])[..., 0]
    longest = ops.max(ops.abs(step), axis=-1, keepdims=True)
    step = step / ops.maximum(longest / CONSTANTS.step_reach, 1.0)
    error = ops.rsqrt(ops.diagonal(damped, axis1=1, axis2=2))
    return step * prior_scale, error * prior_scale


def block_sum(values, block):
    """Return the sum over square blocks of pixels.

    Parameters
    ----------
    values : tensor
        Shape ``(..., ny, nx)``.
    block : int
        Side of a block.

    Returns
    -------
    tensor
        Shape ``(..., ny / block, nx / block)``.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.rim.gauss_newton import block_sum
    >>> float(block_sum(np.ones((1, 2, 2), "float32"), 2)[0, 0, 0])
    4.0
    """
    *leading, ny, nx = ops.shape(values)
    blocks = ops.reshape(values, (*leading, ny // block, block, nx // block, block))
    return ops.sum(blocks, axis=(-3, -1))
