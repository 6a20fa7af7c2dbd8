"""What a network reads at one call, and what its answer does to the unknowns.

A reading makes its network and calls it; what a recurrence is does not depend on it.
`CompactReading` shows the package's own network all that is known of the exposure and of the
likelihood; `PaperReading` is the call of Adam et al. 2023 (ApJ 951, 6, section 3.2), which sees
the image, the two maps and their gradients.
"""

from keras import ops

from rimlens.errors import InputError
from rimlens.rim.constants import CONSTANTS
from rimlens.rim.network import RecurrentUNet, fold
from rimlens.rim.paper_network import PaperUNet


def reading(architecture, lens, source, precision="float32"):
    """Return the reading of an architecture, its network built.

    Parameters
    ----------
    architecture : Architecture
        Sizes and network.
    lens, source : LensUnknowns, SourceUnknowns
        What is inferred.
    precision : str, optional
        Keras dtype policy of the network.

    Returns
    -------
    CompactReading or PaperReading
    """
    kind = PaperReading if architecture.network == "paper" else CompactReading
    return kind(architecture, lens, source, precision)


class CompactReading:
    """Image, mask, noise, residual, unknowns and directions, folded to the latent size.

    The network answers with changes of maps, and with a step along the directions that change the
    whole image, to which a part of the Gauss-Newton step is added.

    Parameters
    ----------
    architecture, lens, source, precision
        As in `reading`.
    """

    def __init__(self, architecture, lens, source, precision):
        a = architecture
        self._lens, self._source = lens, source
        self._factor = a.image_size // a.latent_size
        directions = len(lens.prior_scale) + len(source.prior_scale)
        self.network = RecurrentUNet(
            a.filters,
            map_channels=lens.output_channels + source.output_channels,
            vector_size=2 * directions,
            block_convolutions=a.block_convolutions,
            vector_units=a.vector_units,
            kernel_size=a.kernel_size,
            recurrent_kernel_size=a.recurrent_kernel_size,
            recurrent_unit=a.recurrent_unit,
            dtype=precision,
            name="network",
        )
        channels = 4 * self._factor**2 + 2 + lens.input_channels + source.input_channels
        vector = 2 + lens.vector_size + source.vector_size + 2 * directions
        self.network.build((None, a.latent_size, a.latent_size, channels), (None, vector))

    def context(self, inputs):
        """Return what the network sees at every call: image, mask and noise; sharpness and noise.

        Parameters
        ----------
        inputs : dict of tensor
            As in `RecurrentInferenceMachine.exposure`.

        Returns
        -------
        maps, vector : tensor
            Shapes ``(batch, latent, latent, channels)`` and ``(batch, 2)``.
        """
        weight, sigma, psf = inputs["weight"], inputs["sigma"], inputs["psf"]
        log_sigma = ops.log10(sigma)
        maps = ops.concatenate(
            [
                fold(ops.arcsinh(CONSTANTS.image_scale * inputs["image"]), self._factor),
                fold(weight, self._factor),
                fold(weight * (log_sigma + CONSTANTS.log_sigma_offset), self._factor),
            ],
            axis=-1,
        )
        mean = ops.sum(weight * log_sigma, axis=(1, 2)) / ops.sum(weight, axis=(1, 2))
        sharpness = ops.log(ops.sum(ops.square(psf), axis=(1, 2)))
        return maps, ops.stack(
            [mean + CONSTANTS.log_sigma_offset, sharpness + CONSTANTS.sharpness_offset], axis=-1
        )

    def step(self, state, memory, gradient, context):
        """Return the unknowns and the network's states after a call.

        Parameters
        ----------
        state : dict of tensor
            The variables of lens and source.
        memory : list of tensor
            The network's states.
        gradient : Gradient
            At `state`.
        context : tuple of tensor
            From `context`.
        """
        context_maps, context_vector = context
        unknowns = (self._lens, self._source)
        maps = [
            context_maps,
            fold(ops.arcsinh(gradient.residual), self._factor),
            ops.arcsinh(gradient.displacement),
        ]
        for unknown in unknowns:
            maps += unknown.network_maps(state, gradient)
        numbers = [unknown.network_vector(state) for unknown in unknowns]
        # A step of a few hundredths and an error of a hundredth are numbers of order one.
        directions = [
            ops.arcsinh(CONSTANTS.step_scale * gradient.step),
            ops.log10(gradient.step_error) + CONSTANTS.step_error_offset,
        ]
        vector = [context_vector, *(n for n in numbers if n is not None), *directions]
        out, vector_step, memory = self.network(
            ops.concatenate(maps, axis=-1), ops.concatenate(vector, axis=-1), memory
        )
        vector_step, trust = ops.split(vector_step, 2, axis=-1)
        vector_step = vector_step + ops.exp(trust - CONSTANTS.trust_offset) * gradient.step
        n, m = self._lens.output_channels, len(self._lens.prior_scale)
        lens_out, source_out = (None, None) if out is None else (out[..., :n], out[..., n:])
        lens = self._lens.update(state, gradient, lens_out, vector_step[:, :m])
        source = self._source.update(state, gradient, source_out, vector_step[:, m:])
        return {**lens, **source}, memory


class PaperReading:
    """Image, source, convergence, and the gradients of the two, all of one size.

    The network's answer is added to the two maps.  An external shear stays what it was: the paper
    has none.

    Parameters
    ----------
    architecture, lens, source, precision
        As in `reading`.

    Raises
    ------
    InputError
        If an unknown is not a map.
    """

    maps = ("source", "convergence")

    def __init__(self, architecture, lens, source, precision):
        a = architecture
        if not set(self.maps) <= {*lens.names, *source.names}:
            raise InputError(
                "network: the paper's infers maps of the convergence and of the source, found "
                f"the unknowns {[*lens.names, *source.names]}"
            )
        self.network = PaperUNet(
            a.filters,
            map_channels=len(self.maps),
            block_convolutions=a.block_convolutions,
            kernel_size=a.kernel_size,
            recurrent_kernel_size=a.recurrent_kernel_size,
            input_kernel_size=a.input_kernel_size,
            recurrent_unit=a.recurrent_unit,
            dtype=precision,
            name="network",
        )
        self.network.build((None, a.latent_size, a.latent_size, 1 + 2 * len(self.maps)))

    def context(self, inputs):
        """Return what the network sees at every call: the image, ``(batch, ny, nx)``."""
        return inputs["image"]

    def step(self, state, memory, gradient, context):
        """Return the unknowns and the network's states after a call: see `CompactReading.step`."""
        seen = [context, *(state[n] for n in self.maps), *(gradient.maps[n] for n in self.maps)]
        out, memory = self.network(ops.stack(seen, axis=-1), memory)
        stepped = {name: state[name] + out[..., k] for k, name in enumerate(self.maps)}
        return {**state, **stepped}, memory
