"""Checks of lenses in several planes."""

import numpy as np
import pytest
from astropy.cosmology import WMAP5, FlatLambdaCDM, Planck18
from keras import ops
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.Util.param_util import phi_q2_ellipticity

from rimlens.errors import InputError
from rimlens.imaging import ForwardModel, Grid
from rimlens.lens import SIE, SIS, ExternalShear, MultiPlane, PixelatedConvergence
from rimlens.source import Gaussian

COSMOLOGY = FlatLambdaCDM(H0=70, Om0=0.3)
GRID = Grid((9, 11), 0.3, (0.07, -0.11))
NEAR = SIE(theta_E=1.1, q=0.75, phi=25.0, center_x=0.05)
FAR = SIS(theta_E=0.4, center_x=0.6, center_y=-0.3)


@pytest.mark.filterwarnings("ignore:Cosmology is provided:UserWarning")
# lenstronomy calls what astropy 8 has renamed.
@pytest.mark.filterwarnings("ignore:Use ``angular_diameter_distance")
def test_two_and_three_planes_deflect_as_in_lenstronomy():
    e1, e2 = phi_q2_ellipticity(np.radians(25.0 + 90), 0.75)
    near = {"theta_E": 1.1, "e1": e1, "e2": e2, "center_x": 0.05, "center_y": 0.0}
    far = {"theta_E": 0.4, "center_x": 0.6, "center_y": -0.3}
    middle = {"theta_E": 0.3, "center_x": -0.5, "center_y": 0.4}
    planes = [(0.4, NEAR), (0.9, FAR), (0.7, SIS(theta_E=0.3, center_x=-0.5, center_y=0.4))]
    names, kwargs = ["SIE", "SIS", "SIS"], [near, far, middle]
    for n in (2, 3):
        peer = LensModel(
            names[:n], multi_plane=True, z_source=2.1, cosmo=COSMOLOGY,
            lens_redshift_list=[z for z, _ in planes[:n]],
        )  # fmt: skip
        expected = peer.alpha(np.array(GRID.x), np.array(GRID.y), kwargs[:n])
        found = MultiPlane(planes[:n], 2.1, COSMOLOGY).deflection(GRID.x, GRID.y)
        # Its distances are interpolated integrals; lenses agree to 1e-6.
        np.testing.assert_allclose(found, expected, rtol=0, atol=3e-6)


def test_lenses_at_one_redshift_are_their_sum():
    both = MultiPlane([(0.5, NEAR), (0.5, FAR)], 2.0, COSMOLOGY)
    np.testing.assert_allclose(
        both.deflection(GRID.x, GRID.y), (NEAR + FAR).deflection(GRID.x, GRID.y), rtol=1e-12
    )
    in_sum = MultiPlane([(0.5, NEAR + FAR)], 2.0, COSMOLOGY)
    assert in_sum == both


def test_the_convergence_is_half_the_divergence_and_there_is_no_potential():
    lens = MultiPlane([(0.4, NEAR), (0.9, FAR)], 2.1, COSMOLOGY)
    x, y, step = 0.8, 0.6, 1e-5
    divergence = (
        lens.deflection(x + step, y)[0] - lens.deflection(x - step, y)[0]
        + lens.deflection(x, y + step)[1] - lens.deflection(x, y - step)[1]
    ) / (2 * step)  # fmt: skip
    # Rounding over the step.
    assert lens.convergence(x, y) == pytest.approx(divergence / 2, rel=1e-6)
    with pytest.raises(InputError, match="a lens with a potential is wanted"):
        lens.potential(x, y)


def test_the_forward_model_traces_rays_through_the_planes():
    mass = Grid((12, 13), 0.3)
    first = PixelatedConvergence(mass, convergence_map=np.exp(-(mass.radius**2)))
    lens = MultiPlane([(0.4, first + ExternalShear(gamma_ext=0.05)), (0.9, FAR)], 2.1, COSMOLOGY)
    image = Grid(mass.shape, 0.3)
    model = ForwardModel(lens, Gaussian(), image)
    found = [ops.convert_to_numpy(b)[0] for b in model.ray_trace()]
    # On its own pixels a map's deflection is the same either way; rounding in single precision.
    np.testing.assert_allclose(found, lens.ray_trace(image.x, image.y), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("planes", "z_source", "message"),
    [
        ([(0.5, NEAR), (2.5, FAR)], 2.0, "a source behind every lens is wanted, found lenses at"),
        ([(0.0, NEAR)], 2.0, "a source behind every lens is wanted"),
        ([NEAR], 2.0, "planes: pairs of a redshift and a lens are wanted"),
        ([(0.5, Gaussian())], 2.0, "components: lens models are wanted, found Gaussian"),
        ([], 2.0, "components: lens models are wanted, found none"),
    ],
)
def test_planes_that_make_no_lens_are_refused(planes, z_source, message):
    with pytest.raises(InputError, match=message):
        MultiPlane(planes, z_source, COSMOLOGY)


def test_a_lens_survives_a_copy_and_says_what_it_is():
    lens = MultiPlane([(0.4, NEAR), (0.9, FAR)], 2.1, COSMOLOGY)
    assert lens.copy() == lens
    assert repr(lens).startswith("MultiPlane([(0.4, SIE(")
    assert lens.sis_theta_E.value == 0.4


def test_a_cosmology_is_known_by_its_name():
    lens = SIE(theta_E=1.2, q=0.8)
    delay = lens.time_delay(1.0, 0.2, 0.5, 2.0, cosmology=Planck18)
    assert lens.time_delay(1.0, 0.2, 0.5, 2.0, cosmology="Planck18") == delay
    assert lens.time_delay(1.0, 0.2, 0.5, 2.0, cosmology="WMAP5") != delay
    planes = [(0.3, lens), (0.5, SIS(theta_E=0.2))]
    named, given = (MultiPlane(planes, 1.0, cosmology=c) for c in ("WMAP5", WMAP5))
    assert named == given
    assert MultiPlane(**given.arguments) == given


@pytest.mark.parametrize(
    "make",
    [
        lambda cosmology: SIS().time_delay(1.0, 0.2, 0.5, 2.0, cosmology=cosmology),
        lambda cosmology: MultiPlane([(0.3, SIS())], 1.0, cosmology=cosmology),
    ],
)
@pytest.mark.parametrize("wrong", ["Plank18", 70.0])
def test_what_is_no_cosmology_is_refused(make, wrong):
    with pytest.raises(InputError, match=f"cosmology: .*Planck18.* is wanted, found {wrong!r}"):
        make(wrong)
