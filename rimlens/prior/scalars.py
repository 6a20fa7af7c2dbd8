"""Numbers that a prior draws for its own use, such as a size: given, or distributed."""

import math
from numbers import Real

import numpy as np
from astropy import units as u
from keras import ops

from rimlens.errors import InputError
from rimlens.prior.distribution import Distribution
from rimlens.prior.distributions import Fixed, Linked
from rimlens.prior.pairs import Pair


def check_scalar(where, value, unit=""):
    """Return a number or a distribution of one, without unit.

    Parameters
    ----------
    where : str
        The argument, for the message.
    value : float, Quantity or Distribution
        What a user gave.
    unit : str, optional
        Of bare numbers; empty for pure numbers.

    Returns
    -------
    float or Distribution
        In `unit`.

    Raises
    ------
    InputError
        If it is something else, has another unit or is not finite.

    Examples
    --------
    >>> from rimlens.prior import Uniform
    >>> check_scalar("scale", 2), check_scalar("scale", Uniform(0.5, 2.0))
    (2.0, Uniform(low=0.5, high=2.0))
    """
    if isinstance(value, Distribution) and not isinstance(value, (Linked, Pair)):
        try:
            return value.in_unit(unit)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
    bare = value
    if isinstance(value, u.Quantity):
        try:
            bare = value.to_value(unit)
            bare = bare.item() if np.size(bare) == 1 else None
        except u.UnitConversionError:
            words = f"a unit like {unit}" if unit else "a pure number"
            raise InputError(f"{where}: {words} is wanted, found {value}") from None
    if not isinstance(bare, Real) or not math.isfinite(bare):
        raise InputError(
            f"{where}: a finite number or a distribution of one is wanted, found {value!r}"
        )
    return float(bare)


def draw_scalars(value, shape, rng):
    """Return draws of a number or a distribution.

    Parameters
    ----------
    value : float or Distribution
        From `check_scalar`.
    shape : int or tuple of int
        Of the draws.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray
        float64.

    Examples
    --------
    >>> import numpy as np
    >>> draw_scalars(2.0, 3, np.random.default_rng(1))
    array([2., 2., 2.])
    """
    value = value.value if isinstance(value, Fixed) else value
    if isinstance(value, float):
        return np.full(shape, value)
    u_ = ops.convert_to_tensor(rng.standard_normal(shape))
    return ops.convert_to_numpy(value.value(u_)).astype("float64")


def support(value):
    """Return the lowest and the highest that a number or a distribution can be."""
    return (value, value) if isinstance(value, float) else value.support[0]
