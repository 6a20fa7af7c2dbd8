"""What a recurrence infers of the lens: a map and a shear, or the numbers of a model."""

import math

import numpy as np
from keras import ops

from rimlens import backend
from rimlens.imaging import ConvergenceDeflection, Grid, shear_deflection
from rimlens.lens.pixelated import PixelatedConvergence
from rimlens.maps import einstein_radius
from rimlens.prior.maps import MapPrior, isothermal_variable
from rimlens.rim.constants import CONSTANTS
from rimlens.rim.gauss_newton import block_sum
from rimlens.rim.network import fold, unfold
from rimlens.rim.unknowns import LensUnknowns, require_grid, require_kind


def lens_unknowns(architecture, prior=None):
    """Return what a recurrence infers of a lens.

    Parameters
    ----------
    architecture : Architecture
        Grids and latent size.
    prior : rimlens.prior.Prior, optional
        Over a lens, lengths in pixels of the image; by default any convergence map.

    Returns
    -------
    LensUnknowns
        Of maps where the prior's variable is one, of numbers where it is a vector.

    Raises
    ------
    InputError
        If the prior is not over a lens, its maps have another grid than the architecture's, or its
        variables are of another kind.
    """
    require_kind(prior, "lens")
    if prior is None or set(prior.variables) == {"map"}:
        return PixelatedLens(architecture, prior)
    return ParametricLens(architecture, prior)


