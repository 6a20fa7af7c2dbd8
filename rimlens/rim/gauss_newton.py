r"""A Gauss-Newton step along the large-scale modes of the convergence and along the shear.

A gradient says where to go, not how far.  For the few unknowns that change the whole lens the
curvature of the likelihood is affordable: with :math:`c_m` the change of the image along unknown
:math:`m` the step solves

.. math::
    \left( \sum \frac{w}{\sigma^2} c_m c_n + \frac{\delta_{mn}}{s_m^2} \right) \Delta_n
        = -\partial_m \mathcal{L}

(Levenberg 1944, Quart. Appl. Math. 2, 164) at a fixed source.  A deflection is smooth, so that
:math:`c_m \approx -(P * \nabla s) \cdot \alpha_m`, and the sum is taken over blocks of pixels on
which :math:`\alpha_m` is constant.
"""

import math

import numpy as np
from keras import ops

from rimlens.imaging import ConvergenceDeflection, Grid
from rimlens.rim.modes import SCATTER
from rimlens.rim.unknowns import SHEAR_UNIT

# How far the scaled shear is expected from a fair guess, and how far one step may go in units of
# the expected distances.
SHEAR_SCATTER = 0.5
REACH = 2.0


class GaussNewton:
    """Steps along modes of the convergence and the shear.

    Parameters
    ----------
    image_grid, convergence_grid : Grid
        Of the image and of the map.
    modes : ndarray
        Modes of log10 convergence, shape ``(modes, ky, kx)``.
    blocks : int
        Blocks a side.
    """

    def __init__(self, image_grid, convergence_grid, modes, blocks):
        self.block = image_grid.shape[0] // blocks
        self._factor = convergence_grid.shape[0] // blocks
        coarse = Grid((blocks, blocks), convergence_grid.pixel_scale * self._factor)
        field = Grid((blocks, blocks), image_grid.pixel_scale * self.block)
        self._deflection = ConvergenceDeflection(coarse, field)
        x, y = (SHEAR_UNIT * np.broadcast_to(v, field.shape) for v in (field.x, field.y))
        self._shear_x = np.stack([x, y]).astype("float32")
        self._shear_y = np.stack([-y, x]).astype("float32")
        self._modes = (math.log(10.0) * modes).astype("float32")
        scatter = np.append(SCATTER, [SHEAR_SCATTER, SHEAR_SCATTER])
        self._scatter = scatter.astype("float32")

    def __call__(self, convergence, descent, slope_x, slope_y, inverse_variance):
        """Return the step and the standard errors.

        Parameters
        ----------
        convergence : tensor
            Shape ``(batch, ky, kx)``.
        descent : tensor
            Minus the gradient of half the chi-square along modes and scaled shear, shape
            ``(batch, modes + 2)``.
        slope_x, slope_y : tensor
            Gradient of the lensed source with respect to the source position, blurred by the
            point-spread function, shape ``(batch, ny, nx)``.
        inverse_variance : tensor
            Zero where masked, same shape.

        Returns
        -------
        step, sigma : tensor
            Shape ``(batch, modes + 2)``.
        """
        alpha_x, alpha_y = self._columns(convergence)
        tensor_xx = block_sum(inverse_variance * slope_x * slope_x, self.block)[:, None]
        tensor_xy = block_sum(inverse_variance * slope_x * slope_y, self.block)[:, None]
        tensor_yy = block_sum(inverse_variance * slope_y * slope_y, self.block)[:, None]
        curvature = ops.einsum(
            "bmyx,bnyx->bmn", tensor_xx * alpha_x + tensor_xy * alpha_y, alpha_x
        ) + ops.einsum("bmyx,bnyx->bmn", tensor_xy * alpha_x + tensor_yy * alpha_y, alpha_y)
        scatter = ops.convert_to_tensor(self._scatter)
        # In units of the expected distances the matrix is well conditioned.
        curvature = curvature * scatter[:, None] * scatter
        identity = ops.eye(len(self._scatter), dtype="float32")
        damped = curvature * (1.0 + 0.01 * identity) + identity
        step = ops.solve(damped, (descent * scatter)[..., None])[..., 0]
        longest = ops.max(ops.abs(step), axis=-1, keepdims=True)
        step = step / ops.maximum(longest / REACH, 1.0)
        sigma = ops.rsqrt(ops.diagonal(damped, axis1=1, axis2=2))
        return step * scatter, sigma * scatter

    def _columns(self, convergence):
        """Return the change of the deflection along every unknown, averaged over blocks."""
        modes = ops.convert_to_tensor(self._modes)
        change = convergence[:, None] * modes
        count, (ny, nx) = modes.shape[0], self._deflection.convergence_grid.shape
        change = block_sum(ops.reshape(change, (-1, *modes.shape[1:])), self._factor)
        alpha = self._deflection(change / self._factor**2)
        columns = []
        for component, shear in zip(alpha, (self._shear_x, self._shear_y)):
            component = ops.reshape(component, (-1, count, ny, nx))
            shear = ops.broadcast_to(
                ops.convert_to_tensor(shear)[None], (ops.shape(component)[0], 2, ny, nx)
            )
            columns.append(ops.concatenate([component, shear], axis=1))
        return columns


def block_sum(values, block):
    """Return the sum over square blocks of pixels.

    Parameters
    ----------
    values : tensor
        Shape ``(batch, ny, nx)``.
    block : int
        Side of a block.

    Returns
    -------
    tensor
        Shape ``(batch, ny / block, nx / block)``.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.rim.gauss_newton import block_sum
    >>> float(block_sum(np.ones((1, 2, 2), "float32"), 2)[0, 0, 0])
    4.0
    """
    ny, nx = values.shape[1:]
    blocks = ops.reshape(values, (-1, ny // block, block, nx // block, block))
    return ops.sum(blocks, axis=(2, 4))
