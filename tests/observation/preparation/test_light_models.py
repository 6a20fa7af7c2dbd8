"""The models of a galaxy's light: their images and what a fit of them finds."""

import numpy as np
import pytest

from observation.preparation import mock_galaxy
from rimlens.errors import InputError
from rimlens.observation.preparation.light_fit import LightImage, ellipse_matrix, solve_fluxes
from rimlens.observation.preparation.mge_light import GaussianLight
from rimlens.observation.preparation.sersic_light import SersicLight

SHAPE = (mock_galaxy.SIZE, mock_galaxy.SIZE)
ALL = np.ones(SHAPE, dtype=bool)


def pixels(data=None, sky=0.0, psf=True):
    data = np.zeros(SHAPE) if data is None else data
    stamp = mock_galaxy.psf() if psf else None
    return LightImage(data, np.ones(SHAPE), stamp, (35.0, 35.0), sky)


def test_convolved_gaussian_is_the_gaussian_of_the_summed_covariances():
    model = GaussianLight(pixels())
    shape = np.array([33.4, 36.2, 0.15, -0.1])
    columns = model.columns(shape)
    y, x = np.indices(SHAPE)
    offset = np.stack([x - shape[0], y - shape[1]], axis=-1)
    for width, column in zip(model.widths[:7], columns):
        matrix = ellipse_matrix(*shape[2:])
        covariance = width**2 * matrix @ matrix + mock_galaxy.PSF_WIDTH**2 * np.eye(2)
        square = np.einsum("...i,ij,...j", offset, np.linalg.inv(covariance), offset)
        expected = np.exp(-square / 2) / (2 * np.pi * np.sqrt(np.linalg.det(covariance)))
        # Sampling a Gaussian of 1.1 pixels aliases exp(-2 (pi 1.1 / 2)^2) = 3e-3 of a wave at the
        # Nyquist frequency; it is damped in the sum of all frequencies.
        np.testing.assert_allclose(column, expected, atol=1e-3 * expected.max())


@pytest.mark.parametrize("convolved", [True, False])
def test_sersic_profile_agrees_with_one_that_is_integrated_on_a_fine_grid(convolved):
    expected = mock_galaxy.sersic(index=1.5, brightness=1.0, convolved=convolved)
    e = (1 - 0.75) / (1 + 0.75)
    turn = 2 * mock_galaxy.ANGLE
    shape = np.array(
        [*mock_galaxy.CENTER, np.log(7.0), np.log(1.5), e * np.cos(turn), e * np.sin(turn)]
    )
    (found,) = SersicLight(pixels(psf=convolved), components=1).columns(shape)
    # Outside of the core a pixel has the value at its center: 1/24 of the curvature is left out.
    inner = np.s_[12:-12, 12:-12]
    np.testing.assert_allclose(found[inner], expected[inner], rtol=0.01)


def test_sersic_fit_finds_the_shape_of_the_galaxy():
    data = mock_galaxy.sersic() + mock_galaxy.noise()
    fit = SersicLight(pixels(data), components=1).fit(ALL, None)
    fit = SersicLight(pixels(data), components=1).fit(ALL, fit)
    (found,) = fit.parameters["components"]
    assert fit.center == pytest.approx(mock_galaxy.CENTER, abs=0.03)
    # Errors of the parameters by the noise alone are 1 to 2 %.
    assert found["effective_radius"] == pytest.approx(7.0, rel=0.05)
    assert found["index"] == pytest.approx(2.5, rel=0.06)
    assert found["axis_ratio"] == pytest.approx(0.75, abs=0.02)
    assert found["angle"] == pytest.approx(np.degrees(mock_galaxy.ANGLE), abs=2)


def test_gaussians_fit_a_sersic_galaxy_and_the_sky_down_to_the_noise():
    truth = mock_galaxy.sersic()
    fit = GaussianLight(pixels(truth + 3.0 + mock_galaxy.noise(), sky=None)).fit(ALL, None)
    # 17 parameters in 5041 pixels: the model is within sqrt(17 / 5041) = 0.06 of the noise, as
    # far as Gaussians can be a Sersic profile.
    outside = np.hypot(*(np.indices(SHAPE) - 35)) > 3
    assert np.sqrt(np.mean((fit.image - truth - 3.0)[outside] ** 2)) < 0.15


def test_fluxes_are_those_of_least_squares_where_these_are_positive(rng):
    columns = rng.uniform(size=(3, 20, 20))
    true = np.array([2.0, 0.5, 1.0])
    data = np.tensordot(true, columns, 1) - 0.7 + 0.01 * rng.normal(size=(20, 20))
    image = LightImage(data, np.full((20, 20), 0.01), None, (10, 10), None)
    used = rng.uniform(size=(20, 20)) > 0.3
    fluxes, sky, residual = solve_fluxes(image, columns, used)
    design = np.column_stack([*columns[:, used], np.ones(used.sum())])
    expected = np.linalg.lstsq(design, data[used], rcond=None)[0]
    np.testing.assert_allclose([*fluxes, sky], expected, rtol=1e-6)
    np.testing.assert_allclose(residual, (design @ expected - data[used]) / 0.01, atol=1e-4)


@pytest.mark.parametrize("components", [0, 4, 1.5, "two"])
def test_number_of_sersic_profiles_is_checked(components):
    with pytest.raises(InputError, match="components: 1, 2 or 3 is wanted, found"):
        SersicLight(pixels(), components)
