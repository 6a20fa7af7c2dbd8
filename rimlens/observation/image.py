"""Image, unit and mask: from what a user may give to plain arrays."""

import numpy as np
from astropy import units as u
from astropy.nddata import NDData

from rimlens.errors import InputError


def image_arrays(data, unit, mask):
    """Return data, unit and mask in the form in which an observation keeps them.

    Parameters
    ----------
    data : array_like, Quantity or masked array
        Shape ``(ny, nx)``.
    unit : Unit or str, optional
        What a Quantity is converted to.
    mask : array_like, optional
        Not zero where a pixel is not to be used, beside the mask of a masked array.

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
    try:
        unit = None if unit is None else u.Unit(unit)
    except (ValueError, TypeError) as error:
        raise InputError(f"unit: an astropy unit is wanted, found {unit!r}: {error}") from error
    if isinstance(data, u.Quantity):
        try:
            unit = data.unit if unit is None else unit
            data = data.to_value(unit)
        except u.UnitConversionError as error:
            raise InputError(f"unit: data in {data.unit} does not convert to {unit}") from error
    hidden = np.ma.getmaskarray(data) if isinstance(data, np.ma.MaskedArray) else False
    try:
        values = np.array(data, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"data: an array of real numbers is wanted: {error}") from error
    if values.ndim != 2 or values.size == 0:
        raise InputError(f"data: two axes (rows, columns) are wanted, found {values.shape}")
    mask = np.zeros(values.shape, bool) if mask is None else np.array(mask) != 0
    if mask.ndim and mask.shape != values.shape:
        raise InputError(
            f"mask: the shape of the data {values.shape} is wanted, found {mask.shape}"
        )
    return values, unit, mask | hidden | np.zeros(values.shape, bool)
