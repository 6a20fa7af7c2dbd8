"""Parameters of models: what a number means, and which numbers are allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rimlens.errors import InputError
from rimlens.typing import Tensor

# The unit of a parameter that is a surface brightness: whatever the observation has.
BRIGHTNESS = "brightness"


@dataclass(frozen=True)
class Parameter:
    """One parameter of a model.

    Parameters
    ----------
    unit : str
        What bare numbers are in: ``"arcsec"``, ``"deg"``, ``""`` for a pure number, or
        ``"brightness"`` for a surface brightness in any unit.
    description : str
        What it means, in a few words.
    default : float, optional
        Value if none is given; without it the parameter must be given.
    bounds : tuple of float, optional
        Smallest and largest value allowed, in `unit`.
    shape : tuple of int, optional
        Empty for a number; ``(ny, nx)`` for a map.

    Raises
    ------
    InputError
        If the default lies outside the bounds.

    Examples
    --------
    >>> from rimlens.models.parameter import Parameter
    >>> Parameter("arcsec", "Einstein radius", 1.0, (0, None)).bounds
    (0.0, inf)
    """

    unit: str
    description: str
    default: float | None = None
    bounds: tuple = (None, None)
    shape: tuple = ()

    def __post_init__(self):
        """Put the bounds into numbers and check the default."""
        low, high = self.bounds
        low = -np.inf if low is None else float(low)
        high = np.inf if high is None else float(high)
        object.__setattr__(self, "bounds", (low, high))
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        if self.default is not None and not np.all(self.allows(np.asarray(self.default))):
            raise InputError(
                f"default: a value between {low:g} and {high:g} is wanted, found {self.default}"
            )

    def allows(self, values: dict[str, Tensor]) -> Any:
        """Return where values lie inside the bounds, as an array of bool."""
        low, high = self.bounds
        return (values >= low) & (values <= high)

    def __str__(self):
        """Write the unit, the bounds and the default in words."""
        words = {"": "dimensionless", BRIGHTNESS: "surface brightness in any unit"}
        text = words.get(self.unit, f"in {self.unit}")
        low, high = self.bounds
        if np.isfinite(low) and np.isfinite(high):
            text += f", {low:g} to {high:g}"
        elif np.isfinite(low):
            text += f", at least {low:g}"
        elif np.isfinite(high):
            text += f", at most {high:g}"
        if self.shape:
            text += f", shape {self.shape}"
        return text


def center():
    """Return the parameters of a position, in a dictionary to be merged into a model's own.

    Examples
    --------
    >>> from rimlens.models.parameter import center
    >>> list(center())
    ['center_x', 'center_y']
    """
    return {
        "center_x": Parameter("arcsec", "center along the pixel rows", 0.0),
        "center_y": Parameter("arcsec", "center along the pixel columns", 0.0),
    }


def ellipse():
    """Return axis ratio, position angle and center, in a dictionary to be merged into a model's.

    Examples
    --------
    >>> from rimlens.models.parameter import ellipse
    >>> list(ellipse())
    ['q', 'phi', 'center_x', 'center_y']
    """
    return {
        "q": Parameter("", "axis ratio, minor over major", 1.0, (0.01, 1)),
        "phi": Parameter("deg", "angle of the major axis, from +y towards -x", 0.0),
        **center(),
    }
