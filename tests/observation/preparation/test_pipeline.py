"""A raw frame becomes an observation in which the arcs stand alone, in the middle."""

import numpy as np
import pytest
from astropy.io import fits

from observation.mock_exposure import rotated_wcs
from observation.preparation.lens_image import SCALE, arc, galaxy, image_of
from rimlens import Observation
from rimlens.errors import InputError
from rimlens.observation import preparation_steps, prepare

SHAPE = (180, 190)
LENS = (101.3, 84.6)
SKY, NOISE, RADIUS = 0.11, 0.012, 1.1
WIDTH = "0.1 arcsec"


def arcs():
    """Return two images on opposite sides."""
    return [
        arc(LENS, RADIUS, 0.5, length=0.7, peak=0.4),
        arc(LENS, 0.85 * RADIUS, 0.5 + np.pi, length=0.4, peak=0.3),
    ]


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    """Return a file with an exposure of a lens off its middle, with its sky and without noise."""
    header = rotated_wcs(SHAPE, SCALE, 37.0).to_header()
    header["BUNIT"] = "ELECTRONS/S"
    data = SKY + image_of(SHAPE, galaxy(LENS, 0.8), *arcs(), noise=NOISE)
    path = tmp_path_factory.mktemp("frame") / "frame.fits"
    primary = fits.PrimaryHDU()
    primary.header["EXPTIME"] = 2000.0
    fits.HDUList([primary, fits.ImageHDU(data, header, name="SCI")]).writeto(path)
    return path


@pytest.fixture(scope="module")
def stages(frame):
    # Near the lens, as a catalog has it.
    near = rotated_wcs(SHAPE, SCALE, 37.0).pixel_to_world(LENS[0] + 4, LENS[1] - 3)
    return dict(preparation_steps(frame, near, "6 arcsec", psf=WIDTH))


def place_in(observation):
    """Return where the lens lies in an observation, in pixels from its middle."""
    on_the_sky = rotated_wcs(SHAPE, SCALE, 37.0).pixel_to_world(*LENS)
    x, y = observation.wcs.world_to_pixel(on_the_sky)
    ny, nx = observation.shape
    return float(x - (nx - 1) / 2), float(y - (ny - 1) / 2)


def test_the_lens_is_in_the_middle(stages):
    observation = stages["observation"]
    assert isinstance(observation, Observation)
    assert observation.shape == (120, 120)
    # Whole pixels allow half of one; the center is measured to a tenth.
    assert np.abs(place_in(observation)).max() < 0.6


def test_the_noise_is_that_of_the_sky(stages):
    sky = np.median(stages["with lens light"].sigma)
    # The lens galaxy's own photons add a little.
    assert sky == pytest.approx(NOISE, rel=0.15)


def test_the_arcs_are_left_and_the_lens_is_not(stages):
    observation = stages["observation"]
    x, y = place_in(observation)
    size = observation.shape[0]
    middle = (size - 1) / 2 + x, (size - 1) / 2 + y
    moved = [
        arc(middle, RADIUS, 0.5, length=0.7, peak=0.4),
        arc(middle, 0.85 * RADIUS, 0.5 + np.pi, length=0.4, peak=0.3),
    ]
    wanted = image_of(observation.shape, *moved, noise=0.0)
    bright = (wanted > 0.1) & ~observation.mask
    # The subtraction leaves the light of arcs unbiased to some per cent.
    assert observation.data[bright].sum() == pytest.approx(wanted[bright].sum(), rel=0.06)
    beyond = (wanted < 0.01) & ~observation.mask
    residual = (observation.data - wanted)[beyond] / observation.sigma[beyond]
    assert np.mean(residual**2) == pytest.approx(1.0, abs=0.25)


def test_what_was_done_is_written_and_read(stages, tmp_path):
    observation = stages["observation"]
    steps = [line.partition(":")[0] for line in observation.meta["PREPARATION"]]
    assert steps == [
        "read_frame",
        "subtract_background",
        "estimate_noise",
        "cut_out",
        "mask_neighbors",
        "subtract_lens_light",
    ]
    observation.write(tmp_path / "lens.fits")
    found = Observation.read(tmp_path / "lens.fits")
    assert found.meta["PREPARATION"] == observation.meta["PREPARATION"]
    np.testing.assert_array_equal(found.data, observation.data)


def test_what_is_missing_is_named(frame):
    with pytest.raises(InputError, match="psf: the file has none"):
        prepare(frame, (100, 85), "5 arcsec")
    with pytest.raises(InputError, match="position"):
        prepare(frame, "10:00:00 +80:00:00", "5 arcsec", psf=WIDTH)


def test_the_light_of_the_lens_may_stay(frame):
    observation = prepare(frame, LENS, "3 arcsec", psf=WIDTH, lens_light=None, center=False)
    ny, nx = observation.shape
    # The peak of the galaxy is 1.
    assert observation.data[ny // 2 - 2 : ny // 2 + 2, nx // 2 - 2 : nx // 2 + 2].max() > 0.5
