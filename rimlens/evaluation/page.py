"""The page of a report card: one file of HTML that needs nothing else."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING, Any

from rimlens.evaluation.card import AS_DRAWN, FAILED

if TYPE_CHECKING:
    from rimlens.evaluation.card import ReportCard

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; margin: 0 auto;
       max-width: 48rem; padding: 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 0.25rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 0.5rem; border-bottom: 1px solid #ccc; }
p, figcaption { margin: 0.5rem 0; }
figure { margin: 1rem 0; }
img { max-width: 100%; height: auto; display: block; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.6rem; border-bottom: 1px solid #ddd; text-align: right;
         white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid #999; white-space: normal; vertical-align: bottom; }
.note { color: #555; font-size: 0.9rem; }
"""


def report_page(card: ReportCard) -> str:
    """Return a report card as a page of HTML.

    It has its figures within itself, needs no network and no program, and is as wide as a
    screen allows.

    Parameters
    ----------
    card : ReportCard
        With or without the values of the single lenses, which one of the figures shows.

    Returns
    -------
    str

    Examples
    --------
    >>> page = report_page(evaluate(solver, lenses))  # doctest: +SKIP
    """
    title = f"Report card of the weights {card.weights!r}"
    sections = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="note">{escape(_origin(card))}</p>',
        *_summary(card),
        *_noise(card),
        *_steps(card),
        *_lens(card),
        *_scales(card),
        *_robustness(card),
    ]
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}</style></head><body>",
            *sections,
            "</body></html>\n",
        )
    )


def summary_lines(card: ReportCard) -> list[tuple[str, str]]:
    """Return what a card says in short, as names and words.

    Parameters
    ----------
    card : ReportCard
        Of any weights.

    Returns
    -------
    list of (str, str)
        The same for the page and for a terminal.
    """
    found = card.cases[AS_DRAWN]
    radius, timing = found["theta_E_error"], card.timing
    return [
        ("Lenses", f"{card.dataset['lenses']} of {card.dataset['name']}{_left_out(card)}"),
        ("Reduced chi-square", _range(found["reduced_chi2"], 3)),
        ("Failures", f"{100 * found['failures']:.1f} %"),
        (
            "Einstein radius",
            f"bias {_signed(radius['median'], 100, 2)} %, scatter "
            f"{_number(radius['scatter'], 100, 2)} %, within 5 %: "
            f"{100 * radius['within_5_percent']:.0f} %",
        ),
        ("Mass-sheet lambda", _bias(found["mass_sheet_lambda"], 3)),
        ("Slope error", _bias(found["slope_error"], 3)),
        ("Source PSNR", f"{_range(found['source_psnr'], 1)} dB"),
        ("Source SSIM", _range(found["source_ssim"], 3)),
        ("Source relative rms", _range(found["source_rms"], 3)),
        (
            "Time",
            f"{timing['seconds_per_lens']:.2f} s a lens in batches of {timing['batch']}, "
            f"{timing['cores']} cores, {timing['backend']}",
        ),
    ]


def _summary(card):
    rows = [(escape(name), escape(words)) for name, words in summary_lines(card)]
    yield "<h2>In short</h2>"
    yield _table(("Measure", "Median (16 to 84 per cent), or as stated"), rows)
    yield (
        '<p class="note">One pass of the solver, without refinement. A failure is a lens without '
        f"an Einstein radius, or with one that is wrong by more than {100 * FAILED:.0f} per cent. "
        "Bias is the median, scatter half the distance of the percentiles 16 and 84. The "
        "mass-sheet lambda is the factor that brings the found convergence closest to the true "
        "one, the slope d ln kappa / d ln r between 0.2 and 2 Einstein radii. PSNR and SSIM are "
        "those of the source, whose true peak is the range of the data.</p>"
    )


def _noise(card):
    from rimlens.plotting import noise_figure

    yield "<h2>Chi-square by noise level</h2>"
    rows = [
        (
            _limits(row["signal_to_noise"]),
            str(row["lenses"]),
            _range(row["reduced_chi2"], 2),
            _paper(row["paper_one_pass"]),
            _paper(row["paper_fine_tuned"]),
        )
        for row in card.noise
    ]
    heading = (
        "Peak S/N",
        "Lenses",
        "These weights, one pass",
        "Adam et al. 2023, one pass",
        "Adam et al. 2023, fine-tuned",
    )
    yield _table(heading, rows)
    yield _image(
        noise_figure(card),
        "Reduced chi-square against the peak signal-to-noise ratio: medians, and percentiles 16 "
        "to 84 as bars.",
    )
    yield (
        '<p class="note">The columns of Adam et al. (2023, ApJ 951, 6) are read off a figure of '
        "their public repository, for their own simulations.</p>"
    )


