r"""The networks of a variational autoencoder, and what they minimize in training.

.. math::
    \sum_p (y_p - x_p)^2 + \beta \, \mathrm{KL}\left[ \mathcal{N}(\mu, \sigma^2) \,\|\,
    \mathcal{N}(0, 1) \right] + \lambda \, \langle (d - e)^2 \rangle

for a map :math:`x` and its reconstruction :math:`y` (Kingma & Welling 2014, arXiv:1312.6114;
Higgins et al. 2017, ICLR), where :math:`e` is what the encoder's dense layers read and :math:`d`
what the decoder's dense layer gives: at first, the two are held together (Adam et al. 2023, ApJ
951, 6).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import keras
from keras import layers, ops

from rimlens.typing import Tensor

if TYPE_CHECKING:
    from rimlens.prior.vae.architecture import VAEArchitecture

# Of the leaky activation, as in the paper.
_SLOPE = 0.3
# Largest logarithm of the variance of a latent number.
_MOST = 1.0


class Encoder(layers.Layer):
    """Maps to the mean and the logarithm of the variance of the latent numbers.

    Parameters
    ----------
    architecture : VAEArchitecture
        Its sizes.
    **kwargs
        Passed to `keras.layers.Layer`.
    """

    def __init__(self, architecture, **kwargs):
        # The layers inside cast for themselves; numbers and losses stay in full precision.
        super().__init__(**{"dtype": "float32", "autocast": False, **kwargs})
        self.architecture = a = architecture
        convolution = functools.partial(_convolution, self, layers.Conv2D, "encoder")
        self.first = layers.Conv2D(
            a.filters,
            a.first_kernel_size,
            padding="same",
            data_format="channels_last",
            activation="relu",
            kernel_initializer="he_normal",
            dtype=self.dtype_policy,
            name="encoder_first",
        )
        self.steps = []
        for i, width in enumerate(a.widths[:-1]):
            self.steps += [convolution(width, f"{i}_{j}") for j in range(a.convolutions)]
            self.steps.append(convolution(a.widths[i + 1], f"{i}_down", strides=2))
        # At first the vectors of all maps are near to each other, and no noise drowns them.
        dense = functools.partial(
            layers.Dense,
            a.latent,
            kernel_initializer=keras.initializers.VarianceScaling(1e-3),
            dtype=_full(self.dtype_policy),
        )
        self.mean = dense(name="encoder_mean")
        self.log_variance = dense(
            name="encoder_log_variance", bias_initializer=keras.initializers.Constant(-4.0)
        )

    def build(self, input_shape):
        """Create the weights."""
        shape = (*input_shape, 1)
        for layer in (self.first, *self.steps):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        flat = (shape[0], shape[1] * shape[2] * shape[3])
        self.mean.build(flat)
        self.log_variance.build(flat)
        self.built = True

    def call(self, maps):
        """Return mean, logarithm of the variance, and what the two were read from.

        Parameters
        ----------
        maps : tensor
            As the network sees them, shape ``(batch, size, size)``.

        Returns
        -------
        mean, log_variance, features : tensor
            Shapes ``(batch, latent)`` twice, and ``(batch, features)``.
        """
        x = self.first(maps[..., None])
        for layer in self.steps:
            x = layer(x)
        features = ops.reshape(x, (-1, x.shape[1] * x.shape[2] * x.shape[3]))
        features = ops.cast(features, self.mean.compute_dtype)
        # No vector is less certain than the prior by more than this: noise cannot drown the rest.
        log_variance = _MOST - ops.softplus(_MOST - self.log_variance(features))
        return self.mean(features), log_variance, features


class Decoder(layers.Layer):
    """Latent numbers to maps.

    Parameters
    ----------
    architecture : VAEArchitecture
        Its sizes.
    **kwargs
        Passed to `keras.layers.Layer`.
    """

    def __init__(self, architecture, **kwargs):
        super().__init__(**{"dtype": "float32", "autocast": False, **kwargs})
        self.architecture = a = architecture
        convolution = functools.partial(_convolution, self, layers.Conv2D, "decoder")
        upward = functools.partial(_convolution, self, layers.Conv2DTranspose, "decoder")
        ny, nx, channels = a.coarsest
        full = _full(self.dtype_policy)
        self.dense = layers.Dense(ny * nx * channels, dtype=full, name="decoder_dense")
        self.steps = []
        for i in reversed(range(a.layers)):
            self.steps.append(upward(a.widths[i], f"{i}_up", strides=2))
            self.steps += [convolution(a.widths[i], f"{i}_{j}") for j in range(a.convolutions)]
        self.last = layers.Conv2D(
            1,
            a.kernel_size,
            padding="same",
            data_format="channels_last",
            activation=a.output,
            # Most of a galaxy's field is dark.
            bias_initializer=keras.initializers.Constant(-3.0 if a.output == "sigmoid" else 0.0),
            dtype=full,
            name="decoder_last",
        )

    def build(self, input_shape):
        """Create the weights."""
        self.dense.build(input_shape)
        shape = (input_shape[0], *self.architecture.coarsest)
        for layer in (*self.steps, self.last):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        self.built = True

    def call(self, latent):
        """Return the maps as the network sees them, and what they were made from.

        Parameters
        ----------
        latent : tensor
            Shape ``(batch, latent)``.

        Returns
        -------
        maps, features : tensor
            Shapes ``(batch, size, size)`` and ``(batch, features)``.
        """
        features = self.dense(latent)
        x = ops.reshape(features, (-1, *self.architecture.coarsest))
        for layer in self.steps:
            x = layer(x)
        return self.last(x)[..., 0], features


class Autoencoder(keras.Model):
    """Encoder and decoder as they are trained.

    Parameters
    ----------
    architecture : VAEArchitecture
        Their sizes.
    **kwargs
        Passed to `keras.Model`; the dtype policy holds for both networks.
    """

    def __init__(self, architecture: VAEArchitecture, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", "autocast": False, **kwargs})
        self.architecture = a = architecture
        self.encoder = Encoder(a, dtype=self.dtype_policy, name="encoder")
        self.decoder = Decoder(a, dtype=self.dtype_policy, name="decoder")
        self.encoder.build((None, a.size, a.size))
        self.decoder.build((None, a.latent))
        self.built = True

    def call(self, inputs: dict[str, Tensor]) -> Tensor:
        """Return the reconstructions, and add to the loss what is not in them.

        Parameters
        ----------
        inputs : dict of tensor
            ``maps`` ``(batch, size, size)``, ``noise`` ``(batch, latent)``, which is standard
            normal, and the weights ``beta`` and ``bottleneck`` of the two other terms of the loss,
            ``(batch,)``.

        Returns
        -------
        tensor
            Shape ``(batch, size, size)``.
        """
        mean, log_variance, seen = self.encoder(inputs["maps"])
        latent = mean + ops.exp(0.5 * log_variance) * inputs["noise"]
        maps, drawn = self.decoder(latent)
        information = divergence(mean, log_variance)
        apart = ops.mean(ops.square(drawn - seen), axis=-1)
        self.add_loss(ops.mean(inputs["beta"] * information + inputs["bottleneck"] * apart))
        return maps


class SummedSquares(keras.losses.Loss):
    """The sum of squared errors of each map."""

    def call(self, y_true, y_pred):
        """Return the loss of each map, shape ``(batch,)``."""
        return ops.sum(ops.square(y_pred - y_true), axis=(1, 2))


def divergence(mean, log_variance):
    """Return the Kullback-Leibler divergence from the standard normal distribution, in nats.

    Parameters
    ----------
    mean, log_variance : tensor
        Of every latent number, shape ``(batch, latent)``.

    Returns
    -------
    tensor
        Shape ``(batch,)``.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.prior.vae.network import divergence
    >>> float(divergence(np.ones((1, 2)), np.zeros((1, 2)))[0])
    1.0
    """
    terms = ops.square(mean) + ops.exp(log_variance) - 1.0 - log_variance
    return 0.5 * ops.sum(terms, axis=-1)


def _convolution(owner, kind, prefix, width, name, strides=1):
    a = owner.architecture
    activation = a.activation
    if activation == "leaky_relu":
        activation = functools.partial(ops.leaky_relu, negative_slope=_SLOPE)
    return kind(
        width,
        a.kernel_size,
        strides=strides,
        padding="same",
        data_format="channels_last",
        activation=activation,
        kernel_initializer="he_normal",
        dtype=owner.dtype_policy,
        name=f"{prefix}_{name}",
    )


def _full(policy):
    """Return the precision of what is not to be rounded: that of the variables."""
    return policy.variable_dtype
