"""Checks of Gaussian random fields."""

import numpy as np
import pytest
from keras import ops

from rimlens.generators import SimulationDomain
from rimlens.generators.random_field import draw_fields, gaussian_fields, with_field
from rimlens.imaging import Grid


@pytest.mark.parametrize("shape", [(64, 64), (33, 48)])
@pytest.mark.parametrize("slope", [-3.0, 0.0])
def test_fields_have_unit_variance_and_no_mean(shape, slope):
    fields = gaussian_fields(400, shape, slope, np.random.default_rng(1))
    assert fields.shape == (400, *shape)
    assert fields.dtype == np.float32
    # With the steep spectrum a few long waves make the variance: 400 fields know it to 5 %.
    assert np.var(fields) == pytest.approx(1, abs=0.15)
    assert abs(fields.mean()) < 0.15


@pytest.mark.parametrize("slope", [-2.0, -3.0])
def test_the_spectrum_is_the_power_law_asked_for(slope):
    n = 128
    fields = gaussian_fields(60, (n, n), slope, np.random.default_rng(2))
    # A window without edges, so that long waves do not leak into short ones.
    window = np.hanning(n)[:, None] * np.hanning(n)
    power = np.mean(np.abs(np.fft.fft2(fields * window)) ** 2, axis=0)
    k = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.fftfreq(n)) * n
    inside = (k > 6) & (k < 50)
    found = np.polyfit(np.log(k[inside]), np.log(power[inside]), 1)[0]
    # 60 fields times some thousand modes know it to 0.01; the window mixes neighboring ones.
    assert found == pytest.approx(slope, abs=0.1)


def test_opposite_edges_are_not_alike():
    fields = gaussian_fields(200, (32, 32), -3.0, np.random.default_rng(3))
    across = np.mean((fields[:, 0] - fields[:, -1]) ** 2)
    beside = np.mean((fields[:, 0] - fields[:, 1]) ** 2)
    # Of a periodic field they would be as near as neighbors.
    assert across > 5 * beside


def drawn(kind, amplitude, kappa):
    domain = SimulationDomain(field_amplitude=amplitude, field_kind=kind)
    parameters = draw_fields(len(kappa), domain, Grid(kappa.shape[1:]), np.random.default_rng(4))
    parameters = {k: v.astype("float32") for k, v in parameters.items()}
    return ops.convert_to_numpy(with_field(kappa, parameters))


def test_a_log_normal_field_keeps_the_mean_and_stays_positive():
    kappa = np.full((400, 32, 32), 0.7, "float32")
    found = drawn("log_normal", 0.5, kappa)
    assert found.min() > 0
    assert np.std(np.log(found)) == pytest.approx(0.5, rel=0.1)
    # The long waves of 400 fields know the mean to 2 %.
    assert found.mean() == pytest.approx(0.7, rel=0.06)


def test_an_additive_field_is_added_and_leaves_a_hundredth():
    kappa = np.full((50, 32, 32), 0.7, "float32")
    found = drawn("additive", 0.05, kappa)
    assert np.std(found) == pytest.approx(0.05, rel=0.2)
    assert drawn("additive", 3.0, kappa).min() == pytest.approx(0.007)


def test_without_a_field_the_map_is_what_it_was():
    kappa = np.full((1, 4, 4), 0.7, "float32")
    assert with_field(kappa, {}) is kappa
