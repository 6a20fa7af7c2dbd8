r"""What a recurrence infers: the interfaces of the unknowns of a lens and of a source.

The unknowns are variables :math:`u` in a space without bounds: maps, vectors, or both.  Whatever
they are, a recurrence needs the same of them: where they start, the image that they make, what
the network reads of them, and how a step changes them.  `LensUnknowns` and `SourceUnknowns` state
this; the pixelated and the parametric ones are in `rimlens.rim.lens_unknowns` and
`rimlens.rim.source_unknowns`.

The physics is

.. math::
    u \mapsto \beta(\theta; u_\mathrm{lens}) \mapsto s(\beta; u_\mathrm{source}) \mapsto P * s

from the unknowns to the source positions of the image's pixels, the brightness there and the image
behind the point-spread function.  Lengths are in pixels of the image, brightnesses in units of its
robust peak.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rimlens import backend
from rimlens.errors import InputError
from rimlens.typing import Tensor

if TYPE_CHECKING:
    import numpy as np


class Unknowns(ABC):
    r"""Variables that a recurrence infers of a lens or of a source.

    The state of a recurrence is a dict that has every variable in `names`, with the batch as first
    axis, and those of the other unknowns besides.  Two kinds of change lead through it:

    * a step :math:`t` along :math:`m` *directions*, which change the whole image; their curvature
      is affordable, so that a Gauss-Newton step along them is known (`apply_step`);
    * what the network adds to the pixels of a map (`update`).

    Attributes
    ----------
    names : tuple of str
        The variables.
    equivariant : bool
        Whether the variables can be flipped and turned as the image is.
    prior_scale : ndarray
        How far the truth is expected from a fair guess along each direction, shape ``(m,)``.
    expected_error : ndarray
        How far it is expected from the network's estimate, where that was not measured, shape
        ``(m,)``.
    vector_size : int
        Numbers that the network reads besides maps.
    input_channels, output_channels : int
        Channels that the network reads, and writes, at its latent size.
    """

    names: tuple[str, ...] = ()
    equivariant = False
    prior_scale = expected_error = None
    vector_size = input_channels = output_channels = 0

    @abstractmethod
    def initial(self, n):
        """Return the variables before the first call of the network.

        Parameters
        ----------
        n : int or tensor
            Size of the batch.

        Returns
        -------
        dict of tensor
            Every variable, shape ``(n, ...)``.
        """

    @abstractmethod
    def network_maps(self, state, gradient):
        """Return the channels that the network reads.

        Parameters
        ----------
        state : dict of tensor
            The variables.
        gradient : rimlens.rim.gradient.Gradient
            At the state.

        Returns
        -------
        list of tensor
            Shape ``(batch, latent, latent, channels)``, `input_channels` of them in all.
        """

    @abstractmethod
    def network_vector(self, state):
        """Return the numbers that the network reads, shape ``(batch, vector_size)``, or None."""

    @abstractmethod
    def update(self, state, gradient, output, step):
        """Return the variables after a call of the network.

        Parameters
        ----------
        state : dict of tensor
            The variables.
        gradient : rimlens.rim.gradient.Gradient
            At the state.
        output : tensor or None
            The network's maps, shape ``(batch, latent, latent, output_channels)``.
        step : tensor
            Along the directions, shape ``(batch, m)``.

        Returns
        -------
        dict of tensor
            The variables of these unknowns.
        """

    @abstractmethod
    def apply_step(self, state, step):
        """Return the variables after a step along the directions, shape ``(batch, m)``."""

    @abstractmethod
    def project_difference(self, state, target):
        """Return the steps along the directions that bring the variables closest to a target.

        Parameters
        ----------
        state, target : dict of ndarray
            The variables.

        Returns
        -------
        ndarray
            Shape ``(batch, m)``; `apply_step` with it undoes a difference along the directions.
        """

    @abstractmethod
    def target(self, batch, peak):
        """Return what the variables should become.

        Parameters
        ----------
        batch : dict of ndarray
            Draws of a `rimlens.simulation.Simulator`.
        peak : ndarray
            The robust peaks of the images, shape ``(batch,)``.

        Returns
        -------
        dict of ndarray
            Every variable, float32.
        """

    @abstractmethod
    def physical(self, state):
        """Return what the variables stand for, as a dict of tensors."""

    @property
    def network_variables(self):
        """The variables of networks inside the unknowns, such as a decoder's."""
        prior = getattr(self, "prior", None)
        return [] if prior is None else list(prior.network_variables)


