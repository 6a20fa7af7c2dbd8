"""What a result says of angles and positions is on the sky; the pixel frame has its own names."""

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import NDData

from known_lens import known_reconstruction, sky
from rimlens import RIMSolver
from rimlens.imaging import Grid
from rimlens.lens import (
    EPL,
    SIE,
    SIS,
    ConvergenceSheet,
    ExternalShear,
    Lens,
    MultiPlane,
    Multipole,
    PixelatedConvergence,
)
from rimlens.models.parameter import Parameter
from rimlens.observation.axes import sky_axes
from rimlens.reconstruction import Reconstruction
from rimlens.reconstruction.models import mass_center, move
from rimlens.source import Gaussian, PixelatedSource, Sersic, Shapelets
from sky_lens import LENS, SOURCE, observation_of_known_lens

SHAPE = (40, 48)
VIEWS = [(0.0, False), (30.0, False), (30.0, True), (-100.0, True), (180.0, False)]


def difference(first, second):
    """Return the angle between two directions that have no head, in degrees."""
    return abs(((first - second).to_value("deg") + 90) % 180 - 90)


def turn(degrees, mirrored=False):
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.array([[cosine, -sine], [sine, cosine]])
    return matrix @ np.diag([-1.0, 1.0]) if mirrored else matrix


@pytest.mark.parametrize(("rotation", "flipped"), VIEWS)
def test_axes_are_those_of_offsets_on_the_sky(rotation, flipped):
    wcs = sky(SHAPE, rotation=rotation, flipped=flipped)
    axes = sky_axes(wcs, (23.5, 19.5))
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-9)
    assert np.linalg.det(axes) == pytest.approx(-1.0 if flipped else 1.0)
    middle = wcs.pixel_to_world(23.5, 19.5)
    west, north = axes @ [4.0, -7.0] * 0.05
    expected = middle.spherical_offsets_by(-west * u.arcsec, north * u.arcsec)
    # The projection over half an arcsecond, and the header's digits.
    assert wcs.pixel_to_world(27.5, 12.5).separation(expected) < 1 * u.uas


LENSES = [
    EPL(theta_E=1.1, gamma=2.2, q=0.6, phi=25.0, center_x=0.1, center_y=0.2),
    LENS,
    SIE(q=0.7) + Multipole(m=3, a_m=0.05, phi_m=100.0) + Multipole(m=1, a_m=0.03, phi_m=-150.0),
    MultiPlane([(0.3, SIE(q=0.6, phi=10.0)), (0.8, SIS(theta_E=0.2, center_x=0.5))], 2.0),
    ConvergenceSheet(kappa_0=0.1) + SIS(),
]


@pytest.mark.parametrize("axes", [turn(30.0), turn(75.0, True), turn(180.0)])
@pytest.mark.parametrize("lens", LENSES, ids=lambda lens: type(lens).__name__)
def test_a_moved_lens_deflects_as_before(lens, axes):
    shift = np.array([0.05, -0.2])
    x, y = np.random.default_rng(2).uniform(-2, 2, (2, 40))
    new_x, new_y = axes @ [x, y] + shift[:, None]
    found = move(lens, axes, shift)
    # Rounding where JAX has single precision.
    np.testing.assert_allclose(
        found.deflection(new_x, new_y), axes @ lens.deflection(x, y), atol=2e-5
    )
    np.testing.assert_allclose(found.convergence(new_x, new_y), lens.convergence(x, y), rtol=1e-4)


def test_a_moved_source_shines_as_before():
    axes, shift = turn(30.0, True), np.array([0.05, 0.0])
    source = SOURCE + Gaussian(I_0=0.5 * u.electron / u.s, sigma=0.1, center_x=-0.2)
    x, y = np.random.default_rng(2).uniform(-0.5, 0.5, (2, 40))
    found = move(source, axes, shift).surface_brightness(*axes @ [x, y] + shift[:, None])
    np.testing.assert_allclose(found.value, source.surface_brightness(x, y).value, rtol=1e-4)
    assert found.unit == u.electron / u.s


class Stretched(Lens):
    """A lens along x, with no angle that could be turned."""

    parameters = {"gamma_x": Parameter("", "strength", 0.1)}

    def alpha(self, x, y, p):
        return p.gamma_x * x, 0.0 * y


def test_what_cannot_be_turned_is_told():
    grid = Grid((8, 8), 0.1)
    values = np.random.default_rng(1).random(grid.shape)
    for model in (
        PixelatedConvergence(grid, convergence_map=values) + ExternalShear(),
        PixelatedSource(grid, brightness_map=values),
        Shapelets(2, amplitudes=np.arange(6.0)),
        Stretched(),
    ):
        assert move(model, turn(30.0)) is None
        assert move(model, np.eye(2)) == model
    # A map is moved along its axes, and a model without a place is not.
    shifted = move(PixelatedSource(grid, brightness_map=values), np.eye(2), (0.05, -0.05))
    assert shifted.grid.center == pytest.approx((0.05, -0.05))
    assert move(Stretched(), np.eye(2), (0.05, 0.0)) is None


def test_the_center_of_a_lens_is_that_of_its_mass():
    assert mass_center(ExternalShear() + SIE(center_x=0.2))[0] == 0.2 * u.arcsec
    assert mass_center(ExternalShear()) is None


