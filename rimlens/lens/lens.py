"""The abstract lens: what follows from a deflection or a potential, whatever the profile."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import astropy.constants as const
import numpy as np
from astropy import units as u
from keras import ops
from scipy.optimize.elementwise import find_root

from rimlens import backend
from rimlens.arguments import finite_numbers
from rimlens.cosmology import cosmology_of
from rimlens.errors import InputError
from rimlens.models.model import Model
from rimlens.models.sums import Sum
from rimlens.typing import Tensor

if TYPE_CHECKING:
    from astropy.cosmology import FLRW

    from rimlens.typing import ArrayLike

_CENTER = ("center_x", "center_y")


class Lens(Model):
    r"""A thin gravitational lens.

    An author gives at least one of two formulas, as functions of tensors in arcsec of shape
    ``(batch, ny, nx)`` and of the parameters, which are attributes of `p` of shape
    ``(batch, 1, 1)`` in their declared units:

    * ``psi(x, y, p)``, the potential :math:`\psi` in arcsec\ :sup:`2`;
    * ``alpha(x, y, p)``, the deflection :math:`\alpha = \nabla\psi` in arcsec, as a pair.

    ``kappa(x, y, p)``, the convergence, may be given too; what is not given follows by automatic
    differentiation (Schneider, Ehlers & Falco 1992, section 5.1):

    .. math::
        \kappa = \tfrac12 \nabla\cdot\alpha, \quad
        \gamma_1 = \tfrac12 (\partial_x\alpha_x - \partial_y\alpha_y), \quad
        \gamma_2 = \tfrac12 (\partial_x\alpha_y + \partial_y\alpha_x), \quad
        \mu^{-1} = (1 - \kappa)^2 - \gamma^2

    The public methods take angles as Quantities, or numbers in arcsec, and give the like back.
    """

    kind = "lens"
    psi: Any = None
    alpha: Any = None
    kappa: Any = None

    def __init_subclass__(cls, **kwargs):
        """Check that there is physics."""
        super().__init_subclass__(**kwargs)
        if cls.psi is None and cls.alpha is None:
            raise TypeError(f"{cls.__name__}: a lens must define psi(x, y, p) or alpha(x, y, p)")

    def __add__(self, other):
        """Return the sum of two lenses in one plane."""
        if not isinstance(other, Lens):
            return NotImplemented
        return CompositeLens([self, other])

    def external_shear(self, values: dict[str, Tensor]) -> Tensor:
        """Return the shear that comes from outside the field.

        Parameters
        ----------
        values : dict of tensor
            Every parameter in its own unit, shape ``(n, *shape)``.

        Returns
        -------
        tensor
            Its components along the pixel axes, shape ``(n, 2)``: zeros, unless the lens is, or
            has as a component, an `ExternalShear`.
        """
        if isinstance(self, Sum):
            parts = zip(self.components, self.shares(values))
            return sum(component.external_shear(share) for component, share in parts)
        first = next(iter(values.values()))
        return ops.zeros((ops.shape(first)[0], 2), dtype=ops.dtype(first))

    def potential(
        self, x: u.Quantity | ArrayLike, y: u.Quantity | ArrayLike
    ) -> u.Quantity | np.ndarray:
        r"""Return the potential.

        Parameters
        ----------
        x, y : Quantity or array_like
            Position along the pixel axes, in arcsec if bare.

        Returns
        -------
        Quantity or ndarray
            In arcsec\ :sup:`2`, shape ``(*batch, *shape of x)``.

        Raises
        ------
        InputError
            If the lens knows its deflection only, or a position is not an angle.
        """
        return self._evaluate(self.tensor_potential, x, y, [u.arcsec**2])

    def deflection(
        self, x: u.Quantity | ArrayLike, y: u.Quantity | ArrayLike
    ) -> tuple[u.Quantity | np.ndarray, u.Quantity | np.ndarray]:
        """Return the deflection.

        Parameters
        ----------
        x, y : Quantity or array_like
            Position along the pixel axes, in arcsec if bare.

        Returns
        -------
        alpha_x, alpha_y : Quantity or ndarray
            In arcsec, shape ``(*batch, *shape of x)``.

        Raises
        ------
        InputError
            If a position is not an angle or not finite.
        """
        return self._evaluate(self.tensor_deflection, x, y, [u.arcsec, u.arcsec])

    def convergence(self, x: Tensor, y: Tensor) -> Any:
        """Return the convergence, a pure number; arguments as for `deflection`."""
        return self._evaluate(self.tensor_convergence, x, y, [None])

    def shear(self, x: Tensor, y: Tensor) -> Any:
        """Return the shear components gamma_1, gamma_2; arguments as for `deflection`."""
        return self._evaluate(self.tensor_shear, x, y, [None, None])

    def magnification(self, x: Tensor, y: Tensor) -> Any:
        """Return the signed magnification; arguments as for `deflection`."""
        return self._evaluate(self.tensor_magnification, x, y, [None])

    def ray_trace(
        self, x: u.Quantity | ArrayLike, y: u.Quantity | ArrayLike
    ) -> tuple[u.Quantity | np.ndarray, u.Quantity | np.ndarray]:
        """Return the source position that is seen at an image position.

        Parameters
        ----------
        x, y : Quantity or array_like
            Position in the image, in arcsec if bare.

        Returns
        -------
        beta_x, beta_y : Quantity or ndarray
            In arcsec, shape ``(*batch, *shape of x)``.
        """

        def beta(x, y, values):
            alpha_x, alpha_y = self.tensor_deflection(x, y, values)
            return x - alpha_x, y - alpha_y

        return self._evaluate(beta, x, y, [u.arcsec, u.arcsec])

    def einstein_radius(self, center: tuple[u.Quantity | float, ...] | None = None) -> u.Quantity:
        r"""Return the radius of the circle inside which the mean convergence is 1.

        By Gauss's theorem the mean convergence is the mean radial deflection on the circle over
        its radius, so that nothing need be integrated over a singular center.

        Parameters
        ----------
        center : tuple of Quantity or float, optional
            Center of the circle ``(x, y)``, in arcsec if bare; by default the first center among
            the parameters, or the origin.

        Returns
        -------
        Quantity
            In arcsec, shape ``batch_shape``; the largest of several radii, and nan if there is
            none between 1e-4 and 1e3 arcsec.

        Examples
        --------
        >>> from rimlens.lens import SIS
        >>> SIS(theta_E=1.3).einstein_radius()
        <Quantity 1.3 arcsec>
        """
        n = self._batch or 1
        if center is None:
            names = [next((p for p in self.parameters if p.endswith(c)), None) for c in _CENTER]
            center = tuple(self._values[name] if name else 0.0 for name in names)
        center_x, center_y = (
            np.broadcast_to(finite_numbers(c, "center", u.arcsec), n)[:, None, None]
            for c in center
        )
        azimuth = 2 * np.pi * (np.arange(72) + 0.5) / 72
        values = self.tensors()

        def excess(radius, members):
            """Return the mean radial deflection minus the radius, of some members of the batch."""
            x = center_x[members] + radius[..., None] * np.cos(azimuth)
            y = center_y[members] + radius[..., None] * np.sin(azimuth)
            some = {name: value[members] for name, value in values.items()}
            alpha = self.tensor_deflection(x, y, some)
            alpha_x, alpha_y = (ops.convert_to_numpy(a) for a in alpha)
            return (alpha_x * np.cos(azimuth) + alpha_y * np.sin(azimuth)).mean(axis=-1) - radius

        radii = np.geomspace(1e-4, 1e3, 141)
        above = excess(np.broadcast_to(radii, (n, 141)), np.arange(n)) > 0
        last = 140 - np.argmax(above[:, ::-1], axis=1)
        (members,) = np.nonzero(above.any(axis=1) & (last < 140))
        radius = np.full(n, np.nan)
        if len(members):
            last = last[members]
            radius[members] = find_root(
                lambda r, i: excess(r[:, None], i)[:, 0],
                (radii[last], radii[last + 1]),
                args=(members,),
            ).x
        return u.Quantity(radius.reshape(self.batch_shape), u.arcsec)

    def time_delay(
        self,
        x: u.Quantity | ArrayLike,
        y: u.Quantity | ArrayLike,
        z_lens: float,
        z_source: float,
        cosmology: str | FLRW | None = None,
    ) -> u.Quantity:
        r"""Return the arrival time at image positions, up to a constant for one source.

        .. math::
            t = \frac{1 + z_l}{c} \frac{D_l D_s}{D_{ls}}
                \left[ \tfrac12 \alpha^2 - \psi \right]

        (Schneider, Ehlers & Falco 1992, eq. 5.45).

        Parameters
        ----------
        x, y : Quantity or array_like
            Positions of images, in arcsec if bare.
        z_lens, z_source : float
            Redshifts.
        cosmology : str or astropy.cosmology.FLRW, optional
            A cosmology of astropy or its name; astropy's default if not given.

        Returns
        -------
        Quantity
            In days, shape ``(*batch, *shape of x)``.

        Raises
        ------
        InputError
            If the source is not behind the lens, or the lens knows its deflection only.
        """
        if not 0 < z_lens < z_source:
            raise InputError(
                "z_lens, z_source: a source behind the lens is wanted, found redshifts "
                f"{z_lens:g} and {z_source:g}"
            )
        found = cosmology_of(cosmology)
        lens, source = (found.angular_diameter_distance(z) for z in (z_lens, z_source))
        between = found.angular_diameter_distance(z_lens, z_source)
        alpha_x, alpha_y = self.deflection(x, y)
        fermat = (alpha_x**2 + alpha_y**2) / 2 - self.potential(x, y)
        radian2 = u.Quantity(fermat, u.arcsec**2).to_value(u.rad**2)
        return (radian2 * (1 + z_lens) * lens * source / between / const.c).to(u.day)

    def tensor_potential(self, x: Tensor, y: Tensor, values: dict[str, Tensor]) -> Tensor:
        """Return the potential of tensors.

        Parameters
        ----------
        x, y : tensor
            In arcsec, shape ``(batch, ny, nx)``, or with a first axis of one.
        values : dict of tensor
            Every parameter in its own unit, shape ``(batch, *shape)``.

        Returns
        -------
        tensor
            Shape ``(batch, ny, nx)``.
        """
        if self.psi is None:
            raise InputError(
                f"{type(self).__name__}: a lens with a potential is wanted, this one gives its "
                "deflection only"
            )
        return self.psi(*self._prepared(x, y, values))

    def tensor_deflection(self, x: Tensor, y: Tensor, values: dict[str, Tensor]) -> Any:
        """Return the two components of the deflection; arguments as for `tensor_potential`."""
        return self.deflect(*self._prepared(x, y, values))

    def on_grid(self, grid):
        """Return a function of the parameters that gives the deflection at a grid's pixels.

        It is what is evaluated many times for one exposure; a lens that has a faster way where the
        positions are known beforehand overrides it.

        Parameters
        ----------
        grid : Grid
            In arcsec.

        Returns
        -------
        callable
            Of a dict of tensors, as in `tensor_potential`; it returns the two components of the
            deflection, shape ``(batch, ny, nx)``.
        """

        def deflection(values):
            dtype = ops.dtype(next(iter(values.values())))
            x, y = (v[None].astype(dtype) for v in (grid.x, grid.y))
            return self.tensor_deflection(x, y, values)

        return deflection

    def tensor_convergence(self, x: Tensor, y: Tensor, values: dict[str, Tensor]) -> Any:
        """Return the convergence; arguments as for `tensor_potential`."""
        return self.converge(*self._prepared(x, y, values))

    def tensor_shear(self, x: Tensor, y: Tensor, values: dict[str, Tensor]) -> Any:
        """Return the two components of the shear; arguments as for `tensor_potential`."""
        xx, xy, yx, yy = self._jacobian(*self._prepared(x, y, values))
        return 0.5 * (xx - yy), 0.5 * (xy + yx)

    def tensor_magnification(self, x: Tensor, y: Tensor, values: dict[str, Tensor]) -> Any:
        """Return the signed magnification; arguments as for `tensor_potential`."""
        xx, xy, yx, yy = self._jacobian(*self._prepared(x, y, values))
        return 1.0 / ((1.0 - xx) * (1.0 - yy) - xy * yx)

    def deflect(self, x: Tensor, y: Tensor, p: SimpleNamespace) -> tuple[Tensor, Tensor]:
        """Return the deflection by its formula, or as the gradient of the potential.

        Parameters
        ----------
        x, y : tensor
            In arcsec, shape ``(batch, ny, nx)``.
        p : namespace
            The parameters, as formulas read them.

        Returns
        -------
        alpha_x, alpha_y : tensor
            Shape ``(batch, ny, nx)``.
        """
        if self.alpha is not None:
            return self.alpha(x, y, p)
        _, gradient = backend.value_and_grad(lambda x, y: (self.psi(x, y, p), ()), (x, y))
        return tuple(gradient)

    def converge(self, x: Tensor, y: Tensor, p: SimpleNamespace) -> Tensor:
        """Return the convergence by its formula, or as half the divergence of the deflection.

        Parameters
        ----------
        x, y, p
            As in `deflect`.

        Returns
        -------
        tensor
            Shape ``(batch, ny, nx)``.
        """
        if self.kappa is not None:
            return self.kappa(x, y, p)
        xx, _, _, yy = self._jacobian(x, y, p)
        return 0.5 * (xx + yy)

    def _jacobian(self, x, y, p):
        """Return the derivatives d alpha_x / dx, d alpha_x / dy, d alpha_y / dx, d alpha_y / dy.

        The deflection at a point depends on that point alone, so that the gradient of a sum over
        points holds the derivative at each.
        """
        _, (xx, xy) = backend.value_and_grad(lambda x, y: (self.deflect(x, y, p)[0], ()), (x, y))
        _, (yx, yy) = backend.value_and_grad(lambda x, y: (self.deflect(x, y, p)[1], ()), (x, y))
        return xx, xy, yx, yy


class CompositeLens(Sum, Lens):
    """A sum of lenses; ``SIE() + SIS()`` makes one.

    Its parameters are those of its components, each behind the component's name: the class in
    lower case, with a number from the second of its kind on, as in ``sie_theta_E`` and
    ``sie2_theta_E``.

    Parameters
    ----------
    components : sequence of Lens
        At least one; sums among them are taken apart.
    **values
        Parameters of the sum that differ from those of the components.

    Raises
    ------
    InputError
        If a component is not a lens, or batches disagree.

    Examples
    --------
    >>> from rimlens.lens import SIE, SIS
    >>> (SIE(theta_E=1.1) + SIS(theta_E=0.1, center_x=2.0)).sis_theta_E
    <Quantity 0.1 arcsec>
    """

    @property
    def psi(self):
        """The sum of the potentials, or None if a component has none."""
        if any(component.psi is None for component in self.components):
            return None
        return lambda x, y, p: sum(c.psi(x, y, share) for c, share in self.parts(p))

    def alpha(self, x, y, p):
        """Return the sum of the deflections."""
        deflections = [c.deflect(x, y, share) for c, share in self.parts(p)]
        return sum(a for a, _ in deflections), sum(a for _, a in deflections)

    def kappa(self, x, y, p):
        """Return the sum of the convergences."""
        return sum(c.converge(x, y, share) for c, share in self.parts(p))

    def on_grid(self, grid):
        """Return a function that gives the sum of the deflections at a grid's pixels."""
        functions = [component.on_grid(grid) for component in self.components]

        def deflection(values):
            found = [f(share) for f, share in zip(functions, self.shares(values))]
            return sum(a for a, _ in found), sum(a for _, a in found)

        return deflection
