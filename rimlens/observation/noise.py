"""Noise maps: the forms they come in, and which of their values are flags and no noise."""

import numpy as np
from astropy import units as u
from astropy.nddata import InverseVariance, StdDevUncertainty, VarianceUncertainty

from rimlens.arguments import unmasked
from rimlens.errors import InputError
from rimlens.observation.units import linear_unit

UNCERTAINTIES = {
    "std": StdDevUncertainty,
    "var": VarianceUncertainty,
    "ivar": InverseVariance,
}
# Noise is a flag where it is this many times the typical noise or more (1e8, 1e16) ...
TOO_LARGE = 1e3
# ... or this fraction of it or less (1e-4, 4e-5). In real noise maps the smallest value, that of
# the bare sky, is 0.65 to 1 of the typical one; a pixel with a fifth of the noise has 25 times the
# exposure.
TOO_SMALL = 0.2
# The typical noise is sought among the values this close, as a factor, to the scatter of the data.
_NEAR_SCATTER = 100.0
# Median of the absolute value of a normal deviate.
_MEDIAN_NORMAL = 0.6745


def standard_deviation(uncertainty, unit, shape):
    """Return the standard deviation that an uncertainty stands for, and where it is masked.

    Parameters
    ----------
    uncertainty : NDUncertainty, Quantity or array_like
        Standard deviation (also what a bare array is taken for), variance or inverse variance. An
        array may bring a mask; those of astropy's uncertainties have lost it.
    unit : Unit or None
        Unit of the data, to which an uncertainty with a unit of its own is converted.
    shape : tuple of int
        Shape of the data; a scalar is taken for the whole of it.

    Returns
    -------
    sigma : ndarray
        Infinite for an inverse variance of zero, NaN or not positive where the uncertainty is not.
    hidden : ndarray of bool
        True where the uncertainty is masked, of a shape that broadcasts with `sigma`.

    Raises
    ------
    InputError
        If there is none, its shape or unit does not fit, or its kind is unknown.
    """
    if uncertainty is None:
        raise InputError(
            "uncertainty: the observation has no noise; give a standard deviation, or an "
            "astropy.nddata uncertainty"
        )
    hidden = np.zeros((), dtype=bool)
    if not hasattr(uncertainty, "uncertainty_type"):
        uncertainty, hidden = unmasked(uncertainty, "uncertainty")
        uncertainty = StdDevUncertainty(
            uncertainty if isinstance(uncertainty, u.Quantity) else np.asarray(uncertainty)
        )
    kind = uncertainty.uncertainty_type
    if kind not in UNCERTAINTIES:
        raise InputError(
            f"uncertainty: {', '.join(c.__name__ for c in UNCERTAINTIES.values())} or an array of "
            f"standard deviations is wanted, found {type(uncertainty).__name__}"
        )
    try:
        values = np.array(uncertainty.array, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"uncertainty: numbers are wanted: {error}") from error
    if values.ndim == 0:
        values = np.full(shape, values)
    if values.shape != shape:
        raise InputError(
            f"uncertainty: the shape of the data {shape} is wanted, found {values.shape}"
        )
    values = values * _factor(uncertainty, kind, unit)
    if kind == "std":
        return values, hidden
    # A negative or zero variance stays so, to be counted.
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sign(values) * np.sqrt(np.abs(values))
        return (root if kind == "var" else np.where(values == 0, np.inf, 1 / root)), hidden


def _factor(uncertainty, kind, unit):
    """Return what turns an uncertainty into the one that fits data in a unit."""
    own = linear_unit(uncertainty.unit, "uncertainty")
    if own is None or unit is None or (kind == "std" and own == unit):
        return 1.0
    try:
        return own.to(unit ** {"std": 1, "var": 2, "ivar": -2}[kind])
    # With a unit that astropy does not know nothing can be multiplied.
    except (u.UnitConversionError, ValueError) as error:
        power = {"std": "", "var": " squared", "ivar": " to the power -2"}[kind]
        raise InputError(
            f"uncertainty: the unit {own} does not convert to {unit}{power}, which fits data in "
            f"{unit}"
        ) from error


def unusable(data, sigma, mask):
    """Return which pixels cannot be used, by reason.

    Noise is compared with the typical noise: the median of the noise of the pixels in use that
    lies within a factor of 100 of the scatter of the data. The scatter is the median difference of
    neighboring pixels; it separates noise from flags even where most of a noise map is flags.

    Parameters
    ----------
    data, sigma : ndarray
        Image and standard deviation, shape ``(ny, nx)``.
    mask : ndarray of bool
        Pixels that are not in use anyway.

    Returns
    -------
    dict of str to ndarray of bool
        Each bad pixel stands under one reason; masked pixels too.
    """
    finite, positive = np.isfinite(data), np.isfinite(sigma) & (sigma > 0)
    typical = _typical(data, sigma, finite & positive & ~mask)
    reasons = {
        "NaN or infinite data": ~finite,
        "NaN or infinite noise": ~np.isfinite(sigma),
        "zero noise": sigma == 0,
        "negative noise": np.isfinite(sigma) & (sigma < 0),
        f"noise over {TOO_LARGE:g} times the typical": positive & (sigma >= TOO_LARGE * typical),
        f"noise under {TOO_SMALL:g} of the typical": positive & (sigma <= TOO_SMALL * typical),
    }
    counted = np.zeros(data.shape, dtype=bool)
    for reason, where in reasons.items():
        reasons[reason] = where & ~counted
        counted |= where
    return reasons


def filled(sigma, mask):
    """Return the standard deviation with the median of the pixels in use where `mask` is True."""
    used = sigma[~mask] if not mask.all() else sigma[np.isfinite(sigma) & (sigma > 0)]
    return np.where(mask, np.median(used) if used.size else 1.0, sigma)


def scatter_ratio(data, sigma, used):
    """Return the scatter of neighboring pixels over what their noise lets expect.

    Parameters
    ----------
    data, sigma : ndarray
        Image and standard deviation, shape ``(ny, nx)``.
    used : ndarray of bool
        Pixels in use.

    Returns
    -------
    float
        The median difference of neighbors over their noise, 1 for independent normal noise on a
        smooth image; nan where nothing scatters.
    """
    ratios = []
    for axis in (0, 1):
        both = _both(used, axis)
        first, second = (sigma[:-1], sigma[1:]) if axis == 0 else (sigma[:, :-1], sigma[:, 1:])
        ratios.append(np.abs(np.diff(data, axis=axis))[both] / np.hypot(first, second)[both])
    ratios = np.concatenate(ratios)
    ratio = np.median(ratios) / _MEDIAN_NORMAL if ratios.size else np.nan
    return float(ratio) if ratio > 0 else np.nan


def _typical(data, sigma, used):
    """Return the typical noise, NaN (with which nothing compares) if no pixel has any."""
    values = sigma[used]
    if values.size == 0:
        return np.nan
    with np.errstate(invalid="ignore"):
        steps = np.concatenate(
            [np.abs(np.diff(data, axis=axis)[_both(used, axis)]) for axis in (0, 1)]
        )
    steps = steps[steps > 0]
    if steps.size:
        # The median of |a - b| of two normal deviates is 0.954 times their standard deviation.
        scatter = np.median(steps) / 0.954
        near = values[(values < scatter * _NEAR_SCATTER) & (values > scatter / _NEAR_SCATTER)]
        values = near if near.size else values
    return np.median(values)


def _both(used, axis):
    first, second = (used[:-1], used[1:]) if axis == 0 else (used[:, :-1], used[:, 1:])
    return first & second
