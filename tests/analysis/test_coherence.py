"""Checks of coherence spectra, against closed forms."""

import astropy.units as u
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage, special

from rimlens.analysis import coherence_spectrum
from rimlens.errors import InputError


def white(shape=(64, 64), seed=1):
    return np.random.default_rng(seed).normal(size=shape)


@given(
    shape=st.tuples(st.integers(8, 40), st.integers(8, 40)),
    factor=st.floats(0.01, 100) | st.floats(-100, -0.01),
    offset=st.floats(-10, 10),
    taper=st.just(0.0) | st.floats(0.01, 0.5),
)
def test_maps_that_differ_by_a_factor_and_an_offset_agree(shape, factor, offset, taper):
    true = white(shape)
    found = coherence_spectrum(factor * true + offset, true, taper=taper)
    assert np.allclose(found.cross_correlation, np.sign(factor), rtol=0, atol=1e-9)
    assert np.allclose(found.transfer, abs(factor), rtol=1e-6)
    assert np.all(found.uncertainty < 1e-8)


@pytest.mark.parametrize("noise", [0.3, 1.0, 3.0])
def test_noise_takes_the_correlation_that_its_power_says(noise):
    true = white((96, 96), 1)
    found = coherence_spectrum(true + noise * white((96, 96), 2), true)
    wanted = 1 / np.sqrt(1 + noise**2)
    pull = (found.cross_correlation - wanted) / ((1 - wanted**2) / np.sqrt(found.modes))
    # 48 rings of at least two modes each.
    assert np.abs(pull.mean()) < 3 / np.sqrt(len(pull))
    assert 0.6 < pull.std() < 1.4
    weights = found.modes / found.modes.sum()
    assert weights @ found.transfer == pytest.approx(1 / wanted, rel=0.03)


def test_independent_maps_do_not_agree():
    found = coherence_spectrum(white(seed=1), white(seed=2))
    pull = found.cross_correlation * np.sqrt(found.modes)
    assert np.abs(pull).max() < 4
    # The modulus before the sum would give pi / 4.
    assert abs(found.modes @ found.cross_correlation) / found.modes.sum() < 0.05


@pytest.mark.parametrize("distance", [1, 3])
def test_a_shift_turns_phases(distance):
    # Around a ring cos(k d) averages to the Bessel function, for equal power in all modes.
    phase = np.fft.fft2(white((128, 128)))
    true = np.fft.ifft2(phase / np.abs(phase)).real
    found = coherence_spectrum(np.roll(true, distance, axis=-1), true)
    wanted = special.j0(2 * np.pi * found.wave_number * distance)
    # Rings have a finite number of points, the innermost few.
    error = np.abs(found.cross_correlation - wanted)[3:]
    assert error.max() < 0.1
    assert error.mean() < 0.02
    assert found.transfer == pytest.approx(np.ones_like(found.transfer), abs=1e-9)


def test_smoothing_has_the_transfer_of_its_kernel():
    true = white((128, 128))
    found = coherence_spectrum(ndimage.gaussian_filter(true, 1.5, mode="wrap"), true, 0.05)
    k = 2 * np.pi * found.wave_number.to_value("1/arcsec") * 0.05
    seen = k < 1.5  # beyond, the kernel is cut off
    assert found.transfer[seen] == pytest.approx(np.exp(-0.5 * (1.5 * k[seen]) ** 2), rel=0.05)
    assert found.cross_correlation[seen] == pytest.approx(np.ones(seen.sum()), abs=0.01)


def test_a_wave_is_found_at_its_wave_number():
    x = np.arange(80)
    wave = np.broadcast_to(np.sin(2 * np.pi * 10 * x / 80), (64, 80))
    noise = 1e-3 * white((64, 80))
    found = coherence_spectrum(wave + noise, noise, 0.1 * u.arcsec)
    peak = found.wave_number[np.argmax(found.transfer)]
    assert peak.to_value("1/arcsec") == pytest.approx(10 / 8.0, abs=0.5 / 6.4)
    assert found.wavelength.unit == u.arcsec


def test_taper_takes_the_power_of_a_step_between_edges():
    slope = np.broadcast_to(np.linspace(-5, 5, 64), (64, 64))
    true, found = white(seed=1), white(seed=2)
    # Two independent maps seem to agree by the step that both have.
    step, tapered = (
        coherence_spectrum(found + slope, true + slope, taper=taper).cross_correlation
        for taper in (0.0, 0.5)
    )
    assert step[3:8].mean() > 0.7
    assert np.abs(tapered[3:8].mean()) < 0.15


def test_several_maps_are_compared_one_by_one():
    true, other = white((3, 32, 24)), white((3, 32, 24), 2)
    together = coherence_spectrum(true + other, true, taper=0.2)
    for i in range(3):
        single = coherence_spectrum(true[i] + other[i], true[i], taper=0.2)
        assert np.allclose(together.cross_correlation[i], single.cross_correlation)
        assert np.allclose(together.transfer[i], single.transfer)
    assert np.array_equal(together.wave_number, single.wave_number)


def test_every_mode_up_to_nyquist_is_in_one_ring():
    found = coherence_spectrum(white((32, 32)), white((32, 32), 2), rings=4)
    ky, kx = np.meshgrid(np.fft.fftfreq(32), np.fft.fftfreq(32))
    radius = np.hypot(ky, kx)
    counted = ((radius > 0.0625 - 1e-12) & (radius <= 0.5)).sum()
    assert 2 * found.modes.sum() == pytest.approx(counted, abs=4)
    assert len(found.wave_number) == 4


def test_map_without_power_has_no_coherence():
    found = coherence_spectrum(np.ones((16, 16)), white((16, 16)))
    assert np.all(np.isnan(found.cross_correlation))
    assert np.all(found.transfer == 0)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ((np.ones(8), np.ones(8)), r"found: maps \(ny, nx\)"),
        ((np.ones((8, 8)), np.ones((8, 9))), "found, true: one shape is wanted"),
        ((np.ones((8, 8)), np.full((8, 8), np.nan)), "true: finite values"),
        (("map", np.ones((8, 8))), "found: maps of numbers"),
        ((np.ones((8, 8)), np.ones((8, 8)), -1), "pixel_scale: one positive angle"),
        ((np.ones((8, 8)), np.ones((8, 8)), 1 * u.kg), "pixel_scale: a unit like arcsec"),
        ((np.ones((8, 8)), np.ones((8, 8)), 1, 0.6), "taper: a number from 0 to 0.5"),
        ((np.ones((8, 8)), np.ones((8, 8)), 1, 0, 5), "rings: an integer from 1 to 4"),
    ],
)
def test_arguments_are_checked(arguments, wanted):
    with pytest.raises(InputError, match=wanted):
        coherence_spectrum(*arguments)
