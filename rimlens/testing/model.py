"""Checks that lenses and sources share."""

from functools import partial

import numpy as np
from astropy import units as u

from rimlens.errors import InputError
from rimlens.models.parameter import BRIGHTNESS, Parameter
from rimlens.testing.checks import (
    ConformanceError,
    asdf_round_trip,
    check_derivatives,
    conformance_check,
    expect,
    expect_close,
    gradient,
    named,
    rounding,
    size,
    to_numpy,
    tolerance,
)
from rimlens.testing.cross_backend import compute_with_other_backend
from rimlens.testing.sampling import (
    at_bounds,
    center_of,
    function_of_arguments,
    length_of,
    methods,
    sample,
    tensor_function,
    with_units,
)

# In another unit than the declared one, to see that it is converted.
_OTHER_UNITS = {"arcsec": u.mas, "deg": u.rad, "": u.percent}
# What public methods give for Quantities; a brightness has the unit that it was given in.
_RESULTS = {"potential": u.arcsec**2, "deflection": u.arcsec, "convergence": None}


def checks_of(instance, checks, both_backends):
    """Return names and functions that take a model or a class.

    Parameters
    ----------
    instance : callable
        Returns the model to be checked.
    checks : sequence of callable
        Its own checks, besides those of all models.
    both_backends : bool or None
        As in `check_lens`.

    Returns
    -------
    list of tuple
    """
    other_library = the_other_array_library_gives_the_same
    return named([*_MODEL_CHECKS, *checks], other_library, both_backends, instance)


@conformance_check
def parameters_are_declared_properly(model):
    """Check names, units, descriptions, defaults and bounds of the parameters."""
    cls = type(model)
    for name, parameter in model.parameters.items():
        where = f"parameter {name!r}"
        expect(isinstance(parameter, Parameter), f"{where}: a Parameter is wanted")
        expect(name.isidentifier(), f"{where}: a name that Python can take is wanted")
        expect(not hasattr(cls, name), f"{where}: hides what every {model.kind} has by this name")
        expect(parameter.description.strip(), f"{where}: found no description")
        if parameter.unit != BRIGHTNESS:
            try:
                u.Unit(parameter.unit)
            except ValueError:
                raise ConformanceError(
                    f"{where}: a unit is wanted, found {parameter.unit!r}"
                ) from None
        low, high = parameter.bounds
        expect(low < high, f"{where}: found bounds {low:g} to {high:g}, wanted a range")
        if parameter.default is not None:
            expect(
                np.all(parameter.allows(np.asarray(parameter.default))),
                f"{where}: found the default {parameter.default}, wanted {low:g} to {high:g}",
            )


@conformance_check
def copies_are_equal_and_changed_copies_are_not(model):
    """Check `copy` and ``==``."""
    before = model.values
    expect(model.copy() == model, f"found {model.copy()!r}, wanted {model!r}")
    drawn = sample(model).values
    for name in model.parameters:
        changed = model.copy(**with_units(model, {name: drawn[name][0]}))
        expect(changed != model, f"with another {name}, found a copy that is equal")
        # Adding and subtracting a unit rounds.
        expect_close(
            f"{name} of a changed copy",
            changed.values[name],
            drawn[name][0],
            size(drawn[name]),
            1e-12,
        )
        expect(
            np.array_equal(model.values[name], before[name]),
            f"the original's {name} changed with the copy",
        )


