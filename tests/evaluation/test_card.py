"""The numbers of a card are medians and fractions, and survive their way into a file."""

import json

import numpy as np
import pytest

from rimlens.errors import FileFormatError
from rimlens.evaluation import ReportCard
from rimlens.evaluation.card import AS_DRAWN, PAPER, by_noise, spread, summarize
from rimlens.io import read_weights, store_card
from weights_file import describe


def test_a_summary_holds_medians_and_fractions(card):
    found, columns = card.cases[AS_DRAWN], card.per_lens
    error = columns["theta_E"] / columns["theta_E_true"] - 1
    low, middle, high = np.percentile(error, (16, 50, 84))
    assert found["lenses"] == 12
    assert found["theta_E_error"]["median"] == pytest.approx(middle)
    assert found["theta_E_error"]["scatter"] == pytest.approx((high - low) / 2)
    assert found["theta_E_error"]["within_5_percent"] == np.mean(np.abs(error) <= 0.05)
    assert found["failures"] == np.mean(np.abs(error) > 0.2)
    slope = columns["slope"] - columns["slope_true"]
    assert found["slope_error"]["median"] == pytest.approx(np.median(slope))
    for name in ("source_psnr", "source_ssim", "source_rms", "mass_sheet_lambda"):
        assert found[name]["percentile_84"] == pytest.approx(np.percentile(columns[name], 84))
    np.testing.assert_allclose(
        found["reduced_chi2_per_step"]["median"], np.median(columns["reduced_chi2"], axis=0)
    )
    assert found["reduced_chi2"]["median"] == found["reduced_chi2_per_step"]["median"][-1]


def test_a_lens_without_a_radius_is_a_failure(card):
    columns = {**card.per_lens}
    columns["theta_E_true"] = np.full(12, 10.0)
    columns["theta_E"] = np.array([np.nan] * 2 + [13.0] + [10.01] * 9)
    found = summarize(columns)
    assert found["failures"] == 3 / 12
    assert found["without_radius"] == 2 / 12
    assert found["theta_E_error"]["within_1_percent"] == 9 / 12
    # Those that are there have a median.
    assert found["theta_E_error"]["median"] == pytest.approx(0.001)


def test_coherence_is_the_median_ring_by_ring(card):
    for kind in ("convergence", "source"):
        values = card.per_lens[f"{kind}_coherence"]
        np.testing.assert_allclose(card.coherence[kind]["median"], np.nanmedian(values, axis=0))
        assert len(card.coherence[kind]["wave_number"]) == values.shape[1]


# From the table of method.md, part B 2.2: sigma, and the median chi-square of one pass.
@pytest.mark.parametrize(
    ("sigma", "median"),
    [(1.2e-3, 97), (2e-3, 42), (3e-3, 17), (5e-3, 6.7), (8e-3, 3.5), (1.2e-2, 2.6), (2e-2, 2.0)]
    + [(3e-2, 1.7), (5e-2, None), (0.5, None), (5e-4, None)],
)
def test_a_lens_stands_beside_the_papers_of_its_noise(sigma, median):
    rows = by_noise(np.array([1 / sigma]), np.array([1.25]))
    (row,) = [row for row in rows if row["lenses"]]
    assert row["reduced_chi2"]["median"] == 1.25
    assert (row["paper_one_pass"] or [0, None])[1] == median
    low, high = row["signal_to_noise"]
    assert low <= 1 / sigma
    assert high is None or 1 / sigma <= high


def test_bins_of_noise_have_neither_gaps_nor_overlaps():
    edges = [limits for limits, *_ in PAPER]
    assert all(a[1] == b[0] for a, b in zip(edges, edges[1:]))
    ratios = np.exp(np.random.default_rng(1).uniform(np.log(2), np.log(5000), 1000))
    rows = by_noise(ratios, np.ones(1000))
    assert sum(row["lenses"] for row in rows) == 1000
    assert rows[0]["signal_to_noise"] == [1000.0, None]
    assert rows[-1]["signal_to_noise"][0] == 0.0


def test_what_is_not_finite_is_nothing():
    assert spread(np.array([np.nan, np.nan]))["median"] is None
    found = spread(np.array([1.0, np.inf, np.inf]))
    assert found["median"] is None
    assert spread(np.array([1.0, np.nan, 3.0]))["median"] == 2.0


def test_a_card_is_plain_and_comes_back(card):
    text = json.dumps(card.to_dict(), allow_nan=False)
    again = ReportCard.from_dict(json.loads(text))
    assert again == card
    assert again.per_lens is None


def test_a_card_travels_in_a_file_of_weights(card, untrained, tmp_path):
    solver = describe(type(untrained)(untrained.architecture))
    solver.save(tmp_path / "w.asdf")
    store_card(tmp_path / "w.asdf", card.to_dict())
    assert ReportCard.from_dict(read_weights(tmp_path / "w.asdf").card) == card
    # Whoever loads the weights and saves them again keeps it.
    type(solver).from_pretrained(tmp_path / "w.asdf").save(tmp_path / "again.asdf")
    assert ReportCard.from_dict(read_weights(tmp_path / "again.asdf").card) == card


@pytest.mark.parametrize(
    ("change", "words"),
    [({"format": 2}, "format 1 is wanted, found 2"), ({"extra": 1}, "entries .* are wanted")],
)
def test_another_card_is_refused(card, change, words):
    with pytest.raises(FileFormatError, match=f"w.asdf: .*{words}"):
        ReportCard.from_dict({**card.to_dict(), **change}, "w.asdf")
