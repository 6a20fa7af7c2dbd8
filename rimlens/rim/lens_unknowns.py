"""What a recurrence infers of the lens: a convergence map and a shear, or the numbers of a model.

Each kind says where it starts, how it bends rays, how its rays move along the directions of a
Gauss-Newton step, what the network sees of it, and how the network's answer moves it.  Lengths are
in pixels of the image.
"""

import math

import numpy as np
from keras import ops

from rimlens import backend
from rimlens.imaging import ConvergenceDeflection, Grid, shear_deflection
from rimlens.lens.external import shear_components
from rimlens.maps.einstein import einstein_radius
from rimlens.rim.gauss_newton import block_sum, jacobian
from rimlens.rim.modes import REMAINING, SCATTER, convergence_modes
from rimlens.rim.network import fold, unfold
from rimlens.rim.unknowns import SHEAR_UNIT, constrain, initial_log_kappa, unconstrain

# How far the scaled shear is expected from a fair guess, and from the network's last answer.
SHEAR_SCATTER, SHEAR_REMAINING = 0.5, 0.4
# The part of its measured error that the refinement steps grant the mass inside the ring.  The
# network fits it to the same noise that the steps would fit once more: of 1 and 0.4 the latter
# gives the better radius on 300 simulations that neither training nor scoring saw.
RING_SHARE = 0.4


