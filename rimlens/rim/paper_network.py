"""The network of Adam et al. 2023 (ApJ 951, 6, appendix), for unknowns that are two maps.

A convolution with wide kernels, then on every level convolutions, a recurrent unit, whose state is
the skip connection, and a convolution with a stride of two to the next level; a recurrent unit at
the bottleneck; on the way up transposed convolutions, the skip connection and convolutions; at the
end a convolution of one pixel.  `rimlens.rim.network` holds the package's own network, and the
recurrent units of both.
"""

from keras import layers, ops

from rimlens.rim.network import CHANNELS, RECURRENT_UNITS


class PaperUNet(layers.Layer):
    """A U-Net with recurrent skip connections that works on whole maps.

    Parameters
    ----------
    filters : sequence of int
        Channels of each level, finest first, and of the bottleneck.
    map_channels : int
        Channels of the output.
    block_convolutions : int, optional
        Convolutions on each level, on the way down and on the way up.
    kernel_size, recurrent_kernel_size, input_kernel_size : int, optional
        Sides of the kernels of convolutions, of those in the recurrent units, and of those of the
        first convolution.
    recurrent_unit : str, optional
        One of `rimlens.rim.network.RECURRENT_UNITS`.
    activation : str, optional
        Keras name of the activation.
    **kwargs
        Passed to `keras.layers.Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.rim.paper_network import PaperUNet
    >>> network = PaperUNet((4, 8), map_channels=2)
    >>> network.build((None, 8, 8, 5))
    >>> maps, states = network(np.ones((1, 8, 8, 5), "float32"), network.initial_state(1, 8))
    >>> tuple(maps.shape)
    (1, 8, 8, 2)
    """

    def __init__(
        self,
        filters,
        map_channels,
        block_convolutions=2,
        kernel_size=3,
        recurrent_kernel_size=3,
        input_kernel_size=11,
        recurrent_unit="gru",
        activation="tanh",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = tuple(filters)
        self.block_convolutions = block_convolutions

        def convolution(kind, width, size, name, **options):
            return kind(
                width,
                size,
                padding="same",
                data_format=CHANNELS,
                kernel_initializer="glorot_normal",
                name=name,
                **{"activation": activation, "dtype": self.dtype_policy, **options},
            )

        plain, up = layers.Conv2D, layers.Conv2DTranspose
        levels = range(len(self.filters) - 1)
        self.first = convolution(plain, self.filters[0], input_kernel_size, "first")
        # Flat lists, level by level: Keras saves the layers of a list, not of a list of lists.
        self.encoders, self.decoders = (
            [
                convolution(plain, self.filters[i], kernel_size, f"{way}_{i}_{j}")
                for i in levels
                for j in range(block_convolutions)
            ]
            for way in ("encoder", "decoder")
        )
        self.downs = [
            convolution(plain, self.filters[i + 1], kernel_size, f"down_{i}", strides=2)
            for i in levels
        ]
        self.ups = [
            convolution(up, self.filters[i], kernel_size, f"up_{i}", strides=2) for i in levels
        ]
        self.units = [
            RECURRENT_UNITS[recurrent_unit](
                width, recurrent_kernel_size, dtype=self.dtype_policy, name=f"gru_{i}"
            )
            for i, width in enumerate(self.filters)
        ]
        self.head = convolution(
            plain, map_channels, 1, "head", activation="linear", dtype="float32"
        )

    def _block(self, layers_of_all_levels, level):
        first = level * self.block_convolutions
        return layers_of_all_levels[first : first + self.block_convolutions]

    def build(self, input_shape):
        """Create all weights."""
        batch, ny, nx, _ = input_shape
        self.first.build(input_shape)
        width = self.filters[0]
        for i, filters in enumerate(self.filters):
            shape = (batch, ny >> i, nx >> i)
            self.units[i].build((*shape, filters))
            if i == len(self.downs):
                break
            decoded = 2 * filters
            for down, up in zip(self._block(self.encoders, i), self._block(self.decoders, i)):
                down.build((*shape, width))
                up.build((*shape, decoded))
                width = decoded = filters
            self.downs[i].build((*shape, width))
            width = self.filters[i + 1]
            self.ups[i].build((batch, ny >> (i + 1), nx >> (i + 1), width))
        self.head.build((batch, ny, nx, self.filters[0]))
        self.built = True

    def initial_state(self, batch, size):
        """Return the states of all recurrent units at the first call, zeros.

        Parameters
        ----------
        batch : int or tensor
            Number of examples.
        size : int
            Pixels a side of the maps.

        Returns
        -------
        list of tensor
            One for each level and one for the bottleneck.
        """
        return [
            ops.zeros((batch, size >> i, size >> i, width), dtype=self.compute_dtype)
            for i, width in enumerate(self.filters)
        ]

    def call(self, maps, states):
        """Return the output and the new states.

        Parameters
        ----------
        maps : tensor
            Shape ``(batch, size, size, channels)``.
        states : list of tensor
            From the call before, or `initial_state`.

        Returns
        -------
        maps, states : tuple
            ``(batch, size, size, map_channels)``, list of tensor.
        """
        x = self.first(ops.cast(maps, self.compute_dtype))
        new_states = []
        for i, down in enumerate(self.downs):
            for layer in self._block(self.encoders, i):
                x = layer(x)
            new_states.append(self.units[i](x, states[i]))
            x = down(x)
        x = self.units[-1](x, states[-1])
        new_states.append(x)
        for i in reversed(range(len(self.ups))):
            x = ops.concatenate([self.ups[i](x), new_states[i]], axis=-1)
            for layer in self._block(self.decoders, i):
                x = layer(x)
        return self.head(x), new_states
