r"""The likelihood gradient that the recurrence reads, preconditioned.

A raw gradient spans many decades.  Each is therefore brought to the unit of a step:

* source: :math:`-\partial_s \mathcal{L}` over the weighted number of rays that hit a pixel, the
  step of the simultaneous iterative reconstruction technique (Gilbert 1972, J. Theor. Biol. 36,
  105);
* deflection: the displacement that best explains the residual around an image pixel,
  :math:`-\sum \partial_\beta \mathcal{L} / \sum w |\nabla s|^2 / \sigma^2`, a Gauss-Newton step
  summed over blocks of pixels;
* convergence: :math:`-\partial_{\log\kappa} \mathcal{L}` over its root mean square in the map;
* shear, and the convergence along its large-scale modes: the Gauss-Newton step, and its standard
  errors (`rimlens.rim.gauss_newton`).

where :math:`\mathcal{L}` is half the chi-square.  No gradient flows back through any of it.
"""

from dataclasses import dataclass
from typing import Any

from keras import ops

from rimlens import backend
from rimlens.imaging import bilinear, chi2, convolve, shear_deflection
from rimlens.rim.gauss_newton import block_sum
from rimlens.rim.unknowns import constrain

PRECONDITIONER = {
    "source": "rays per pixel",
    "deflection": "block Gauss-Newton",
    "convergence": "root mean square",
    "shear": "Gauss-Newton",
    "modes": "Gauss-Newton",
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
    step, step_error : tensor
        The Gauss-Newton step along the large-scale modes of the convergence and along the scaled
        shear, and its standard errors, shape ``(batch, modes + 2)``.
    displacement : tensor
        Block Gauss-Newton displacement, shape ``(batch, ny / block, nx / block, 2)``.
    reduced_chi2 : tensor
        Shape ``(batch,)``.
    """

    residual: Any
    convergence: Any
    source: Any
    step: Any
    step_error: Any
    displacement: Any
    reduced_chi2: Any


def likelihood_gradient(forward, state, exposure, modes, gauss_newton):
    """Evaluate the likelihood and its preconditioned gradient.

    Parameters
    ----------
    forward : ForwardModel
        The physics.
    state : tuple of tensor
        The network's variables: log10 convergence, scaled shear, source.
    exposure : tuple
        Image, noise, weight, transform of the point-spread function, and the shape of its stamp.
    modes : tensor
        Large-scale modes of log10 convergence, shape ``(modes, ny, nx)``.
    gauss_newton : GaussNewton
        Takes the step along them.

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

    # Masked pixels keep a little weight: their slopes reach their neighbours through the blur.
    least = 1e-3 * ops.mean(inverse_variance, axis=(1, 2), keepdims=True) + 1e-6
    counted = ops.maximum(inverse_variance, least)

    def weighted_sum(source, beta_x, beta_y):
        lensed = bilinear(source, forward.source_grid, beta_x, beta_y)
        return ops.sum(counted * lensed, axis=(1, 2)), lensed

    _, (rays, slope_x, slope_y) = backend.value_and_grad(weighted_sum, (source, beta_x, beta_y))
    slope_x, slope_y = (convolve(s / counted, psf, psf_shape) for s in (slope_x, slope_y))

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
    block = gauss_newton.block
    curvature = block_sum(inverse_variance * (ops.square(slope_x) + ops.square(slope_y)), block)
    typical = ops.mean(curvature, axis=(1, 2), keepdims=True)
    curvature = curvature + 0.1 * typical + 1e-6
    displacement = ops.stack(
        [-block_sum(g_x, block) / curvature, -block_sum(g_y, block) / curvature], axis=-1
    )
    descent = -ops.concatenate([ops.einsum("byx,myx->bm", g_kappa, modes), g_shear], axis=-1)
    kappa, _ = constrain(log_kappa, scaled_shear)
    step, step_error = gauss_newton(kappa, descent, slope_x, slope_y, inverse_variance)
    gradient = Gradient(
        residual=weight * (image - model) / sigma,
        convergence=-g_kappa / (rms + 1e-12),
        source=-g_source / (rays + floor),
        step=step,
        step_error=step_error,
        displacement=displacement,
        reduced_chi2=2 * value / pixels,
    )
    return Gradient(**{k: ops.stop_gradient(v) for k, v in gradient.__dict__.items()})


def no_gradient(forward, exposure, block, unknowns):
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
        step=zeros(unknowns),
        step_error=ops.ones((batch, unknowns), dtype="float32"),
        displacement=zeros(ny // block, nx // block, 2),
        reduced_chi2=ops.sum(ops.square(residual), axis=(1, 2)) / ops.sum(weight, axis=(1, 2)),
    )
