"""Checks of simulated point-spread functions."""

import numpy as np
import pytest

from rimlens.imaging import equivalent_fwhm
from rimlens.simulation.psf import psf_library, telescope_psf


@pytest.fixture(scope="module")
def library():
    return psf_library(40, 33, (1.4, 4.0), np.random.default_rng(6))


def test_every_stamp_is_positive_and_of_sum_one(library):
    assert library.shape == (40, 33, 33)
    assert library.min() >= 0
    # Rounding in single precision.
    np.testing.assert_allclose(library.sum(axis=(1, 2), dtype=float), 1, rtol=1e-6)


def test_stamps_are_centered(library):
    offset = np.arange(33) - 16
    centroid = np.stack([library.sum(axis=1) @ offset, library.sum(axis=2) @ offset])
    # The brightest pixel is the middle one; coma may move the wings, on the whole nothing does.
    assert all(np.unravel_index(p.argmax(), p.shape) == (16, 16) for p in library)
    assert np.abs(centroid).max() < 0.6
    assert np.abs(np.median(centroid, axis=1)).max() < 0.05


def test_widths_lie_in_the_range_asked_for_and_fill_it(library):
    widths = np.array([equivalent_fwhm(p) for p in library])
    assert widths.min() >= 1.4
    assert widths.max() <= 4.0
    assert np.ptp(widths) > 1.2


def test_an_ideal_pattern_widens_with_its_sampling():
    # One telescope, sampled coarsely and finely, without a change in its random parts.
    sharp, soft = (
        equivalent_fwhm(telescope_psf(41, sampling, np.random.default_rng(3)))
        for sampling in (1.5, 3.0)
    )
    # Pixels and jitter widen the sharp one.
    assert 1.6 < soft / sharp <= 2.05


def test_one_seed_gives_one_library(library):
    again = psf_library(40, 33, (1.4, 4.0), np.random.default_rng(6))
    np.testing.assert_array_equal(again, library)
