"""Neighbors are masked as far as they reach, the lens and its arcs are not."""

import csv
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS

from observation.mock_exposure import exposure, rotated_wcs
from observation.preparation.lens_image import (
    NOISE,
    SCALE,
    arc,
    galaxy,
    image_of,
    pixel_average,
    star,
)
from rimlens.errors import InputError
from rimlens.observation.preparation.neighbors import mask_neighbors
from rimlens.observation.preparation.steps import steps_of

FOLDER = os.environ.get("RIMLENS_TEST_DATA")
real_lenses = pytest.mark.skipif(
    not FOLDER,
    reason="RIMLENS_TEST_DATA is not set: to the folder that holds hst_lenses/, 27 lenses of HST",
)
SHAPE = (140, 140)
CENTER = (70.3, 68.8)
ARCS = (arc(CENTER, 1.2, 0.4, 0.5, peak=0.3), arc(CENTER, 0.9, 3.7, 0.3, peak=0.2))
NEIGHBORS = (star((125, 30), 1.5, 3.0), galaxy((22, 110), 0.25, 0.6, 1.0, peak=0.5))


def frame(*parts, seed=1, **changes):
    data = image_of(SHAPE, *parts, seed=seed)
    return CCDData(data, unit="adu", wcs=rotated_wcs(SHAPE), **changes)


def above_noise(*parts):
    """Return where parts without noise are brighter than it."""
    return pixel_average(lambda x, y: sum(part(x, y) for part in parts), SHAPE) > NOISE


@pytest.mark.parametrize("radius", [None, 1.0, 1.2, 1.5])
@pytest.mark.parametrize("lens", [(galaxy(CENTER),), ()])
def test_neighbors_are_masked_and_arcs_are_not(radius, lens):
    image = frame(*lens, *ARCS, *NEIGHBORS)
    position = None if lens else CENTER
    masked = mask_neighbors(image, position, radius).mask
    assert not masked[above_noise(*ARCS)].any()
    light = pixel_average(lambda x, y: sum(part(x, y) for part in NEIGHBORS), SHAPE)
    # All of their pixels above the noise but those at their edges.
    assert masked[light > NOISE].mean() > 0.9
    assert masked[light > 5 * NOISE].all()
    # And little else.
    assert masked[light < 0.1 * NOISE].mean() < 0.05
    assert image.mask is None


def test_radius_is_guessed_from_the_sources():
    for radius in (0.7, 1.0, 1.6):
        arcs = arc(CENTER, 1.1 * radius, 0.4, peak=0.3), arc(CENTER, 0.9 * radius, 3.5, peak=0.2)
        line = steps_of(mask_neighbors(frame(galaxy(CENTER), *arcs, *NEIGHBORS)))[-1]
        guessed = float(line.partition("radius=")[2].split()[0])
        # Within what real lenses show.
        assert 0.7 < guessed / radius < 1.65
        assert "guessed=True" in line


def test_what_touches_the_wings_of_the_lens_is_separated():
    beside = star((70.3 + 2.4 / SCALE, 60.0), 1.5, 1.0)
    image = frame(galaxy(CENTER, 1.5), *ARCS, beside)
    masked = mask_neighbors(image, radius=1.1).mask
    assert masked[60, 118]
    assert not masked[above_noise(*ARCS)].any()


def test_nothing_is_masked_where_nothing_is():
    for image in (frame(), frame(galaxy(CENTER)), frame(galaxy(CENTER), *ARCS)):
        # One false source of six pixels in 19600 is within reason.
        assert mask_neighbors(image).mask.mean() < 0.01


def test_what_was_masked_stays_so():
    mask = np.zeros(SHAPE, dtype=bool)
    mask[10:20, 30:60] = True
    data = np.where(mask, np.nan, image_of(SHAPE, galaxy(CENTER), *ARCS, *NEIGHBORS))
    observation = exposure(SHAPE, data=data, mask=mask, uncertainty=np.full(SHAPE, NOISE))
    new = mask_neighbors(observation, radius=1.2)
    assert new.mask[mask].all()
    assert new.mask[30, 125]
    hidden = exposure(SHAPE, mask=np.ones(SHAPE, dtype=bool))
    assert mask_neighbors(hidden).mask.all()


def test_a_pixel_scale_is_needed():
    image = CCDData(image_of(SHAPE, galaxy(CENTER), *NEIGHBORS), unit="adu")
    with pytest.raises(InputError, match="no celestial WCS and no pixel scale; give pixel_scale"):
        mask_neighbors(image)
    assert mask_neighbors(image, radius=1.0, pixel_scale=SCALE).mask[30, 125]
    with pytest.raises(InputError, match="radius: one positive angle is wanted"):
        mask_neighbors(image, radius=-1.0, pixel_scale=SCALE)


@real_lenses
def test_arcs_of_real_lenses_are_not_masked():
    with open(Path(FOLDER, "hst_lenses", "table.csv")) as file:
        radii = {row["lens"]: float(row["tE_pub"]) for row in csv.DictReader(file)}
    masked_light = []
    for path in sorted(Path(FOLDER, "hst_lenses").glob("*.fits")):
        with fits.open(path) as hdus, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wcs = WCS(hdus["SCI"].header)
            data, arcs, err, flags = (
                hdus[name].data.astype(float) for name in ("SCI", "LENSSUB", "ERR", "DQ")
            )
        masked = mask_neighbors(CCDData(data, unit="adu", wcs=wcs)).mask
        scale = np.sqrt(abs(np.linalg.det(wcs.pixel_scale_matrix))) * 3600
        rows, columns = np.indices(data.shape) - (data.shape[0] - 1) / 2
        distance = np.hypot(rows, columns) * scale / radii[path.name.partition("_")[0]]
        light = (arcs > 3 * err) & (distance > 0.6) & (distance < 1.4) & (flags == 0)
        masked_light.append(arcs[light & masked].sum() / arcs[light].sum())
    # Required: less than 3 % of the median lens, and less than 10 % of nine in ten.
    assert np.median(masked_light) < 0.03
    assert np.percentile(masked_light, 90) < 0.10
