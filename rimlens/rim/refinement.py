r"""Gauss-Newton steps that refine a reconstruction: lens and source together, without network.

Near the best fit the image is linear in all unknowns, and the network need not judge any more.
What remains is the valley in which an error of the lens hides in the source, along which steps of
one or the other are slow.  With the residual :math:`r`, the derivatives of the model :math:`C`
along the directions of the lens (and the parameters of a source) and :math:`F` along a source
map, all in units of the noise, a step minimizes

.. math::

    \tfrac12 |r - C u - F z|^2 + \tfrac12 |u + u_0|^2 + \tfrac12 |z + z_0|^2

where :math:`u_0` and :math:`z_0` are the distances gone so far from the network's estimate, in
units of its expected error: that of the directions, with its correlations, was measured on
simulations (`rimlens.training.solver.calibration`), that of the map is a random field whose
amplitude follows the network's source.  The directions are eliminated, and conjugate gradients
(Hestenes & Stiefel 1952, J. Res. Natl. Bur. Stand. 49, 409) solve for the map.
"""

import numpy as np
from keras import ops

from rimlens import backend
from rimlens.imaging import convolve, reduced_chi2
from rimlens.imaging.convolution import as_complex, correlate
from rimlens.rim.constants import CONSTANTS


def start(lens, source, state, error_covariance_factor=None):
    """Return the distances from the network's estimate before the first step: none.

    Parameters
    ----------
    lens : LensUnknowns
        What is inferred of the lens.
    source : SourceUnknowns
        What is inferred of the source.
    state : dict of tensor
        The network's estimate.
    error_covariance_factor : ndarray, optional
        The lower triangular factor of the covariance of the estimate's error, as it was measured
        in the coordinates of `lens` and `source`, shape ``(m, m)``; by default what they state,
        without correlations.

    Returns
    -------
    dict of tensor
        ``directions``, shape ``(batch, m)``, and the steps along lens and source that make up
        their ``units``, ``(batch, m, m)``; for a pixelated source also ``map``, and the
        ``amplitude`` of its error.
    """
    stated = np.concatenate([lens.expected_error, source.expected_error])
    batch, m = ops.shape(state[lens.names[0]])[0], len(stated)
    units = ops.broadcast_to(ops.convert_to_tensor(np.diag(stated)), (batch, m, m))
    if error_covariance_factor is not None:
        units = _measured(lens, state, error_covariance_factor)
    offset = {"directions": ops.zeros((batch, m), dtype="float32"), "units": units}
    if source.is_map:
        smooth = apply_filter(ops.abs(state["source"]), _gaussian(source.grid.shape))
        offset["map"] = ops.zeros_like(smooth)
        offset["amplitude"] = ops.maximum(smooth, 0.0) + CONSTANTS.source_error_floor
    return offset


def _measured(lens, state, factor):
    """Return the steps that make up the units of measured errors, shape ``(batch, m, m)``."""
    n, m = len(lens.expected_error), len(factor)
    coordinates = ops.pad(lens.coordinates(state), ((0, 0), (0, 0), (0, m - n)))
    of_source = ops.broadcast_to(
        ops.eye(m, dtype="float32")[n:], (ops.shape(coordinates)[0], m - n, m)
    )
    coordinates = ops.concatenate([coordinates, of_source], axis=1)
    granted = np.append(lens.refinement_share, np.ones(m - n))[:, None] * factor
    return ops.matmul(coordinates, ops.convert_to_tensor(np.float32(granted)))


def refine(lens, source, state, offset, exposure):
    """Take one step.

    Parameters
    ----------
    lens, source : LensUnknowns, SourceUnknowns
        As in `start`.
    state : dict of tensor
        The unknowns.
    offset : dict of tensor
        From `start` or the step before.
    exposure : tuple
        Image, noise, weight, transform of the point-spread function, and the shape of its stamp.

    Returns
    -------
    state, offset : dict of tensor
        After the step; unchanged where it would fit worse.
    model : tensor
        After the step, shape ``(batch, ny, nx)``.
    reduced_chi2 : tuple of tensor
        Before and after the step, each of shape ``(batch,)``.
    """
    image, sigma, weight, psf, psf_shape = exposure
    per_noise = ops.sqrt(weight) / sigma
    rays = source.rays(*lens.ray_trace(state))
    brightness, slopes = source.lensed(state, rays)
    model = convolve(brightness, psf, psf_shape)
    own = source.jacobian(state, rays)
    jacobian = whitened_jacobian(
        lens.jacobian(state, coarse=False), slopes, own, exposure, offset["units"]
    )
    residual = per_noise * (image - model)
    # The directions are eliminated by an orthogonal basis: products of the Jacobian's columns,
    # which span ten decades, would lose the weak ones in single precision.
    basis, rest, triangle = _orthogonal(jacobian)

    def coefficients(image):
        return ops.einsum("bmyx,byx->bm", basis, image)

    def beyond(image):
        return image - ops.einsum("bmyx,bm->byx", basis, coefficients(image))

    pulled = ops.einsum("bmk,bm->bk", rest, -offset["directions"])
    step = {}
    if source.is_map:
        kernel = correlation_filter(source.grid.shape)

        def change(field):
            return offset["amplitude"] * apply_filter(field, kernel)

        def lensed(change):
            return per_noise * convolve(rays(change), psf, psf_shape)

        def adjoint(image):
            spread = rays.adjoint(correlate(per_noise * image, psf, psf_shape))
            return apply_filter(offset["amplitude"] * spread, kernel)

        def curvature(field):
            return adjoint(beyond(lensed(change(field)))) + field

        unexplained = beyond(residual) - ops.einsum("bmyx,bm->byx", basis, pulled)
        step["map"] = conjugate_gradients(curvature, adjoint(unexplained) - offset["map"])
        changed = change(step["map"])
        residual = residual - lensed(changed)
    found = (coefficients(residual) + pulled)[..., None]
    step["directions"] = ops.solve_triangular(triangle, found)[..., 0]

    longest = ops.max(ops.abs(step["directions"]), axis=-1)
    fraction = CONSTANTS.refinement_gain / ops.maximum(longest / CONSTANTS.refinement_reach, 1.0)
    step = {name: _per_lens(fraction, value) * value for name, value in step.items()}
    n = len(lens.expected_error)
    scaled = ops.einsum("bmk,bk->bm", offset["units"], step["directions"])
    stepped = {**lens.apply_step(state, scaled[:, :n]), **source.apply_step(state, scaled[:, n:])}
    if source.is_map:
        stepped["source"] = stepped["source"] + _per_lens(fraction, changed) * changed
    after = convolve(source.brightness(stepped, *lens.ray_trace(stepped)), psf, psf_shape)
    before = reduced_chi2(model, image, sigma, weight)
    reached = reduced_chi2(after, image, sigma, weight)
    better = reached < before
    gone = {**offset, **{name: offset[name] + step[name] for name in step}}
    model, chi2 = ops.where(better[:, None, None], after, model), ops.minimum(reached, before)
    return _where(better, stepped, state), _where(better, gone, offset), model, (before, chi2)


