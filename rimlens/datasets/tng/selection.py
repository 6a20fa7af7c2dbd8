"""Which halos: by mass, by how relaxed they are, or by number, and each group once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rimlens.errors import InputError

if TYPE_CHECKING:
    from rimlens.datasets.tng.catalog import GroupCatalog


@dataclass(frozen=True)
class Selection:
    r"""What a halo must be to be chosen from a group catalog.

    A halo is relaxed if its center of mass is within 7 per cent of :math:`R_{200}` of its most
    bound particle, and at most 10 per cent of its mass is in subhalos other than the central one
    (Neto et al. 2007, MNRAS 381, 1450, section 2.3, without their third condition on energies).

    Parameters
    ----------
    min_mass, max_mass : float or Quantity, optional
        Of :math:`M_{200}`, or of the group where the catalog has none, in solar masses.
    relaxed : bool, optional
        Whether to leave out those that are not.
    groups : sequence of int, optional
        The numbers of groups to choose from; by default all.

    Raises
    ------
    InputError
        If a mass is none, or the smallest is not below the largest.

    Examples
    --------
    >>> from rimlens.datasets.tng import Selection
    >>> Selection(min_mass=1e12, relaxed=True).max_mass
    inf
    """

    min_mass: float = 0.0
    max_mass: float = np.inf
    relaxed: bool = False
    groups: tuple | None = None

    def __post_init__(self):
        """Turn masses into numbers."""
        from astropy import units as u

        for name in ("min_mass", "max_mass"):
            value = getattr(self, name)
            try:
                mass = u.Quantity(value, None if isinstance(value, u.Quantity) else u.Msun)
                mass = float(mass.to_value(u.Msun))
            except (TypeError, u.UnitConversionError):
                mass = np.nan
            if not mass >= 0:
                raise InputError(f"{name}: a mass is wanted, found {value!r}")
            object.__setattr__(self, name, mass)
        if not self.min_mass < self.max_mass:
            raise InputError(
                f"min_mass: a mass below max_mass, {self.max_mass:g}, is wanted, found "
                f"{self.min_mass:g}"
            )
        if self.groups is not None:
            object.__setattr__(self, "groups", tuple(int(i) for i in self.groups))

    def chosen(self, catalog: GroupCatalog) -> np.ndarray:
        """Return the chosen groups, one entry each.

        Groups without a subhalo have no center and are left out.

        Parameters
        ----------
        catalog : GroupCatalog
            To choose from.

        Returns
        -------
        ndarray
            Their numbers, rising.

        Raises
        ------
        InputError
            If there is no group of a number, or none is chosen.
        """
        keep = catalog.groups["GroupFirstSub"] >= 0
        if self.groups is not None:
            wrong = [i for i in self.groups if not 0 <= i < len(catalog)]
            if wrong:
                raise InputError(
                    f"groups: numbers below {len(catalog)}, the groups in {catalog.path}, are "
                    f"wanted, found {wrong[0]}"
                )
            keep &= np.isin(np.arange(len(catalog)), self.groups)
        if np.any(keep):
            mass = halo_masses(catalog)
            keep &= (mass >= self.min_mass) & (mass <= self.max_mass)
        if self.relaxed and np.any(keep):
            offset, substructure = relaxedness(catalog)
            keep &= (offset < 0.07) & (substructure < 0.1)
        if not np.any(keep):
            raise InputError(
                f"{catalog.path}: no group of {len(catalog)} is chosen by {self}; choose less "
                "narrowly"
            )
        return np.flatnonzero(keep)


def halo_masses(catalog):
    """Return the mass of every group in solar masses: M200, or that of the group."""
    groups = catalog.groups
    return groups.get("Group_M_Crit200", groups["GroupMass"])


def relaxedness(catalog):
    """Return the measures that separate relaxed groups from others.

    Parameters
    ----------
    catalog : GroupCatalog
        Of `n` groups.

    Returns
    -------
    offset : ndarray
        Distance of the center of mass from the most bound particle in units of R200, shape
        ``(n,)``; without R200, infinite.
    substructure : ndarray
        Part of the mass of subhalos that is not in the central one.
    """
    groups, subhalos = catalog.groups, catalog.subhalos
    radius = groups.get("Group_R_Crit200", np.zeros(len(catalog)))
    apart = groups["GroupCM"] - groups["GroupPos"]
    if catalog.box_size > 0:
        apart -= catalog.box_size * np.round(apart / catalog.box_size)
    apart = np.linalg.norm(apart, axis=1)
    offset = np.divide(apart, radius, out=np.full(len(apart), np.inf), where=radius > 0)
    first = groups["GroupFirstSub"]
    central = np.where(first >= 0, subhalos["SubhaloMass"][np.maximum(first, 0)], 0.0)
    total = np.bincount(subhalos["SubhaloGrNr"], subhalos["SubhaloMass"], len(catalog))
    part = np.divide(central, total, out=np.zeros(len(total)), where=total > 0)
    return offset, 1.0 - part
