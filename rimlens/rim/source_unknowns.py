"""What a recurrence infers of the source: a map, or the numbers of a model."""

import numpy as np
from keras import ops

from rimlens import backend
from rimlens.imaging.sampling import BilinearSampling
from rimlens.models.parameter import BRIGHTNESS
from rimlens.rim.constants import CONSTANTS
from rimlens.rim.network import fold, unfold
from rimlens.rim.unknowns import SourceUnknowns, require_grid, require_kind


def source_unknowns(architecture, prior=None):
    """Return what a recurrence infers of a source.

    Parameters
    ----------
    architecture : Architecture
        Grids and latent size.
    prior : rimlens.prior.Prior, optional
        Over a source, lengths in pixels of the image, brightnesses in units of its robust peak; by
        default any map.

    Returns
    -------
    SourceUnknowns
        Of a map where the prior's variable is one, of numbers where it is a vector.

    Raises
    ------
    InputError
        If the prior is not over a source, its maps have another grid than the architecture's, or
        its variables are of another kind.
    """
    require_kind(prior, "source")
    if prior is None or set(prior.variables) == {"map"}:
        return PixelatedSource(architecture, prior)
    return ParametricSource(architecture, prior)


class PixelatedSource(SourceUnknowns):
    """A map of surface brightness, in the variable of a prior over such maps.

    Parameters
    ----------
    architecture : Architecture
        Grids and latent size.
    prior : rimlens.prior.Prior, optional
        Over source maps on the architecture's grid.

    Raises
    ------
    InputError
        If the prior's maps have another grid.
    """

    names = ("source",)
    equivariant = is_map = True

    def __init__(self, architecture, prior=None):
        self.grid, self.prior = architecture.source_grid, prior
        if prior is not None:
            require_grid(prior, self.grid, "source")
        self._factor = architecture.source_size // architecture.latent_size
        self.prior_scale = self.expected_error = np.zeros(0, dtype="float32")
        self.input_channels = self.output_channels = 2 * self._factor**2

    def initial(self, n):
        """Return the variables before the first call, for a batch of `n`."""
        if self.prior is None:
            return {"source": ops.zeros((n, *self.grid.shape), dtype="float32")}
        start = ops.convert_to_tensor(self.prior.initial(1)["map"])
        return {"source": ops.broadcast_to(start, (n, *self.grid.shape))}

    def brightness(self, state, x, y):
        """Return the surface brightness at source positions."""
        return self.rays(x, y)(state["source"])

    def rays(self, x, y):
        """Return the rays that end at source positions, as the operator that samples a map."""
        return BilinearSampling(self.grid, x, y)

    def lensed(self, state, rays):
        """Return the surface brightness where rays end, and its slopes along x and y."""
        return rays.with_slopes(state["source"])

    def jacobian(self, state, rays):
        """Return None: no direction of a Gauss-Newton step."""
        return

    def descent(self, gradient, rays, counted, jacobian):
        """Return the map's direction: the gradient over the counted rays that hit a pixel."""
        hits = rays.adjoint(counted)
        floor = CONSTANTS.hits_floor * ops.max(hits, axis=(1, 2), keepdims=True) + 1e-6
        return {"source": -rays.adjoint(gradient) / (hits + floor)}, None

    def network_maps(self, state, gradient):
        """Return the channels that the network reads, at the latent size."""
        direction = ops.arcsinh(gradient.maps["source"])
        return [
            fold(ops.arcsinh(state["source"]), self._factor),
            fold(direction, self._factor),
        ]

    def network_vector(self, state):
        """Return None: nothing that is not a map."""
        return

    def update(self, state, gradient, output, step):
        """Return the map after a step: the network's own, and its gain on the direction."""
        n = self._factor**2
        gain = ops.exp(unfold(output[..., n:], self._factor) - CONSTANTS.source_gain_offset)
        direction = ops.arcsinh(gradient.maps["source"])
        change = unfold(output[..., :n], self._factor) + gain * direction
        return {"source": state["source"] + change}

    def apply_step(self, state, step):
        """Return the map as it is: it has no directions."""
        return {"source": state["source"]}

    def project_difference(self, state, target):
        """Return no steps: a map has no directions."""
        return np.zeros((len(state["source"]), 0))

    def target(self, batch, peak):
        """Return what the map should become, for draws of a simulator."""
        return {"source": (batch["source"] / peak[:, None, None]).astype("float32")}

    def physical(self, state):
        """Return the map."""
        return {"source": state["source"]}


