"""Arithmetic of observations, as NDData has it, with the point-spread function kept."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.nddata import NDData, NDDataRef, StdDevUncertainty

from rimlens.errors import InputError
from rimlens.observation.celestial import celestial_wcs

if TYPE_CHECKING:
    from rimlens.observation.observation import Observation
    from rimlens.typing import ArrayLike

# Images are of the same pixels if these are in the same place to this part of one.
_OFFSET = 0.1


class Arithmetic:
    """The four operations of an observation with numbers, Quantities, arrays and images."""

    psf: Any
    meta: Any

    def add(self, operand: NDData | u.Quantity | ArrayLike) -> Observation:
        """Return the sum of the observation and something else.

        Uncertainties are propagated as `astropy.nddata.NDArithmeticMixin` does it, for
        independent noise, and masks are joined; a Quantity or a number has no uncertainty.  The
        point-spread function, the WCS and the meta are those of the observation.

        Parameters
        ----------
        operand : NDData, Quantity or array_like
            A number, an image of the same shape with or without unit, or an image with its own
            uncertainty, mask and WCS.  To a brightness with a unit only one with a unit that
            converts can be added.

        Returns
        -------
        Observation
            In the unit of the observation.

        Raises
        ------
        InputError
            If shapes, units or WCS do not fit, or no pixel of the result can be used.

        Examples
        --------
        >>> import astropy.units as u
        >>> import numpy as np
        >>> from rimlens import Observation
        >>> observation = Observation(
        ...     np.ones((8, 9)), uncertainty=np.ones((8, 9)), psf=np.ones((3, 3)),
        ...     wcs=None, pixel_scale=0.05, unit="nJy",
        ... )
        >>> float(observation.add(1 * u.uJy).data[0, 0])
        1001.0
        >>> float(observation.add(observation).sigma[0, 0].round(3))
        1.414
        """
        return _result(self, "add", operand)

    def subtract(self, operand: NDData | u.Quantity | ArrayLike) -> Observation:
        """Return the difference of the observation and something else; see `add`."""
        return _result(self, "subtract", operand)

    def multiply(self, operand: NDData | u.Quantity | ArrayLike) -> Observation:
        """Return the product of the observation and something else, in the product of the units.

        See `add`.
        """
        return _result(self, "multiply", operand)

    def divide(self, operand: NDData | u.Quantity | ArrayLike) -> Observation:
        """Return the quotient of the observation and something else; see `add`.

        Pixels that are divided by zero are masked, with a warning.
        """
        return _result(self, "divide", operand)


def _result(observation, operation, operand):
    if isinstance(operand, NDData):
        _check_place(observation, operand)
    try:
        with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
            warnings.simplefilter("ignore")
            found = getattr(_bare(observation), operation)(_bare(operand))
    except (u.UnitsError, u.UnitTypeError, ValueError, TypeError) as error:
        reason = str(error) or type(error).__name__
        raise InputError(
            f"operand: cannot {operation} {_described(operand)} and an observation of "
            f"{observation.shape} in {observation.unit}: {reason}"
        ) from error
    if found.data.shape != observation.shape:
        raise InputError(
            f"operand: the shape {observation.shape} of the observation is wanted, found the "
            f"result {found.data.shape}"
        )
    return type(observation)(
        found.data,
        uncertainty=found.uncertainty,
        psf=observation.psf,
        wcs=observation.wcs,
        mask=found.mask,
        unit=found.unit,
        meta=observation.meta,
    )


def _bare(operand):
    """Return an image without point-spread function, which NDData drops with a warning."""
    if not isinstance(operand, NDData):
        return operand
    noise = operand.uncertainty
    noise = None if noise is None else noise.represent_as(StdDevUncertainty)
    return NDDataRef(operand.data, noise, operand.mask, unit=operand.unit)


def _described(operand):
    if isinstance(operand, (int, float, u.Quantity)) and np.ndim(operand) == 0:
        return str(operand)
    unit = getattr(operand, "unit", None)
    return f"{type(operand).__name__} of {np.shape(getattr(operand, 'data', operand))}" + (
        f" in {unit}" if unit is not None else ""
    )


def _check_place(observation, operand):
    """Refuse an image of other pixels of the sky."""
    if operand.wcs is None:
        return
    other = celestial_wcs(operand.wcs, "operand")
    ny, nx = observation.shape
    corners = np.array([[0, 0], [nx - 1, 0], [0, ny - 1], [nx - 1, ny - 1]], dtype=float)
    sky = observation.wcs.pixel_to_world(*corners.T)
    offsets = np.transpose(other.world_to_pixel(sky)) - corners
    worst = np.abs(offsets).max()
    if not worst <= _OFFSET:
        raise InputError(
            f"operand: its pixels are {worst:.3g} pixels off those of the observation; resample "
            "it first, for instance with reproject"
        )