@conformance_check
def values_and_gradients_are_finite(model):
    """Check the center, its neighborhood and far away, at the bounds of parameters too."""
    length = length_of(model)
    settings = at_bounds(model)
    offsets = np.array(
        [(0, 0), (1e-12, 0), (0, 1e-6), (1e-3, 1e-3), (0.5, 0), (0, -0.5), (0.4, 0.3), (100, -70)]
    )
    values = {
        name: np.repeat(np.stack([s[name] for s in settings]), len(offsets), axis=0)
        for name in model.parameters
    }
    center_x, center_y = center_of(values)
    dx, dy = np.tile(length * offsets, (len(settings), 1)).T
    x, y = (np.broadcast_to(c, dx.shape) for c in (center_x + dx, center_y + dy))
    arguments = [x.reshape(-1, 1, 1), y.reshape(-1, 1, 1), *values.values()]
    names = ["x", "y", *values]
    for dtype in ("float64", "float32"):
        given = [np.asarray(a, dtype) for a in arguments]
        for method in methods(model):
            function = function_of_arguments(model, method)
            results = {method: to_numpy(function(*given))}
            # A convergence is not differentiated again: nothing in a reconstruction needs it.
            if method != "convergence":
                for component in gradient(function, given):
                    for name, g in zip(names, component):
                        results.setdefault(f"derivative of the {method} by {name}", []).append(g)
            for what, arrays in results.items():
                for array in arrays:
                    bad = ~np.isfinite(array).reshape(len(array), -1).all(axis=1)
                    if bad.any():
                        raise ConformanceError(_not_finite(what, bad, given, names, dtype, array))


@conformance_check
def a_batch_gives_what_its_members_give(model):
    """Check a batch of models against single calls, with tensors and from outside."""
    drawn = sample(model)
    n = 3
    values = {name: v[:n] for name, v in drawn.values.items()}
    x, y = drawn.x[: 4 * n].reshape(n, 2, 2), drawn.y[: 4 * n].reshape(n, 2, 2)
    batch = model.copy(**with_units(model, values))
    for method in methods(model):
        function = tensor_function(model, method)
        found = to_numpy(function(x, y, values))
        precision = rounding(found[0].dtype)
        outside = _bare(getattr(batch, method)(x[0], y[0]))
        for i in range(n):
            own = {name: v[i : i + 1] for name, v in values.items()}
            for f, w in zip(found, to_numpy(function(x[i : i + 1], y[i : i + 1], own))):
                expect_close(f"{method} of number {i} of {n}", f[i], w[0], size(w), precision)
            single = model.copy(**with_units(model, {name: v[i] for name, v in values.items()}))
            for f, w in zip(outside, _bare(getattr(single, method)(x[0], y[0]))):
                expect_close(f"{method} of number {i} of {n}", f[i], w, size(w), precision)


@conformance_check
def gradients_are_those_of_finite_differences(model):
    """Check derivatives by the parameters, in the array library that is in use."""
    drawn = sample(model)
    rng = np.random.default_rng(2)
    arguments = {}
    for name, value in drawn.values.items():
        # Maps are varied along one random direction.
        along = rng.normal(size=value.shape) if value.ndim > 1 else np.ones(value.shape)
        arguments[name] = value, drawn.widths[name] * along
    for method in methods(model):
        function = function_of_arguments(model, method)
        check_derivatives(method, partial(function, drawn.x, drawn.y), arguments)


@conformance_check
def quantities_and_numbers_agree(model):
    """Check that Quantities in any unit give what bare numbers give."""
    drawn = sample(model)
    x, y = drawn.x.ravel(), drawn.y.ravel()
    for method in methods(model):
        tensors = tensor_function(model, method)(drawn.x, drawn.y, drawn.values)
        precision = rounding(to_numpy(tensors)[0].dtype)
        bare = getattr(model, method)(x, y)
        found = getattr(model, method)(u.Quantity(x, u.arcsec).to(u.mas), u.Quantity(y, u.arcsec))
        unit = _RESULTS.get(method, model.brightness_unit)
        for f, w in zip(_parts(found), _parts(bare)):
            if method in _RESULTS:
                found_unit = getattr(w, "unit", None)
                expect(found_unit is None, f"{method} of bare numbers: found {found_unit}")
            if unit is not None:
                f, w = u.Quantity(f), u.Quantity(w, unit)
                expect(
                    f.unit.is_equivalent(unit), f"{method}: found the unit {f.unit}, wanted {unit}"
                )
                f, w = f.to_value(unit), w.value
            # The conversion rounds the positions.
            expect_close(f"{method} of Quantities", f, w, size(w), precision)
    for name, parameter in model.parameters.items():
        if parameter.unit in _OTHER_UNITS:
            value = u.Quantity(drawn.values[name][0], parameter.unit)
            changed = model.copy(**{name: value.to(_OTHER_UNITS[parameter.unit])})
            # Units are converted with an error of rounding.
            expect_close(
                f"{name} given in {_OTHER_UNITS[parameter.unit]}",
                changed.values[name],
                value.value,
                size(value.value),
                1e-12,
            )


