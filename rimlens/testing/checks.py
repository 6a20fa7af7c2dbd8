"""What all checks share: their names, comparisons, derivatives by finite differences."""

import functools
import io
import warnings

import numpy as np
from keras import ops

from rimlens import backend
from rimlens.errors import RimlensError

# Of finite differences, in units of the length over which the argument is varied.  The step that
# agrees best counts: none is right both where a function is steep and where it is nearly flat.
_STEPS = 3e-2, 3e-3, 3e-4, 3e-5, 3e-6
# Between two kinks of a network there is less space.
_STEPS_WITH_KINKS = *_STEPS, 3e-7


class ConformanceError(AssertionError):
    """A check that a plugin fails."""


def conformance_check(check):
    """Make a function a check: its name says what holds, whatever it raises is a failure.

    Parameters
    ----------
    check : callable
        Takes a model or a prior.

    Returns
    -------
    callable
        Raises `ConformanceError` only.
    """

    @functools.wraps(check)
    def checked(subject, **options):
        try:
            check(subject, **options)
        except Exception as error:
            described = str(error) if isinstance(error, ConformanceError) else _described(error)
            raise ConformanceError(
                f"{type(subject).__name__}: {in_words(check.__name__)}: {described}"
            ) from error

    return checked


def in_words(name):
    """Return what a check is named after, in words."""
    return name.replace("_", " ")


def check_all(checks, subject):
    """Run checks and report all that fail.

    Parameters
    ----------
    checks : sequence of tuple
        Names and functions.
    subject : object
        A model or a prior.

    Raises
    ------
    ConformanceError
        If a check fails.
    """
    broken = []
    for _, check in checks:
        try:
            check(subject)
        except ConformanceError as error:
            broken.append(str(error))
    if broken:
        failures = "\n".join(f"- {line}" for line in broken)
        raise ConformanceError(
            f"{type(subject).__name__} fails {len(broken)} of {len(checks)} checks:\n{failures}"
        )


def named(functions, other_library, both_backends, made):
    """Return checks with their names, for models and for classes.

    Parameters
    ----------
    functions : sequence of callable
        Each takes a model or a prior.
    other_library : callable
        The check that compares two array libraries; it takes whether that is required.
    both_backends : bool or None
        Whether it is; None if it is compared where that is possible.
    made : callable
        Makes a model or a prior of what is given.

    Returns
    -------
    list of tuple
        Names and functions of a model, a prior or a class.
    """
    checks = {check.__name__: check for check in functions}
    if both_backends is not False:
        checks[other_library.__name__] = functools.partial(other_library, required=both_backends)
    return [
        (name, functools.partial(lambda check, given: check(made(given)), check))
        for name, check in checks.items()
    ]


def expect(holds, message):
    """Raise `ConformanceError` unless a condition holds."""
    if not holds:
        raise ConformanceError(message)


def expect_close(what, found, wanted, scale, tolerance):
    """Compare arrays.

    Parameters
    ----------
    what : str
        For the message.
    found, wanted : ndarray
        Of one shape.
    scale : float or ndarray
        What `tolerance` is relative to.
    tolerance : float
        Largest difference allowed.
    """
    found, wanted = np.asarray(found), np.asarray(wanted)
    expect(
        found.shape == wanted.shape, f"{what}: found shape {found.shape}, wanted {wanted.shape}"
    )
    error = np.abs(found - wanted)
    bad = ~(error <= tolerance * scale)  # NaN is bad
    if np.any(bad):
        worst = np.unravel_index(np.argmax(np.where(np.isnan(error), np.inf, error)), error.shape)
        raise ConformanceError(
            f"{what}: found {found[worst]:.9g}, wanted {wanted[worst]:.9g}, in "
            f"{np.count_nonzero(bad)} of {error.size} places"
        )


def size(*arrays):
    """Return the largest absolute value in arrays, never zero."""
    return max([np.finfo(float).tiny, *(np.max(np.abs(a), initial=0.0) for a in arrays)])


def tolerance(dtype):
    """Return how well derivatives are to agree, relative to the largest: both are rounded."""
    return 1e-6 if np.dtype(dtype) == "float64" else 2e-3


def rounding(dtype):
    """Return how well the same computation in another order agrees, relative to the largest."""
    return 1e-10 if np.dtype(dtype) == "float64" else 1e-4


