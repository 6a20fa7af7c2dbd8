"""What a recurrence infers of the source: a map, or the numbers of a model.

Brightness is in units of the image's robust peak, lengths in pixels of the image.
"""

import numpy as np
from keras import ops

from rimlens import backend
from rimlens.imaging.sampling import BilinearSampling
from rimlens.models.parameter import BRIGHTNESS
from rimlens.rim.gauss_newton import jacobian
from rimlens.rim.network import fold, unfold


class PixelatedSource:
    """A map of surface brightness.

    Parameters
    ----------
    architecture : Architecture
        Grids and latent size.
    """

    names = ("source",)
    turns = True

    def __init__(self, architecture):
        self.grid = architecture.source_grid
        self._factor = architecture.source_size // architecture.latent_size
        self.scatter = self.expected_error = np.zeros(0, dtype="float32")
        self.numbers = 0
        self.channels = 2 * self._factor**2
        self.outputs = 2 * self._factor**2

    def initial(self, n):
        """Return the variables before the first call, for a batch of `n`."""
        return {"source": ops.zeros((n, *self.grid.shape), dtype="float32")}

    def brightness(self, state, x, y):
        """Return the surface brightness at source positions."""
        return self.rays(x, y)(state["source"])

    def rays(self, x, y):
        """Return the rays that end at source positions, as the operator that samples a map."""
        return BilinearSampling(self.grid, x, y)

    def lensed(self, state, rays):
        """Return the surface brightness where rays end, and its slopes along x and y."""
        return rays.with_slopes(state["source"])

    def columns(self, state, rays):
        """Return None: no direction of a Gauss-Newton step."""
        return

    def descent(self, gradient, rays, counted, columns):
        """Return the map's direction: the gradient over the counted rays that hit a pixel."""
        hits = rays.adjoint(counted)
        floor = 0.1 * ops.max(hits, axis=(1, 2), keepdims=True) + 1e-6
        return {"source": -rays.adjoint(gradient) / (hits + floor)}, None

    def maps_seen(self, state, gradient):
        """Return the channels that the network reads, at the latent size."""
        direction = ops.arcsinh(gradient.maps["source"])
        return [
            fold(ops.arcsinh(state["source"]), self._factor),
            fold(direction, self._factor),
        ]

    def numbers_seen(self, state):
        """Return None: nothing that is not a map."""
        return

    def moved(self, state, gradient, out, step):
        """Return the map after a step: the network's own, and its gain on the direction."""
        n = self._factor**2
        gain = ops.exp(unfold(out[..., n:], self._factor) - 1.0)
        direction = ops.arcsinh(gradient.maps["source"])
        change = unfold(out[..., :n], self._factor) + gain * direction
        return {"source": state["source"] + change}

    def along(self, state, step):
        """Return the map as it is: it has no directions."""
        return {"source": state["source"]}

    def steps_between(self, state, target):
        """Return no steps: a map has no directions."""
        return np.zeros((len(state["source"]), 0))

    def target(self, batch, peak):
        """Return what the map should become, for draws of a simulator."""
        return {"source": (batch["source"] / peak[:, None, None]).astype("float32")}

    def physical(self, state):
        """Return the map."""
        return {"source": state["source"]}


class ParametricSource:
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
    turns = False

    def __init__(self, architecture, prior):
        self.prior = prior
        self.grid = architecture.source_grid
        (self.numbers,) = prior.variables["vector"]
        self.scatter = self.expected_error = np.ones(self.numbers, dtype="float32")
        self.channels = self.outputs = 0

    def initial(self, n):
        """Return the variables before the first call, for a batch of `n`."""
        start = ops.convert_to_tensor(self.prior.initial(1)["vector"])
        return {"source_vector": ops.broadcast_to(start, (n, self.numbers))}

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

    def columns(self, state, rays):
        """Return the change of the lensed image along every variable, before it is blurred."""

        def brightness(vector, x, y):
            return self.brightness({"source_vector": vector}, x, y)

        return jacobian(brightness, state["source_vector"], *rays)

    def descent(self, gradient, rays, counted, columns):
        """Return no map's direction, and the descent along the variables."""
        return {}, -ops.einsum("bmyx,byx->bm", columns, gradient)

    def maps_seen(self, state, gradient):
        """Return no channels."""
        return []

    def numbers_seen(self, state):
        """Return the numbers that the network reads."""
        return state["source_vector"]

    def moved(self, state, gradient, out, step):
        """Return the variables after a step."""
        return self.along(state, step)

    def along(self, state, step):
        """Return the variables after a step."""
        return {"source_vector": state["source_vector"] + step}

    def steps_between(self, state, target):
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
