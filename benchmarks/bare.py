"""The least that an array library must do for a pixelated lens, in TensorFlow, JAX and PyTorch.

No package stands around it and nothing is checked: the transforms, gathers and multiplications of
a convergence map's deflection, of a bilinear source and of a point-spread function, on square
grids.  `libraries` returns those that are installed; each is a namespace of ``array(values)``,
``forward(kappa, source, transform)``, ``gradient(kappa, source, transform, data)`` and ``wait``.
"""

from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np


def padded(n, k):
    """Return the sides of the padded arrays of deflection and point-spread function."""
    return 2 * n, n + k + (-(n + k)) % 8


def kernel_transforms(n):
    """Return the transforms of both deflection kernels."""
    step = np.fft.fftfreq(2 * n, 1 / (2 * n))
    x, y = np.meshgrid(step, step)
    r2 = x**2 + y**2
    r2[0, 0] = 1
    return np.fft.rfft2(np.stack([x, y]) / r2 / np.pi).astype("complex64")


def psf_transforms(psf, n):
    """Return transforms of centered stamps, shape ``(batch, k, k)``, for images of n pixels."""
    k = psf.shape[-1]
    side = padded(n, k)[1]
    full = np.zeros((len(psf), side, side))
    full[:, :k, :k] = psf
    return np.fft.rfft2(np.roll(full, (-(k // 2), -(k // 2)), (1, 2))).astype("complex64")


def libraries(n, k):
    """Return bare code for images of n x n pixels and stamps of k x k, by library."""
    makers = {"torch": _torch, "jax": _jax, "tensorflow": _tensorflow}
    return {name: make(n, k) for name, make in makers.items() if find_spec(name)}


def _torch(n, k):
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    wide, side = padded(n, k)
    kernels = torch.tensor(kernel_transforms(n), device=device)
    axis = torch.arange(n, dtype=torch.float32, device=device) - (n - 1) / 2

    def forward(kappa, source, transform):
        product = torch.fft.rfft2(kappa, (wide, wide))[:, None] * kernels
        alpha = torch.fft.irfft2(product, (wide, wide))[:, :, :n, :n]
        column = axis - alpha[:, 0] + (n - 1) / 2
        row = axis[:, None] - alpha[:, 1] + (n - 1) / 2
        left = column.detach().floor().clamp(0, n - 2)
        low = row.detach().floor().clamp(0, n - 2)
        right, high = column - left, row - low
        cell, flat = (low * n + left).long().flatten(1), source.flatten(1)
        a, b, c, d = (torch.gather(flat, 1, cell + s).view(kappa.shape) for s in (0, 1, n, n + 1))
        lensed = (a * (1 - right) + b * right) * (1 - high) + (c * (1 - right) + d * right) * high
        image = torch.fft.irfft2(torch.fft.rfft2(lensed, (side, side)) * transform, (side, side))
        return image[:, :n, :n]

    def without_gradient(*arguments):
        with torch.no_grad():
            return forward(*arguments)

    def gradient(kappa, source, transform, data):
        kappa, source = kappa.requires_grad_(), source.requires_grad_()
        value = ((forward(kappa, source, transform) - data) ** 2).sum()
        return torch.autograd.grad(value, [kappa, source])

    def wait(found):
        if device.type == "cuda":
            torch.cuda.synchronize()
        return found

    return SimpleNamespace(
        array=lambda values: torch.tensor(values, device=device),
        forward=without_gradient,
        gradient=gradient,
        wait=wait,
    )


def _jax(n, k):
    import jax
    import jax.numpy as jnp

    wide, side = padded(n, k)
    kernels = kernel_transforms(n)
    axis = np.arange(n, dtype="float32") - (n - 1) / 2

    def forward(kappa, source, transform):
        product = jnp.fft.rfft2(kappa, (wide, wide))[:, None] * kernels
        alpha = jnp.fft.irfft2(product, (wide, wide))[:, :, :n, :n]
        column = axis - alpha[:, 0] + (n - 1) / 2
        row = axis[:, None] - alpha[:, 1] + (n - 1) / 2
        left = jnp.clip(jnp.floor(jax.lax.stop_gradient(column)), 0, n - 2)
        low = jnp.clip(jnp.floor(jax.lax.stop_gradient(row)), 0, n - 2)
        right, high = column - left, row - low
        start = jnp.arange(len(kappa))[:, None, None] * (n * n)
        cell, flat = start + (low * n + left).astype(int), source.reshape(-1)
        a, b, c, d = (flat[cell + s] for s in (0, 1, n, n + 1))
        lensed = (a * (1 - right) + b * right) * (1 - high) + (c * (1 - right) + d * right) * high
        image = jnp.fft.irfft2(jnp.fft.rfft2(lensed, (side, side)) * transform, (side, side))
        return image[:, :n, :n]

    def value(kappa, source, transform, data):
        return ((forward(kappa, source, transform) - data) ** 2).sum()

    return SimpleNamespace(
        array=jnp.asarray,
        forward=jax.jit(forward),
        gradient=jax.jit(jax.grad(value, (0, 1))),
        wait=jax.block_until_ready,
    )


def _tensorflow(n, k):
    import tensorflow as tf

    wide, side = padded(n, k)
    kernels = tf.constant(kernel_transforms(n))
    axis = tf.range(n, dtype="float32") - (n - 1) / 2

    def forward(kappa, source, transform):
        product = tf.signal.rfft2d(kappa, [wide, wide])[:, None] * kernels
        alpha = tf.signal.irfft2d(product, [wide, wide])[:, :, :n, :n]
        column = axis - alpha[:, 0] + (n - 1) / 2
        row = axis[:, None] - alpha[:, 1] + (n - 1) / 2
        left = tf.clip_by_value(tf.floor(column), 0, n - 2)
        low = tf.clip_by_value(tf.floor(row), 0, n - 2)
        right, high = column - left, row - low
        start = tf.range(tf.shape(kappa)[0])[:, None, None] * (n * n)
        cell, flat = start + tf.cast(low * n + left, "int32"), tf.reshape(source, (-1,))
        a, b, c, d = (tf.gather(flat, cell + s) for s in (0, 1, n, n + 1))
        lensed = (a * (1 - right) + b * right) * (1 - high) + (c * (1 - right) + d * right) * high
        image = tf.signal.irfft2d(tf.signal.rfft2d(lensed, [side, side]) * transform, [side, side])
        return image[:, :n, :n]

    def gradient(kappa, source, transform, data):
        with tf.GradientTape() as tape:
            tape.watch([kappa, source])
            value = tf.reduce_sum((forward(kappa, source, transform) - data) ** 2)
        return tape.gradient(value, [kappa, source])

    def fused(function):
        return tf.function(function, autograph=False, jit_compile=True)

    return SimpleNamespace(
        array=tf.constant,
        forward=fused(forward),
        gradient=fused(gradient),
        wait=lambda found: [value.numpy() for value in tf.nest.flatten(found)],
    )
