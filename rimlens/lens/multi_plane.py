"""Lenses at several redshifts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from keras import ops

from rimlens.cosmology import cosmology_of
from rimlens.errors import InputError
from rimlens.lens.lens import Lens
from rimlens.models.sums import Sum

if TYPE_CHECKING:
    from astropy.cosmology import FLRW


class MultiPlane(Sum, Lens):
    r"""Lenses in several planes in front of one source.

    A ray that is seen at :math:`\theta` crosses plane :math:`j` at

    .. math::

        \theta_j = \theta - \sum_{i<j} \beta_{ij} \, \alpha_i(\theta_i), \qquad
        \beta_{ij} = \frac{D_{ij} D_s}{D_j D_{is}}

    (Schneider, Ehlers & Falco 1992, section 9.1; Schneider 2014, A&A 568, L2, eq. 8).
    The deflection of each lens is scaled to the source, as if it alone were there:
    :math:`\beta_{is} = 1`, and ``theta_E`` of a lens is the Einstein radius that it would have.

    The deflection of the whole, :math:`\theta - \theta_s`, has a curl; the convergence is half its
    divergence, and there is no potential.

    Parameters
    ----------
    planes : sequence of tuple
        Redshift and lens of every plane; its parameters are named as in a sum of lenses.
    z_source : float
        Redshift of the source.
    cosmology : astropy.cosmology.FLRW or str, optional
        A cosmology of astropy, its name, or the YAML text that astropy writes; astropy's default
        if not given.
    **values
        Parameters that differ from those of the lenses.

    Raises
    ------
    InputError
        If there is no plane, a redshift is not positive, or the source is not behind every lens.

    Examples
    --------
    >>> from rimlens.lens import SIE, SIS, MultiPlane
    >>> lens = MultiPlane([(0.5, SIE(theta_E=1.2, q=0.8)), (0.9, SIS(theta_E=0.2))], z_source=2.0)
    >>> lens.sis_theta_E
    <Quantity 0.2 arcsec>
    >>> alpha_x, alpha_y = lens.deflection(1.0, 0.5)
    >>> bool(abs(alpha_x) > 0)
    True
    """

    def __init__(
        self,
        planes: Sequence[tuple[Any, ...]],
        z_source: float,
        cosmology: FLRW | str | None = None,
        **values: Any,
    ) -> None:
        pairs = []
        try:
            for redshift, lens in planes:
                parts = lens.components if isinstance(lens, Sum) else (lens,)
                pairs += [(float(redshift), part) for part in parts]
        except (TypeError, ValueError):
            raise InputError(
                f"planes: pairs of a redshift and a lens are wanted, found {planes!r}"
            ) from None
        pairs.sort(key=lambda pair: pair[0])
        self.redshifts = tuple(redshift for redshift, _ in pairs)
        self.z_source = float(z_source)
        if pairs and not 0 < self.redshifts[0] <= self.redshifts[-1] < self.z_source:
            raise InputError(
                "planes, z_source: a source behind every lens is wanted, found lenses at "
                f"redshifts {', '.join(f'{z:g}' for z in self.redshifts)} and a source at "
                f"{self.z_source:g}"
            )
        self.cosmology = cosmology_of(cosmology)
        super().__init__([lens for _, lens in pairs], **values)
        self._planes = [
            [i for _, i in members]
            for _, members in groupby(zip(self.redshifts, range(len(pairs))), lambda pair: pair[0])
        ]
        self._factors = self._distance_factors()

    @property
    def configuration(self) -> Any:
        """Planes, redshift of the source, and the cosmology's YAML text, which files can hold."""
        return {
            "planes": tuple(zip(self.redshifts, self.components)),
            "z_source": self.z_source,
            "cosmology": self.cosmology.to_format("yaml"),
        }

    def __repr__(self):
        """Write redshifts and lenses."""
        planes = ", ".join(f"({z:g}, {lens!r})" for z, lens in self.configuration["planes"])
        return f"MultiPlane([{planes}], z_source={self.z_source:g})"

    def alpha(self, x, y, p):
        """Return the deflection of the whole."""
        parts = list(self.parts(p))
        return self._through(x, y, lambda i, x, y: parts[i][0].deflect(x, y, parts[i][1]))

    def on_grid(self, grid):
        """Return a function that gives the deflection at a grid's pixels.

        The rays meet the first plane there, where a map has its faster way.
        """
        first = {i: self.components[i].on_grid(grid) for i in self._planes[0]}

        def deflection(values):
            shares = self.shares(values)
            dtype = ops.dtype(next(iter(values.values())))

            def of(i, x, y):
                if i in first:
                    return first[i](shares[i])
                return self.components[i].tensor_deflection(x, y, shares[i])

            x, y = (v[None].astype(dtype) for v in (grid.x, grid.y))
            return self._through(x, y, of)

        return deflection

    def _through(self, x, y, deflection):
        """Follow rays to the source; ``deflection(i, x, y)`` is that of one component."""
        found = []

        def shift(factors):
            pairs = list(zip(factors, found))
            return sum(f * a for f, (a, _) in pairs), sum(f * a for f, (_, a) in pairs)

        *factors, last = self._factors
        for members, so_far in zip(self._planes, factors):
            shift_x, shift_y = shift(so_far)
            several = [deflection(i, x - shift_x, y - shift_y) for i in members]
            found.append((sum(a for a, _ in several), sum(a for _, a in several)))
        return shift(last)

    def _distance_factors(self):
        """Return beta_ij of every plane j, and of the source, for the planes i before it."""
        redshifts = [self.redshifts[members[0]] for members in self._planes]
        distance = self.cosmology.angular_diameter_distance
        to_source = distance(self.z_source)
        factors = []
        for j, z in enumerate(redshifts):
            factors.append(
                [
                    float(
                        distance(near, z) * to_source / distance(z) / distance(near, self.z_source)
                    )
                    for near in redshifts[:j]
                ]
            )
        return [*factors, [1.0] * len(redshifts)]
