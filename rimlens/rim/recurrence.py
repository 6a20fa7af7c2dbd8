"""The recurrent inference machine: the recurrence around the network.

The first call guesses from the image alone; each further call reads the likelihood's gradient and
improves the unknowns (Putzky & Welling 2017, arXiv:1706.04008; Adam et al. 2023, ApJ 951, 6,
section 3).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from rimlens import backend
from rimlens.backend.several import by_device
from rimlens.imaging import convolve, psf_transform, reduced_chi2
from rimlens.rim.architecture import Architecture
from rimlens.rim.gradient import Gradient, evaluate_gradient, map_descent, no_gradient
from rimlens.rim.lens_unknowns import lens_unknowns
from rimlens.rim.preconditioner import preconditioner
from rimlens.rim.reading import reading
from rimlens.rim.source_unknowns import source_unknowns
from rimlens.typing import Tensor

if TYPE_CHECKING:
    from rimlens.prior.prior import Prior


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
        self._reading = reading(a, self.lens, self.source, precision)
        self._preconditioner = preconditioner(a.preconditioner, a.first_guess)
        self.network = self._reading.network
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

    def context(self, inputs: dict[str, Tensor]) -> Any:
        """Return what the network sees at every call, as its reading has it.

        Parameters
        ----------
        inputs : dict of tensor
            As in `exposure`.
        """
        return self._reading.context(inputs)

    def initial(self, batch: dict[str, np.ndarray]) -> Any:
        """Return the unknowns, and the states of network and preconditioner, before a call."""
        state = {**self.lens.initial(batch), **self.source.initial(batch)}
        maps = {name: value for name, value in state.items() if len(value.shape) == 3}
        memory = self.network.initial_state(batch, self.architecture.latent_size)
        return state, [*memory, *self._preconditioner.initial(maps)]

    def step(
        self,
        state: dict[str, Tensor],
        memory: list[Tensor],
        gradient: Gradient,
        context: Any,
    ) -> tuple[Any, ...]:
        """Make one network call.

        Parameters
        ----------
        state : dict of tensor
            The variables of lens and source.
        memory : list of tensor
            The states of network and preconditioner.
        gradient : Gradient
            At `state`.
        context
            From `context`.

        Returns
        -------
        state, memory : tuple
            The new ones.
        """
        states = len(self.network.units)
        moments = memory[states:]
        maps, moments = self._preconditioner(gradient.maps, moments)
        gradient = replace(gradient, maps=maps)
        state, memory = self._reading.step(state, memory[:states], gradient, context)
        return state, [*memory, *moments]

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
        *tensors, psf_shape = exposure

        def evaluate(state, *tensors):
            seen = self.lens, self.source, state, (*tensors, psf_shape)
            gradient = evaluate_gradient(*seen, self.image_factor)
            if self.architecture.preconditioner != "gauss_newton":
                gradient = replace(gradient, maps=map_descent(*seen))
            return vars(gradient)

        # No gradient of the loss flows back through it.
        state = {name: ops.stop_gradient(value) for name, value in state.items()}
        return Gradient(**by_device(evaluate)(state, *tensors))

    def first_gradient(self, exposure: tuple[Any, ...]) -> Any:
        """Return what takes the gradient's place in the first call."""
        if self.architecture.first_guess:
            return no_gradient(self.lens, self.source, exposure, self.image_factor)
        batch = ops.shape(exposure[0])[0]
        return self.gradient({**self.lens.initial(batch), **self.source.initial(batch)}, exposure)

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


def parameter_count(architecture: Architecture) -> int:
    """Return the number of trainable weights of an `Architecture`, for unknowns that are maps.

    They are counted, not allocated.

    Examples
    --------
    >>> from rimlens.rim import Architecture, parameter_count
    >>> parameter_count(Architecture(filters=(4, 4), latent_size=32)) > 1000
    True
    >>> parameter_count(Architecture.preset("paper"))
    348546818
    """
    lens, source = lens_unknowns(architecture), source_unknowns(architecture)

    def count():
        network = reading(architecture, lens, source).network
        return sum(math.prod(w.shape) for w in network.trainable_weights)

    return backend.without_values(count)
