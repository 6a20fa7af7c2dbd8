"""The network of the recurrence: a U-Net with a convolutional gated recurrent unit at every level.

Maps enter as channels, folded to one latent size; unknowns that are not maps enter as constant
channels and leave through a dense head on the bottleneck (Adam et al. 2023, ApJ 951, 6,
appendix; Cho et al. 2014, arXiv:1406.1078 for the recurrent unit).
"""

from keras import layers, ops

# Every layer states its layout and precision: Keras takes what is not stated from the user's
# ``keras.json``, and another project may have written that file.
CHANNELS = "channels_last"


def fold(maps, factor):
    """Fold blocks of pixels into channels: ``(batch, n, n)`` to ``(batch, n / f, n / f, f * f)``.

    Parameters
    ----------
    maps : tensor
        Shape ``(batch, ny, nx)``.
    factor : int
        Side of a block.

    Returns
    -------
    tensor
        Channels last.
    """
    ny, nx = maps.shape[1:]
    blocks = ops.reshape(maps, (-1, ny // factor, factor, nx // factor, factor))
    blocks = ops.transpose(blocks, (0, 1, 3, 2, 4))
    return ops.reshape(blocks, (-1, ny // factor, nx // factor, factor * factor))


def unfold(channels, factor):
    """Undo `fold`."""
    ny, nx = channels.shape[1:3]
    blocks = ops.reshape(channels, (-1, ny, nx, factor, factor))
    blocks = ops.transpose(blocks, (0, 1, 3, 2, 4))
    return ops.reshape(blocks, (-1, ny * factor, nx * factor))


class ConvolutionalGRU(layers.Layer):
    """A gated recurrent unit whose products are convolutions.

    Parameters
    ----------
    filters : int
        Channels of the state.
    kernel_size : int, optional
        Side of the kernels.
    **kwargs
        Passed to `keras.layers.Layer`.
    """

    def __init__(self, filters, kernel_size=3, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        options = {"padding": "same", "data_format": CHANNELS, "dtype": self.dtype_policy}
        self.gates = layers.Conv2D(
            2 * filters, kernel_size, activation="sigmoid", name="gates", **options
        )
        self.candidate = layers.Conv2D(
            filters, kernel_size, activation="tanh", name="candidate", **options
        )

    def build(self, input_shape):
        """Create the weights for inputs of `filters` channels."""
        shape = (*input_shape[:-1], input_shape[-1] + self.filters)
        self.gates.build(shape)
        self.candidate.build(shape)
        self.built = True

    def call(self, inputs, state):
        """Return the new state, ``(batch, ny, nx, filters)``."""
        gates = self.gates(ops.concatenate([inputs, state], axis=-1))
        update, reset = gates[..., : self.filters], gates[..., self.filters :]
        candidate = self.candidate(ops.concatenate([inputs, reset * state], axis=-1))
        return state + update * (candidate - state)


class MemorylessUnit(layers.Layer):
    """The candidate of a `ConvolutionalGRU` alone, which depends on no state.

    Parameters
    ----------
    filters : int
        Channels.
    kernel_size : int, optional
        Side of the kernels.
    **kwargs
        Passed to `keras.layers.Layer`.
    """

    def __init__(self, filters, kernel_size=3, **kwargs):
        super().__init__(**kwargs)
        self.candidate = layers.Conv2D(
            filters,
            kernel_size,
            activation="tanh",
            padding="same",
            data_format=CHANNELS,
            dtype=self.dtype_policy,
            name="candidate",
        )

    def build(self, input_shape):
        """Create the weights."""
        self.candidate.build(input_shape)
        self.built = True

    def call(self, inputs, state):
        """Return the new state, ``(batch, ny, nx, filters)``."""
        return self.candidate(inputs)


# By the word of an `Architecture`.
RECURRENT_UNITS = {"gru": ConvolutionalGRU, "none": MemorylessUnit}


class RecurrentUNet(layers.Layer):
    """A U-Net whose skip connections and bottleneck are recurrent states.

    Parameters
    ----------
    filters : sequence of int
        Channels of each level, finest first.
    map_channels : int
        Channels of the output; with none there is no way up from the bottleneck.
    vector_size : int
        Size of the output that is not a map.
    block_convolutions : int, optional
        Convolutions in each block.
    vector_units : int, optional
        Width of the hidden layer of the vector head.
    kernel_size : int, optional
        Side of the kernels.
    recurrent_kernel_size : int, optional
        Side of the kernels of the recurrent units.
    recurrent_unit : str, optional
        One of `RECURRENT_UNITS`.
    activation : str, optional
        Keras name of the activation.
    **kwargs
        Passed to `keras.layers.Layer`.
    """

    def __init__(
        self,
        filters,
        map_channels,
        vector_size,
        block_convolutions=1,
        vector_units=64,
        kernel_size=3,
        recurrent_kernel_size=3,
        recurrent_unit="gru",
        activation="leaky_relu",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = tuple(filters)
        self.block_convolutions = block_convolutions

        def convolution(width, name, **options):
            return layers.Conv2D(
                width,
                kernel_size,
                padding="same",
                data_format=CHANNELS,
                activation=activation,
                kernel_initializer="he_normal",
                dtype=self.dtype_policy,
                name=name,
                **options,
            )

        levels = range(len(self.filters))
        up_levels = levels[:-1] if map_channels else []
        # What is remembered is read on the way up and at the bottleneck.
        self._unit_levels = [*up_levels, levels[-1]]
        # Flat lists, level by level: Keras saves the layers of a list, not of a list of lists.
        self.encoders = [
            convolution(self.filters[i], f"encoder_{i}_{j}")
            for i in levels
            for j in range(block_convolutions)
        ]
        self.downs = [
            convolution(self.filters[i + 1], f"down_{i}", strides=2) for i in levels[:-1]
        ]
        self.units = [
            RECURRENT_UNITS[recurrent_unit](
                self.filters[i], recurrent_kernel_size, dtype=self.dtype_policy, name=f"gru_{i}"
            )
            for i in self._unit_levels
        ]
        self.ups = [
            layers.Conv2D(
                4 * self.filters[i],
                1,
                data_format=CHANNELS,
                activation=activation,
                kernel_initializer="he_normal",
                dtype=self.dtype_policy,
                name=f"up_{i}",
            )
            for i in up_levels
        ]
        self.decoders = [
            convolution(self.filters[i], f"decoder_{i}_{j}")
            for i in up_levels
            for j in range(block_convolutions)
        ]
        # The heads start at zero: an untrained network proposes no step.
        self.map_head = None
        if map_channels:
            self.map_head = layers.Conv2D(
                map_channels,
                1,
                data_format=CHANNELS,
                kernel_initializer="zeros",
                dtype="float32",
                name="map_head",
            )
        self.vector_hidden = layers.Dense(
            vector_units,
            activation=activation,
            kernel_initializer="he_normal",
            dtype="float32",
            name="vector_hidden",
        )
        self.vector_head = layers.Dense(
            vector_size, kernel_initializer="zeros", dtype="float32", name="vector_head"
        )

    def _block(self, layers_of_all_levels, level):
        first = level * self.block_convolutions
        return layers_of_all_levels[first : first + self.block_convolutions]

    def build(self, maps_shape, vector_shape):
        """Create all weights."""
        batch, ny, nx, channels = maps_shape
        width = channels + vector_shape[-1]
        last = len(self.filters) - 1
        for i, filters in enumerate(self.filters):
            for layer in self._block(self.encoders, i):
                layer.build((batch, ny, nx, width))
                width = filters
            if i in self._unit_levels:
                self.units[self._unit_levels.index(i)].build((batch, ny, nx, filters))
            if i < last:
                self.downs[i].build((batch, ny, nx, filters))
                ny, nx, width = ny // 2, nx // 2, self.filters[i + 1]
        if self.map_head is not None:
            self._build_way_up(batch, *maps_shape[1:3])
            self.map_head.build((batch, None, None, self.filters[0] + channels))
        self.vector_hidden.build((batch, ny * nx * self.filters[-1] + vector_shape[-1]))
        self.vector_head.build((batch, self.vector_hidden.units))
        self.built = True

    def _build_way_up(self, batch, ny, nx):
        for i, up in enumerate(self.ups):
            up.build((batch, ny >> (i + 1), nx >> (i + 1), self.filters[i + 1]))
            decoded = 2 * self.filters[i]
            for layer in self._block(self.decoders, i):
                layer.build((batch, ny >> i, nx >> i, decoded))
                decoded = self.filters[i]

    def initial_state(self, batch, size):
        """Return the states of all recurrent levels at the first call, zeros.

        Parameters
        ----------
        batch : int or tensor
            Number of examples.
        size : int
            Pixels a side of the finest level.

        Returns
        -------
        list of tensor
            One for each level.
        """
        return [
            ops.zeros((batch, size >> i, size >> i, self.filters[i]), dtype=self.compute_dtype)
            for i in self._unit_levels
        ]

    def call(self, maps, vector, states):
        """Return the map output, the vector output and the new states.

        Parameters
        ----------
        maps : tensor
            Shape ``(batch, size, size, channels)``.
        vector : tensor
            Shape ``(batch, length)``.
        states : list of tensor
            From the call before, or `initial_state`.

        Returns
        -------
        maps, vector, states : tuple
            ``(batch, size, size, map_channels)`` or None without map channels,
            ``(batch, vector_size)``, list of tensor.
        """
        ny, nx = maps.shape[1:3]
        constant = ops.broadcast_to(
            vector[:, None, None, :], (ops.shape(vector)[0], ny, nx, vector.shape[-1])
        )
        x = ops.cast(ops.concatenate([maps, constant], axis=-1), self.compute_dtype)
        new_states = []
        for i in range(len(self.filters)):
            for layer in self._block(self.encoders, i):
                x = layer(x)
            if i in self._unit_levels:
                k = self._unit_levels.index(i)
                new_states.append(self.units[k](x, states[k]))
            if i < len(self.downs):
                x = self.downs[i](x)
        x = new_states[-1]
        whole = ops.cast(ops.reshape(x, (-1, x.shape[1] * x.shape[2] * x.shape[3])), "float32")
        out = None if self.map_head is None else self._way_up(x, new_states, maps)
        hidden = self.vector_hidden(ops.concatenate([whole, vector], axis=-1))
        return out, self.vector_head(hidden), new_states

    def _way_up(self, x, states, maps):
        for i in reversed(range(len(self.ups))):
            x = upsample(self.ups[i](x))
            x = ops.concatenate([x, states[i]], axis=-1)
            for layer in self._block(self.decoders, i):
                x = layer(x)
        # The inputs themselves reach the head, in full precision: a step along a gradient is one
        # product away.
        return self.map_head(ops.concatenate([ops.cast(x, "float32"), maps], axis=-1))


def upsample(x):
    """Spread groups of four channels over two by two pixels."""
    ny, nx, channels = x.shape[1:]
    x = ops.reshape(x, (-1, ny, nx, 2, 2, channels // 4))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (-1, 2 * ny, 2 * nx, channels // 4))
