"""The lens light is subtracted, the arcs are left, and what cannot be trusted is masked."""

import numpy as np
import pytest
from astropy.nddata import CCDData, StdDevUncertainty

from observation.preparation import mock_galaxy
from rimlens import Observation
from rimlens.errors import InputError, RimlensWarning
from rimlens.observation.preparation.arcs import excess_light
from rimlens.observation.preparation.lens_light import fit_lens_light, subtract_lens_light
from rimlens.observation.preparation.steps import steps_of

SHAPE = (mock_galaxy.SIZE, mock_galaxy.SIZE)
RADIUS = np.hypot(*(np.indices(SHAPE) - np.array(mock_galaxy.CENTER)[::-1, None, None]))


def observation(data, mask=None, sigma=1.0):
    return Observation(
        data,
        uncertainty=np.full(SHAPE, sigma),
        psf=mock_galaxy.psf(),
        wcs=None,
        pixel_scale=0.05,
        mask=mask,
        unit="electron / s",
    )


@pytest.mark.parametrize("saturated", [False, True], ids=["core", "saturated core"])
@pytest.mark.parametrize("method", ["mge", "sersic"])
def test_flux_of_arcs_is_left(method, saturated):
    arcs = mock_galaxy.arcs()
    data = mock_galaxy.sersic() + arcs + mock_galaxy.noise(3)
    mask = (RADIUS < 3) if saturated else None
    left = subtract_lens_light(
        observation(np.where(RADIUS < 3, 500, data) if saturated else data, mask), method
    )
    seen = arcs > 0.1 * arcs.max()
    flux = (left.data[seen] * arcs[seen]).sum() / (arcs[seen] ** 2).sum()
    # The noise alone leaves 1 / sqrt(sum of arcs^2), less than 1 %.
    assert flux == pytest.approx(1, abs=0.05)
    assert not (left.mask & seen).any()
    # What remains elsewhere is noise.
    rest = ~left.mask & (arcs < 0.05) & (RADIUS > 5)
    assert left.data[rest].std() == pytest.approx(1, abs=0.08)
    assert abs(left.data[rest].mean()) < 0.15


def test_arcs_are_masked_and_the_rest_of_the_galaxy_is_not():
    arcs = mock_galaxy.arcs()
    light = fit_lens_light(observation(mock_galaxy.sersic() + arcs + mock_galaxy.noise(3)))
    assert light.excess[arcs > 3].all()
    assert light.excess[arcs < 0.01].mean() < 0.1
    assert light.chi2 == pytest.approx(1, abs=0.1)


def test_sky_is_fitted_or_given():
    data = mock_galaxy.sersic(radius=4.0, index=1.0, brightness=40.0) + mock_galaxy.noise(4)
    # The outskirts of an exponential of 4 pixels are nothing: the mean of 3000 pixels of sky.
    assert fit_lens_light(observation(data + 5.0)).sky == pytest.approx(5.0, abs=0.15)
    assert fit_lens_light(observation(data), sky=0.0).sky == 0.0


def test_core_that_the_model_does_not_reproduce_is_masked():
    galaxy = mock_galaxy.sersic() + mock_galaxy.noise(5)
    assert not fit_lens_light(observation(galaxy)).core.any()
    dust = np.where((RADIUS < 4) & (np.indices(SHAPE)[0] < 34), 0.7, 1.0)
    light = fit_lens_light(observation(galaxy * dust))
    assert light.core[dust < 1].all()
    assert not light.core[RADIUS > 13].any()
    chosen = fit_lens_light(observation(galaxy * dust), core_radius=6.0)
    y, x = np.indices(SHAPE)
    radius = np.hypot(x - chosen.parameters["x"], y - chosen.parameters["y"])
    np.testing.assert_array_equal(chosen.core, radius < 6)


def test_class_record_and_input_are_kept():
    galaxy = mock_galaxy.sersic()
    ccd = CCDData(galaxy + mock_galaxy.noise(), StdDevUncertainty(np.ones(SHAPE)), unit="adu")
    before = ccd.data.copy()
    left = subtract_lens_light(ccd, psf=mock_galaxy.psf())
    assert type(left) is CCDData
    assert left.unit == "adu"
    assert steps_of(left)[0].startswith("subtract_lens_light: method=mge, center=(35.3")
    np.testing.assert_array_equal(ccd.data, before)
    assert not steps_of(ccd)
    light = fit_lens_light(ccd, psf=mock_galaxy.psf())
    np.testing.assert_allclose(left.data + light.model, before, rtol=1e-12)


def test_isophotes_follow_a_bright_galaxy():
    galaxy = mock_galaxy.sersic(brightness=100.0)
    light = fit_lens_light(observation(galaxy + mock_galaxy.noise()), "isophotes", sky=0.0)
    between = (RADIUS > 6) & (RADIUS < 25)
    # The error of an isophote's brightness is that of its pixels' mean, less than 1 %; those of
    # its ellipse are a few percent where the brightness is that of the noise, at 25 pixels.
    assert abs(np.median((light.model / galaxy)[between]) - 1) < 0.01
    assert np.sqrt(np.mean((light.model - galaxy)[between] ** 2)) < 0.5


def test_isophotes_of_nothing_are_an_error_that_names_another_method():
    with pytest.raises(InputError, match='isophotes could be fitted .* use method="mge"'):
        fit_lens_light(observation(mock_galaxy.noise()), "isophotes")


def test_missing_galaxy_is_warned_of():
    with pytest.warns(RimlensWarning, match=r"no light of a galaxy was found .*; give center="):
        fit_lens_light(observation(-mock_galaxy.sersic()), sky=0.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "sersics"}, "did you mean 'sersic'"),
        ({"center": (80, 3)}, r"center: column and row within the image of 71 columns"),
        ({"center": 3}, "center: column and row within"),
        ({"sky": np.nan}, "sky: finite numbers are wanted"),
        ({"method": "sersic", "components": 4}, "components: 1, 2 or 3 is wanted, found 4"),
        ({"exclude": np.ones(SHAPE)}, "image: no pixel can be used"),
        ({"exclude": np.ones((3, 3))}, "mask: the shape of the data"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        fit_lens_light(observation(mock_galaxy.sersic()), **options)


def test_image_needs_noise_and_two_axes():
    with pytest.raises(InputError, match="the observation has no noise"):
        fit_lens_light(CCDData(np.ones((9, 9)), unit="adu"))
    with pytest.raises(InputError, match="image: an Observation or a CCDData"):
        fit_lens_light(np.ones((9, 9)))


def test_excess_is_not_found_in_noise_that_is_white_or_correlated():
    from scipy.ndimage import gaussian_filter

    none = np.zeros(SHAPE, dtype=bool)
    correlated = gaussian_filter(mock_galaxy.noise(7), 0.8)
    for noise in (mock_galaxy.noise(6), correlated / correlated.std()):
        found = excess_light(noise, np.ones(SHAPE), np.zeros(SHAPE), ~none, none)
        # A deviate of 4 turns up in 5041 pixels once in six images.
        assert found.mean() < 0.02
