"""The recurrent inference machine: the recurrence around the network.

The first call guesses from the image alone; each further call reads the likelihood's gradient and
improves the unknowns (Putzky & Welling 2017, arXiv:1706.04008; Adam et al. 2023, ApJ 951, 6,
section 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from rimlens.imaging import convolve, psf_transform, reduced_chi2
from rimlens.rim.architecture import Architecture
from rimlens.rim.constants import CONSTANTS
from rimlens.rim.gradient import evaluate_gradient, no_gradient
from rimlens.rim.lens_unknowns import lens_unknowns
from rimlens.rim.network import RecurrentUNet, fold
from rimlens.rim.source_unknowns import source_unknowns
from rimlens.typing import Tensor

if TYPE_CHECKING:
    from rimlens.prior.prior import Prior
    from rimlens.rim.gradient import Gradient


class RecurrentInferenceMachine(keras.Model):
    """The recurrence of an `Architecture`.

    Parameters
    ----------
    architecture : Architecture
        Grids, steps and network.
    precision : str, optional
        Keras dtype policy of the network; physics stays in float32.
    lens, source : rimlens.prior.Prior, optional
        Priors over the parameters of a lens and of a source model, lengths in pixels of the image;
        without one the unknown is pixelated.
    **kwargs
        Passed to `keras.Model`.
    """

    def __init__(
        self,
        architecture: Architecture,
        precision: str = "float32",
        lens: Prior | None = None,
        source: Prior | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.architecture = architecture
        self.precision = precision
        # How many calls training unrolls; fewer make its first part cheaper.  Whether its backward
        # pass makes them again, and whether its loss looks at the image.
        self.unrolled_steps = architecture.steps
        self.recompute = self.answers_image = False
        a = architecture
        self.lens, self.source = lens_unknowns(a, lens), source_unknowns(a, source)
        self._priors = {"lens": lens, "source": source}
        self.image_factor = a.image_size // a.latent_size
        directions = len(self.lens.prior_scale) + len(self.source.prior_scale)
        self.network = RecurrentUNet(
            a.filters,
            map_channels=self.lens.output_channels + self.source.output_channels,
            vector_size=2 * directions,
            block_convolutions=a.block_convolutions,
            vector_units=a.vector_units,
            dtype=precision,
            name="network",
        )
        channels = 4 * self.image_factor**2 + 2
        channels += self.lens.input_channels + self.source.input_channels
        vector = 2 + self.lens.vector_size + self.source.vector_size + 2 * directions
        self.network.build((None, a.latent_size, a.latent_size, channels), (None, vector))
        self.built = True

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Build from `get_config`."""
        return cls(Architecture.from_dict(config.pop("architecture")), **config)

    def get_config(self) -> Any:
        """Return what `from_config` needs."""
        return {
            "architecture": self.architecture.to_dict(),
            "precision": self.precision,
            **self._priors,
        }

    @property
    def equivariant(self) -> Any:
        """Whether the unknowns can be brought to another orientation of the square."""
        return self.lens.equivariant and self.source.equivariant

    def exposure(self, inputs: dict[str, Tensor]) -> tuple[Any, ...]:
        """Return what the likelihood needs of a batch of inputs.

        Parameters
        ----------
        inputs : dict of tensor
            ``image``, ``sigma``, ``weight`` of shape ``(batch, n, n)`` in units of the robust
            peak, and ``psf`` of shape ``(batch, k, k)``.

        Returns
        -------
        tuple
            Image, noise, weight, transform of the point-spread function, shape of its stamp.
        """
        psf = inputs["psf"]
        transform = psf_transform(psf, self.architecture.image_grid.shape)
        return inputs["image"], inputs["sigma"], inputs["weight"], transform, psf.shape[1:]

    def context(self, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return what the network sees at every call: image, mask and noise; sharpness and noise.

        Parameters
        ----------
        inputs : dict of tensor
            As in `exposure`.

        Returns
        -------
        maps, vector : tensor
            Shapes ``(batch, latent, latent, channels)`` and ``(batch, 2)``.
        """
        weight, sigma, psf = inputs["weight"], inputs["sigma"], inputs["psf"]
        log_sigma = ops.log10(sigma)
        maps = ops.concatenate(
            [
                fold(ops.arcsinh(CONSTANTS.image_scale * inputs["image"]), self.image_factor),
                fold(weight, self.image_factor),
                fold(weight * (log_sigma + CONSTANTS.log_sigma_offset), self.image_factor),
            ],
            axis=-1,
        )
        mean = ops.sum(weight * log_sigma, axis=(1, 2)) / ops.sum(weight, axis=(1, 2))
        sharpness = ops.log(ops.sum(ops.square(psf), axis=(1, 2)))
        return maps, ops.stack(
            [mean + CONSTANTS.log_sigma_offset, sharpness + CONSTANTS.sharpness_offset], axis=-1
        )

    def initial(self, batch: dict[str, np.ndarray]) -> Any:
        """Return the unknowns and the network's states before the first call."""
        state = {**self.lens.initial(batch), **self.source.initial(batch)}
        return state, self.network.initial_state(batch, self.architecture.latent_size)

    def step(
        self,
        state: dict[str, Tensor],
        memory: list[Tensor],
        gradient: Gradient,
        context: tuple[Tensor, ...],
    ) -> tuple[Any, ...]:
        """Make one network call.

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

        Returns
        -------
        state, memory : tuple
            The new ones.
        """
        context_maps, context_vector = context
        unknowns = (self.lens, self.source)
        maps = [
            context_maps,
            fold(ops.arcsinh(gradient.residual), self.image_factor),
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
        n, m = self.lens.output_channels, len(self.lens.prior_scale)
        lens_out, source_out = (None, None) if out is None else (out[..., :n], out[..., n:])
        lens = self.lens.update(state, gradient, lens_out, vector_step[:, :m])
        source = self.source.update(state, gradient, source_out, vector_step[:, m:])
        return {**lens, **source}, memory

    def image(self, state: dict[str, Tensor], exposure: tuple[Any, ...]) -> Tensor:
        """Return the image that the unknowns of a state make, shape ``(batch, n, n)``.

        Parameters
        ----------
        state : dict of tensor
            The variables of lens and source.
        exposure : tuple
            From `exposure`.

        Returns
        -------
        tensor
            In units of the robust peak; what it depends on can be learned from it.
        """
        _, _, _, psf, psf_shape = exposure
        brightness = self.source.brightness(state, *self.lens.ray_trace(state))
        return convolve(brightness, psf, psf_shape)

    def gradient(self, state: dict[str, Tensor], exposure: tuple[Any, ...]) -> Any:
        """Return the likelihood's gradient at a state."""
        return evaluate_gradient(self.lens, self.source, state, exposure, self.image_factor)

    def first_gradient(self, exposure: tuple[Any, ...]) -> Any:
        """Return what takes the gradient's place in the first call."""
        return no_gradient(self.lens, self.source, exposure, self.image_factor)

    def call(self, inputs: dict[str, Tensor], training: bool | None = None) -> dict[str, Tensor]:
        """Unroll the recurrence.

        Parameters
        ----------
        inputs : dict of tensor
            As in `exposure`.
        training : bool, optional
            Unused: the network has no layer that depends on it.

        Returns
        -------
        dict of tensor
            Every variable after every call, shape ``(batch, steps, ...)``: of a pixelated lens
            ``convergence`` (log10) and ``shear`` (scaled), of a pixelated source ``source``, of
            models ``lens`` and ``source_vector``.  With `answers_image` also ``image``, the
            reduced chi-square after every call, shape ``(batch, steps)``.
        """
        exposure, context = self.exposure(inputs), self.context(inputs)
        state, memory = self.initial(ops.shape(inputs["image"])[0])

        states = []
        for step in range(self.unrolled_steps):
            gradient = self.gradient(state, exposure) if step else self.first_gradient(exposure)
            state, memory = self._stepped(state, memory, gradient, context)
            states.append(state)
        answer = {name: ops.stack([s[name] for s in states], axis=1) for name in states[0]}
        if self.answers_image:
            misfits = [reduced_chi2(self.image(s, exposure), *exposure[:3]) for s in states]
            answer["image"] = ops.stack(misfits, axis=1)
        return answer

    def _stepped(self, state, memory, gradient, context):
        """Return what `step` does, computed again by a backward pass if that is asked for."""
        if not self.recompute:
            return self.step(state, memory, gradient, context)
        # The gradient stays outside: nothing flows back through it, so that none of what is inside
        # it is kept, and where computations are repeated TensorFlow takes no derivatives in them.
        again = keras.remat(lambda state, memory: self.step(state, memory, gradient, context))
        return again(state, memory)


def parameter_count(architecture: Any) -> Any:
    """Return the number of trainable weights of an `Architecture`.

    Examples
    --------
    >>> from rimlens.rim import Architecture, parameter_count
    >>> parameter_count(Architecture(filters=(4, 4), latent_size=32)) > 1000
    True
    """
    machine = RecurrentInferenceMachine(architecture)
    return int(sum(np.prod(w.shape) for w in machine.trainable_weights))
