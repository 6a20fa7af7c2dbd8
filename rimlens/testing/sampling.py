"""Models, values and positions at which checks are made, and their functions of tensors."""

from dataclasses import dataclass

import numpy as np
from astropy import units as u

from rimlens.errors import InputError
from rimlens.imaging.grid import Grid
from rimlens.models.parameter import BRIGHTNESS
from rimlens.testing.checks import ConformanceError, expect, size

_SAMPLES = 16


@dataclass(frozen=True)
class Sample:
    """Where a model is checked: some models of its class, each with a position of its own.

    Parameters
    ----------
    values : dict of ndarray
        Parameters near the model's own, shape ``(n, *shape)``.
    widths : dict of float
        Over what length each was varied.
    x, y : ndarray
        In arcsec, shape ``(n, 1, 1)``.
    length : float
        The size of the model, in arcsec.
    """

    values: dict
    widths: dict
    x: np.ndarray
    y: np.ndarray
    length: float


def made(model, abstract):
    """Return the model to be checked: the one that is given, or one of a class by its defaults.

    Parameters
    ----------
    model : Model or type
        To be checked.
    abstract : type
        What it must be.

    Returns
    -------
    Model
        A single one: of a batch, the first.
    """
    cls = model if isinstance(model, type) else type(model)
    expect(
        issubclass(cls, abstract),
        f"{cls.__name__}: a subclass of {abstract.__module__}.{abstract.__name__} is wanted",
    )
    if not isinstance(model, type):
        return model.copy(**_single(model, model.values)) if model.batch_shape else model
    try:
        return cls(**{k: _middle(p) for k, p in cls.parameters.items() if p.default is None})
    except Exception as error:  # whatever an author's code raises
        raise ConformanceError(
            f"{cls.__name__} cannot be made of its defaults: {error}; a {cls.kind} that needs "
            f"settings is checked by rimlens.testing.check_{cls.kind}({cls.__name__}(...))"
        ) from error


def methods(model):
    """Return the names of the public methods that a model has a formula for."""
    if model.kind == "source":
        return ["surface_brightness"]
    return ["deflection", "convergence", *(["potential"] if model.psi is not None else [])]


def tensor_function(model, method):
    """Return a method's function of tensors, ``(x, y, values)``; it returns a tuple."""

    def function(x, y, values):
        found = getattr(model, f"tensor_{method}")(x, y, values)
        return found if isinstance(found, tuple) else (found,)

    return function


def sample(model):
    """Draw what a model is checked at: always the same.

    Parameters
    ----------
    model : Model
        A single one.

    Returns
    -------
    Sample
    """
    length = length_of(model)
    widths = {name: _width(model, name, length) for name in model.parameters}
    # Parameters may bind each other, so that only small changes are allowed.
    for reach in (1.0, 0.3, 0.1, 0.03):
        rng = np.random.default_rng(1)
        values = {
            name: _drawn(rng, model.values[name], parameter, reach * widths[name])
            for name, parameter in model.parameters.items()
        }
        try:
            model.copy(**with_units(model, values))
        except InputError as error:
            refused = error
        else:
            break
    else:
        raise ConformanceError(f"values near its own are wanted to be allowed, found: {refused}")
    radius = length * np.exp(rng.uniform(np.log(0.2), np.log(3.0), _SAMPLES))
    azimuth = rng.uniform(0, 2 * np.pi, _SAMPLES)
    center_x, center_y = center_of(values)
    x, y = center_x + radius * np.cos(azimuth), center_y + radius * np.sin(azimuth)
    widths = {name: reach * width for name, width in widths.items()}
    return Sample(values, widths, x.reshape(-1, 1, 1), y.reshape(-1, 1, 1), length)


def with_units(model, values):
    """Return values of a model as what its class is called with."""
    unit = model.brightness_unit
    return {
        name: u.Quantity(value, unit)
        if unit is not None and model.parameters[name].unit == BRIGHTNESS
        else value
        for name, value in values.items()
    }


def function_of_arguments(model, method):
    """Return a method's function of x, y and each of the parameters; it returns a tuple."""
    function = tensor_function(model, method)
    return lambda x, y, *values: function(x, y, dict(zip(model.parameters, values)))


def _middle(parameter):
    low, high = parameter.bounds
    if np.isfinite(low) and np.isfinite(high):
        value = 0.5 * (low + high)
    elif np.isfinite(low):
        value = low + 1.0
    else:
        value = min(high - 1.0, 1.0)
    return np.full(parameter.shape, value)


def _single(model, values):
    own = {
        name: v[0] if v.ndim > len(model.parameters[name].shape) else v
        for name, v in values.items()
    }
    return with_units(model, own)


def length_of(model):
    """Return the geometric mean of a model's lengths, or the size of its grid, or 1 arcsec."""
    lengths = [
        float(model.values[name])
        for name, p in model.parameters.items()
        if p.unit == "arcsec" and not p.shape and p.bounds[0] >= 0
    ]
    lengths += [
        0.2 * max(setting.shape) * setting.pixel_scale
        for setting in model.configuration.values()
        if isinstance(setting, Grid)
    ]
    lengths = [length for length in lengths if length > 0]
    return float(np.exp(np.mean(np.log(lengths)))) if lengths else 1.0


def _width(model, name, length):
    parameter = model.parameters[name]
    low, high = parameter.bounds
    value = size(model.values[name])
    if parameter.unit == "deg":
        width = 30.0
    elif np.any(model.values[name]):
        width = 0.2 * value
    else:
        width = 0.2 * length if parameter.unit == "arcsec" else 0.2
    return min(width, 0.25 * (high - low))


def _drawn(rng, value, parameter, width):
    low, high = parameter.bounds
    low, high = np.maximum(low, value - width), np.minimum(high, value + width)
    # Not at a bound: finite differences look to both sides.
    return low + rng.uniform(0.1, 0.9, (_SAMPLES, *parameter.shape)) * (high - low)


def center_of(values):
    """Return the first center among the values of parameters, or zeros."""
    names = [next((n for n in values if n.endswith(f"center_{axis}")), None) for axis in "xy"]
    return [values[name] if name else 0.0 for name in names]


def at_bounds(model):
    """Return the model's own values, and those with one parameter at a bound."""
    settings = [model.values]
    for name, parameter in model.parameters.items():
        for bound in parameter.bounds:
            if np.isfinite(bound):
                changed = {**model.values, name: np.full(parameter.shape, bound)}
                try:
                    model.copy(**with_units(model, {name: changed[name]}))
                except InputError:
                    continue  # allowed with other values of the other parameters only
                settings.append(changed)
    return settings