class PixelatedLens(LensUnknowns):
    """A convergence map, in the variable of a prior over such maps, and an external shear.

    The variable is the decimal logarithm of the convergence; the shear's are its components in
    units of 0.1.  The directions are the large-scale modes of the map and the two components of
    the shear.

    Parameters
    ----------
    architecture : Architecture
        Grids and latent size.
    prior : rimlens.prior.Prior, optional
        Over convergence maps on the architecture's grid.

    Raises
    ------
    InputError
        If the prior's maps have another grid.
    """

    names = ("convergence", "shear")
    equivariant = True
    vector_size = 2

    def __init__(self, architecture, prior=None):
        a = architecture
        self.image_grid, self.grid = a.image_grid, a.convergence_grid
        if prior is not None:
            require_grid(prior, self.grid, "lens")
            self._initial = prior.initial(1)["map"][0]
        else:
            prior = MapPrior(
                PixelatedConvergence(self.grid, convergence_map=np.zeros(self.grid.shape))
            )
            self._initial = isothermal_variable(
                self.grid, CONSTANTS.initial_theta_E, CONSTANTS.initial_core
            )
        self.prior = prior
        self._factor = a.convergence_size // a.latent_size
        self._deflection = ConvergenceDeflection(self.grid, self.image_grid)
        self._modes = convergence_modes(self.grid)
        coarse = Grid((a.latent_size,) * 2, self.grid.pixel_scale * self._factor)
        self._blocks = Grid((a.latent_size,) * 2, a.image_size / a.latent_size)
        self._coarse_deflection = ConvergenceDeflection(coarse, self._blocks)
        self.prior_scale, self.expected_error = (
            np.array([*modes, shear, shear], dtype="float32")
            for modes, shear in (
                (CONSTANTS.mode_prior_scale, CONSTANTS.shear_prior_scale),
                (CONSTANTS.mode_error, CONSTANTS.shear_error),
            )
        )
        self.refinement_share = np.ones(len(self.expected_error))
        self.refinement_share[0] = CONSTANTS.ring_share
        radii = np.arange(1, min(self.grid.shape) // 2) * self.grid.pixel_scale
        self._discs = (self.grid.radius <= radii[:, None, None]).astype("float32")
        self.input_channels = 2 * self._factor**2
        self.output_channels = self._factor**2

    def initial(self, n):
        """Return the variables before the first call, for a batch of `n`."""
        log_kappa = ops.convert_to_tensor(self._initial)[None]
        log_kappa = ops.broadcast_to(log_kappa, (n, *log_kappa.shape[1:]))
        return {"convergence": log_kappa, "shear": ops.zeros((n, 2), dtype="float32")}

    def convergence(self, variable):
        """Return the convergence of the map's variable, ``(batch, ny, nx)``."""
        return self.prior.transform({"map": variable})[self._name]

    @property
    def _name(self):
        (name,) = self.prior.model.parameters
        return name

    def ray_trace(self, state):
        """Return the source positions of the image's pixels."""
        alpha_x, alpha_y = self._deflection(self.convergence(state["convergence"]))
        x, y = _coordinates(self.image_grid, alpha_x)
        shear_x, shear_y = shear_deflection(CONSTANTS.shear_unit * state["shear"], x, y)
        return x - alpha_x - shear_x, y - alpha_y - shear_y

    def descent(self, gradients):
        """Return the map's direction and the descent along the directions, from the gradients."""
        g_kappa, g_shear = gradients["convergence"], gradients["shear"]
        rms = ops.sqrt(ops.mean(ops.square(g_kappa), axis=(1, 2), keepdims=True))
        modes = ops.convert_to_tensor(self._modes)
        along = ops.concatenate([ops.einsum("byx,myx->bm", g_kappa, modes), g_shear], axis=-1)
        return {"convergence": -g_kappa / (rms + 1e-12)}, -along

    def jacobian(self, state, coarse=True):
        """Return the change of the deflection along every direction, by blocks or by pixels."""
        convergence = self.convergence(state["convergence"])
        modes = ops.convert_to_tensor(self._modes)
        change = math.log(10.0) * convergence[:, None] * modes
        change = ops.reshape(change, (-1, *modes.shape[1:]))
        deflection, grid = self._deflection, self.image_grid
        if coarse:
            deflection, grid = self._coarse_deflection, self._blocks
            change = block_sum(change, self._factor) / self._factor**2
        columns = []
        for component, shear in zip(deflection(change), _shear_jacobian(grid)):
            component = ops.reshape(component, (-1, modes.shape[0], *grid.shape))
            shear = ops.convert_to_tensor(shear)[None]
            shear = ops.broadcast_to(shear, (ops.shape(component)[0], 2, *grid.shape))
            columns.append(ops.concatenate([component, shear], axis=1))
        return columns

    def network_maps(self, state, gradient):
        """Return the channels that the network reads, at the latent size."""
        direction = ops.arcsinh(gradient.maps["convergence"])
        return [fold(state["convergence"], self._factor), fold(direction, self._factor)]

    def network_vector(self, state):
        """Return the numbers that the network reads."""
        return state["shear"]

    def update(self, state, gradient, output, step):
        """Return the variables after the network's map and a step along the directions."""
        stepped = self.apply_step(state, step)
        change = unfold(output, self._factor)
        return {**stepped, "convergence": stepped["convergence"] + change}

    def apply_step(self, state, step):
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
        convergence = self.convergence(state["convergence"])
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

    def project_difference(self, state, target):
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
        log_kappa = self.prior.inverse({self._name: batch["convergence"]})["map"]
        return {
            "convergence": ops.convert_to_numpy(log_kappa).astype("float32"),
            "shear": batch["shear"] / CONSTANTS.shear_unit,
        }

    def physical(self, state):
        """Return the convergence map and the shear."""
        return {
            "convergence": self.convergence(state["convergence"]),
            "shear": CONSTANTS.shear_unit * state["shear"],
        }

    def einstein_radii(self, lenses):
        """Return the Einstein radii of physical lenses, from `physical` or a simulator."""
        scale = self.grid.pixel_scale
        return [einstein_radius(convergence, scale) for convergence in lenses["convergence"]]

    def external_shear(self, lenses):
        """Return the shear of physical lenses along the pixel axes, shape ``(n, 2)``."""
        return lenses["shear"]


class ParametricLens(LensUnknowns):
    """The free parameters of a lens model, as the unconstrained variables of its prior.

    Parameters
    ----------
    architecture : Architecture
        Grids and latent size.
    prior : rimlens.prior.Prior
        Over the parameters of a lens; its lengths are pixels of the image.
    """

    names = ("lens",)

    def __init__(self, architecture, prior):
        a = architecture
        self.prior = prior
        self.image_grid, self.grid = a.image_grid, a.convergence_grid
        blocks = Grid((a.latent_size,) * 2, a.image_size / a.latent_size)
        self._on_image, self._on_blocks = (
            prior.model.on_grid(grid) for grid in (self.image_grid, blocks)
        )
        (self.vector_size,) = prior.variables["vector"]
        self.prior_scale = self.expected_error = np.ones(self.vector_size, dtype="float32")
        self.refinement_share = np.ones(self.vector_size)

    def initial(self, n):
        """Return the variables before the first call, for a batch of `n`."""
        start = ops.convert_to_tensor(self.prior.initial(1)["vector"])
        return {"lens": ops.broadcast_to(start, (n, self.vector_size))}

    def ray_trace(self, state):
        """Return the source positions of the image's pixels."""
        alpha_x, alpha_y = self._on_image(self.prior.constrain({"vector": state["lens"]}))
        x, y = _coordinates(self.image_grid, alpha_x)
        return x - alpha_x, y - alpha_y

    def descent(self, gradients):
        """Return no map's direction, and the descent along the variables."""
        return {}, -gradients["lens"]

    def jacobian(self, state, coarse=True):
        """Return the change of the deflection along every variable, at blocks or pixels."""
        on_grid = self._on_blocks if coarse else self._on_image

        def deflection(vector):
            return ops.stack(on_grid(self.prior.constrain({"vector": vector})), axis=1)

        columns = backend.jacobian(deflection, state["lens"])
        return [columns[:, :, 0], columns[:, :, 1]]

    def network_maps(self, state, gradient):
        """Return no channels."""
        return []

    def network_vector(self, state):
        """Return the numbers that the network reads."""
        return state["lens"]

    def update(self, state, gradient, output, step):
        """Return the variables after a step."""
        return self.apply_step(state, step)

    def apply_step(self, state, step):
        """Return the variables after a step."""
        return {"lens": state["lens"] + step}

    def coordinates(self, state):
        """Return the identity: the variables are the coordinates, as a prior makes them."""
        batch = ops.shape(state["lens"])[0]
        identity = ops.eye(self.vector_size, dtype="float32")
        return ops.broadcast_to(identity, (batch, self.vector_size, self.vector_size))

    def project_difference(self, state, target):
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
        return self.prior.model.external_shear(lenses["lens"])


def convergence_modes(grid):
    """Return smooth modes of the logarithm of a convergence map, which change it everywhere.

    They are mass, slope, curvature, core, center, and multipoles 2 to 4.  A convolutional network
    changes a map locally; along these it changes the whole map in one step, and reads the
    likelihood's gradient.

    Parameters
    ----------
    grid : Grid
        Of the convergence map, in image pixels.

    Returns
    -------
    ndarray
        Shape ``(modes, ny, nx)``, float32, of order one.

    Examples
    --------
    >>> from rimlens.imaging import Grid
    >>> convergence_modes(Grid((8, 8), 2.0)).shape
    (14, 8, 8)
    """
    x, y = grid.x, grid.y
    soft = np.hypot(grid.radius, CONSTANTS.mode_core)
    logarithm = np.log(soft / CONSTANTS.mode_pivot)
    unit = (x + 1j * y) / soft
    dipole = CONSTANTS.mode_core * unit / soft
    modes = [
        np.ones(grid.shape),
        logarithm,
        logarithm**2,
        np.exp(-grid.radius / CONSTANTS.mode_core),
    ]
    for field in (dipole, unit**2, logarithm * unit**2, unit**3, unit**4):
        modes += [field.real, field.imag]
    return np.array(modes, dtype="float32")


def _shear_jacobian(grid):
    x, y = CONSTANTS.shear_unit * grid.x, CONSTANTS.shear_unit * grid.y
    return np.stack([[x, y], [-y, x]]).astype("float32")


def _coordinates(grid, like):
    dtype = ops.dtype(like)
    return (ops.convert_to_tensor(v.astype(dtype)) for v in (grid.x, grid.y))
