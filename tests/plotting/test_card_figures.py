"""The figures of a report card show its numbers, and can be told apart without colors."""

import numpy as np
import pytest

from rimlens.errors import InputError
from rimlens.evaluation.card import AS_DRAWN, ReportCard, by_noise
from rimlens.plotting import (
    coherence_figure,
    noise_figure,
    radius_figure,
    robustness_figure,
    steps_figure,
)

SPREAD = {"percentile_16": 0.9, "median": 1.0, "percentile_84": 1.3, "scatter": 0.2}
STEPS = {"percentile_16": [1.0, 0.9], "median": [2.0, 1.0], "percentile_84": [3.0, 1.3]}
RINGS = {"wave_number": [0.01, 0.1], **{k: [1.0, 0.4] for k in list(STEPS)}}
CASE = {
    "reduced_chi2": SPREAD,
    "reduced_chi2_per_step": STEPS,
    "theta_E_error": {**SPREAD, "median": 0.01, "percentile_16": -0.02, "percentile_84": 0.05},
}


@pytest.fixture
def card():
    return ReportCard(
        weights="tiny",
        versions={},
        dataset={},
        cases={AS_DRAWN: CASE, "PSF stated 10 % too wide": CASE},
        noise=by_noise(np.array([50.0, 55.0, 700.0]), np.array([1.0, 1.2, 5.0])),
        coherence={"convergence": RINGS, "source": RINGS},
        timing={},
        per_lens={
            "theta_E_true": np.array([10.0, 12.0, 14.0, 16.0]),
            "theta_E": np.array([10.1, 11.4, 21.0, np.nan]),
        },
    )


def test_chi_squares_stand_at_their_noise(card):
    (axes,) = noise_figure(card).axes
    ours, one_pass, tuned = axes.containers
    np.testing.assert_allclose(ours[0].get_ydata(), [5.0, 1.1])
    assert ours[0].get_xdata()[0] == pytest.approx(700, rel=0.3)
    np.testing.assert_allclose(one_pass[0].get_ydata()[1], 42)
    assert len(one_pass[0].get_ydata()) == len(tuned[0].get_ydata()) == 8


def test_series_differ_in_more_than_color(card):
    (noise,), (coherence,) = noise_figure(card).axes, coherence_figure(card).axes
    assert len({c[0].get_marker() for c in noise.containers}) == 3
    assert len({line.get_linestyle() for line in coherence.get_lines()[:2]}) == 2


def test_every_step_is_drawn(card):
    (axes,) = steps_figure(card).axes
    np.testing.assert_allclose(axes.get_lines()[0].get_xydata(), [[1, 2.0], [2, 1.0]])


def test_coherence_is_drawn_by_wavelength(card):
    (axes,) = coherence_figure(card).axes
    np.testing.assert_allclose(axes.get_lines()[0].get_xydata(), [[100, 1.0], [10, 0.4]])
    left, right = axes.get_xlim()
    assert left > right


def test_radii_that_are_far_off_are_marked_at_the_edge(card):
    (axes,) = radius_figure(card).axes
    _, inside, outside = axes.get_lines()
    np.testing.assert_allclose(inside.get_xydata(), [[10, 1.0], [12, -5.0]])
    np.testing.assert_allclose(outside.get_xydata(), [[14, 20.0]])


def test_a_card_from_a_file_has_no_single_lenses_to_draw(card):
    with pytest.raises(InputError, match="card: one with the values of the single lenses"):
        radius_figure(ReportCard.from_dict(card.to_dict()))


def test_every_case_has_its_row(card):
    figure = robustness_figure(card)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list(card.cases)
    np.testing.assert_allclose(figure.axes[1].containers[0][0].get_xdata(), [1.0, 1.0])


def test_figures_can_be_saved_where_a_bin_or_a_case_has_nothing(card, tmp_path):
    nothing = dict.fromkeys(SPREAD)
    card.cases["core masked"] = {**CASE, "reduced_chi2": nothing, "theta_E_error": nothing}
    card.per_lens["theta_E"][:] = np.nan
    card.noise[:] = by_noise(np.zeros(0), np.zeros(0))
    for draw in (noise_figure, steps_figure, coherence_figure, radius_figure, robustness_figure):
        draw(card).savefig(tmp_path / "figure.png")
