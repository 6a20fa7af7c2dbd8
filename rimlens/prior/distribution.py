"""What every distribution has: its numbers with units, and their checks."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from astropy import units
from keras import ops

from rimlens.errors import InputError

if TYPE_CHECKING:
    import astropy.units as u


class Distribution:
    """A distribution of one parameter, or of the two that describe an ellipse or a shear.

    Numbers may be Quantities; `AnalyticPrior` turns them into numbers in the parameter's unit.

    Attributes
    ----------
    size : int
        How many standard normal variables each value takes.
    dimensional : tuple of str
        Which of the numbers have the parameter's unit; the others are pure numbers.
    """

    # Numbers of a subclass, which is a dataclass.
    low: float
    high: float
    size = 1
    dimensional: tuple[str, ...] = ()

    def __post_init__(self):
        """Turn the numbers into floats and check them."""
        numbers = {field.name: getattr(self, field.name) for field in fields(self)}
        numbers.pop("to", None)
        if any(isinstance(number, units.Quantity) for number in numbers.values()):
            return  # `in_unit` makes one with bare numbers, which comes here again
        for name, number in numbers.items():
            try:
                object.__setattr__(self, name, float(number))
            except (TypeError, ValueError):
                self._require(False, f"{name}: a number is wanted")
            self._require(not math.isnan(getattr(self, name)), f"{name}: a number is wanted")
        self._check()

    @property
    def support(self) -> Any:
        """The interval of possible values of each parameter."""
        return ((self.low, self.high),)

    def in_unit(self, unit: str | u.UnitBase | None) -> Distribution:
        """Return the distribution with bare numbers.

        Parameters
        ----------
        unit : str, Unit or None
            Of the parameter; None for a surface brightness in no unit.

        Returns
        -------
        Distribution

        Raises
        ------
        InputError
            If a number has another unit, or the numbers do not fit each other.
        """
        bare = {}
        # A subclass is a dataclass.
        own: Any = self
        for field in fields(own):
            number = getattr(self, field.name)
            if isinstance(number, units.Quantity):
                wanted = unit if field.name in self.dimensional else ""
                try:
                    bare[field.name] = number.to_value("" if wanted is None else wanted)
                except units.UnitConversionError:
                    words = f"a unit like {wanted}" if wanted else "a pure number"
                    raise InputError(f"{field.name}: {words} is wanted, found {number}") from None
        return replace(own, **bare)

    def outside(self, low: float, high: float, part: int = 0) -> Any:
        """Return the probability outside an interval; 1 stands for any that is not zero.

        Parameters
        ----------
        low, high : float
            The interval.
        part : int, optional
            Of which of the two parameters of a pair.
        """
        own_low, own_high = self.support[part]
        return 0.0 if low <= own_low and own_high <= high else 1.0

    def _cut_off(self, value, log_density):
        low, high = self.support[0]
        return ops.where((value >= low) & (value <= high), log_density, -math.inf)

    def _check(self):
        """Check the numbers."""

    def _require(self, condition, wanted):
        if not condition:
            raise InputError(f"{wanted}, found {self!r}")
