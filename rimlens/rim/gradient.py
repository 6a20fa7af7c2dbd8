r"""The likelihood gradient that the recurrence reads, preconditioned.

A raw gradient spans many decades.  Each is therefore brought to the unit of a step:

* source: :math:`-\partial_s \mathcal{L}` over the weighted number of rays that hit a pixel, the
  step of the simultaneous iterative reconstruction technique (Gilbert 1972, J. Theor. Biol. 36,
  105);
* deflection: the displacement that best explains the residual around an image pixel,
  :math:`-\sum \partial_\beta \mathcal{L} / \sum w |\nabla s|^2 / \sigma^2`, a Gauss-Newton step
  summed over blocks of pixels;
* convergence: :math:`-\partial_{\log\kappa} \mathcal{L}` over its root mean square in the map;
* shear, and the convergence along its large-scale modes: the inverse hyperbolic sine of the
  gradient.

where :math:`\mathcal{L}` is half the chi-square.  No gradient flows back through any of it.
"""

from dataclasses import dataclass
from typing import Any

from keras import ops

from rimlens import backend
from rimlens.imaging import bilinear, chi2, convolve, shear_deflection
from rimlens.rim.unknowns import constrain

PRECONDITIONER = {
    "source": "rays per pixel",
    "deflection": "block Gauss-Newton",
    "convergence": "root mean square",
    "shear": "arcsinh",
    "modes": "arcsinh",
}


@dataclass(frozen=True)
class Gradient:
    """What one evaluation of the likelihood tells the network.

    Parameters
    ----------
    residual : tensor
        Data minus model in units of the noise, zero where masked, shape ``(batch, ny, nx)``.
    convergence, source : tensor
        Preconditioned descent directions, shaped as the maps.
    shear : tensor
        Shape ``(batch, 2)``.
    modes : tensor
        Descent along the large-scale modes of the convergence, shape ``(batch, modes)``.
    displacement : tensor
        Block Gauss-Newton displacement, shape ``(batch, ny / block, nx / block, 2)``.
    reduced_chi2 : tensor
        Shape ``(batch,)``.
    """

    residual: Any
    convergence: Any
    source: Any
    shear: Any
    modes: Any
    displacement: Any
    reduced_chi2: Any


def likelihood_gradient(forward, state, exposure, block, modes):
    """Evaluate the likelihood and its preconditioned gradient.

    Parameters
    ----------
    forward : ForwardModel
        The physics.
    state : tuple of tensor
        The network's variables: log10 convergence, scaled shear, source.
    exposure : tuple
        Image, noise, weight, transform of the point-spread function, and the shape of its stamp.
    block : int
        Side in pixels of the blocks over which displacements are averaged.
    modes : tensor
        Large-scale modes of log10 convergence, shape ``(modes, ny, nx)``.

    Returns
    -------
    Gradient
        Behind a stop-gradient.
    """
    log_kappa, scaled_shear, source = (ops.stop_gradient(value) for value in state)
    image, sigma, weight, psf, psf_shape = exposure
    inverse_variance = weight / ops.square(sigma)

    beta_x, beta_y = forward.ray_trace(*constrain(log_kappa, scaled_shear))

    def half_chi2(source, beta_x, beta_y):
        lensed = bilinear(source, forward.source_grid, beta_x, beta_y)
        model = convolve(lensed, psf, psf_shape)
        return 0.5 * chi2(model, image, sigma, weight), model

    (value, model), (g_source, g_x, g_y) = backend.value_and_grad(
        half_chi2, (source, beta_x, beta_y)
    )

    def weighted_sum(source, beta_x, beta_y):
        lensed = bilinear(source, forward.source_grid, beta_x, beta_y)
        return ops.sum(inverse_variance * lensed, axis=(1, 2)), lensed

    _, (rays, slope_x, slope_y) = backend.value_and_grad(weighted_sum, (source, beta_x, beta_y))

    def chained(log_kappa, scaled_shear):
        kappa, shear = constrain(log_kappa, scaled_shear)
        alpha_x, alpha_y = forward.deflection(kappa)
        x = ops.convert_to_tensor(forward.image_grid.x.astype("float32"))
        y = ops.convert_to_tensor(forward.image_grid.y.astype("float32"))
        shear_x, shear_y = shear_deflection(shear, x, y)
        product = g_x * (alpha_x + shear_x) + g_y * (alpha_y + shear_y)
        return -ops.sum(product, axis=(1, 2)), kappa

    _, (g_kappa, g_shear) = backend.value_and_grad(chained, (log_kappa, scaled_shear))

    pixels = ops.sum(weight, axis=(1, 2))
    floor = 0.1 * ops.max(rays, axis=(1, 2), keepdims=True) + 1e-6
    rms = ops.sqrt(ops.mean(ops.square(g_kappa), axis=(1, 2), keepdims=True))
    # slope is weight / sigma^2 times the gradient of the source, so this is its weighted square.
    curvature = (ops.square(slope_x) + ops.square(slope_y)) / (inverse_variance + 1e-6)
    curvature = _block_sum(curvature, block)
    typical = ops.mean(curvature, axis=(1, 2), keepdims=True)
    curvature = curvature + 0.1 * typical + 1e-6
    displacement = ops.stack(
        [-_block_sum(g_x, block) / curvature, -_block_sum(g_y, block) / curvature], axis=-1
    )
    gradient = Gradient(
        residual=weight * (image - model) / sigma,
        convergence=-g_kappa / (rms + 1e-12),
        source=-g_source / (rays + floor),
        shear=-ops.arcsinh(g_shear / 10.0),
        modes=-ops.arcsinh(ops.einsum("byx,myx->bm", g_kappa, modes) / 10.0),
        displacement=displacement,
        reduced_chi2=2 * value / pixels,
    )
    return Gradient(**{k: ops.stop_gradient(v) for k, v in gradient.__dict__.items()})


def no_gradient(forward, exposure, block, modes):
    """Return what the first call sees: the residual of an empty model and no direction."""
    image, sigma, weight, _, _ = exposure
    batch = ops.shape(image)[0]
    ny, nx = forward.image_grid.shape

    def zeros(*shape):
        return ops.zeros((batch, *shape), dtype="float32")

    residual = weight * image / sigma
    return Gradient(
        residual=residual,
        convergence=zeros(*forward.convergence_grid.shape),
        source=zeros(*forward.source_grid.shape),
        shear=zeros(2),
        modes=zeros(modes),
        displacement=zeros(ny // block, nx // block, 2),
        reduced_chi2=ops.sum(ops.square(residual), axis=(1, 2)) / ops.sum(weight, axis=(1, 2)),
    )


def _block_sum(values, block):
    ny, nx = values.shape[1:]
    blocks = ops.reshape(values, (-1, ny // block, block, nx // block, block))
    return ops.sum(blocks, axis=(2, 4))
