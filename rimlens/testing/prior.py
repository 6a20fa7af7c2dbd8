"""The checks of priors."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from rimlens.errors import InputError
from rimlens.prior.prior import Prior
from rimlens.testing.checks import (
    ConformanceError,
    asdf_round_trip,
    check_all,
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
from rimlens.testing.sampling import with_units

_DRAWS = 16
# Of standard normal variables: farther out than a network has reason to go.
_FAR = 10.0
# Part of the variance between draws that a projection may lose.
_LOST = 0.2


def check_prior(prior: Prior | type, both_backends: bool | None = None) -> None:
    """Check that a prior passes the checks that every prior passes.

    Parameters
    ----------
    prior : Prior or type
        A prior, or a class that needs no arguments.  Checks are made at fixed draws.
    both_backends : bool, optional
        Whether to compare TensorFlow with JAX; by default if both are installed and the class can
        be imported by its module's name.

    Raises
    ------
    ConformanceError
        If a check fails; the message names all that do.

    Examples
    --------
    >>> from rimlens.lens import SIE
    >>> from rimlens.prior import AnalyticPrior, Uniform
    >>> from rimlens.testing import check_prior
    >>> check_prior(AnalyticPrior(SIE(), theta_E=Uniform(0.5, 2.0)), both_backends=False)
    """
    check_all(prior_checks(both_backends), instance(prior))


def prior_checks(both_backends: bool | None = None) -> list[tuple[Any, ...]]:
    """Return the checks of priors one by one, for tests that are parametrized by them.

    Parameters
    ----------
    both_backends : bool, optional
        As in `check_prior`.

    Returns
    -------
    list of tuple
        Names and functions; each takes a prior or a class, and raises `ConformanceError`.

    Examples
    --------
    >>> from rimlens.lens import SIE
    >>> from rimlens.prior import AnalyticPrior, Uniform
    >>> from rimlens.testing import prior_checks
    >>> checks = dict(prior_checks())
    >>> checks["draws_repeat_with_the_seed"](AnalyticPrior(SIE(), theta_E=Uniform(0.5, 2.0)))
    """
    return named(_PRIOR_CHECKS, the_other_array_library_gives_the_same, both_backends, instance)


def instance(prior):
    """Return the prior to be checked: the one that is given, or one of a class."""
    cls = prior if isinstance(prior, type) else type(prior)
    expect(
        issubclass(cls, Prior), f"{cls.__name__}: a subclass of {Prior.__module__}.Prior is wanted"
    )
    if not isinstance(prior, type):
        return prior
    try:
        return cls()
    except Exception as error:  # whatever an author's code raises
        raise ConformanceError(
            f"{cls.__name__} cannot be made without arguments: {error}; a prior that needs some "
            f"is checked by rimlens.testing.check_prior({cls.__name__}(...))"
        ) from error


@conformance_check
def draws_are_allowed_by_the_model(prior):
    """Check names, shapes, units and bounds of draws."""
    _expect_allowed(prior, prior.sample(_DRAWS, rng=1), _DRAWS, "draws")


@conformance_check
def draws_repeat_with_the_seed(prior):
    """Check draws of one seed, of a generator, and of another seed."""
    first, again, generated, other = (
        prior.sample(_DRAWS, rng=rng) for rng in (1, 1, np.random.default_rng(1), 2)
    )
    for name in first:
        expect(np.array_equal(first[name], again[name]), f"{name}: found other draws for a seed")
        expect(
            np.array_equal(first[name], generated[name]),
            f"{name}: found other draws for a seed and for the generator that it makes",
        )
    if any(np.prod(shape) for shape in prior.variables.values()):
        same = all(np.array_equal(first[name], other[name]) for name in first)
        expect(not same, "found the same draws for two seeds")


@conformance_check
def constrain_is_the_inverse_of_unconstrain(prior):
    """Check that variables of draws give the draws back, unless the prior projects."""
    if prior.projects:
        return
    draws = prior.sample(_DRAWS, rng=1)
    variables = prior.unconstrain(draws)
    _expect_shapes("variables", variables, prior.variables, _DRAWS)
    found = prior.constrain(variables)
    for name, wanted in draws.items():
        (value,) = to_numpy([found[name]])
        expect_close(
            f"{name} of the variables of a draw",
            value,
            wanted,
            size(wanted),
            tolerance(value.dtype),
        )


@conformance_check
def a_projection_comes_near_to_what_is_projected(prior):
    """Check draws that are projected, of a prior that does so.

    What is lost must be a small part of what distinguishes one draw from another.
    """
    if not prior.projects:
        return
    draws = prior.sample(_DRAWS, rng=1)
    variables = prior.unconstrain(draws)
    _expect_shapes("variables", variables, prior.variables, _DRAWS)
    found = prior.constrain(variables)
    for name, wanted in draws.items():
        (value,) = to_numpy([found[name]])
        lost = np.sum((value.astype(float) - wanted) ** 2)
        spread = np.sum((wanted - wanted.mean(axis=0)) ** 2)
        rounded = wanted.size * (tolerance(value.dtype) * size(wanted)) ** 2
        expect(
            lost <= _LOST * spread + rounded,
            f"{name}: found {lost / size(spread):.3g} of the variance between draws lost "
            f"from a draw to its projection, wanted at most {_LOST:g}",
        )


@conformance_check
def every_variable_gives_an_allowed_model(prior):
    """Check values and gradients far from where the prior has its weight."""
    rng = np.random.default_rng(3)
    far = {
        name: rng.uniform(-_FAR, _FAR, (_DRAWS, *shape)) for name, shape in prior.variables.items()
    }
    for dtype in ("float64", "float32"):
        given = {name: value.astype(dtype) for name, value in far.items()}
        found = prior.constrain(_tensors(given))
        arrays = dict(zip(found, to_numpy(found.values())))
        _expect_allowed(prior, arrays, _DRAWS, f"values of {dtype} variables up to {_FAR:g}")
        gradients = gradient(_constrained(prior), list(given.values()))
        for name, component in zip(found, gradients):
            for variable, array in zip(given, component):
                expect(
                    np.all(np.isfinite(array)),
                    f"derivative of {name} by {variable} in {dtype}: found NaN or infinity",
                )


@conformance_check
def the_start_is_an_allowed_model(prior):
    """Check what `initial` returns."""
    start = prior.initial(3)
    _expect_shapes("initial(3)", start, prior.variables, 3)
    found = prior.constrain(_tensors(start))
    _expect_allowed(prior, dict(zip(found, to_numpy(found.values()))), 3, "values of initial(3)")


@conformance_check
def a_batch_gives_what_its_members_give(prior):
    """Check maps to and fro, and the density, of a batch against single calls."""
    n = 3
    draws = prior.sample(n, rng=1)
    variables = _variables(prior, draws)

    def found(values, variables):
        results = {**prior.constrain(_tensors(variables)), **prior.unconstrain(values)}
        if _has_density(prior):
            results["log_prob"] = prior.log_prob(values)
        return dict(zip(results, to_numpy(results.values())))

    together = found(draws, variables)
    for i in range(n):
        single = found(_part(draws, i), _part(variables, i))
        for name, value in single.items():
            expect_close(
                f"{name} of number {i} of {n}",
                together[name][i : i + 1],
                value,
                size(value, together[name]),
                rounding(value.dtype),
            )


@conformance_check
def gradients_are_those_of_finite_differences(prior):
    """Check derivatives of the parameters by the variables, along random directions."""
    variables = _variables(prior, prior.sample(_DRAWS, rng=1))
    rng = np.random.default_rng(2)
    for _ in range(3):
        directions = {name: rng.normal(0.3, 0.3, v.shape) for name, v in variables.items()}
        arguments = {name: (v, directions[name]) for name, v in variables.items()}
        check_derivatives("parameters", _constrained(prior), arguments, kinks=prior.projects)


@conformance_check
def log_prob_is_finite_on_draws(prior):
    """Check the density where it is known."""
    if not _has_density(prior):
        return
    (found,) = to_numpy([prior.log_prob(prior.sample(_DRAWS, rng=1))])
    expect(found.shape == (_DRAWS,), f"found shape {found.shape}, wanted ({_DRAWS},)")
    bad = found[~np.isfinite(found)]
    expect(not bad.size, f"found {bad[:1]} for {bad.size} of {found.size} draws")


@conformance_check
def asdf_files_give_back_what_was_written(prior):
    """Check that a prior read from an ASDF file is equal to the one written."""
    asdf_round_trip(prior)


@conformance_check
def the_other_array_library_gives_the_same(prior, required=None):
    """Check parameters and gradients of TensorFlow against those of JAX."""
    variables = _variables(prior, prior.sample(_DRAWS, rng=1))
    given = type(prior), prior.configuration, variables
    there = compute_with_other_backend(evaluated, given, required)
    if there is None:
        return
    for what, here in evaluated(*given).items():
        expect_close(
            f"{what}: there and here", there[what], here, size(here), tolerance(here.dtype)
        )


_PRIOR_CHECKS = (
    draws_are_allowed_by_the_model,
    draws_repeat_with_the_seed,
    constrain_is_the_inverse_of_unconstrain,
    a_projection_comes_near_to_what_is_projected,
    every_variable_gives_an_allowed_model,
    the_start_is_an_allowed_model,
    a_batch_gives_what_its_members_give,
    gradients_are_those_of_finite_differences,
    log_prob_is_finite_on_draws,
    asdf_files_give_back_what_was_written,
)


def evaluated(cls, arguments, variables):
    """Return parameters and gradients of a prior, as a dict of arrays by what they are."""
    prior = cls(**arguments)
    function = _constrained(prior)
    points = list(variables.values())
    names = list(prior.constrain(_tensors(variables)))
    found = dict(zip(names, to_numpy(function(*points))))
    for name, gradients in zip(names, gradient(function, points)):
        for variable, array in zip(variables, gradients):
            found[f"derivative of {name} by {variable}"] = array
    return found


def _part(values, i):
    """Return number i of a batch, as a batch of one."""
    return {
        name: _part(value, i) if isinstance(value, dict) else value[i : i + 1]
        for name, value in values.items()
    }


def _tensors(variables):
    return {name: ops.convert_to_tensor(value) for name, value in variables.items()}


def _variables(prior, draws):
    """Return the variables of draws, as a dict of arrays."""
    found = prior.unconstrain(draws)
    return dict(zip(found, to_numpy(found.values())))


def _constrained(prior):
    """Return `constrain` as a function of every variable that returns a tuple."""

    def function(*variables):
        values = prior.constrain(dict(zip(prior.variables, variables)))
        return tuple(values.values())

    return function


def _has_density(prior):
    return prior.density is not None or type(prior).log_prob is not Prior.log_prob


def _expect_shapes(what, found, shapes, n):
    expect(set(found) == set(shapes), f"{what}: found {sorted(found)}, wanted {sorted(shapes)}")
    for name, shape in shapes.items():
        got, wanted = tuple(found[name].shape), (n, *shape)
        expect(got == wanted, f"{what}: {name}: found shape {got}, wanted {wanted}")


def _expect_allowed(prior, values, n, what):
    """Check parameters of a prior against its model."""
    models = prior.model if isinstance(prior.model, dict) else {"": prior.model}
    parameters = {
        f"{label}.{name}" if label else name: parameter
        for label, model in models.items()
        for name, parameter in model.parameters.items()
    }
    _expect_shapes(what, values, {name: p.shape for name, p in parameters.items()}, n)
    for name, parameter in parameters.items():
        value = np.asarray(values[name], float)
        expect(np.all(np.isfinite(value)), f"{what}: {name}: found NaN or infinity")
        bad = value[~parameter.allows(value)]
        low, high = parameter.bounds
        expect(
            not bad.size, f"{what}: {name}: found {bad[:1]}, wanted between {low:g} and {high:g}"
        )
    for label, model in models.items():
        prefix = f"{label}." if label else ""
        own = {name: np.asarray(values[prefix + name], float) for name in model.parameters}
        try:
            model.copy(**with_units(model, own))
        except InputError as error:
            raise ConformanceError(f"{what}: found {error}") from error
