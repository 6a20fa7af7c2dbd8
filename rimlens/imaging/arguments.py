"""Checks of what a forward model is given."""

import numpy as np
from astropy import units as u
from keras import ops

from rimlens.arguments import finite_numbers, unmasked
from rimlens.errors import InputError
from rimlens.imaging.noise import ConstantNoise, Noise, NoiseMap
from rimlens.spelling import did_you_mean


def of_kind(model, kind, name):
    """Return a model if it is of a kind, or raise `InputError`."""
    if getattr(model, "kind", None) != kind:
        raise InputError(f"{name}: a {kind} model is wanted, found {model!r}")
    return model


def check_mask(mask, shape):
    """Return a mask of a shape, or raise `InputError`."""
    mask, hidden = unmasked(mask, "mask")
    mask = np.asarray(mask, bool) | hidden
    if mask.shape != shape:
        raise InputError(f"mask: the shape {shape} is wanted, found {mask.shape}")
    return mask


def check_noise(noise, mask, shape):
    """Return a noise model of a model, a number or an array."""
    if noise is not None and not isinstance(noise, Noise):
        noise = np.asarray(unmasked_where_used(noise, mask, "noise"))
        if noise.shape[-2:] == shape:
            # What stands at masked pixels is often a flag.
            noise = NoiseMap(np.where(mask, _typical(noise[..., ~mask]), noise))
        else:
            noise = NoiseMap(noise) if noise.ndim else ConstantNoise(noise)
    if noise is not None:
        noise.check(shape)
    return noise


def _typical(sigma):
    """Return a standard deviation as those of the pixels in use, or 1 if there is none."""
    return np.median(sigma) if sigma.size and sigma.dtype.kind in "fiu" else 1.0


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
    return ops.convert_to_tensor(finite_numbers(value, name).astype(dtype))


def known_parameter(name, parameters):
    """Return the parameter of a name, or raise `InputError` with what is close to it."""
    if name not in parameters:
        hint = did_you_mean(name, parameters, ";", ".")
        raise InputError(
            f"values: there is no parameter {name!r}{hint} There are {', '.join(parameters)}"
        )
    return parameters[name]
