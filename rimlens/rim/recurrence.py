"""The recurrent inference machine: the recurrence around the network.

The first call guesses from the image alone; each further call reads the likelihood's gradient and
improves the unknowns (Putzky & Welling 2017, arXiv:1706.04008; Adam et al. 2023, ApJ 951, 6,
section 3).
"""

import keras
import numpy as np
from keras import ops

from rimlens.imaging import ForwardModel, psf_transform
from rimlens.rim.architecture import Architecture
from rimlens.rim.gauss_newton import GaussNewton
from rimlens.rim.gradient import likelihood_gradient, no_gradient
from rimlens.rim.modes import convergence_modes
from rimlens.rim.network import RecurrentUNet, fold, unfold
from rimlens.rim.unknowns import initial_log_kappa


class RecurrentInferenceMachine(keras.Model):
    """The recurrence of an `Architecture`.

    Parameters
    ----------
    architecture : Architecture
        Grids, steps and network.
    precision : str, optional
        Keras dtype policy of the network; physics stays in float32.
    **kwargs
        Passed to `keras.Model`.
    """

    def __init__(self, architecture, precision="float32", **kwargs):
        super().__init__(**kwargs)
        self.architecture = architecture
        self.precision = precision
        # How many calls training unrolls; fewer make its first part cheaper.
        self.unrolled_steps = architecture.steps
        a = architecture
        self.forward = ForwardModel(a.image_grid, a.convergence_grid, a.source_grid)
        self.image_factor = a.image_size // a.latent_size
        self.convergence_factor = a.convergence_size // a.latent_size
        self.source_factor = a.source_size // a.latent_size
        self._modes = convergence_modes(a.convergence_grid)
        self.gauss_newton = GaussNewton(
            a.image_grid, a.convergence_grid, self._modes, a.latent_size
        )
        unknowns = len(self._modes) + 2
        self.network = RecurrentUNet(
            a.filters,
            map_channels=self.convergence_factor**2 + 2 * self.source_factor**2,
            vector_size=2 * unknowns,
            block_convolutions=a.block_convolutions,
            vector_units=a.vector_units,
            dtype=precision,
            name="network",
        )
        self._initial_log_kappa = initial_log_kappa(a.convergence_grid)
        channels = 4 * self.image_factor**2 + 2 + 2 * self.convergence_factor**2
        channels += 2 * self.source_factor**2
        vector = 4 + 2 * unknowns
        self.network.build((None, a.latent_size, a.latent_size, channels), (None, vector))
        self.built = True

    @classmethod
    def from_config(cls, config):
        """Build from `get_config`."""
        return cls(Architecture.from_dict(config.pop("architecture")), **config)

    def get_config(self):
        """Return what `from_config` needs."""
        return {"architecture": self.architecture.to_dict(), "precision": self.precision}

    def exposure(self, inputs):
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
        transform = psf_transform(psf, self.forward.image_grid.shape)
        return inputs["image"], inputs["sigma"], inputs["weight"], transform, psf.shape[1:]

    def context(self, inputs):
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
                fold(ops.arcsinh(3.0 * inputs["image"]), self.image_factor),
                fold(weight, self.image_factor),
                fold(weight * (log_sigma + 1.0), self.image_factor),
            ],
            axis=-1,
        )
        mean = ops.sum(weight * log_sigma, axis=(1, 2)) / ops.sum(weight, axis=(1, 2))
        sharpness = ops.log(ops.sum(ops.square(psf), axis=(1, 2))) + 3.0
        return maps, ops.stack([mean + 1.0, sharpness], axis=-1)

    def initial(self, batch):
        """Return the unknowns and the network's states before the first call."""
        log_kappa = ops.convert_to_tensor(self._initial_log_kappa)[None]
        log_kappa = ops.broadcast_to(log_kappa, (batch, *log_kappa.shape[1:]))
        source = ops.zeros((batch, *self.forward.source_grid.shape), dtype="float32")
        state = (log_kappa, ops.zeros((batch, 2), dtype="float32"), source)
        return state, self.network.initial_state(batch, self.architecture.latent_size)

    def step(self, state, memory, gradient, context):
        """Make one network call.

        Parameters
        ----------
        state : tuple of tensor
            log10 convergence, scaled shear, source.
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
        log_kappa, shear, source = state
        context_maps, context_vector = context
        descent = ops.arcsinh(gradient.source)
        maps = ops.concatenate(
            [
                context_maps,
                fold(ops.arcsinh(gradient.residual), self.image_factor),
                ops.arcsinh(gradient.displacement),
                fold(log_kappa, self.convergence_factor),
                fold(ops.arcsinh(gradient.convergence), self.convergence_factor),
                fold(ops.arcsinh(source), self.source_factor),
                fold(descent, self.source_factor),
            ],
            axis=-1,
        )
        modes = ops.convert_to_tensor(self._modes)
        # A step of a few hundredths and an error of a hundredth are numbers of order one.
        directions = [ops.arcsinh(20.0 * gradient.step), ops.log10(gradient.step_error) + 1.5]
        vector = ops.concatenate([context_vector, shear, *directions], axis=-1)
        out, vector_step, memory = self.network(maps, vector, memory)
        vector_step, trust = ops.split(vector_step, 2, axis=-1)
        vector_step = vector_step + ops.exp(trust - 0.5) * gradient.step
        mode_step, shear_step = vector_step[:, :-2], vector_step[:, -2:]
        nk, ns = self.convergence_factor**2, self.source_factor**2
        kappa_step = unfold(out[..., :nk], self.convergence_factor)
        kappa_step = kappa_step + ops.einsum("bm,myx->byx", mode_step, modes)
        source_step = unfold(out[..., nk : nk + ns], self.source_factor)
        gain = ops.exp(unfold(out[..., nk + ns :], self.source_factor) - 1.0)
        state = (log_kappa + kappa_step, shear + shear_step, source + source_step + gain * descent)
        return state, memory

    def gradient(self, state, exposure):
        """Return the likelihood's gradient at a state."""
        modes = ops.convert_to_tensor(self._modes)
        return likelihood_gradient(self.forward, state, exposure, modes, self.gauss_newton)

    def first_gradient(self, exposure):
        """Return what takes the gradient's place in the first call."""
        return no_gradient(self.forward, exposure, self.image_factor, len(self._modes) + 2)

    def call(self, inputs, training=None):
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
            ``convergence`` (log10), ``shear`` (scaled) and ``source`` after every call, shape
            ``(batch, steps, ...)``.
        """
        exposure, context = self.exposure(inputs), self.context(inputs)
        state, memory = self.initial(ops.shape(inputs["image"])[0])
        states = []
        for step in range(self.unrolled_steps):
            gradient = self.gradient(state, exposure) if step else self.first_gradient(exposure)
            state, memory = self.step(state, memory, gradient, context)
            states.append(state)
        log_kappa, shear, source = (ops.stack(values, axis=1) for values in zip(*states))
        return {"convergence": log_kappa, "shear": shear, "source": source}


def parameter_count(architecture):
    """Return the number of trainable weights of an `Architecture`.

    Examples
    --------
    >>> from rimlens.rim import Architecture, parameter_count
    >>> parameter_count(Architecture(filters=(4, 4), latent_size=32)) > 1000
    True
    """
    machine = RecurrentInferenceMachine(architecture)
    return int(sum(np.prod(w.shape) for w in machine.trainable_weights))