class ParametricSource(SourceUnknowns):
    """The free parameters of a source model, as the unconstrained variables of its prior.

    Parameters
    ----------
    architecture : Architecture
        Grids.
    prior : rimlens.prior.Prior
        Over the parameters of a source; its lengths are pixels of the image, its brightnesses are
        in units of the image's robust peak.
    """

    names = ("source_vector",)

    def __init__(self, architecture, prior):
        self.prior = prior
        self.grid = architecture.source_grid
        (self.vector_size,) = prior.variables["vector"]
        self.prior_scale = self.expected_error = np.ones(self.vector_size, dtype="float32")

    def initial(self, n):
        """Return the variables before the first call, for a batch of `n`."""
        start = ops.convert_to_tensor(self.prior.initial(1)["vector"])
        return {"source_vector": ops.broadcast_to(start, (n, self.vector_size))}

    def brightness(self, state, x, y):
        """Return the surface brightness at source positions."""
        values = self.prior.constrain({"vector": state["source_vector"]})
        return self.prior.model.tensor_surface_brightness(x, y, values)

    def rays(self, x, y):
        """Return the rays that end at source positions: the positions."""
        return x, y

    def lensed(self, state, rays):
        """Return the surface brightness where rays end, and its slopes along x and y."""

        def brightness(x, y):
            return self.brightness(state, x, y), ()

        (value, _), slopes = backend.value_and_grad(brightness, rays)
        return value, slopes

    def jacobian(self, state, rays):
        """Return the change of the lensed image along every variable, before it is blurred."""

        def brightness(vector, x, y):
            return self.brightness({"source_vector": vector}, x, y)

        return backend.jacobian(brightness, state["source_vector"], *rays)

    def descent(self, gradient, rays, counted, jacobian):
        """Return no map's direction, and the descent along the variables."""
        return {}, -ops.einsum("bmyx,byx->bm", jacobian, gradient)

    def network_maps(self, state, gradient):
        """Return no channels."""
        return []

    def network_vector(self, state):
        """Return the numbers that the network reads."""
        return state["source_vector"]

    def update(self, state, gradient, output, step):
        """Return the variables after a step."""
        return self.apply_step(state, step)

    def apply_step(self, state, step):
        """Return the variables after a step."""
        return {"source_vector": state["source_vector"] + step}

    def project_difference(self, state, target):
        """Return the difference of the variables."""
        return target["source_vector"] - state["source_vector"]

    def target(self, batch, peak):
        """Return what the variables should become, for draws of a simulator."""
        values = {
            name: value / peak.reshape(-1, *[1] * (value.ndim - 1))
            if self.prior.model.parameters[name].unit == BRIGHTNESS
            else value
            for name, value in batch["source_parameters"].items()
        }
        vector = self.prior.unconstrain(values)["vector"]
        return {"source_vector": ops.convert_to_numpy(vector).astype("float32")}

    def physical(self, state):
        """Return the parameters, and the surface brightness on the grid of maps."""
        values = self.prior.constrain({"vector": state["source_vector"]})
        x, y = (ops.convert_to_tensor(np.float32(v)[None]) for v in (self.grid.x, self.grid.y))
        source = self.prior.model.tensor_surface_brightness(x, y, values)
        return {"source_parameters": values, "source": source}
