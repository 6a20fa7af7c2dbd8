"""Checks one image end to end against lenstronomy's ``ImageModel``: lens, source, light, blur."""

import numpy as np
import pytest
from keras import ops

from lens_reference import angle, shape
from rimlens.imaging import PSF, ForwardModel, Grid
from rimlens.lens import EPL, ExternalShear
from rimlens.source import Sersic

pytest.importorskip("lenstronomy")

GRID = Grid((60, 60), 0.05)
LENS = {"q": 0.75, "phi": 25.0, "center_x": 0.04, "center_y": -0.02}
SOURCE = {"q": 0.6, "phi": -50.0, "center_x": 0.08, "center_y": 0.05}
LIGHT = {"q": 0.8, "phi": 20.0, "center_x": 0.04, "center_y": -0.02}
SHEAR = {"gamma_ext": 0.06, "phi_ext": 70.0}


def stamp():
    """Return a round and a wide Gaussian together, which no symmetry of a grid makes simpler."""
    y, x = np.mgrid[-6:7, -6:7]
    core = np.exp(-0.5 * (x**2 + y**2) / 1.1**2)
    wings = np.exp(-0.5 * ((x + 0.4 * y) ** 2 / 3.0**2 + (y - 0.2 * x) ** 2 / 2.0**2))
    return core / core.sum() * 0.8 + wings / wings.sum() * 0.2


def image_of_lenstronomy(oversampling):
    from lenstronomy.Data.imaging_data import ImageData
    from lenstronomy.Data.psf import PSF as LenstronomyPSF
    from lenstronomy.ImSim.image_model import ImageModel
    from lenstronomy.LensModel.lens_model import LensModel
    from lenstronomy.LightModel.light_model import LightModel

    data = ImageData(
        image_data=np.zeros(GRID.shape),
        background_rms=1.0,
        exposure_time=1.0,
        ra_at_xy_0=GRID.x[0, 0],
        dec_at_xy_0=GRID.y[0, 0],
        transform_pix2angle=GRID.pixel_scale * np.eye(2),
    )
    image = ImageModel(
        data,
        LenstronomyPSF("PIXEL", kernel_point_source=stamp()),
        LensModel(["EPL", "SHEAR"]),
        LightModel(["SERSIC_ELLIPSE"]),
        LightModel(["SERSIC_ELLIPSE"]),
        kwargs_numerics={"supersampling_factor": oversampling, "supersampling_convolution": False},
    )
    # Lenstronomy's components refer to an angle from +x.
    twice = 2 * angle(SHEAR["phi_ext"])
    gamma = SHEAR["gamma_ext"]
    shear = {"gamma1": gamma * np.cos(twice), "gamma2": gamma * np.sin(twice)}
    found = image.image(
        [{"theta_E": 0.9, "gamma": 2.1, **shape(**LENS)}, shear],
        [{"amp": 2.0, "R_sersic": 0.15, "n_sersic": 1.3, **shape(**SOURCE)}],
        [{"amp": 0.7, "R_sersic": 0.5, "n_sersic": 2.5, **shape(**LIGHT)}],
    )
    # Lenstronomy gives the flux in a pixel, and so does a brightness times its area.
    return found / GRID.pixel_scale**2


# Of SciPy's convolution, as lenstronomy calls it.
@pytest.mark.filterwarnings("ignore:`axes` should not be `None`:DeprecationWarning")
@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("oversampling", [1, 3])
def test_an_image_is_that_of_lenstronomy(oversampling):
    model = ForwardModel(
        EPL(theta_E=0.9, gamma=2.1, **LENS) + ExternalShear(**SHEAR),
        Sersic(I_eff=2.0, theta_eff=0.15, n=1.3, **SOURCE),
        GRID,
        psf=PSF(stamp()),
        lens_light=Sersic(I_eff=0.7, theta_eff=0.5, n=2.5, **LIGHT),
        oversampling=oversampling,
        dtype="float64",
    )
    found = ops.convert_to_numpy(model())[0]
    expected = image_of_lenstronomy(oversampling)
    # The cusp of the light is softened by both, by different lengths.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * expected.max())
