"""The run over all lenses and changes."""

import numpy as np
import pytest

from rimlens.errors import InputError
from rimlens.evaluation import evaluate, measure, true_radii
from rimlens.evaluation.card import AS_DRAWN
from rimlens.simulation.candidates import part
from weights_file import describe

NOISE = [f"noise stated {words}" for words in ("1.5 times too low", "1.5 times too high")]


def test_every_change_has_its_case(card):
    assert list(card.cases) == [
        AS_DRAWN,
        "noise stated 1.5 times too low",
        "noise stated 1.2 times too low",
        "noise stated 1.2 times too high",
        "noise stated 1.5 times too high",
        "PSF stated 10 % too wide",
        "core masked",
        "core not masked",
        "prior of others",
    ]
    counts = [case["lenses"] for case in card.cases.values()]
    assert counts == [12, *[3] * 7, 12]
    assert card.dataset == {"name": "a test", "lenses": 12, "left_out": 0, "changed": 3}
    assert card.weights == "untrained"


@pytest.mark.parametrize(("case", "factor"), list(zip(NOISE, (1 / 1.5, 1.5))))
def test_chi_squares_of_misstated_noise_are_by_the_true_noise(
    restless, lenses, card, case, factor
):
    some = part(lenses, slice(3))
    some["sigma"] = some["sigma"] * np.float32(factor)
    found = measure(restless, some)["reduced_chi2"][:, -1] * factor**2
    assert card.cases[case]["reduced_chi2"]["median"] == pytest.approx(np.median(found), rel=1e-2)


def test_a_shifted_prior_is_solved_as_any(card):
    others, drawn = card.cases["prior of others"], card.cases[AS_DRAWN]
    assert others["source_rms"]["median"] == pytest.approx(drawn["source_rms"]["median"])


def test_a_wrong_psf_and_a_mask_change_the_answer(card):
    values = [
        card.cases[case]["source_rms"]["median"]
        for case in ("PSF stated 10 % too wide", "core masked", "core not masked")
    ]
    assert len(set(values)) == 3


def test_lenses_outside_the_domain_are_left_out(untrained, lenses):
    radii = true_radii(untrained, lenses)
    limit = float(np.median(radii))
    solver = describe(type(untrained)(untrained.architecture), domain={"theta_E": [0.0, limit]})
    card = evaluate(solver, lenses, changed=0)
    assert card.dataset["lenses"] == 6
    assert card.dataset["left_out"] == 6
    np.testing.assert_allclose(card.per_lens["theta_E_true"], radii[radii <= limit])
    assert list(card.cases) == [AS_DRAWN]
    solver.weights.domain["theta_E"] = [100.0, 200.0]
    with pytest.raises(InputError, match=r"\[100\.0, 200\.0\] pixels are wanted, found none"):
        evaluate(solver, lenses)


def test_lenses_on_other_grids_are_refused(untrained, lenses):
    with pytest.raises(InputError, match=r"a test: source maps of \(32, 32\) pixels .*\(30, 32\)"):
        evaluate(untrained, {**lenses, "source": lenses["source"][:, 1:-1]}, "a test")