class PixelatedLens:
    """A log10 convergence map and an external shear.

    Its directions are the large-scale modes of the map and the two components of the shear.

    Parameters
    ----------
    architecture : Architecture
        Grids and latent size.
    """

    names = ("convergence", "shear")
    turns = True

    def __init__(self, architecture):
        a = architecture
        self.image_grid, self.grid = a.image_grid, a.convergence_grid
        self._factor = a.convergence_size // a.latent_size
        self._deflection = ConvergenceDeflection(self.grid, self.image_grid)
        self._modes = convergence_modes(self.grid)
        self._initial = initial_log_kappa(self.grid)
        coarse = Grid((a.latent_size,) * 2, self.grid.pixel_scale * self._factor)
        self._blocks = Grid((a.latent_size,) * 2, a.image_size / a.latent_size)
        self._coarse_deflection = ConvergenceDeflection(coarse, self._blocks)
        self.scatter = np.append(SCATTER, [SHEAR_SCATTER, SHEAR_SCATTER]).astype("float32")
        self.expected_error = np.append(REMAINING, [SHEAR_REMAINING] * 2).astype("float32")
        self.shares = np.append(RING_SHARE, np.ones(len(self.expected_error) - 1))
        radii = np.arange(1, min(self.grid.shape) // 2) * self.grid.pixel_scale
        self._discs = (self.grid.radius <= radii[:, None, None]).astype("float32")
        self.numbers = 2
        self.channels = 2 * self._factor**2
        self.outputs = self._factor**2

    def initial(self, n):
        """Return the variables before the first call, for a batch of `n`."""
        log_kappa = ops.convert_to_tensor(self._initial)[None]
        log_kappa = ops.broadcast_to(log_kappa, (n, *log_kappa.shape[1:]))
        return {"convergence": log_kappa, "shear": ops.zeros((n, 2), dtype="float32")}

    def ray_trace(self, state):
        """Return the source positions of the image's pixels."""
        convergence, shear = constrain(state["convergence"], state["shear"])
        alpha_x, alpha_y = self._deflection(convergence)
        x, y = _coordinates(self.image_grid, alpha_x)
        shear_x, shear_y = shear_deflection(shear, x, y)
        return x - alpha_x - shear_x, y - alpha_y - shear_y

    def descent(self, gradients):
        """Return the map's direction and the descent along the directions, from the gradients."""
        g_kappa, g_shear = gradients["convergence"], gradients["shear"]
        rms = ops.sqrt(ops.mean(ops.square(g_kappa), axis=(1, 2), keepdims=True))
        modes = ops.convert_to_tensor(self._modes)
        along = ops.concatenate([ops.einsum("byx,myx->bm", g_kappa, modes), g_shear], axis=-1)
        return {"convergence": -g_kappa / (rms + 1e-12)}, -along

    def columns(self, state, coarse=True):
        """Return the change of the deflection along every direction, by blocks or by pixels."""
        convergence, _ = constrain(state["convergence"], state["shear"])
        modes = ops.convert_to_tensor(self._modes)
        change = math.log(10.0) * convergence[:, None] * modes
        change = ops.reshape(change, (-1, *modes.shape[1:]))
        deflection, grid = self._deflection, self.image_grid
        if coarse:
            deflection, grid = self._coarse_deflection, self._blocks
            change = block_sum(change, self._factor) / self._factor**2
        columns = []
        for component, shear in zip(deflection(change), _shear_columns(grid)):
            component = ops.reshape(component, (-1, modes.shape[0], *grid.shape))
            shear = ops.convert_to_tensor(shear)[None]
            shear = ops.broadcast_to(shear, (ops.shape(component)[0], 2, *grid.shape))
            columns.append(ops.concatenate([component, shear], axis=1))
        return columns

    def maps_seen(self, state, gradient):
        """Return the channels that the network reads, at the latent size."""
        direction = ops.arcsinh(gradient.maps["convergence"])
        return [fold(state["convergence"], self._factor), fold(direction, self._factor)]

    def numbers_seen(self, state):
        """Return the numbers that the network reads."""
        return state["shear"]

    def moved(self, state, gradient, out, step):
        """Return the variables after the network's map and a step along the directions."""
        moved = self.along(state, step)
        return {**moved, "convergence": moved["convergence"] + unfold(out, self._factor)}

    def along(self, state, step):
        """Return the variables after a step along the directions."""
        modes = ops.convert_to_tensor(self._modes)
        change = ops.einsum("bm,myx->byx", step[:, :-2], modes)
        return {
            "convergence": state["convergence"] + change,
            "shear": state["shear"] + step[:, -2:],
        }

    def coordinates(self, state):
        """Return the directions that belong to coordinates whose errors hardly depend on the ring.

        The first is the logarithm of the mass inside the ring, which an image fixes, in place of
        the constant mode: a change of another mode takes as much of it as keeps that mass.

        Parameters
        ----------
        state : dict of tensor
            The variables.

        Returns
        -------
        tensor
            Step along every direction for each coordinate, shape ``(batch, m, m)``.
        """
        convergence, _ = constrain(state["convergence"], state["shear"])
        discs, modes = ops.convert_to_tensor(self._discs), ops.convert_to_tensor(self._modes)
        mean = ops.einsum("byx,ryx->br", convergence, discs) / ops.sum(discs, axis=(1, 2))
        ring = ops.sum(ops.cast(mean >= 1.0, "int32"), axis=1)
        inside = convergence * ops.take(discs, ops.maximum(ring - 1, 0), axis=0)
        share = ops.einsum("byx,myx->bm", inside, modes)
        share = share / ops.sum(inside, axis=(1, 2))[:, None]
        m = len(self.expected_error)
        first = ops.pad(-share[:, 1:], ((0, 0), (1, m - share.shape[1])))
        identity = ops.broadcast_to(ops.eye(m, dtype="float32"), (ops.shape(first)[0], m, m))
        return ops.concatenate([identity[:, :1] + first[:, None], identity[:, 1:]], axis=1)

    def steps_between(self, state, target):
        """Return the steps along the directions that bring the variables closest to a target.

        Parameters
        ----------
        state, target : dict of ndarray
            The variables.  Of the map, pixels count with the square root of the target's
            convergence, as in the loss.

        Returns
        -------
        ndarray
            Shape ``(batch, m)``.
        """
        weight = 10.0 ** (0.5 * target["convergence"])
        change = weight * (target["convergence"] - state["convergence"])
        modes = weight[:, None] * self._modes
        normal = np.einsum("bmyx,bnyx->bmn", modes, modes)
        pulled = np.einsum("bmyx,byx->bm", modes, change)
        along = np.linalg.solve(normal, pulled[..., None])[..., 0]
        return np.concatenate([along, target["shear"] - state["shear"]], axis=1)

    def target(self, batch, peak):
        """Return what the variables should become, for draws of a simulator."""
        log_kappa, shear = unconstrain(batch["convergence"], batch["shear"])
        return {"convergence": np.asarray(log_kappa, "float32"), "shear": shear}

    def physical(self, state):
        """Return the convergence map and the shear."""
        convergence, shear = constrain(state["convergence"], state["shear"])
        return {"convergence": convergence, "shear": shear}

    def einstein_radii(self, lenses):
        """Return the Einstein radii of physical lenses, from `physical` or a simulator."""
        scale = self.grid.pixel_scale
        return [einstein_radius(convergence, scale) for convergence in lenses["convergence"]]

    def external_shear(self, lenses):
        """Return the shear of physical lenses along the pixel axes, shape ``(n, 2)``."""
        return lenses["shear"]


class ParametricLens:
    """The free parameters of a lens model, as the unconstrained variables of its prior.

    Parameters
    ----------
    architecture : Architecture
        Grids and latent size.
    prior : rimlens.prior.Prior
        Over the parameters of a lens; its lengths are pixels of the image.
    """

    names = ("lens",)
    turns = False

    def __init__(self, architecture, prior):
        a = architecture
        self.prior = prior
        self.image_grid, self.grid = a.image_grid, a.convergence_grid
        blocks = Grid((a.latent_size,) * 2, a.image_size / a.latent_size)
        self._on_image, self._on_blocks = (
            prior.model.on_grid(grid) for grid in (self.image_grid, blocks)
        )
        (self.numbers,) = prior.variables["vector"]
        self.scatter = self.expected_error = np.ones(self.numbers, dtype="float32")
        self.shares = np.ones(self.numbers)
        self.channels = self.outputs = 0

    def initial(self, n):
        """Return the variables before the first call, for a batch of `n`."""
        start = ops.convert_to_tensor(self.prior.initial(1)["vector"])
        return {"lens": ops.broadcast_to(start, (n, self.numbers))}

    def ray_trace(self, state):
        """Return the source positions of the image's pixels."""
        alpha_x, alpha_y = self._on_image(self.prior.constrain({"vector": state["lens"]}))
        x, y = _coordinates(self.image_grid, alpha_x)
        return x - alpha_x, y - alpha_y

    def descent(self, gradients):
        """Return no map's direction, and the descent along the variables."""
        return {}, -gradients["lens"]

    def columns(self, state, coarse=True):
        """Return the change of the deflection along every variable, at blocks or pixels."""
        on_grid = self._on_blocks if coarse else self._on_image

        def deflection(vector):
            return ops.stack(on_grid(self.prior.constrain({"vector": vector})), axis=1)

        columns = jacobian(deflection, state["lens"])
        return [columns[:, :, 0], columns[:, :, 1]]

    def maps_seen(self, state, gradient):
        """Return no channels."""
        return []

    def numbers_seen(self, state):
        """Return the numbers that the network reads."""
        return state["lens"]

    def moved(self, state, gradient, out, step):
        """Return the variables after a step."""
        return self.along(state, step)

    def along(self, state, step):
        """Return the variables after a step."""
        return {"lens": state["lens"] + step}

    def coordinates(self, state):
        """Return the identity: the variables are the coordinates, as a prior makes them."""
        batch = ops.shape(state["lens"])[0]
        identity = ops.eye(self.numbers, dtype="float32")
        return ops.broadcast_to(identity, (batch, self.numbers, self.numbers))

    def steps_between(self, state, target):
        """Return the difference of the variables."""
        return target["lens"] - state["lens"]

    def target(self, batch, peak):
        """Return what the variables should become, for draws of a simulator."""
        vector = self.prior.unconstrain(batch["lens"])["vector"]
        return {"lens": ops.convert_to_numpy(vector).astype("float32")}

    def physical(self, state):
        """Return the parameters, the convergence on the grid of maps, and the external shear."""
        values = self.prior.constrain({"vector": state["lens"]})
        x, y = (ops.convert_to_tensor(np.float32(v)[None]) for v in (self.grid.x, self.grid.y))
        convergence = self.prior.model.tensor_convergence(x, y, values)
        shear = self.external_shear({"lens": values})
        return {"lens": values, "convergence": convergence, "shear": shear}

    def einstein_radii(self, lenses):
        """Return the Einstein radii of physical lenses, from `physical` or a simulator."""
        return list(self.prior.model.copy(**lenses["lens"]).einstein_radius().value)

    def external_shear(self, lenses):
        """Return the external shear along the pixel axes, shape ``(n, 2)``."""
        return shear_components(lenses["lens"])


def traced(lens, state):
    """Return the source positions of the image's pixels, and what turns gradients into descents.

    Parameters
    ----------
    lens : PixelatedLens or ParametricLens
        The unknowns.
    state : dict of tensor
        Their values.

    Returns
    -------
    beta : tuple of tensor
        Source positions, each of shape ``(batch, ny, nx)``.
    descent : callable
        Of the gradients with respect to both; returns what the lens's `descent` does.
    """

    def ray_trace(*values):
        return tuple(lens.ray_trace(dict(zip(lens.names, values))))

    beta, pulled = backend.vjp(ray_trace, [state[name] for name in lens.names])
    return beta, lambda *slopes: lens.descent(dict(zip(lens.names, pulled(slopes))))


def _shear_columns(grid):
    x, y = SHEAR_UNIT * grid.x, SHEAR_UNIT * grid.y
    return np.stack([[x, y], [-y, x]]).astype("float32")


def _coordinates(grid, like):
    dtype = ops.dtype(like)
    return (ops.convert_to_tensor(v.astype(dtype)) for v in (grid.x, grid.y))
