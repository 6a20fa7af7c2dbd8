"""The measures of a card, against sums over the maps of a few lenses."""

import numpy as np
import pytest

from rimlens.evaluation import in_domain, measure, true_radii
from rimlens.evaluation.card import summarize
from rimlens.maps import convergence_center, einstein_radius
from rimlens.rim.preparation import robust_peak
from rimlens.training.solver.training_set import inputs_and_targets
from weights_file import describe


@pytest.fixture(scope="module")
def columns(restless, batch):
    return measure(restless, batch)


@pytest.fixture(scope="module")
def found(restless, batch):
    """Return the answers of the solver, in the units of the truths."""
    result = restless.inference.solve_batch(inputs_and_targets(batch, restless.machine)[0])
    peak = robust_peak(batch["image"], batch["sigma"], batch["weight"])
    return {**result, "source": result["source"] * peak[:, None, None]}


def profile(convergence, center):
    """Return the mean of every ring that is whole inside the map."""
    y, x = np.indices(convergence.shape)
    ring = np.hypot(x - center[0], y - center[1]).astype(int)
    edge = min(c + 0.5 for c in (*center, *(n - 1 - c for n, c in zip(convergence.shape, center))))
    return np.array([convergence[ring == k].mean() for k in range(int(edge))])


# The answers were found in a batch of another size: equal to the rounding of single precision, of
# which the refinement steps make more.
ROUNDING = 2e-3


def test_source_measures_are_those_of_the_maps(columns, found, batch):
    error = np.mean((found["source"] - batch["source"]) ** 2, axis=(1, 2))
    true = np.mean(batch["source"] ** 2, axis=(1, 2))
    peak = np.max(batch["source"], axis=(1, 2))
    np.testing.assert_allclose(columns["source_rms"], np.sqrt(error / true), rtol=ROUNDING)
    expected = 10 * np.log10(peak**2 / error)
    np.testing.assert_allclose(columns["source_psnr"], expected, atol=0.02)
    assert np.all(np.abs(columns["source_ssim"]) <= 1)
    # Of sources that are found better, both say so.
    order = np.argsort(columns["source_rms"])
    assert columns["source_ssim"][order[0]] > columns["source_ssim"][order[-1]]


def test_radii_are_those_of_the_maps(columns, found, batch, restless):
    scale = restless.architecture.convergence_scale
    for name, maps in (("theta_E", found), ("theta_E_true", batch)):
        expected = [einstein_radius(m, scale) for m in maps["convergence"]]
        np.testing.assert_allclose(columns[name], expected, rtol=ROUNDING)


def test_lambda_is_that_of_a_search(columns, found, batch):
    factors = np.arange(0.0, 3.0, 0.001)
    for lens, (kappa, true) in enumerate(zip(found["convergence"], batch["convergence"])):
        center = convergence_center(true)
        p, t = profile(kappa.astype(float), center), profile(true.astype(float), center)
        misfit = [np.sum(((f * p + 1 - f - t) / t) ** 2) for f in factors]
        assert columns["mass_sheet_lambda"][lens] == pytest.approx(
            factors[np.argmin(misfit)], abs=0.004
        )


def test_slopes_are_those_of_a_straight_line(columns, batch, restless):
    scale = restless.architecture.convergence_scale
    for lens, true in enumerate(batch["convergence"].astype(float)):
        center = convergence_center(true)
        y, x = np.indices(true.shape)
        distance = np.hypot(x - center[0], y - center[1])
        values = profile(true, center)
        radius = np.array([distance[distance.astype(int) == k].mean() for k in range(len(values))])
        limit = einstein_radius(true, scale) / scale
        counts = (radius >= max(0.2 * limit, 1.0)) & (radius <= 2 * limit)
        slope = np.polyfit(np.log(radius[counts]), np.log(values[counts]), 1)[0]
        assert columns["slope_true"][lens] == pytest.approx(slope, abs=1e-6)
    assert np.all(np.isfinite(columns["slope"]))


def test_the_first_ring_of_a_coherence_is_the_sum_over_its_modes(columns, found, batch):
    x, y = (
        np.fft.fft2(maps["source"] - maps["source"].mean(axis=(1, 2), keepdims=True))
        for maps in (found, batch)
    )
    k = np.hypot(*np.meshgrid(np.fft.fftfreq(32), np.fft.fftfreq(32)))
    # Rings are one cycle a field wide, and the first begins at half a cycle.
    ring = (k >= 0.5 / 32) & (k < 1.5 / 32)
    cross = np.sum((np.conj(x) * y).real[:, ring], axis=1)
    power = np.sum(np.abs(x[:, ring]) ** 2, axis=1) * np.sum(np.abs(y[:, ring]) ** 2, axis=1)
    np.testing.assert_allclose(
        columns["source_coherence"][:, 0], cross / np.sqrt(power), atol=ROUNDING
    )
    # Source pixels are as large as those of the image, those of the convergence four times.
    assert columns["source_wave_number"][0, 0] == pytest.approx(k[ring].mean())
    assert columns["convergence_wave_number"].max() < 0.5 / 4 + 1e-6


def test_chi_squares_are_those_of_the_solver(columns, found):
    np.testing.assert_allclose(columns["reduced_chi2"], found["reduced_chi2"].T, rtol=5e-3)


def test_signal_to_noise_is_that_of_the_third_brightest_pixel(columns, batch):
    for lens in range(4):
        ratio = (batch["image"] / batch["sigma"])[lens][batch["weight"][lens] > 0]
        assert columns["peak_signal_to_noise"][lens] == pytest.approx(sorted(ratio)[-3])


def test_a_lens_has_the_same_numbers_in_any_batch(restless, lenses):
    from rimlens.simulation.candidates import part

    reported = []
    all_of_them = measure(restless, lenses, reported.append)
    assert reported == [10, 2]
    last = measure(restless, part(lenses, slice(10, 12)))
    for name in ("theta_E", "source_rms", "mass_sheet_lambda"):
        np.testing.assert_allclose(all_of_them[name][10:], last[name], rtol=ROUNDING)


def test_the_radius_of_a_model_is_the_models(untrained, batch):
    some = {**batch, "lens": {"sie_theta_E": np.ones(4)}, "theta_E": np.array([9.0, 0, 11, 12])}
    np.testing.assert_array_equal(true_radii(untrained, some), [9.0, np.nan, 11.0, 12.0])


def test_lenses_outside_of_the_domain_are_told(untrained, batch):
    radii = true_radii(untrained, batch)
    low, high = sorted(radii)[1:3]
    untrained = describe(type(untrained)(untrained.architecture), domain={"theta_E": [low, high]})
    np.testing.assert_array_equal(in_domain(untrained, batch), (radii >= low) & (radii <= high))


def test_an_answer_that_ran_away_is_a_lens_without_a_radius(restless, batch, monkeypatch, columns):
    answer = restless.inference.answer_batch

    def run_away(inputs):
        result = answer(inputs)
        source = np.array(result["source"])
        source[1, 3, 3] = np.inf
        return {**result, "source": source}

    monkeypatch.setattr(restless.inference, "answer_batch", run_away)
    found = measure(restless, batch)
    for name in ("theta_E", "source_rms", "mass_sheet_lambda", "source_coherence"):
        assert np.all(np.isnan(found[name][1]))
        np.testing.assert_allclose(found[name][0], columns[name][0], rtol=ROUNDING)
    assert summarize(found)["without_radius"] == 0.25