@conformance_check
def wrong_units_are_errors(model):
    """Check that positions and parameters in the unit of a mass raise `InputError`."""
    calls = {
        f"{method} at {words}": (lambda m=method, p=position: getattr(model, m)(*p))
        for method in methods(model)
        for words, position in {
            "x in kg": (1.0 * u.kg, 0.0 * u.arcsec),
            "y in kg": (0.0 * u.arcsec, 1.0 * u.kg),
        }.items()
    }
    for name, parameter in model.parameters.items():
        if parameter.unit != BRIGHTNESS:
            value = u.Quantity(model.values[name], u.kg)
            calls[f"{name} in kg"] = lambda name=name, value=value: model.copy(**{name: value})
    for what, call in calls.items():
        try:
            call()
        except InputError:
            continue
        except Exception as error:
            raise ConformanceError(
                f"{what}: found {type(error).__name__}, wanted InputError"
            ) from error
        raise ConformanceError(f"{what}: found no error, wanted InputError")


@conformance_check
def asdf_files_give_back_what_was_written(model):
    """Check that a model read from an ASDF file is equal to the one written."""
    asdf_round_trip(model)


@conformance_check
def the_other_array_library_gives_the_same(model, required=None):
    """Check values and gradients of TensorFlow against those of JAX.

    They are those of finite differences in this library, by another check, hence in both.
    """
    given = type(model), model.arguments, sample(model)
    there = compute_with_other_backend(evaluated, given, required)
    if there is None:
        return
    for what, here in evaluated(*given).items():
        expect_close(
            f"{what}: there and here", there[what], here, size(here), tolerance(here.dtype)
        )


def evaluated(cls, arguments, drawn):
    """Return values and gradients of a model, as a dict of arrays by what they are."""
    model = cls(**arguments)
    found = {}
    points = [drawn.x, drawn.y, *drawn.values.values()]
    for method in methods(model):
        function = function_of_arguments(model, method)
        values = to_numpy(function(*points))
        for i, (value, gradients) in enumerate(zip(values, gradient(function, points))):
            what = f"{method}[{i}]" if len(values) > 1 else method
            found[what] = value
            for name, array in zip(("x", "y", *drawn.values), gradients):
                found[f"derivative of {what} by {name}"] = array
    return found


_MODEL_CHECKS = (
    parameters_are_declared_properly,
    copies_are_equal_and_changed_copies_are_not,
    values_and_gradients_are_finite,
    a_batch_gives_what_its_members_give,
    gradients_are_those_of_finite_differences,
    quantities_and_numbers_agree,
    wrong_units_are_errors,
    asdf_files_give_back_what_was_written,
)


def _not_finite(what, bad, given, names, dtype, array):
    i = int(np.argmax(bad))
    found = array.reshape(len(array), -1)[i]
    found = found[~np.isfinite(found)][0]
    at = ", ".join(
        f"{name} = {a[i].ravel()[0]:g}" for name, a in zip(names, given) if a[i].size == 1
    )
    return f"{what} in {dtype}: found {found}, wanted a finite number, at {at}"


def _parts(result):
    return result if isinstance(result, tuple) else (result,)


def _bare(result):
    return [part.value if isinstance(part, u.Quantity) else part for part in _parts(result)]
