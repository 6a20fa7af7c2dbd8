"""How well maps come back from their latent vectors, and how much samples are like maps.

Maps are compared as the network sees them: log10 of a convergence, a galaxy over its brightest
pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops
from scipy import linalg

from rimlens.prior.vae.autoencoder import in_batches
from rimlens.random import Stream, stream

if TYPE_CHECKING:
    from rimlens.prior.vae.autoencoder import VAE

# Channels of the fixed random convolutions, and their seed.
_CHANNELS = 16, 32, 64
_SEED = 20230126


def score(vae: VAE, draws: Any, n: int, seed: int) -> dict[str, Any]:
    """Score a variational autoencoder on `n` maps.

    Parameters
    ----------
    vae : VAE
        To be scored.
    draws : object
        ``draw(n, rng)`` gives maps, such as ``rimlens.training.autoencoder.fit.MapDraws``.
    n : int
        How many.
    seed : int
        To be one that no training used.

    Returns
    -------
    dict
        Plain numbers: ``mean_square_error`` of reconstructions, and the ``variance`` of the maps
        about their mean, of which it is to be a small part; ``power_ratio`` of reconstructions and
        of samples to maps, in octaves from one cycle a field to the Nyquist frequency;
        ``frechet_distance`` of reconstructions, of samples, and of as many other maps, from the
        maps; of the latent vectors of all maps together the ``latent_variance`` (smallest, mean
        and largest), the largest ``latent_mean`` and ``latent_correlation``; ``divergence``, the
        mean information in a latent vector, in nats.
    """
    rng = stream(seed, Stream.HELD_BACK)
    maps, others = (in_batches(vae.seen, draws.draw(n, rng)) for _ in range(2))
    found = reconstructions(vae, maps)
    samples = as_compared(vae, vae.sample(n, rng))
    mean, covariance, information = aggregate(vae, maps)
    variance = np.diag(covariance)
    correlation = covariance / np.sqrt(np.outer(variance, variance)) - np.eye(len(variance))
    power = power_spectrum(maps)
    return {
        "maps": int(n),
        "mean_square_error": _rounded(np.mean((found - maps) ** 2)),
        "variance": _rounded(np.mean((maps - maps.mean(axis=0)) ** 2)),
        "power_ratio": {
            "reconstructions": _rounded(power_spectrum(found) / power),
            "samples": _rounded(power_spectrum(samples) / power),
        },
        "frechet_distance": {
            "reconstructions": _rounded(frechet_distance(maps, found)),
            "samples": _rounded(frechet_distance(maps, samples)),
            "other_maps": _rounded(frechet_distance(maps, others)),
        },
        "latent_variance": _rounded([variance.min(), variance.mean(), variance.max()]),
        "latent_mean": _rounded(np.abs(mean).max()),
        "latent_correlation": _rounded(np.abs(correlation).max()),
        "divergence": _rounded(information),
    }


def reconstructions(vae, seen):
    """Return what comes back of maps as the network sees them, float32, ``(n, size, size)``."""
    return as_compared(vae, in_batches(lambda maps: vae.decode(vae.posterior(maps)[0]), seen))


def as_compared(vae, decoded):
    """Return decoded maps as they are compared: log10 of a convergence, a galaxy as it is."""
    return in_batches(vae.seen, decoded) if vae.architecture.maps == "convergence" else decoded


def aggregate(vae, seen):
    """Return mean, covariance and information of the latent vectors of maps.

    Parameters
    ----------
    vae : VAE
        The encoder.
    seen : ndarray
        Maps as the network sees them, shape ``(n, size, size)``.

    Returns
    -------
    mean, covariance : ndarray
        Of the vectors of all maps together, each with its uncertainty: shapes ``(latent,)`` and
        ``(latent, latent)``.
    information : float
        Mean Kullback-Leibler divergence from the standard normal distribution, in nats.
    """
    mean, covariance = (v.astype("float64") for v in in_batches(vae.posterior, seen))
    _, log_volume = np.linalg.slogdet(covariance)
    squares = np.trace(covariance, axis1=1, axis2=2) + np.sum(mean**2, axis=1)
    information = 0.5 * np.mean(squares - mean.shape[1] - log_volume)
    together = np.cov(mean, rowvar=False, bias=True) + covariance.mean(axis=0)
    return mean.mean(axis=0), np.atleast_2d(together), information


def power_spectrum(maps):
    r"""Return the mean power of maps in octaves, from one cycle a field to the Nyquist frequency.

    Each map loses its mean and is multiplied by Hann's window, so that its edges do not count.

    Parameters
    ----------
    maps : ndarray
        Shape ``(n, size, size)``.

    Returns
    -------
    ndarray
        One number an octave, lowest frequency first.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.training.autoencoder.scoring import power_spectrum
    >>> wave = np.cos(2 * np.pi * 6 * np.arange(32) / 32) * np.ones((1, 32, 1))
    >>> int(np.argmax(power_spectrum(wave)))  # from four to eight cycles
    2
    """
    maps = np.asarray(maps, "float64")
    size = maps.shape[-1]
    window = np.hanning(size + 2)[1:-1]
    windowed = (maps - maps.mean(axis=(1, 2), keepdims=True)) * window[:, None] * window
    power = np.mean(np.abs(np.fft.rfft2(windowed)) ** 2, axis=0)
    cycles = np.hypot(np.fft.fftfreq(size, 1 / size)[:, None], np.fft.rfftfreq(size, 1 / size))
    octaves = int(np.log2(size)) - 1
    return np.array(
        [power[(cycles >= 2**i) & (cycles < 2 ** (i + 1))].mean() for i in range(octaves)]
    )


def frechet_distance(maps, others):
    r"""Return the Frechet distance of two sets of maps in the features of random convolutions.

    .. math::
        |m_1 - m_2|^2 + \mathrm{tr}\left[C_1 + C_2 - 2 (C_1 C_2)^{1/2}\right]

    (Heusel et al. 2017, arXiv:1706.08500, eq. 6), with mean and covariance of the features: the
    means over the field of three levels of convolutions whose weights are random and always the
    same.  Features are in units of their scatter in the first set.

    Parameters
    ----------
    maps, others : ndarray
        As the network sees them, shapes ``(n, size, size)`` and ``(m, size, size)``.

    Returns
    -------
    float
        Zero for equal sets.
    """
    first, second = features(maps), features(others)
    center, scale = first.mean(axis=0), first.std(axis=0) + 1e-12
    (m_1, c_1), (m_2, c_2) = (
        (f.mean(axis=0), np.cov(f, rowvar=False))
        for f in ((first - center) / scale, (second - center) / scale)
    )
    # The trace of the root of the product is the sum of the roots of its eigenvalues.
    eigenvalues = linalg.eigvals(c_1 @ c_2).real
    root = np.sum(np.sqrt(np.clip(eigenvalues, 0.0, None)))
    return float(np.sum((m_1 - m_2) ** 2) + np.trace(c_1) + np.trace(c_2) - 2 * root)


def features(maps):
    """Return the features of maps in fixed random convolutions, shape ``(n, features)``."""
    rng = np.random.default_rng(_SEED)
    kernels, channels = [], 1
    for width in _CHANNELS:
        kernel = rng.standard_normal((4, 4, channels, width)) * np.sqrt(2 / (16 * channels))
        kernels.append(kernel.astype("float32"))
        channels = width

    def pooled(maps):
        x, means = ops.cast(maps, "float32")[..., None], []
        for kernel in kernels:
            x = ops.leaky_relu(ops.conv(x, kernel, 2, "same", data_format="channels_last"))
            means.append(ops.mean(x, axis=(1, 2)))
        return ops.concatenate(means, axis=-1)

    return in_batches(pooled, maps).astype("float64")


def _rounded(values):
    """Return plain numbers of four digits."""
    if np.ndim(values):
        return [_rounded(value) for value in values]
    return float(f"{values:.4g}")