class LensUnknowns(Unknowns):
    r"""What is inferred of the lens: :math:`u \mapsto \beta(\theta; u)`.

    Attributes
    ----------
    image_grid, grid : Grid
        Of the image and of convergence maps.
    refinement_share : ndarray
        The part of its measured error that the refinement grants each coordinate, shape ``(m,)``.
    """

    refinement_share = None

    @abstractmethod
    def ray_trace(self, state: dict[str, Tensor]) -> Any:
        """Return the source positions of the image's pixels, two of shape ``(batch, ny, nx)``."""

    @abstractmethod
    def descent(self, gradients: dict[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
        """Return the descent of half the chi-square.

        Parameters
        ----------
        gradients : dict of tensor
            Its gradient with respect to every variable.

        Returns
        -------
        maps : dict of tensor
            The preconditioned direction of every variable that is a map.
        along : tensor
            Minus the derivative along the directions, shape ``(batch, m)``.
        """

    @abstractmethod
    def jacobian(self, state: dict[str, Tensor], coarse: bool = True) -> list[Tensor]:
        r"""Return the derivative :math:`\partial \alpha / \partial t` along the directions.

        Parameters
        ----------
        state : dict of tensor
            The variables.
        coarse : bool, optional
            Whether on blocks of pixels, as many as the network's latent size, or on pixels.

        Returns
        -------
        list of tensor
            The two components, each of shape ``(batch, m, ny, nx)``.
        """

    @abstractmethod
    def coordinates(self, state: dict[str, Tensor]) -> Tensor:
        """Return the steps along the directions that belong to the coordinates of the errors.

        Returns
        -------
        tensor
            Shape ``(batch, m, m)``; the last axis counts the coordinates' components.
        """

    @abstractmethod
    def einstein_radii(self, lenses: dict[str, np.ndarray]) -> Any:
        """Return the Einstein radii of lenses, from `physical` or a simulator, as a list."""

    @abstractmethod
    def external_shear(self, lenses: dict[str, np.ndarray]) -> Any:
        """Return the external shear of such lenses along the pixel axes, shape ``(n, 2)``."""

    def trace(self, state: dict[str, Tensor]) -> tuple[tuple[Tensor, ...], Callable[..., Any]]:
        """Return the source positions, and what turns gradients at them into the descent.

        Parameters
        ----------
        state : dict of tensor
            The variables.

        Returns
        -------
        beta : tuple of tensor
            As `ray_trace`.
        descent : callable
            Of the gradients with respect to both; returns what `descent` does.
        """

        def ray_trace(*values):
            return tuple(self.ray_trace(dict(zip(self.names, values))))

        beta, pulled = backend.vjp(ray_trace, [state[name] for name in self.names])
        return beta, lambda *slopes: self.descent(dict(zip(self.names, pulled(slopes))))


class SourceUnknowns(Unknowns):
    r"""What is inferred of the source: :math:`u \mapsto s(\beta; u)`.

    Attributes
    ----------
    grid : Grid
        Of maps of the source.
    is_map : bool
        Whether the variable is a map, linear in the brightness.
    """

    is_map = False

    @abstractmethod
    def rays(self, x: Tensor, y: Tensor) -> Any:
        """Return the rays that end at source positions, in the form that `lensed` takes."""

    @abstractmethod
    def brightness(self, state, x, y):
        """Return the surface brightness at source positions, shape ``(batch, ny, nx)``."""

    @abstractmethod
    def lensed(self, state: dict[str, Tensor], rays: Any) -> tuple[Tensor, Sequence[Tensor]]:
        r"""Return the brightness where rays end and its slopes :math:`\partial s/\partial \beta`.

        Returns
        -------
        brightness : tensor
            Shape ``(batch, ny, nx)``.
        slopes : sequence of tensor
            Along x and y, of the same shape.
        """

    @abstractmethod
    def jacobian(self, state: dict[str, Tensor], rays: Any) -> Tensor | None:
        r"""Return the derivative :math:`\partial s / \partial t` along the directions.

        Returns
        -------
        tensor or None
            Before the blur, shape ``(batch, m, ny, nx)``; None without directions.
        """

    @abstractmethod
    def descent(
        self, gradient: Tensor, rays: Any, counted: Tensor, jacobian: Tensor | None
    ) -> tuple[dict[str, Tensor], Tensor | None]:
        """Return the descent of half the chi-square.

        Parameters
        ----------
        gradient : tensor
            Its gradient with respect to the brightness where rays end, ``(batch, ny, nx)``.
        rays
            From `rays`.
        counted : tensor
            Weights of the rays, shape ``(batch, ny, nx)``.
        jacobian : tensor or None
            From `jacobian`.

        Returns
        -------
        maps : dict of tensor
            The preconditioned direction of a variable that is a map.
        along : tensor or None
            Minus the derivative along the directions, shape ``(batch, m)``.
        """


def require_kind(prior, kind):
    """Refuse a prior over something else than a lens or a source, or with foreign variables."""
    if prior is None:
        return
    found = getattr(getattr(prior, "model", None), "kind", None)
    if found != kind:
        raise InputError(f"{kind}: a prior over a {kind} is wanted, found {prior!r}")
    if set(prior.variables) not in ({"map"}, {"vector"}):
        raise InputError(
            f"{kind}: a prior whose variable is a 'map' or a 'vector' is wanted, found "
            f"{type(prior).__name__} with {list(prior.variables)}"
        )


def require_grid(prior, grid, kind):
    """Refuse a prior over maps on another grid than the solver's."""
    if prior.model.grid != grid:
        raise InputError(
            f"{kind}: a prior over maps on the solver's grid {grid} is wanted, found "
            f"{prior.model.grid}"
        )
