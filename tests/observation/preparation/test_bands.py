"""An image on other pixels keeps its flux, its place on the sky, and states its noise."""

import numpy as np
import pytest
from astropy.nddata import CCDData, InverseVariance
from astropy.wcs import WCS, Sip
from reproject import reproject_adaptive, reproject_exact

from observation.mock_exposure import exposure, gaussian
from rimlens.errors import InputError
from rimlens.observation.preparation.bands import _mirrored, match_bands, to_grid
from rimlens.observation.preparation.steps import steps_of
from rimlens.observation.psf import equivalent_fwhm

PLACE = (150.1, 2.2)


def wcs_of(shape, scale, rotation=0.0, mirrored=False, shift=(0.0, 0.0)):
    """Return a WCS with one place on the sky `shift` pixels from the middle of an image."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval = PLACE
    wcs.wcs.crpix = [(n + 1) / 2 + s for n, s in zip(shape[::-1], shift)]
    c, s = np.cos(np.radians(rotation)), np.sin(np.radians(rotation))
    wcs.wcs.cd = scale / 3600 * np.array([[-c, s], [s, c]])
    if mirrored:
        wcs.wcs.cd = wcs.wcs.cd @ np.diag([-1.0, 1.0])
    wcs.array_shape = shape
    wcs.wcs.set()
    return wcs


def star(shape, x, y, sigma=2.0):
    rows, columns = np.indices(shape)
    return np.exp(-0.5 * ((columns - x) ** 2 + (rows - y) ** 2) / sigma**2) / (
        2 * np.pi * sigma**2
    )


TARGETS = [
    {"scale": 0.05, "rotation": 0.0, "shift": (0.37, -0.21)},
    {"scale": 0.05, "rotation": 33.0},
    {"scale": 0.03, "rotation": 120.0, "mirrored": True},
    {"scale": 0.08, "rotation": -75.0, "mirrored": True, "shift": (3.4, 1.2)},
]


@pytest.mark.parametrize("method", ["adaptive", "exact"])
@pytest.mark.parametrize("options", TARGETS)
def test_flux_and_place_of_a_star_are_kept(options, method):
    shape = (60, 64)
    image = CCDData(star(shape, 33.3, 27.6), unit="adu", wcs=wcs_of(shape, 0.05, 10.0))
    side = int(4.2 / options["scale"])
    target = wcs_of((side, side), **options)
    new = to_grid(image, target, method)
    used = np.where(new.mask, 0.0, new.data)
    # Required: 0.5 % of the flux, 0.02 pixels.
    assert used.sum() == pytest.approx(1.0, abs=0.005)
    rows, columns = np.indices(new.shape)
    found = [(columns * used).sum() / used.sum(), (rows * used).sum() / used.sum()]
    expected = target.world_to_pixel(image.wcs.pixel_to_world(33.3, 27.6))
    np.testing.assert_allclose(found, expected, atol=0.02)
    np.testing.assert_allclose(
        new.wcs.pixel_to_world_values(3, 4), target.pixel_to_world_values(3, 4)
    )


def distorted(wcs):
    a, b = np.zeros((3, 3)), np.zeros((3, 3))
    a[2, 0], a[1, 1], a[0, 2], b[0, 2], b[2, 0] = 4e-4, -2e-4, 1e-4, 3e-4, -1e-4
    wcs.wcs.ctype = "RA---TAN-SIP", "DEC--TAN-SIP"
    wcs.sip = Sip(a, b, None, None, wcs.wcs.crpix)
    return wcs


def test_mirrored_distortions_stay_where_they_were():
    image = distorted(wcs_of((50, 60), 0.05, 25.0, shift=(3.0, 4.0)))
    pixels = np.random.default_rng(2).uniform(0, 49, (2, 20))
    mirrored = _mirrored(image, 60)
    found = mirrored.pixel_to_world_values(59 - pixels[0], pixels[1])
    np.testing.assert_allclose(found, image.pixel_to_world_values(*pixels), rtol=0, atol=1e-11)


def test_surface_brightness_stays_and_flux_goes_with_the_area():
    shape = (40, 40)
    for unit, expected in (("MJy / sr", 3.0), ("electron / (s arcsec2)", 3.0), ("adu", 12.0)):
        image = CCDData(np.full(shape, 3.0), unit=unit, wcs=wcs_of(shape, 0.05))
        new = to_grid(image, wcs_of((16, 16), 0.1, 20.0))
        np.testing.assert_allclose(new.data[~new.mask], expected, rtol=1e-9)
    image = CCDData(np.full(shape, 3.0), unit="adu", wcs=wcs_of(shape, 0.05))
    kept = to_grid(image, wcs_of((16, 16), 0.1), surface_brightness=True)
    np.testing.assert_allclose(kept.data[~kept.mask], 3.0, rtol=1e-9)


@pytest.mark.parametrize("method", ["adaptive", "exact"])
@pytest.mark.parametrize("scale", [0.04, 0.09])
def test_variance_and_correlation_agree_with_noise_that_is_drawn(scale, method):
    shape, count = (36, 40), 800
    rng = np.random.default_rng(5)
    sigma = 0.5 + rng.random(shape)
    wcs, target = wcs_of(shape, 0.05, 10.0), wcs_of((14, 14), scale, 50.0, shift=(0.3, 0.1))
    image = exposure(shape, data=np.zeros(shape), wcs=wcs, uncertainty=sigma)
    new = to_grid(image, target, method)
    resample = {"adaptive": reproject_adaptive, "exact": reproject_exact}[method]
    noise = rng.normal(0.0, sigma, (count, *shape))
    drawn = resample((noise, wcs), target, shape_out=(count, 14, 14), return_footprint=False)
    draws = drawn * (scale / 0.05) ** 2
    draws = draws[:, ~new.mask]
    ratio = draws.var(axis=0) / new.sigma[~new.mask] ** 2
    # 800 draws give the variance of a pixel to 5 %; of all, which are correlated, to 1 %.
    assert ratio.mean() == pytest.approx(1.0, abs=0.02)
    assert np.abs(ratio - 1).max() < 0.25
    assert not new.mask[4:10, 4:10].any()
    field = np.zeros((count, *new.shape))
    field[:, ~new.mask] = draws
    pair = field[:, 4:10, 4:10], field[:, 4:10, 5:11], field[:, 5:11, 4:10]
    scatter = [p.std(axis=0) for p in pair]
    drawn = [(pair[0] * p).mean(axis=0) / (scatter[0] * s) for p, s in zip(pair[1:], scatter[1:])]
    stated = float(steps_of(new)[-1].rpartition("correlation_of_neighbors=")[2])
    assert np.mean(drawn) == pytest.approx(stated, abs=0.03)


def test_what_touches_masked_pixels_is_masked_and_little_more():
    shape = (40, 40)
    mask = np.zeros(shape, dtype=bool)
    mask[18:23, 18:23] = True
    data = np.where(mask, 1e8, 1.0)
    data[5, 5] = np.nan
    image = CCDData(data, unit="adu", wcs=wcs_of(shape, 0.05), mask=mask)
    for method, grown in (("adaptive", 4), ("exact", 2)):
        new = to_grid(image, wcs_of((40, 40), 0.05, 30.0), method)
        assert new.mask[18:23, 18:23].all()
        used = ~new.mask
        # What was masked is nowhere to be seen.
        np.testing.assert_allclose(new.data[used], 1.0, rtol=1e-6)
        rows, columns = np.nonzero(new.mask[10:31, 10:31])
        assert np.hypot(rows - 10, columns - 10).max() < 2.5 * np.sqrt(2) + grown
        bad = new.wcs.world_to_pixel(image.wcs.pixel_to_world(5, 5))
        assert new.mask[round(float(bad[1])), round(float(bad[0]))]


def test_point_spread_function_is_that_of_a_star_on_the_new_pixels():
    shape = (81, 81)
    psf = gaussian((25, 25), 1.6) + 0.1 * gaussian((25, 25), 1.3, shift=(4.0, 2.0))
    psf = psf / psf.sum()
    data = np.zeros(shape)
    data[28:53, 28:53] = psf
    for scale, rotation, mirrored in ((0.05, 40.0, True), (0.03, 10.0, False), (0.08, 77.0, True)):
        image = exposure(shape, data=data, psf=psf, wcs=wcs_of(shape, 0.05))
        # The star lies on the middle pixel of both grids.
        new = to_grid(image, wcs_of((61, 61), scale, rotation, mirrored))
        half = new.psf.shape[0] // 2
        middle = slice(30 - half, 31 + half)
        seen = new.data[middle, middle]
        # Beyond the stamp lies 1e-4 of the light.
        np.testing.assert_allclose(new.psf, seen / seen.sum(), atol=1e-3 * new.psf.max())
        assert seen.sum() == pytest.approx(1.0, abs=2e-3)
        assert not new.mask[middle, middle].any()


def test_adaptive_weights_blur_by_a_gaussian_of_their_width():
    image = exposure((60, 60), psf=gaussian((25, 25), 2.0), wcs=wcs_of((60, 60), 0.05))
    new = to_grid(image, wcs_of((50, 50), 0.05, 30.0))
    # DeForest's kernel exp(-2 r^2 / 1.3^2) has the variance 1.3^2 / 4, cut off at two pixels.
    expected = np.sqrt(8 * np.log(2)) * np.sqrt(4.0 + 1.3**2 / 4)
    assert equivalent_fwhm(new.psf) == pytest.approx(expected, rel=0.01)


def test_equal_grids_are_left_alone():
    image = exposure((20, 26))
    new = to_grid(image, image)
    np.testing.assert_array_equal(new.data, image.data)
    np.testing.assert_array_equal(new.sigma, image.sigma)
    assert steps_of(new) == ["to_grid: grid=the image's own"]
    assert steps_of(image) == []


def test_bands_come_to_the_largest_pixels():
    fine = exposure((60, 60), wcs=wcs_of((60, 60), 0.03, 20.0))
    coarse = exposure((24, 24), wcs=wcs_of((24, 24), 0.06))
    first, second = match_bands([fine, coarse])
    np.testing.assert_array_equal(second.data, coarse.data)
    assert first.shape == coarse.shape
    np.testing.assert_allclose(
        first.wcs.pixel_to_world_values(5, 9), coarse.wcs.pixel_to_world_values(5, 9), rtol=1e-12
    )
    assert match_bands([fine, coarse], fine)[1].shape == fine.shape


def test_noise_of_any_kind_is_taken_and_none_is_left_out():
    shape = (30, 30)
    wcs, target = wcs_of(shape, 0.05), wcs_of((15, 15), 0.06, 20.0)
    plain = CCDData(np.ones(shape), unit="adu", wcs=wcs)
    assert to_grid(plain, target).uncertainty is None
    noisy = CCDData(np.ones(shape), InverseVariance(np.full(shape, 25.0)), unit="adu", wcs=wcs)
    same = exposure(shape, data=np.ones(shape), wcs=wcs, uncertainty=np.full(shape, 0.2))
    new, reference = to_grid(noisy, target), to_grid(same, target)
    used = ~new.mask
    np.testing.assert_allclose(new.uncertainty.array[used], reference.sigma[used], rtol=1e-12)


def test_what_cannot_be_used_is_refused():
    shape = (20, 20)
    image = CCDData(np.ones(shape), unit="adu", wcs=wcs_of(shape, 0.05))
    with pytest.raises(InputError, match=r"method: unknown methods \['exakt'\]"):
        to_grid(image, image.wcs, "exakt")
    with pytest.raises(InputError, match="image has no celestial WCS and no pixel scale"):
        to_grid(CCDData(np.ones(shape), unit="adu"), image)
    with pytest.raises(InputError, match="target: an image with a WCS, or a WCS with array_shape"):
        to_grid(image, np.ones(shape))
    with pytest.raises(InputError, match="target: no pixel of it lies on pixels of the image"):
        to_grid(image, wcs_of(shape, 0.05, shift=(300.0, 0.0)))
    with pytest.raises(InputError, match="images: at least one image is wanted"):
        match_bands([])
    hidden = CCDData(np.ones(shape), unit="adu", wcs=image.wcs, mask=np.ones(shape, dtype=bool))
    with pytest.raises(InputError, match="every pixel is masked or NaN"):
        to_grid(hidden, wcs_of(shape, 0.06))
