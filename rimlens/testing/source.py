"""The checks of sources."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u

from rimlens.models.parameter import BRIGHTNESS
from rimlens.source.source import Source
from rimlens.testing.checks import (
    check_all,
    conformance_check,
    expect,
    expect_close,
    rounding,
    size,
    to_numpy,
)
from rimlens.testing.model import checks_of
from rimlens.testing.sampling import made, sample


def check_source(source: Source | type, both_backends: bool | None = None) -> None:
    """Check that a source passes the checks that every source passes.

    Parameters
    ----------
    source : Source or type
        A source, or a class whose parameters have defaults.  Checks are made at fixed draws near
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
    >>> from rimlens.source import Gaussian
    >>> from rimlens.testing import check_source
    >>> check_source(Gaussian, both_backends=False)
    """
    check_all(source_checks(both_backends), instance(source))


def source_checks(both_backends: bool | None = None) -> list[tuple[Any, ...]]:
    """Return the checks of sources one by one, for tests that are parametrized by them.

    Parameters
    ----------
    both_backends : bool, optional
        As in `check_source`.

    Returns
    -------
    list of tuple
        Names and functions; each takes a source or a class, and raises `ConformanceError`.

    Examples
    --------
    >>> from rimlens.source import Gaussian
    >>> from rimlens.testing import source_checks
    >>> checks = dict(source_checks())
    >>> checks["brightness_carries_its_unit"](Gaussian)
    """
    return checks_of(instance, _SOURCE_CHECKS, both_backends)


def instance(source):
    """Return the source to be checked: the one that is given, or one of a class."""
    return made(source, Source)


@conformance_check
def brightness_carries_its_unit(source):
    """Check that a surface brightness has the unit of the parameters that are brightnesses."""
    names = _brightnesses(source)
    if not names:
        return
    drawn = sample(source)
    x, y = drawn.x.ravel(), drawn.y.ravel()
    plain = {name: drawn.values[name][0] for name in source.parameters}
    unit = u.MJy / u.sr
    bright = {name: u.Quantity(plain[name], unit) for name in names}
    wanted = type(source)(**{**source.configuration, **plain}).surface_brightness(x, y)
    expect(not isinstance(wanted, u.Quantity), "without units, found a unit")
    given = type(source)(**{**source.configuration, **plain, **bright})
    expect(given.brightness_unit == unit, f"found the unit {given.brightness_unit}, wanted {unit}")
    found = given.surface_brightness(x, y)
    expect(
        isinstance(found, u.Quantity) and found.unit == unit,
        f"found a surface brightness of unit {getattr(found, 'unit', None)}, wanted {unit}",
    )
    expect_close(
        "surface brightness with and without unit", found.value, wanted, size(wanted), 1e-10
    )


@conformance_check
def brightness_is_linear_in_its_parameters(source):
    """Check sums and multiples of the parameters that are brightnesses."""
    names = _brightnesses(source)
    if not names:
        return
    drawn = sample(source)

    def brightness(factor, shift):
        values = dict(drawn.values)
        for name in names:
            values[name] = factor * values[name] + shift * np.roll(values[name], 1, axis=0)
        return to_numpy([source.tensor_surface_brightness(drawn.x, drawn.y, values)])[0]

    one, other, both = brightness(1.0, 0.0), brightness(0.0, 1.0), brightness(2.0, 3.0)
    expect_close(
        "2 I(a) + 3 I(b) beside I(2 a + 3 b) for two sets of brightnesses",
        2.0 * one + 3.0 * other,
        both,
        size(both, one, other),
        rounding(both.dtype),
    )


_SOURCE_CHECKS = (brightness_carries_its_unit, brightness_is_linear_in_its_parameters)


def _brightnesses(source):
    return [name for name, p in source.parameters.items() if p.unit == BRIGHTNESS]
