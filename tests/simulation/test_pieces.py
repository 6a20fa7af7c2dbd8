"""Checks of the replaceable pieces of a simulator."""

import numpy as np
import pytest
from astropy.io import fits

from rimlens.errors import FileFormatError, InputError
from rimlens.imaging import Grid
from rimlens.simulation import NoMasks, PSFLibrary, Simulator, WhiteNoise
from rimlens.simulation.pieces import truncated_normal


def test_truncated_normals_are_those_of_scipy():
    from scipy import stats

    drawn = truncated_normal(4000, 0.08, 0.05, 0.06, 0.3, np.random.default_rng(1))
    bounds = (0.06 - 0.08) / 0.05, (0.3 - 0.08) / 0.05
    wanted = stats.truncnorm(*bounds, loc=0.08, scale=0.05)
    # A fair sample of this seed is not among the worst per cent.
    assert stats.kstest(drawn, wanted.cdf).pvalue > 0.01


def test_gaussians_are_centered_and_as_wide_as_asked_for():
    library = PSFLibrary.gaussian(50, 41, 4.0, 1.0, 3.0, 6.0, rng=1)
    offset = np.arange(41) - 20
    x, y = library.stamps.sum(axis=1), library.stamps.sum(axis=2)
    # Rounding in single precision.
    np.testing.assert_allclose([x @ offset, y @ offset], 0.0, atol=1e-5)
    # A pixel's own variance of one twelfth is added by the mean over it.
    width = np.sqrt(8 * np.log(2) * (x @ offset**2 - 1 / 12))
    assert 3.0 < width.min() < width.max() < 6.0
    np.testing.assert_allclose(library.stamps.sum(axis=(1, 2)), 1, rtol=1e-5)


def test_a_library_draws_its_stamps_and_all_of_them():
    stamps = np.random.default_rng(1).random((4, 5, 5))
    stamps[:, 2, 2] = 9.0
    library = PSFLibrary(stamps)
    drawn = library.draw(60, np.random.default_rng(2))
    stamps /= stamps.sum(axis=(1, 2), keepdims=True)
    which = [np.flatnonzero([np.allclose(d, s) for s in stamps]) for d in drawn]
    assert {int(w[0]) for w in which} == {0, 1, 2, 3}


def test_a_library_is_read_from_files_of_several_sizes(tmp_path):
    small, cube = np.ones((3, 3)), np.ones((2, 5, 7))
    fits.writeto(tmp_path / "small.fits", small)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(cube)]).writeto(tmp_path / "cube.fits")
    library = PSFLibrary.read([tmp_path / "small.fits", tmp_path / "cube.fits"])
    assert library.stamps.shape == (3, 7, 7)
    np.testing.assert_allclose(library.stamps[0, 2:5, 2:5], 1 / 9, rtol=1e-6)
    assert library.stamps[0, 0].max() == 0


@pytest.mark.parametrize(
    ("stamps", "message"),
    [
        (np.ones((2, 4, 4)), "odd size is wanted"),
        (np.ones((5, 5)), r"shape \(count, size, size\)"),
        (np.zeros((1, 5, 5)), "a positive sum is wanted"),
        (np.full((1, 5, 5), np.nan), "NaN or infinite"),
        (np.ones((0, 5, 5)), "at least one"),
    ],
)
def test_what_is_no_library_is_refused(stamps, message):
    with pytest.raises(InputError, match=message):
        PSFLibrary(stamps)


def test_files_that_are_no_library_are_refused(tmp_path):
    fits.PrimaryHDU().writeto(tmp_path / "empty.fits")
    with pytest.raises(FileFormatError, match=r"empty.fits: an image or a cube"):
        PSFLibrary.read([tmp_path / "empty.fits"])
    with pytest.raises(FileFormatError, match=r"none.fits: cannot be read"):
        PSFLibrary.read([tmp_path / "none.fits"])
    fits.writeto(tmp_path / "even.fits", np.ones((4, 4)))
    with pytest.raises(InputError, match="stamps of odd size are wanted"):
        PSFLibrary.read([tmp_path / "even.fits"])


def test_white_noise_has_one_level_in_each_image():
    images = np.zeros((300, 16, 16), "float32")
    sigma, noise = WhiteNoise().draw(images, images, Grid((16, 16)), np.random.default_rng(1))
    level = sigma[:, 0, 0]
    assert np.all(sigma == level[:, None, None])
    assert 0.001 <= level.min() < level.max() <= 0.1
    # 77,000 pixels know the variance to 0.5 %; four of those.
    assert np.var(noise / sigma) == pytest.approx(1, abs=0.02)


def test_a_noise_level_that_is_none_is_refused():
    with pytest.raises(InputError, match="0 < low < high"):
        WhiteNoise(low=0.1, high=0.01)


class Flat:
    """A point-spread function of one's own: the smallest piece there can be."""

    def draw(self, n, rng):
        return np.full((n, 3, 3), 1 / 9, "float32")


def test_a_simulator_takes_other_pieces(grids):
    simulator = Simulator(*grids, psfs=Flat(), noise=WhiteNoise(0.02, 1e-6, 0.01, 0.03),
                          masks=NoMasks())  # fmt: skip
    batch = simulator.draw(3, rng=1)
    assert batch["psf"].shape == (3, 3, 3)
    np.testing.assert_allclose(batch["sigma"], 0.02, rtol=1e-3)
    assert batch["weight"].min() == 1
