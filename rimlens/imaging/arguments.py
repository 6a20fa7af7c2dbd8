"""Checks of what a forward model is given."""

import difflib

import numpy as np
from astropy import units as u
from keras import ops

from rimlens.errors import InputError
from rimlens.imaging.noise import ConstantNoise, Noise, NoiseMap
from rimlens.observation.masked import unmasked, without_mask


def of_kind(model, kind, name):
    """Return a model if it is of a kind, or raise `InputError`."""
    if getattr(model, "kind", None) != kind:
        raise InputError(f"{name}: a {kind} model is wanted, found {model!r}")
    return model


def checked_mask(mask, shape):
    """Return a mask of a shape, or raise `InputError`."""
    mask, hidden = unmasked(mask, "mask")
    mask = np.asarray(mask, bool) | hidden
    if mask.shape != shape:
        raise InputError(f"mask: the shape {shape} is wanted, found {mask.shape}")
    return mask


def checked_noise(noise, mask, shape):
    """Return a noise model of a model, a number or an array."""
    if noise is not None and not isinstance(noise, Noise):
        noise = np.asarray(unmasked_where_used(noise, mask, "noise"))
        if noise.shape[-2:] == shape:
            # What stands at masked pixels is often a flag.
            noise = NoiseMap(np.where(mask, 1.0, noise))
        else:
            noise = NoiseMap(noise) if noise.ndim else ConstantNoise(noise)
    if noise is not None:
        noise.check(shape)
    return noise


def unmasked_where_used(values, mask, name):
    """Return values without their own mask, or raise `InputError` if it hides a pixel in use."""
    values, hidden = unmasked(values, name)
    if hidden.shape[-2:] == mask.shape:
        hidden = hidden & ~mask
    if hidden.any():
        raise InputError(
            f"{name}: {np.count_nonzero(hidden)} values are masked that the forward model uses; "
            "give their pixels to the forward model as mask="
        )
    return values


def in_unit(value, unit, name):
    """Return the value of a Quantity in a unit, or raise `InputError`."""
    if unit is None:
        raise InputError(f"{name}: pure numbers are wanted, as the model has no unit; found "
                         f"{value.unit}")  # fmt: skip
    try:
        return value.to_value(unit)
    except u.UnitConversionError:
        wanted = unit or "a pure number"
        raise InputError(f"{name}: a unit like {wanted} is wanted, found {value.unit}") from None


def as_tensor(value, dtype, name):
    """Return numbers as a tensor, or raise `InputError` if they are none, masked or not finite."""
    # A tensor is taken as it is: to look at its values would take longer than the physics.
    if ops.is_tensor(value):
        return value if value.dtype == dtype else ops.cast(value, dtype)
    value = without_mask(value, name)
    try:
        value = np.asarray(value, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: numbers are wanted: {error}") from None
    if not np.all(np.isfinite(value)):
        raise InputError(f"{name}: finite numbers are wanted, found NaN or infinity")
    return ops.convert_to_tensor(value)


def finite_numbers(values, name):
    """Return an array of finite numbers, or raise `InputError`."""
    values = without_mask(values, name)
    try:
        values = np.array(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: an array of numbers is wanted: {error}") from error
    bad = np.count_nonzero(~np.isfinite(values))
    if bad:
        raise InputError(f"{name}: {bad} of {values.size} values are NaN or infinite")
    return values


def known_parameter(name, parameters):
    """Return the parameter of a name, or raise `InputError` with what is close to it."""
    if name not in parameters:
        close = difflib.get_close_matches(name, parameters, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        raise InputError(
            f"values: there is no parameter {name!r}{hint} There are {', '.join(parameters)}"
        )
    return parameters[name]
