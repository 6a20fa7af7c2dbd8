"""Checks of the measures of images against closed forms and plain sums."""

import numpy as np
import pytest

from rimlens.analysis import peak_signal_to_noise_ratio, relative_rms, structural_similarity
from rimlens.errors import InputError

MEASURES = [peak_signal_to_noise_ratio, structural_similarity, relative_rms]
# The Gaussian window of Wang et al. (2004).
OFFSETS = np.arange(-5, 6)
WINDOW = np.exp(-0.5 * (OFFSETS / 1.5) ** 2)
WINDOW /= WINDOW.sum()


@pytest.fixture
def pair(rng):
    true = rng.random((24, 30))
    return true + 0.2 * rng.normal(size=true.shape), true


def test_similarity_of_ramps_is_that_of_the_closed_form():
    # Under a symmetric window a ramp s x has the mean s x and everywhere the same variance.
    steepness, other, count = 0.05, 0.03, 40
    x = np.arange(count)
    true = np.broadcast_to(steepness * x, (20, count))
    found = np.broadcast_to(other * x, (20, count))
    spread = np.sum(WINDOW * OFFSETS**2)
    c1, c2 = 0.01**2, 0.03**2
    mean = x[5:-5]
    light = (2 * steepness * other * mean**2 + c1) / ((steepness**2 + other**2) * mean**2 + c1)
    contrast = (2 * steepness * other * spread + c2) / ((steepness**2 + other**2) * spread + c2)
    expected = np.mean(light) * contrast
    assert structural_similarity(found, true, data_range=1.0) == pytest.approx(expected, rel=1e-10)


def test_similarity_of_flat_images_is_that_of_their_brightness():
    found, true = np.full((11, 11), 0.3), np.full((11, 11), 0.5)
    expected = (2 * 0.3 * 0.5 + 1e-4) / (0.3**2 + 0.5**2 + 1e-4)
    assert structural_similarity(found, true, 1.0) == pytest.approx(expected, rel=1e-9)


def test_similarity_is_the_sum_over_windows(pair):
    found, true = pair
    weights = WINDOW[:, None] * WINDOW
    c1, c2 = (0.01 * true.max()) ** 2, (0.03 * true.max()) ** 2
    values = []
    for row in range(true.shape[0] - 10):
        for column in range(true.shape[1] - 10):
            x, y = (m[row : row + 11, column : column + 11] for m in pair)
            mx, my = np.sum(weights * x), np.sum(weights * y)
            vx, vy = np.sum(weights * (x - mx) ** 2), np.sum(weights * (y - my) ** 2)
            cov = np.sum(weights * (x - mx) * (y - my))
            value = (2 * mx * my + c1) * (2 * cov + c2)
            values.append(value / ((mx**2 + my**2 + c1) * (vx + vy + c2)))
    assert structural_similarity(found, true) == pytest.approx(np.mean(values), rel=1e-10)


def test_opposite_structure_counts_against_an_image():
    checkers = (np.indices((20, 20)).sum(axis=0) % 2).astype(float)
    assert structural_similarity(1 - checkers, checkers) < -0.9


def test_peak_signal_to_noise_ratio_is_ten_logarithms_of_ten(pair):
    found, true = pair
    expected = 20 * np.log10(true.max()) - 10 * np.log10(np.mean((found - true) ** 2))
    assert peak_signal_to_noise_ratio(found, true) == pytest.approx(expected)
    # Twice the range is 6.02 decibels more.
    assert peak_signal_to_noise_ratio(found, true, 2 * true.max()) == pytest.approx(
        expected + 20 * np.log10(2)
    )


def test_relative_rms_of_independent_noise_is_the_ratio_of_the_scatters(rng):
    true, noise = rng.normal(size=(2, 200, 200))
    # 40,000 draws know the ratio to half a per cent.
    assert relative_rms(true + 0.3 * noise, true) == pytest.approx(0.3, rel=0.02)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_unit_of_brightness_changes_nothing(measure, pair):
    found, true = pair
    assert measure(7.0 * found, 7.0 * true) == pytest.approx(measure(found, true))


@pytest.mark.parametrize("measure", MEASURES)
def test_a_stack_has_a_number_for_each_image(measure, pair, rng):
    found, true = pair
    others = rng.random((2, *true.shape))
    stack = measure(np.stack([found, others[0]]), np.stack([true, others[1]]))
    assert stack.shape == (2,)
    assert stack[0] == measure(found, true)
    assert isinstance(measure(found, true), float)


@pytest.mark.parametrize("measure", MEASURES)
def test_equal_images_are_perfect(measure, pair):
    best = {structural_similarity: 1.0, relative_rms: 0.0}.get(measure, np.inf)
    assert measure(pair[1], pair[1]) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("measure", MEASURES)
def test_images_that_cannot_be_compared_are_refused(measure):
    with pytest.raises(InputError, match="one shape is wanted"):
        measure(np.ones((12, 12)), np.ones((12, 13)))
    with pytest.raises(InputError, match="true: finite values"):
        measure(np.ones((12, 12)), np.full((12, 12), np.nan))


def test_an_image_without_a_peak_has_no_range():
    for measure in MEASURES[:2]:
        with pytest.raises(InputError, match="true: a positive peak is wanted"):
            measure(np.ones((12, 12)), np.zeros((12, 12)))
        with pytest.raises(InputError, match="data_range: a positive number is wanted"):
            measure(np.ones((12, 12)), np.ones((12, 12)), data_range=0.0)


def test_an_image_smaller_than_the_window_is_refused():
    with pytest.raises(InputError, match="at least 11 pixels"):
        structural_similarity(np.ones((10, 12)), np.ones((10, 12)))