def _steps(card):
    from rimlens.plotting import steps_figure

    yield "<h2>Chi-square after every step</h2>"
    yield _image(steps_figure(card), "Reduced chi-square after every step, refinement steps last.")


def _lens(card):
    from rimlens.plotting import radius_figure

    if card.per_lens is None:
        return
    yield "<h2>Einstein radius</h2>"
    yield _image(
        radius_figure(card), "Error of the Einstein radius against the true one, a point a lens."
    )


def _scales(card):
    from rimlens.plotting import coherence_figure

    yield "<h2>Coherence with the truth</h2>"
    yield _image(
        coherence_figure(card),
        "Cross-correlation of the maps with the true ones by wavelength: 1 where they agree, 0 "
        "where they are independent.",
    )


def _robustness(card):
    from rimlens.plotting import robustness_figure

    if len(card.cases) < 2:
        return
    yield "<h2>Robustness</h2>"
    rows = [
        (
            escape(name),
            str(found["lenses"]),
            _number(found["reduced_chi2"]["median"], 1, 3),
            f"{100 * found['failures']:.1f} %",
            f"{_signed(found['theta_E_error']['median'], 100, 2)} "
            f"± {_number(found['theta_E_error']['scatter'], 100, 2)} %",
            _number(found["source_rms"]["median"], 1, 3),
            _number(found["source_ssim"]["median"], 1, 3),
        )
        for name, found in card.cases.items()
    ]
    heading = (
        "Lenses",
        "Number",
        "Reduced chi-square",
        "Failures",
        "Einstein radius",
        "Source relative rms",
        "Source SSIM",
    )
    yield _table(heading, rows)
    yield _image(
        robustness_figure(card),
        "Reduced chi-square and error of the Einstein radius: medians, and percentiles 16 to 84 "
        "as bars.",
    )
    yield (
        '<p class="note">The same lenses, with what the solver is told of them changed; '
        f"{card.dataset['changed']} of them with each change. Chi-squares are by the true noise "
        "also where it is misstated.</p>"
    )


def _origin(card):
    versions = ", ".join(f"{name} {version}" for name, version in card.versions.items())
    return f"{card.dataset['lenses']} lenses of {card.dataset['name']}. Measured with {versions}."


def _left_out(card):
    left_out = card.dataset["left_out"]
    return f", {left_out} outside the domain left out" if left_out else ""


def _table(heading, rows):
    """Return a table; its cells are HTML."""
    head = "".join(f"<th>{escape(words)}</th>" for words in heading)
    body = "\n".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _image(figure, caption):
    """Return a figure as a part of the page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    content = base64.b64encode(buffer.getvalue()).decode()
    words = escape(caption)
    return (
        f'<figure><img src="data:image/png;base64,{content}" alt="{words}">'
        f"<figcaption>{words}</figcaption></figure>"
    )


def _range(found, digits):
    """Return a median and the percentiles about it."""
    if found is None or found["median"] is None:
        return "–"
    low, high = (_number(found[name], 1, digits) for name in ("percentile_16", "percentile_84"))
    return f"{_number(found['median'], 1, digits)} ({low} to {high})"


def _bias(found, digits):
    return f"{_number(found['median'], 1, digits)} ± {_number(found['scatter'], 1, digits)}"


def _paper(percentiles):
    if percentiles is None:
        return "–"
    low, middle, high = percentiles
    return f"{middle:g} ({low:g} to {high:g})"


def _limits(limits: list[Any]) -> str:
    low, high = limits
    if not high:
        return f"above {low:.0f}"
    return f"{low:.0f} to {high:.0f}" if low else f"below {high:.0f}"


def _number(value, scale, digits):
    return "–" if value is None else f"{scale * value:.{digits}f}"


def _signed(value, scale, digits):
    return "–" if value is None else f"{scale * value:+.{digits}f}"
