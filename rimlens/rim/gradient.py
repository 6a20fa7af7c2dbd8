r"""The likelihood gradient that the recurrence reads, preconditioned.

A raw gradient spans many decades.  Each is therefore brought to the unit of a step:

* source: :math:`-\partial_s \mathcal{L}` over the weighted number of rays that hit a pixel, the
  step of the simultaneous iterative reconstruction technique (Gilbert 1972, J. Theor. Biol. 36,
  105);
* deflection: the displacement that best explains the residual around an image pixel,
  :math:`-\sum \partial_\beta \mathcal{L} / \sum w |\nabla s|^2 / \sigma^2`, a Gauss-Newton step
  summed over blocks of pixels;
* convergence: :math:`-\partial_{\log\kappa} \mathcal{L}` over its root mean square in the map;
* shear, the convergence along its large-scale modes, and the parameters of models: the
  Gauss-Newton step, and its standard errors (`rimlens.rim.gauss_newton`).

where :math:`\mathcal{L}` is half the chi-square.  No gradient flows back through any of it.
"""

from dataclasses import dataclass, fields
from typing import Any

from keras import ops

from rimlens import backend
from rimlens.imaging import chi2, convolve, reduced_chi2
from rimlens.imaging.convolution import correlate
from rimlens.rim.constants import CONSTANTS
from rimlens.rim.gauss_newton import block_sum, curvature, damped_step


@dataclass(frozen=True)
class Gradient:
    """What one evaluation of the likelihood says to the network.

    Parameters
    ----------
    residual : tensor
        Data minus model in units of the noise, zero where masked, shape ``(batch, ny, nx)``.
    maps : dict of tensor
        Preconditioned descent direction of every unknown that is a map, shaped as the map.
    step, step_error : tensor
        The Gauss-Newton step along the other directions, the lens's before the source's, and its
        standard errors, shape ``(batch, directions)``.
    displacement : tensor
        Block Gauss-Newton displacement, shape ``(batch, ny / block, nx / block, 2)``.
    reduced_chi2 : tensor
        Shape ``(batch,)``.
    """

    residual: Any
    maps: Any
    step: Any
    step_error: Any
    displacement: Any
    reduced_chi2: Any


def evaluate_gradient(lens, source, state, exposure, block):
    """Evaluate the likelihood and its preconditioned gradient.

    Parameters
    ----------
    lens : LensUnknowns
        What is inferred of the lens.
    source : SourceUnknowns
        What is inferred of the source.
    state : dict of tensor
        Their variables.
    exposure : tuple
        Image, noise, weight, transform of the point-spread function, and the shape of its stamp.
    block : int
        Side in pixels of the blocks over which displacements are averaged.

    Returns
    -------
    Gradient
        Behind a stop-gradient.
    """
    state = {name: ops.stop_gradient(value) for name, value in state.items()}
    image, sigma, weight, psf, psf_shape = exposure
    inverse_variance = weight / ops.square(sigma)
    beta, lens_descent = lens.trace(state)
    rays = source.rays(*beta)
    lensed, slopes = source.lensed(state, rays)
    model = convolve(lensed, psf, psf_shape)
    # Of half the chi-square, with respect to the lensed source and to where the rays end.
    of_lensed = correlate(inverse_variance * (model - image), psf, psf_shape)
    g_x, g_y = (of_lensed * slope for slope in slopes)

    # Masked pixels keep a little weight: their slopes reach their neighbors through the blur.
    least = CONSTANTS.masked_weight * ops.mean(inverse_variance, axis=(1, 2), keepdims=True) + 1e-6
    counted = ops.maximum(inverse_variance, least)
    jacobian = source.jacobian(state, rays)
    maps, along = lens_descent(g_x, g_y)
    source_maps, source_along = source.descent(of_lensed, rays, counted, jacobian)
    slopes = [convolve(slope, psf, psf_shape) for slope in slopes]
    if jacobian is not None:
        k, shape = jacobian.shape[1], jacobian.shape[2:]
        blurred = convolve(
            ops.reshape(jacobian, (-1, *shape)), ops.repeat(psf, k, axis=0), psf_shape
        )
        jacobian = ops.reshape(blurred, (-1, k, *shape))
        along = ops.concatenate([along, source_along], axis=-1)
    prior_scale = ops.concatenate(
        [ops.convert_to_tensor(unknowns.prior_scale) for unknowns in (lens, source)]
    )
    step, step_error = damped_step(
        curvature(lens.jacobian(state), jacobian, slopes, inverse_variance, block),
        along,
        prior_scale,
    )

    stiffness = block_sum(inverse_variance * sum(ops.square(s) for s in slopes), block)
    typical = ops.mean(stiffness, axis=(1, 2), keepdims=True)
    stiffness = stiffness + CONSTANTS.stiffness_floor * typical + 1e-6
    displacement = [-block_sum(g, block) / stiffness for g in (g_x, g_y)]
    gradient = Gradient(
        residual=weight * (image - model) / sigma,
        maps={**maps, **source_maps},
        step=step,
        step_error=step_error,
        displacement=ops.stack(displacement, axis=-1),
        reduced_chi2=reduced_chi2(model, image, sigma, weight),
    )
    return _detached(gradient)


def map_descent(lens, source, state, exposure):
    r"""Return :math:`-\partial_u \mathcal{L}` of the unknowns that are maps, as it is.

    Parameters
    ----------
    lens, source, state, exposure
        As in `evaluate_gradient`.

    Returns
    -------
    dict of tensor
        Shaped as the maps, behind a stop-gradient.
    """
    state = {name: ops.stop_gradient(value) for name, value in state.items()}
    image, sigma, weight, psf, psf_shape = exposure
    names = [name for name, value in state.items() if len(value.shape) == 3]

    def half_chi2(*maps):
        at = {**state, **dict(zip(names, maps))}
        lensed = source.brightness(at, *lens.ray_trace(at))
        return 0.5 * chi2(convolve(lensed, psf, psf_shape), image, sigma, weight), ()

    _, gradients = backend.value_and_grad(half_chi2, [state[name] for name in names])
    return {name: ops.stop_gradient(-value) for name, value in zip(names, gradients)}


def no_gradient(lens, source, exposure, block):
    """Return what the first call sees: the residual of an empty model and no direction."""
    image, sigma, weight, _, _ = exposure
    batch = ops.shape(image)[0]
    ny, nx = image.shape[1:]
    directions = len(lens.prior_scale) + len(source.prior_scale)
    residual = weight * image / sigma
    start = {**lens.initial(batch), **source.initial(batch)}
    return Gradient(
        residual=residual,
        maps={name: ops.zeros_like(v) for name, v in start.items() if len(v.shape) == 3},
        step=ops.zeros((batch, directions), dtype="float32"),
        step_error=ops.ones((batch, directions), dtype="float32"),
        displacement=ops.zeros((batch, ny // block, nx // block, 2), dtype="float32"),
        reduced_chi2=ops.sum(ops.square(residual), axis=(1, 2)) / ops.sum(weight, axis=(1, 2)),
    )


def _detached(gradient):
    """Return the gradient as data: nothing flows back through it."""
    values = {field.name: getattr(gradient, field.name) for field in fields(gradient)}
    maps = {name: ops.stop_gradient(v) for name, v in values.pop("maps").items()}
    return Gradient(maps=maps, **{name: ops.stop_gradient(v) for name, v in values.items()})
