r"""Physical units of what a simulation wrote: comoving lengths, factors of h, units of a code.

A number :math:`q` of a file stands for :math:`q \, a^{\alpha} h^{\beta} U` with the scale factor
:math:`a`, the Hubble constant :math:`100 h` km/s/Mpc and the unit :math:`U` of the code: for
lengths of Arepo and Gadget :math:`\alpha = 1, \beta = -1`, for masses :math:`\alpha = 0,
\beta = -1`.
"""

import re

import numpy as np
from astropy import units as u

from rimlens.errors import InputError

_CM_PER_KPC = u.kpc.to(u.cm)
_G_PER_MSUN = u.Msun.to(u.g)
# Attributes of a data set that say its unit: factor to cgs, power of a, power of h.
_ATTRIBUTES = (
    ("to_cgs", "a_scaling", "h_scaling"),
    ("CGSConversionFactor", "aexp-scale-exponent", "h-scale-exponent"),
)
# The groups of a file whose attributes describe the run.
_HEADERS = ("Header", "Parameters", "Units", "Cosmology")


class FileUnits:
    """What turns lengths and masses of a file into kpc and solar masses.

    What a user says counts most, then the attributes of a data set, then the header.

    Parameters
    ----------
    file : h5py.File
        A snapshot, a cutout or a group catalog.
    length, mass : str, optional
        Units for a file that does not state them, such as ``"kpc/h"`` and ``"1e10 Msun/h"``;
        lengths are comoving.

    Raises
    ------
    InputError
        If the header has no redshift, or a unit that a user gave is none.
    """

    def __init__(self, file, length=None, mass=None):
        self._where = file.filename
        header = {k: v for name in _HEADERS for k, v in _attributes(file, name).items()}
        self.redshift = _redshift(header, self._where)
        self.scale_factor = 1.0 / (1.0 + self.redshift)
        self.h = float(header.get("HubbleParam", np.nan))
        self._length_said = _parsed(length, "length", u.kpc) if length else None
        self._mass_said = _parsed(mass, "mass", u.Msun) if mass else None
        self._length = float(header.get("UnitLength_in_cm", np.nan)) / _CM_PER_KPC
        self._mass = float(header.get("UnitMass_in_g", np.nan)) / _G_PER_MSUN

    def kpc(self, dataset=None):
        """Return the length of one in physical kpc.

        Parameters
        ----------
        dataset : h5py.Dataset, optional
            What the lengths are read from; without it, the header alone counts.
        """
        found = _scaling(dataset, _CM_PER_KPC) or (self._length, 1, -1)
        if self._length_said:
            found = (self._length_said[0], 1, self._length_said[1])
        return self._physical("length", *found)

    def msun(self, dataset=None):
        """Return the mass of one in solar masses.

        Parameters
        ----------
        dataset : h5py.Dataset, optional
            What the masses are read from; without it, the header alone counts.
        """
        found = _scaling(dataset, _G_PER_MSUN) or (self._mass, 0, -1)
        if self._mass_said:
            found = (self._mass_said[0], 0, self._mass_said[1])
        return self._physical("mass", *found)

    def _physical(self, what, factor, a_power, h_power):
        """Return a factor times powers of the scale factor and of h, if all are known."""
        found = factor * self.scale_factor**a_power * (self.h**h_power if h_power else 1.0)
        if not (np.isfinite(found) and found > 0):
            missing = (
                "HubbleParam" if np.isfinite(factor) and factor > 0 else f"the unit of {what}"
            )
            example = "kpc/h" if what == "length" else "1e10 Msun/h"
            raise InputError(
                f"{self._where}: {missing} is wanted in the attributes of the data or of the "
                f"header, found none; say the unit, for instance {what}_unit='{example}'"
            )
        return found


def _attributes(file, name):
    return dict(file[name].attrs) if name in file else {}


def _redshift(header, where):
    if "Redshift" in header:
        # Runs end at a redshift of zero but for rounding.
        redshift = max(float(header["Redshift"]), 0.0)
    else:
        time = float(header.get("Time", np.nan))
        redshift = 1.0 / time - 1.0 if 0 < time <= 1 else np.nan
    if not np.isfinite(redshift):
        raise InputError(
            f"{where}: the attribute 'Redshift' or 'Time' of its header is wanted, found "
            f"{sorted(header)[:12]}"
        )
    return redshift


def _scaling(dataset, cgs):
    """Return factor and powers that a data set states, or None."""
    for factor, a, h in _ATTRIBUTES if dataset is not None else ():
        value = dataset.attrs.get(factor)
        # Where a run does not know the unit, it writes zero.
        if value is not None and value > 0 and a in dataset.attrs and h in dataset.attrs:
            return value / cgs, float(dataset.attrs[a]), float(dataset.attrs[h])
    return None


def _parsed(text, what, wanted):
    """Return the factor and the power of h of a unit as a user writes it."""
    found = re.fullmatch(r"(.*?)(/\s*h)?\s*", str(text))
    try:
        factor = u.Unit(found[1]).to(wanted)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{what}_unit: a unit like {wanted} or {wanted}/h is wanted, found {text!r}"
        ) from error
    return factor, -1 if found[2] else 0