def whitened_jacobian(alpha, slopes, own, exposure, units):
    """Return the derivative of the model along the directions, in units of error and noise."""
    _, sigma, weight, psf, psf_shape = exposure
    jacobian = -sum(slope[:, None] * component for slope, component in zip(slopes, alpha))
    jacobian = jacobian if own is None else ops.concatenate([jacobian, own], axis=1)
    m, shape = jacobian.shape[1], jacobian.shape[2:]
    jacobian = ops.reshape(jacobian, (-1, *shape))
    jacobian = convolve(jacobian, ops.repeat(psf, m, axis=0), psf_shape)
    jacobian = ops.einsum("bmyx,bmk->bkyx", ops.reshape(jacobian, (-1, m, *shape)), units)
    return (ops.sqrt(weight) / sigma)[:, None] * jacobian


def _orthogonal(jacobian):
    """Return the factors of the jacobian over the identity: the basis, its rest, the triangle."""
    m, ny, nx = jacobian.shape[1:]
    tall = ops.transpose(ops.reshape(jacobian, (-1, m, ny * nx)), (0, 2, 1))
    identity = ops.broadcast_to(ops.eye(m, dtype=tall.dtype), (ops.shape(tall)[0], m, m))
    basis, triangle = ops.qr(ops.concatenate([tall, identity], axis=1))
    rest = basis[:, ny * nx :]
    basis = ops.reshape(ops.transpose(basis[:, : ny * nx], (0, 2, 1)), (-1, m, ny, nx))
    return basis, rest, triangle


def conjugate_gradients(matrix, target):
    """Return the approximate solution of ``matrix(x) = target``, lens by lens."""

    def dot(a, b):
        return ops.sum(a * b, axis=(1, 2), keepdims=True)

    def iterate(_, values):
        solution, rest, direction, size = values
        image = matrix(direction)
        gain = size / (dot(direction, image) + 1e-20)
        rest = rest - gain * image
        new = dot(rest, rest)
        direction = rest + new / (size + 1e-20) * direction
        return solution + gain * values[2], rest, direction, new

    begin = (ops.zeros_like(target), target, target, dot(target, target))
    return ops.fori_loop(0, CONSTANTS.refinement_iterations, iterate, begin)[0]


def _per_lens(values, like):
    return ops.reshape(values, (-1, *[1] * (len(like.shape) - 1)))


def _where(condition, new, old):
    return {
        name: ops.where(_per_lens(condition, value), new[name], value)
        for name, value in old.items()
    }


def apply_filter(maps, transform):
    """Return maps ``(batch, ny, nx)`` whose transforms were multiplied by one, periodic."""
    shape = tuple(maps.shape[1:])
    return backend.irfft2(backend.rfft2(maps, shape) * transform, shape)


def _wave_number_squared(shape):
    """Return the squared angular wave number per pixel of every coefficient of `rfft2`."""
    ky, kx = 2 * np.pi * np.fft.fftfreq(shape[0]), 2 * np.pi * np.fft.rfftfreq(shape[1])
    return ky**2 + kx[:, None] ** 2


def _gaussian(shape):
    return as_complex(
        np.exp(-0.5 * CONSTANTS.source_error_smoothing**2 * _wave_number_squared(shape)), "float32"
    )


def correlation_filter(shape):
    """Return the filter that makes white noise a field of unit variance, correlated."""
    spectrum = 1.0 / (1.0 + CONSTANTS.source_error_correlation**2 * _wave_number_squared(shape))
    variance = np.fft.irfft2(spectrum.T**2, shape)[0, 0]
    return as_complex(spectrum / np.sqrt(variance), "float32")