def with_models(rotation, flipped):
    """Return a reconstruction with `LENS` and `SOURCE` where they are on the sky."""
    known = known_reconstruction(SHAPE, rotation=rotation, flipped=flipped)
    to_pixels = np.linalg.inv(sky_axes(known.observation.wcs, (23.5, 19.5)))
    return Reconstruction(
        observation=known.observation,
        source=known.source,
        convergence=known.convergence,
        shear=(0.0, 0.0),
        model=known.model.data,
        chi2_history=[1.0],
        pixel_frame_lens_model=move(LENS, to_pixels),
        pixel_frame_source_model=move(SOURCE, to_pixels),
    )


@pytest.mark.parametrize(("rotation", "flipped"), VIEWS)
def test_models_and_parameters_are_on_the_sky(rotation, flipped):
    found = with_models(rotation, flipped)
    for model, truth in ((found.lens_model, LENS), (found.source_model, SOURCE)):
        for name, value in truth.values.items():
            # The digits of headers.
            assert model.values[name] == pytest.approx(value, abs=1e-5), name
    parameters = found.parameters
    assert parameters["lens.sie_theta_E"] == 1.1 * u.arcsec
    assert parameters["lens.sie_q"] == 0.7
    assert parameters["lens.sie_phi"].to_value("deg") == pytest.approx(30.0, abs=1e-5)
    assert parameters["lens.externalshear_phi_ext"].to_value("deg") == pytest.approx(
        70.0, abs=1e-5
    )
    assert parameters["lens.sie_east"].to_value("arcsec") == pytest.approx(-0.04, abs=1e-7)
    assert parameters["lens.sie_north"].to_value("arcsec") == pytest.approx(-0.03, abs=1e-7)
    assert parameters["source.east"].to_value("arcsec") == pytest.approx(-0.08, abs=1e-7)
    assert parameters["source.I_eff"].unit == u.electron / u.s
    assert "lens.externalshear_center" not in parameters
    # The same place by the pixels of the image.
    x, y = found.observation.wcs.world_to_pixel(parameters["lens.sie_center"])
    pixel_frame = found.pixel_frame_lens_model
    for position, middle, name in ((x, 23.5, "sie_center_x"), (y, 19.5, "sie_center_y")):
        expected = getattr(pixel_frame, name).to_value("arcsec")
        assert (position - middle) * 0.05 == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("rotation", "flipped"), VIEWS)
def test_a_shear_beside_a_map_has_one_angle(rotation, flipped):
    found = known_reconstruction(rotation=rotation, flipped=flipped)
    assert found.lens_model is None
    assert found.source_model is None
    assert found.parameters["lens.externalshear_gamma_ext"] == pytest.approx(0.05)
    assert difference(found.parameters["lens.externalshear_phi_ext"], found.shear.phi_ext) < 1e-4
    # The pixel frame's model has the components that were inferred.
    gamma = found.pixel_frame_lens_model.components[1].shear(0.0, 0.0)
    assert gamma == pytest.approx((0.03, -0.04))


def test_maps_become_models_where_they_lie():
    known = known_reconstruction()
    mass, light = known.pixel_frame_lens_model.components[0], known.pixel_frame_source_model
    np.testing.assert_array_equal(mass.values["convergence_map"], known.convergence.data)
    assert mass.grid == Grid(SHAPE, mass.grid.pixel_scale)
    assert mass.grid.pixel_scale == pytest.approx(0.05)
    assert light.brightness_unit == known.observation.unit
    assert light.grid.pixel_scale == pytest.approx(0.03)
    # A map off the middle of the image, by one pixel and a half.
    wcs = known.convergence.wcs.deepcopy()
    wcs.wcs.crpix = wcs.wcs.crpix - [1.5, 0.0]
    off = Reconstruction(
        observation=known.observation,
        source=known.source,
        convergence=NDData(known.convergence.data, wcs=wcs),
        shear=(0.1, 0.0),
        model=known.model.data,
        chi2_history=[1.0],
    )
    mass, shear = off.pixel_frame_lens_model.components
    assert mass.grid.center == pytest.approx((0.075, 0.0))
    assert shear.center_x.to_value("arcsec") == pytest.approx(0.075)


@pytest.fixture(scope="module")
def analytic():
    return RIMSolver.from_pretrained("analytic")


@pytest.mark.parametrize(("rotation", "flipped"), [(0.0, False), (30.0, False), (30.0, True)])
def test_the_truth_on_the_sky_comes_back(analytic, rotation, flipped):
    observation = observation_of_known_lens((64, 64), 0.08, rotation, flipped)
    found = analytic.reconstruct(observation)
    lens, parameters = found.lens_model, found.parameters
    # Three standard deviations of the noise, or more.
    assert lens.sie_theta_E.value == pytest.approx(1.1, abs=0.01)
    assert lens.sie_center_x.value == pytest.approx(0.04, abs=0.01)
    assert lens.sie_center_y.value == pytest.approx(-0.03, abs=0.01)
    assert difference(lens.sie_phi, 30 * u.deg) < 2
    assert difference(lens.externalshear_phi_ext, 70 * u.deg) < 3
    assert difference(found.shear.phi_ext, lens.externalshear_phi_ext) < 1e-2
    assert parameters["source.east"].value == pytest.approx(-0.08, abs=0.01)
    assert parameters["source.north"].value == pytest.approx(0.05, abs=0.01)
    assert difference(parameters["source.phi"], -20 * u.deg) < 3
    # The radius of the circle, exactly: Lens.einstein_radius of the truth.
    truth = LENS.einstein_radius().value
    assert found.einstein_radius.value == pytest.approx(truth, rel=5e-3)
    assert found.einstein_radii["intermediate_axis"] == lens.sie_theta_E


def test_directions_of_an_axis_lie_within_a_half_turn():
    source = Sersic(phi=100.0)
    assert move(source, np.eye(2)).phi == -80.0 * u.deg
