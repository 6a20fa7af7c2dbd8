"""Image, noise, mask and unit: from what a user may give to plain arrays."""

import warnings

import numpy as np
from astropy import units as u
from astropy.nddata import NDData

from rimlens.arguments import unmasked
from rimlens.errors import InputError, RimlensWarning
from rimlens.observation.noise import filled, standard_deviation, unusable
from rimlens.observation.units import linear_unit


def usable_pixels(data, uncertainty, mask, unit):
    """Return the pixels in the form in which an observation keeps them.

    Parameters
    ----------
    data, mask, unit
        As for `image_arrays`.
    uncertainty : NDUncertainty, Quantity or array_like
        As for `~rimlens.observation.noise.standard_deviation`.

    Returns
    -------
    data, sigma : ndarray
        Image and standard deviation, shape ``(ny, nx)``; finite, and `sigma` positive.
    mask : ndarray of bool
        True also where data or noise cannot be used.
    unit : Unit or None

    Raises
    ------
    InputError
        If one of them does not fit the others, or no pixel can be used.

    Warns
    -----
    RimlensWarning
        If pixels had to be masked; the caller's caller is named.
    """
    data, unit, mask = image_arrays(data, unit, mask)
    sigma, hidden = standard_deviation(uncertainty, unit, data.shape)
    mask = mask | hidden
    reasons = unusable(data, sigma, mask)
    bad = np.logical_or.reduce(list(reasons.values()))
    if (bad | mask).all() and not mask.all():
        raise InputError(f"data: no pixel can be used: {_counts(reasons, mask)}")
    if np.any(bad & ~mask):
        warnings.warn(
            f"{np.count_nonzero(bad & ~mask)} of {data.size} pixels cannot be used and were "
            f"masked: {_counts(reasons, mask)}",
            RimlensWarning,
            stacklevel=3,
        )
    # Flags under the given mask are no noise either.
    sigma = filled(np.where(bad, np.nan, sigma), bad | mask)
    return np.where(bad, 0.0, data), sigma, bad | mask, unit


def image_arrays(data, unit, mask):
    """Return data, unit and mask in the form in which an observation keeps them.

    Parameters
    ----------
    data : array_like, Quantity, masked array or Masked
        Shape ``(ny, nx)``.
    unit : Unit or str, optional
        What a Quantity is converted to.
    mask : array_like, optional
        Not zero where a pixel is not to be used, beside the mask of a masked array or Quantity.

    Returns
    -------
    data : ndarray
        Floats, a copy.
    unit : Unit or None
    mask : ndarray of bool
        A copy.

    Raises
    ------
    InputError
        If one of them cannot be used.
    """
    if isinstance(data, NDData):
        raise InputError(
            f"data: an array is wanted, found {type(data).__name__}; use Observation.from_nddata"
        )
    data, hidden = unmasked(data, "data")
    unit = linear_unit(unit)
    if isinstance(data, u.Quantity):
        own = linear_unit(data.unit, "data")
        try:
            unit = own if unit is None else unit
            data = data.to_value(unit)
        except (u.UnitConversionError, ValueError) as error:
            raise InputError(f"unit: data in {own} does not convert to {unit}") from error
    try:
        values = np.array(data, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"data: an array of real numbers is wanted: {error}") from error
    if values.ndim != 2 or values.size == 0:
        raise InputError(f"data: two axes (rows, columns) are wanted, found {values.shape}")
    return values, unit, mask_array(mask, values.shape) | hidden


def changed_pixels(observation, name, value):
    """Return data, uncertainty and mask of an observation of which one is replaced.

    Parameters
    ----------
    observation : Observation
        It is left as it is.
    name : str
        ``"data"``, ``"uncertainty"``, ``"sigma"`` or ``"mask"``.
    value : object
        As for the observation's making.

    Returns
    -------
    data, uncertainty, mask
        As `usable_pixels` takes them. What was masked stays masked: its noise has been replaced.

    Raises
    ------
    InputError
        If new data have another shape or a unit that does not convert, or a mask shows a pixel
        that was masked.
    """
    if name in ("uncertainty", "sigma"):
        return observation.data, value, observation.mask
    if name == "data":
        data, unit, hidden = image_arrays(value, observation.unit, None)
        if data.shape != observation.shape or unit != observation.unit:
            raise InputError(
                f"data: the shape {observation.shape} and the unit {observation.unit} of the "
                f"observation are wanted, found {data.shape} and {unit}; make a new Observation"
            )
        return data, observation.uncertainty, observation.mask | hidden
    mask = mask_array(value, observation.shape)
    shown = np.count_nonzero(observation.mask & ~mask)
    if shown:
        raise InputError(
            f"mask: {shown} pixels that were masked would be used, but their noise is not kept; "
            "set observation.mask | mask, or make a new Observation with this mask"
        )
    return observation.data, observation.uncertainty, mask


def mask_array(mask, shape):
    """Return a mask as an observation keeps it.

    Parameters
    ----------
    mask : array_like or None
        Not zero, or masked itself, where a pixel is not to be used; a scalar is taken for all.
    shape : tuple of int
        Shape of the data.

    Returns
    -------
    ndarray of bool
        A copy.

    Raises
    ------
    InputError
        If it has another shape, or holds no numbers.
    """
    if mask is None:
        return np.zeros(shape, dtype=bool)
    mask, hidden = unmasked(mask, "mask")
    mask = np.asarray(mask)
    if mask.dtype.kind not in "biuf":
        raise InputError(f"mask: booleans or numbers are wanted, found {mask.dtype}")
    if mask.ndim and mask.shape != shape:
        raise InputError(f"mask: the shape of the data {shape} is wanted, found {mask.shape}")
    return (mask != 0) | hidden | np.zeros(shape, dtype=bool)


def _counts(reasons, mask):
    counts = ((np.count_nonzero(where & ~mask), reason) for reason, where in reasons.items())
    return ", ".join(f"{count} with {reason}" for count, reason in counts if count)