def to_numpy(tensors):
    """Return tensors as arrays."""
    return tuple(ops.convert_to_numpy(t) for t in tensors)


def gradient(function, arguments):
    """Return the gradient of each component of what a function gives, by differentiation.

    Parameters
    ----------
    function : callable
        ``function(*arguments)`` returns a tuple of tensors whose first axis is the batch; an
        element depends on its own share of the arguments only.
    arguments : sequence of ndarray
        The point.

    Returns
    -------
    list of list of ndarray
        One list for each component, with the gradient by each argument.
    """
    count = len(function(*[ops.convert_to_tensor(a) for a in arguments]))
    return [
        to_numpy(backend.value_and_grad(lambda *a, i=i: (function(*a)[i], ()), list(arguments))[1])
        for i in range(count)
    ]


def check_derivatives(what, function, arguments, kinks=False):
    """Check that differentiation gives what finite differences give.

    Parameters
    ----------
    what : str
        What the function gives.
    function : callable
        As for `gradient`.
    arguments : dict of tuple
        By name, the point and a direction in which to vary it, both ``(batch, ...)``; the
        direction is as long as the function's own scale.
    kinks : bool, optional
        Whether the function is that of a network that is linear in pieces: next to a kink only the
        difference to one side is its derivative.

    Returns
    -------
    list of list of ndarray
        As from `gradient`.
    """
    points = [point for point, _ in arguments.values()]
    values = to_numpy(function(*points))
    precision = values[0].dtype
    points = [np.asarray(point, precision) for point in points]
    gradients = gradient(function, points)
    for i, (name, (_, direction)) in enumerate(arguments.items()):

        def along(point, i=i):
            return to_numpy(function(*points[:i], point, *points[i + 1 :]))

        # Each element of the batch with its own share of the argument.
        derivatives = [_total(component[i] * direction) for component in gradients]
        best = _differences(along, points[i], direction, derivatives, kinks)
        for value, derivative, difference in zip(values, derivatives, best):
            expect_close(
                f"derivative of the {what} by {name} times {size(direction):.3g}, by "
                "differentiation and by finite differences",
                derivative,
                difference,
                # Where nothing depends on an argument, what is left is the values' rounding.
                size(difference, 0.01 * value),
                tolerance(precision),
            )
    return gradients


def _differences(function, point, direction, derivatives, kinks):
    """Return finite differences along a direction, those that agree best with derivatives."""
    best = [np.full(derivative.shape, np.inf) for derivative in derivatives]
    middle = function(point) if kinks else None
    for step in _STEPS_WITH_KINKS if kinks else _STEPS:
        high, low = (
            function((point + sign * step * direction).astype(point.dtype)) for sign in (1, -1)
        )
        for k, derivative in enumerate(derivatives):
            candidates = [_total(high[k].astype(float) - low[k]) / (2 * step)]
            if kinks:
                candidates.append(_total(high[k].astype(float) - middle[k]) / step)
                candidates.append(_total(middle[k].astype(float) - low[k]) / step)
            for found in candidates:
                better = np.abs(found - derivative) < np.abs(best[k] - derivative)
                best[k] = np.where(better, found, best[k])
    return best


def _total(values):
    """Return the sum over all axes but the first."""
    return values.reshape(len(values), -1).sum(axis=1)


def asdf_round_trip(subject):
    """Write a model or a prior to ASDF, read it back and compare.

    Parameters
    ----------
    subject : object
        A model or a prior.
    """
    import asdf

    file = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", asdf.exceptions.AsdfWarning)
            asdf.AsdfFile({"model": subject}).write_to(file)
            file.seek(0)
            with asdf.open(file, lazy_load=False, memmap=False) as read:
                found = read["model"]
    except Exception as error:
        cls = type(subject)
        raise ConformanceError(
            f"found {_described(error)}; the package's metadata must name "
            f"'{cls.__module__}:{cls.__qualname__}' in an entry point, and its settings must be "
            "plain values, arrays or models"
        ) from error
    expect(found == subject, f"found {found!r}, wanted {subject!r}")


def _described(error):
    """Return an error in one line."""
    text = " ".join(str(error).split())
    text = text if len(text) < 300 else f"{text[:300]}..."
    return text if isinstance(error, RimlensError) else f"{type(error).__name__}: {text}"
