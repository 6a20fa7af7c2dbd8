"""A source without extent."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from keras import ops

from rimlens.errors import InputError
from rimlens.models.coordinates import to_center
from rimlens.models.parameter import BRIGHTNESS, Parameter, center
from rimlens.source.source import Source


class PointSource(Source):
    r"""A point of light, as a circular Gaussian too narrow to be resolved.

    .. math::
        I = \frac{F}{2 \pi w^2} \exp\left( -\frac{r^2}{2 w^2} \right)

    A point has no surface brightness that rays could be traced to; this stands for one.  Pixels
    have to be finer than the lensed image of the width `w`, or its flux is not that of a point.

    Parameters
    ----------
    width : float, optional
        Standard deviation :math:`w` in arcsec.

    Raises
    ------
    InputError
        If the width is not positive, or as for any source.

    Notes
    -----
    `amplitude` is the flux :math:`F`: it has the unit of a surface brightness times
    arcsec\ :sup:`2`, and is given in the unit of the surface brightness.

    Examples
    --------
    >>> from rimlens.source import PointSource
    >>> source = PointSource(width=0.01, amplitude=1.0)
    >>> round(source.surface_brightness(0.0, 0.0), 3)
    1591.549
    """

    parameters = {
        "amplitude": Parameter(BRIGHTNESS, "flux, times 1 / arcsec^2", 1.0),
        **center(),
    }

    def __init__(self, width: float = 0.005, **values: Any) -> None:
        if not (np.ndim(width) == 0 and np.isfinite(width) and width > 0):
            raise InputError(f"PointSource: width: a positive number is wanted, found {width!r}")
        self.width = float(width)
        super().__init__(**values)

    @property
    def configuration(self) -> Any:
        """The width."""
        return {"width": self.width}

    def brightness(self, x, y, p):
        """Return the surface brightness."""
        x, y = to_center(x, y, p)
        square = self.width**2
        norm = 1.0 / (2.0 * math.pi * square)
        return p.amplitude * (norm * ops.exp((x * x + y * y) * (-0.5 / square)))
