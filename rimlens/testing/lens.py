"""The checks of lenses."""

from __future__ import annotations

from typing import Any

import numpy as np

from rimlens.lens.lens import Lens
from rimlens.testing.checks import (
    check_all,
    check_derivatives,
    conformance_check,
    expect_close,
    size,
    to_numpy,
    tolerance,
)
from rimlens.testing.model import checks_of
from rimlens.testing.sampling import made, sample, tensor_function


def check_lens(lens: Lens | type, both_backends: bool | None = None) -> None:
    """Check that a lens passes the checks that every lens passes.

    Parameters
    ----------
    lens : Lens or type
        A lens, or a class whose parameters have defaults.  Checks are made at fixed draws near
        its values, within the declared bounds.
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
    >>> from rimlens.testing import check_lens
    >>> check_lens(SIE(theta_E=1.2, q=0.7), both_backends=False)
    """
    check_all(lens_checks(both_backends), instance(lens))


def lens_checks(both_backends: bool | None = None) -> list[tuple[Any, ...]]:
    """Return the checks of lenses one by one, for tests that are parametrized by them.

    A check of a formula that a lens does not give passes.

    Parameters
    ----------
    both_backends : bool, optional
        As in `check_lens`.

    Returns
    -------
    list of tuple
        Names and functions; each takes a lens or a class, and raises `ConformanceError`.

    Examples
    --------
    >>> from rimlens.lens import SIE
    >>> from rimlens.testing import lens_checks
    >>> checks = dict(lens_checks())
    >>> checks["deflection_is_free_of_curl"](SIE)
    """
    return checks_of(instance, _LENS_CHECKS, both_backends)


def instance(lens):
    """Return the lens to be checked: the one that is given, or one of a class."""
    return made(lens, Lens)


@conformance_check
def deflection_is_the_gradient_of_the_potential(lens):
    """Check the deflection against derivatives of the potential in both ways."""
    if lens.psi is None:
        return
    drawn = sample(lens)
    ((by_x, by_y),) = _by_position(lens, "potential", drawn)
    found = to_numpy(lens.tensor_deflection(drawn.x, drawn.y, drawn.values))
    for axis, f, w in zip("xy", found, (by_x, by_y)):
        expect_close(
            f"deflection along {axis}: by its formula and as the gradient of the potential",
            f,
            w,
            size(by_x, by_y),
            tolerance(f.dtype),
        )


@conformance_check
def deflection_is_free_of_curl(lens):
    """Check that the deflection is that of some potential."""
    (xx, xy), (yx, yy) = _by_position(lens, "deflection", sample(lens))
    what = "derivative of alpha_y by x: beside that of alpha_x by y"
    expect_close(what, yx, xy, size(xx, xy, yx, yy), tolerance(xx.dtype))


@conformance_check
def convergence_is_half_the_divergence_of_the_deflection(lens):
    """Check the convergence against derivatives of the deflection in both ways."""
    drawn = sample(lens)
    (xx, _), (_, yy) = _by_position(lens, "deflection", drawn)
    (found,) = to_numpy(tensor_function(lens, "convergence")(drawn.x, drawn.y, drawn.values))
    what = "convergence: by its formula and as half the divergence"
    expect_close(what, found, 0.5 * (xx + yy), size(found, xx, yy), tolerance(xx.dtype))


_LENS_CHECKS = (
    deflection_is_the_gradient_of_the_potential,
    deflection_is_free_of_curl,
    convergence_is_half_the_divergence_of_the_deflection,
)


def _by_position(lens, method, drawn):
    """Return derivatives by x and y, which finite differences confirm."""
    function = tensor_function(lens, method)
    step = np.full(drawn.x.shape, 0.2 * drawn.length)
    return check_derivatives(
        method,
        lambda x, y: function(x, y, drawn.values),
        {"x": (drawn.x, step), "y": (drawn.y, step)},
    )
