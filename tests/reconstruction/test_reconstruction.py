"""What a reconstruction says of itself."""

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import NDData

from known_lens import PIXEL_SCALE, SIGMA, THETA_E, known_reconstruction
from rimlens.errors import InputError
from rimlens.reconstruction import Reconstruction


@pytest.fixture
def reconstruction():
    return known_reconstruction()


def parts(reconstruction):
    shear = reconstruction.shear
    return {
        "observation": reconstruction.observation,
        "source": reconstruction.source,
        "convergence": reconstruction.convergence,
        "shear": (shear.pixel_frame_gamma1, shear.pixel_frame_gamma2),
        "model": reconstruction.model.data,
        "chi2_history": reconstruction.chi2_history,
    }


def test_data_is_model_plus_residual(reconstruction):
    total = reconstruction.model.data + reconstruction.residual.data
    np.testing.assert_allclose(total, reconstruction.observation.data, atol=1e-14)
    assert reconstruction.residual.unit == reconstruction.model.unit == u.electron / u.s
    np.testing.assert_array_equal(reconstruction.residual.mask, reconstruction.observation.mask)


def test_reduced_chi2_is_that_of_the_noise(reconstruction):
    used = ~reconstruction.observation.mask
    n = np.count_nonzero(used)
    assert abs(reconstruction.reduced_chi2 - 1) < 4 * np.sqrt(2 / n)
    by_hand = np.mean((reconstruction.residual.data[used] / SIGMA) ** 2)
    assert reconstruction.reduced_chi2 == pytest.approx(by_hand, rel=1e-12)


def test_einstein_radius_is_an_angle(reconstruction):
    # The cusp's own pixels, averaged with 16 x 16 points, miss a little of their mass.
    assert reconstruction.einstein_radius.unit == u.arcsec
    assert abs(reconstruction.einstein_radius.value - THETA_E) < PIXEL_SCALE / 20


def test_shear_is_kept_in_the_pixel_frame(reconstruction):
    shear = reconstruction.shear
    assert (shear.pixel_frame_gamma1, shear.pixel_frame_gamma2) == (0.03, -0.04)
    assert shear.gamma_ext == pytest.approx(0.05)


def test_representation_tells_radius_and_chi2(reconstruction):
    assert "Einstein radius 0.599 arcsec" in repr(reconstruction)
    assert "reduced chi-square" in repr(reconstruction)


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("model", np.zeros((3, 3)), "model"),
        ("shear", (0.1, 0.2, 0.3), "shear"),
        ("source", NDData(np.zeros(5)), "source: a map"),
        ("convergence", NDData(np.zeros((5, 5))), "convergence: a map with a celestial WCS"),
    ],
)
def test_parts_that_do_not_fit_are_refused(reconstruction, part, value, message):
    with pytest.raises(InputError, match=message):
        Reconstruction(**{**parts(reconstruction), part: value})
