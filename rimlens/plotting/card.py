"""The figures of a report card.

Their colors are those of Okabe & Ito, which the color-blind tell apart; what differs in color
differs in its marker or its line, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from rimlens.errors import InputError

if TYPE_CHECKING:
    from rimlens.evaluation.card import ReportCard

_BLUE, _VERMILION, _GREEN, _GRAY = "#0072B2", "#D55E00", "#009E73", "0.45"
_SIZE, _DPI = (6.0, 3.6), 150
# Bars of one bin beside each other, in the logarithm of the signal-to-noise ratio.
_APART = 0.022
# What is drawn of a bin that has no end.
_ENDS = (10.0, 1500.0)


def noise_figure(card: ReportCard) -> Figure:
    """Draw the chi-square by noise level, beside that of Adam et al. (2023).

    Parameters
    ----------
    card : ReportCard
        What to draw.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = _figure()
    series = (
        ("one pass, these weights", _BLUE, "o", lambda row: _three(row["reduced_chi2"])),
        ("one pass, Adam et al. 2023", _VERMILION, "s", lambda row: row["paper_one_pass"]),
        ("fine-tuned, Adam et al. 2023", _GREEN, "^", lambda row: row["paper_fine_tuned"]),
    )
    for place, (label, color, marker, get) in enumerate(series):
        rows = [(_middle(row["signal_to_noise"]), get(row)) for row in card.noise]
        rows = [(x * 10 ** ((place - 1) * _APART), y) for x, y in rows if y is not None]
        if rows:
            x, (low, middle, high) = (
                np.array([x for x, _ in rows]),
                np.transpose([y for _, y in rows]),
            )
            axes.errorbar(
                x, middle, [middle - low, high - middle], color=color, marker=marker, ls="none",
                ms=5, capsize=2, label=label,
            )  # fmt: skip
    axes.axhline(1.0, color=_GRAY, lw=0.8, ls=":")
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("peak signal-to-noise ratio")
    axes.set_ylabel("reduced chi-square")
    axes.legend(frameon=False, fontsize="small", loc="upper left")
    return figure


def steps_figure(card: ReportCard) -> Figure:
    """Draw the chi-square after every step.

    Parameters
    ----------
    card : ReportCard
        What to draw.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = _figure()
    found = next(iter(card.cases.values()))["reduced_chi2_per_step"]
    steps = np.arange(1, len(found["median"]) + 1)
    _band(axes, steps, found, _BLUE, "o-", "median")
    axes.axhline(1.0, color=_GRAY, lw=0.8, ls=":")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("step")
    axes.set_ylabel("reduced chi-square")
    axes.legend(frameon=False, fontsize="small")
    return figure


def coherence_figure(card: ReportCard) -> Figure:
    """Draw the coherence of convergence and source with the truth, scale by scale.

    Parameters
    ----------
    card : ReportCard
        What to draw.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = _figure()
    for kind, color, line in (("convergence", _BLUE, "-"), ("source", _VERMILION, "--")):
        found = card.coherence[kind]
        name = "log convergence" if kind == "convergence" else "source"
        wavelength = 1 / np.array(found["wave_number"])
        _band(axes, wavelength, found, color, line, f"{name}, median")
    axes.axhline(0.0, color=_GRAY, lw=0.8, ls=":")
    axes.set_xscale("log")
    axes.invert_xaxis()
    axes.set_ylim(max(axes.get_ylim()[0], -0.5), 1.02)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("wavelength [pixels of the image]")
    axes.set_ylabel("cross-correlation")
    axes.legend(frameon=False, fontsize="small", loc="lower left")
    return figure


def radius_figure(card: ReportCard) -> Figure:
    """Draw the error of the Einstein radius of every lens.

    Parameters
    ----------
    card : ReportCard
        With the values of the single lenses.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If the card has them no more, as one from a file of weights.
    """
    if card.per_lens is None:
        raise InputError("card: one with the values of the single lenses is wanted, found none")
    figure, axes = _figure()
    true = card.per_lens["theta_E_true"]
    error = 100 * (card.per_lens["theta_E"] / true - 1)
    limit = 20.0
    inside = np.abs(error) <= limit
    axes.axhline(0.0, color=_GRAY, lw=0.8, ls=":")
    axes.plot(true[inside], error[inside], "o", color=_BLUE, ms=4, alpha=0.6, mec="none")
    outside = ~inside & ~np.isnan(error)
    if outside.any():
        axes.plot(
            true[outside], np.sign(error[outside]) * limit, "x", color=_VERMILION, ms=6,
            label=f"beyond {limit:g} %",
        )  # fmt: skip
        axes.legend(frameon=False, fontsize="small")
    reach = min(limit, 1.1 * np.max(np.abs(error[inside]), initial=1.0))
    reach = limit if outside.any() else reach
    axes.set_ylim(-1.1 * reach, 1.1 * reach)
    axes.set_xlabel("true Einstein radius [pixels of the image]")
    axes.set_ylabel("error [%]")
    return figure


def robustness_figure(card: ReportCard) -> Figure:
    """Draw chi-square and error of the Einstein radius, as drawn and with each change.

    Parameters
    ----------
    card : ReportCard
        What to draw.

    Returns
    -------
    matplotlib.figure.Figure
    """
    names = list(card.cases)
    figure = Figure(figsize=(_SIZE[0], 1.0 + 0.32 * len(names)), dpi=_DPI, layout="constrained")
    chi2, radius = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(names))
    for axes, key, scale, label in (
        (chi2, "reduced_chi2", 1.0, "reduced chi-square"),
        (radius, "theta_E_error", 100.0, "Einstein radius, error [%]"),
    ):
        found = [_three(card.cases[name][key]) or [np.nan] * 3 for name in names]
        low, middle, high = scale * np.transpose(np.array(found, dtype=float))
        axes.errorbar(
            middle,
            places,
            xerr=[middle - low, high - middle],
            fmt="o",
            color=_BLUE,
            ms=5,
            capsize=2,
        )
        axes.axvline(middle[0], color=_GRAY, lw=0.8, ls=":")
        axes.set_xlabel(label, fontsize="small")
        axes.tick_params(labelsize="small")
    chi2.set_yticks(places, names)
    chi2.invert_yaxis()
    return figure


def _figure():
    figure = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained")
    return figure, figure.add_subplot()


def _band(axes, x, found, color, line, label):
    """Draw a median and the range of two thirds about it."""
    low, middle, high = (
        np.array(found[name], dtype=float) for name in ("percentile_16", "median", "percentile_84")
    )
    axes.fill_between(x, low, high, color=color, alpha=0.2, lw=0)
    axes.plot(x, middle, line, color=color, ms=4, label=f"{label}; band: 16 to 84 %")


def _three(found):
    """Return the percentiles of an entry, or None if it has none."""
    if found is None or found["median"] is None:
        return None
    return [found[name] for name in ("percentile_16", "median", "percentile_84")]


def _middle(limits):
    """Return where a bin is drawn: in the middle of its logarithm."""
    low, high = limits
    return np.sqrt((low or _ENDS[0]) * (high or _ENDS[1]))
