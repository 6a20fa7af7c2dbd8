"""The point-spread function of a frame is that of its stars, whatever else lies in the frame."""

import numpy as np
import pytest
from astropy.nddata import CCDData
from scipy.ndimage import gaussian_filter

from observation.preparation.lens_image import galaxy, pixel_average
from rimlens.errors import InputError, RimlensWarning
from rimlens.observation.preparation.stars import measure_star_psf, psf_from_stars
from rimlens.observation.psf import equivalent_fwhm

SIZE = 21
HALF = 18
BACKGROUND = 50.0
ALPHA = 3.0


def moffat(x0, y0, fwhm):
    """Return a Moffat function whose integral is 1."""
    gamma = fwhm / 2 / np.sqrt(2 ** (1 / ALPHA) - 1)
    peak = (ALPHA - 1) / (np.pi * gamma**2)
    return lambda x, y: peak * (1 + ((x - x0) ** 2 + (y - y0) ** 2) / gamma**2) ** -ALPHA


def truth(fwhm):
    stamp = pixel_average(moffat(SIZE // 2, SIZE // 2, fwhm), (SIZE, SIZE), 11)
    return stamp / stamp.sum()


def places(rng, count, side):
    """Return places that are farther apart than the stamps of stars are wide."""
    found = []
    while len(found) < count:
        place = rng.uniform(20, side - 20, 2)
        if all(np.hypot(*(place - other)) > 30 for other in found):
            found.append(place)
    return np.array(found)


def frame(stars=12, galaxies=12, fwhm=2.2, side=300, seed=3):
    """Return a frame with stars and galaxies at random places, and the places of the stars."""
    rng = np.random.default_rng(seed)
    data = rng.normal(BACKGROUND, 1.0, (side, side))
    where = places(rng, stars + galaxies, side)
    for number, (x0, y0) in enumerate(where):
        column, row = int(x0), int(y0)
        center = x0 - column + HALF, y0 - row + HALF
        shape = (2 * HALF + 1, 2 * HALF + 1)
        if number < stars:
            light = rng.uniform(5e3, 3e4) * pixel_average(moffat(*center, fwhm), shape, 7)
        else:
            shine = galaxy(center, *rng.uniform([0.2, 0.4, 0, 100], [0.6, 1, 3, 600]))
            light = gaussian_filter(pixel_average(shine, shape), fwhm / 2.355)
        data[row - HALF : row + HALF + 1, column - HALF : column + HALF + 1] += light
    return CCDData(data, unit="adu"), where[:stars]


def nearest(table, where):
    return [np.hypot(where[:, 0] - x, where[:, 1] - y).min() for x, y in table["x", "y"]]


@pytest.mark.parametrize("fwhm", [1.9, 2.8])
def test_width_and_shape_are_those_of_the_stars_and_no_galaxy_is_taken(fwhm):
    image, where = frame(fwhm=fwhm)
    before = image.data.copy()
    measured = measure_star_psf(image, SIZE)
    np.testing.assert_array_equal(image.data, before)
    psf, expected = measured.psf, truth(fwhm)
    assert psf.shape == (SIZE, SIZE)
    assert psf.sum() == pytest.approx(1.0)
    # Required: 3 % of the width, 2 % of the light.
    assert equivalent_fwhm(psf) == pytest.approx(equivalent_fwhm(expected), rel=0.03)
    for half in (1, 3, 6):
        middle = np.s_[SIZE // 2 - half : SIZE // 2 + half + 1,] * 2
        assert psf[middle].sum() == pytest.approx(expected[middle].sum(), abs=0.02)
    # Half of the absolute difference is the light that lies elsewhere, noise included.
    assert np.abs(psf - expected).sum() / 2 < 0.03
    rows, columns = np.indices(psf.shape) - SIZE // 2
    core = np.hypot(rows, columns) < 4
    offset = [(axis * psf)[core].sum() / psf[core].sum() for axis in (rows, columns)]
    np.testing.assert_allclose(offset, 0.0, atol=0.05)
    assert len(measured.stars) >= 8
    # Fitted centers of stars of 5000 to 30000 counts.
    assert max(nearest(measured.stars, where)) < 0.05


def test_saturated_blended_masked_and_edge_stars_are_refused():
    image, where = frame(galaxies=0)
    data = image.data
    peaks = [data[int(y) - 1 : int(y) + 3, int(x) - 1 : int(x) + 3].max() for x, y in where]
    level = np.sort(peaks)[-3]
    keyword = CCDData(data, unit="adu", meta={"SATURATE": level})
    measured = measure_star_psf(keyword, SIZE)
    used = [np.argmin(np.hypot(*(where - (x, y)).T)) for x, y in measured.stars["x", "y"]]
    assert max(np.array(peaks)[used]) < level

    mask = np.zeros(data.shape, dtype=bool)
    x, y = where[0]
    mask[round(y), round(x)] = True
    # A companion seven pixels from the second star, a third as bright.
    blend = data.copy()
    x, y = (int(v) for v in where[1])
    blend[y - 7 : y + 8, x - 7 + 7 : x + 8 + 7] += (
        data[y - 7 : y + 8, x - 7 : x + 8] - BACKGROUND
    ) / 3
    # And a star at the edge.
    blend[2:9, 2:9] += 8000 * pixel_average(moffat(3.2, 3.1, 2.2), (7, 7))
    measured = measure_star_psf(CCDData(blend, unit="adu", mask=mask), SIZE)
    distances = np.hypot(
        *(np.array([measured.stars["x"], measured.stars["y"]])[:, None] - where.T[..., None])
    )
    assert distances[:2].min() > 5
    assert max(nearest(measured.stars, where)) < 0.1


def test_few_stars_are_warned_of():
    image, where = frame(stars=2, galaxies=3, side=200)
    with pytest.warns(RimlensWarning, match=r"is made of 2 star\(s\), whose noise is in it"):
        psf = psf_from_stars(image, SIZE)
    assert equivalent_fwhm(psf) == pytest.approx(equivalent_fwhm(truth(2.2)), rel=0.03)


def test_galaxies_alone_are_no_point_spread_function():
    image, _ = frame(stars=0, galaxies=10)
    with pytest.raises(InputError, match=r"is a star that is bright, .*, 2.2 pixels wide; give"):
        psf_from_stars(image, SIZE, fwhm=2.2)


def test_no_stars_say_what_to_do():
    rng = np.random.default_rng(1)
    empty = CCDData(rng.normal(size=(150, 150)), unit="adu")
    with pytest.raises(InputError, match="give the point-spread function as a file, or the width"):
        psf_from_stars(empty, SIZE)
    with pytest.raises(InputError, match="have no room for stars in stamps of 21"):
        psf_from_stars(CCDData(np.ones((25, 25)), unit="adu"), SIZE)
    with pytest.raises(InputError, match="size: an odd number"):
        psf_from_stars(empty, 20)
