"""Checks of the way from an observation to a reconstruction."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy import units as u
from astropy.wcs.utils import proj_plane_pixel_scales
from scipy.ndimage import map_coordinates

from rimlens import Observation, Reconstruction, RIMSolver
from rimlens.errors import InputError, QualityWarning
from rimlens.reconstruction import Failure
from rimlens.rim.constants import CONSTANTS

PIXEL = 0.05


def observation(batch, i=0, unit=1.0, window=np.s_[:, :], repeat=1, spoil=False):
    """Return a simulated lens as an observation."""

    def whole(values):
        return np.repeat(np.repeat(values[i][window], repeat, axis=0), repeat, axis=1)

    data, sigma, mask = whole(batch["image"]), whole(batch["sigma"]), whole(batch["weight"]) == 0
    if spoil:
        data = np.where(mask, 1e4, data)
    return Observation(
        unit * data.astype(float),
        uncertainty=unit * sigma.astype(float),
        mask=mask,
        psf=batch["psf"][i],
        wcs=None,
        pixel_scale=PIXEL,
        unit="electron / s",
    )


@pytest.fixture(scope="module")
def found(untrained, batch):
    return untrained.reconstruct(observation(batch))


def test_maps_have_the_scales_and_the_center_of_the_grids(found, architecture):
    assert isinstance(found, Reconstruction)
    center = found.observation.wcs.pixel_to_world(31.5, 31.5)
    for data, size, scale in (
        (found.convergence, architecture.convergence_size, architecture.convergence_scale),
        (found.source, architecture.source_size, architecture.source_scale),
    ):
        assert data.data.shape == (size, size)
        np.testing.assert_allclose(
            proj_plane_pixel_scales(data.wcs) * 3600, scale * PIXEL, rtol=1e-6
        )
        middle = data.wcs.pixel_to_world((size - 1) / 2, (size - 1) / 2)
        # Rounding of angles in double precision.
        assert middle.separation(center).arcsec < 1e-6
    assert found.source.unit == u.electron / u.s
    assert found.convergence.unit == u.dimensionless_unscaled
    assert found.model.data.shape == found.observation.shape == (64, 64)


def test_the_history_ends_with_the_chi2_of_the_reconstruction(found, architecture):
    assert len(found.chi2_history) == architecture.steps + CONSTANTS.refinement_steps
    # Single precision inside, double outside.
    assert found.reduced_chi2 == pytest.approx(found.chi2_history[-1], rel=1e-4)
    assert found.meta["binning"] == 1
    assert found.meta["elapsed"] > 0


def test_the_mean_convergence_in_the_einstein_circle_is_one(found, architecture):
    radius = found.einstein_radius.to_value(u.arcsec) / (architecture.convergence_scale * PIXEL)
    middle = (architecture.convergence_size - 1) / 2
    fine = np.linspace(-radius, radius, 801)
    x, y = np.meshgrid(fine, fine)
    kappa = map_coordinates(found.convergence.data, [middle + y, middle + x], order=1)
    # Pixels of a quarter of the radius: interpolation matters at the per cent.
    assert kappa[np.hypot(x, y) < radius].mean() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("unit", [1e-18, 1e5])
def test_maps_follow_the_unit_of_the_image(untrained, batch, found, unit):
    scaled = untrained.reconstruct(observation(batch, unit=unit))
    # Rounding in single precision.
    peak = np.abs(found.source.data).max()
    np.testing.assert_allclose(
        scaled.source.data / unit, found.source.data, atol=1e-4 * peak, rtol=0
    )
    np.testing.assert_allclose(
        scaled.model.data / unit, found.model.data, atol=1e-4 * peak, rtol=0
    )
    np.testing.assert_allclose(scaled.chi2_history, found.chi2_history, rtol=1e-3)


def test_what_masked_pixels_hold_does_not_matter(untrained, batch, found):
    spoiled = untrained.reconstruct(observation(batch, spoil=True))
    np.testing.assert_array_equal(spoiled.source.data, found.source.data)
    np.testing.assert_array_equal(spoiled.convergence.data, found.convergence.data)


def test_an_image_that_is_not_square_is_reconstructed_on_its_own_pixels(restless, batch):
    seen = observation(batch, window=np.s_[4:60, :])
    found = restless.reconstruct(seen)
    assert found.model.data.shape == (56, 64)
    # Where data are missing the solver sees masked pixels, and nothing else.
    weight = np.zeros_like(batch["weight"])
    weight[:, 4:60] = batch["weight"][:, 4:60]
    padded = restless.reconstruct(observation({**batch, "weight": weight}))
    # The arithmetic is that of the same arrays; the model is cut out of the larger one.
    np.testing.assert_allclose(found.source.data, padded.source.data, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found.model.data, padded.model.data[4:60], rtol=0, atol=1e-5)


def test_a_finely_sampled_image_is_binned_and_its_maps_know(untrained, batch):
    found = untrained.reconstruct(observation(batch, repeat=2))
    assert found.meta["binning"] == 2
    assert found.observation.shape == (64, 64)
    np.testing.assert_allclose(
        proj_plane_pixel_scales(found.source.wcs) * 3600, 2 * PIXEL, rtol=1e-6
    )


def test_several_observations_give_several_reconstructions(untrained, batch, found):
    several = untrained.reconstruct((observation(batch, i) for i in range(2)), progress=False)
    assert len(several) == 2
    np.testing.assert_array_equal(several[0].source.data, found.source.data)
    assert untrained.reconstruct([]) == []


@pytest.fixture
def limited(untrained, architecture):
    """Return a function that gives an untrained solver a domain."""

    def with_domain(**domain):
        solver = RIMSolver(architecture)
        solver.weights = SimpleNamespace(domain=domain, name="limited")
        return solver

    return with_domain


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        ({"theta_E": (1.0, 10.0)}, "The Einstein radius is"),
        ({"theta_E": (30.0, 40.0)}, "The Einstein radius is"),
        ({"fwhm": (0.1, 0.5)}, "The point-spread function is"),
        ({"fwhm": (20.0, 30.0)}, "The point-spread function is"),
    ],
)
def test_what_is_outside_the_domain_is_flagged_and_not_refused(limited, batch, domain, words):
    found = limited(**domain).reconstruct(observation(batch))
    assert found.quality != "good"
    assert any(words in reason for reason in found.verdict.reasons)


def test_what_is_not_good_is_a_warning(limited, batch):
    solver, seen = limited(fwhm=(20.0, 30.0)), observation(batch)
    with pytest.warns(QualityWarning, match="The point-spread function is") as warned:
        found = solver.reconstruct(seen)
    assert str(warned[0].message).startswith(f"the reconstruction is {found.quality}: ")
    assert warned[0].filename == __file__
    hidden = observation({**batch, "weight": np.zeros_like(batch["weight"])})
    message = f"3 of 3 are not good: 1 failed, 2 {found.quality}; each says why"
    with pytest.warns(QualityWarning, match=message):
        solver.reconstruct([seen, hidden, seen], progress=False)


def test_one_observation_that_fails_costs_no_other(untrained, batch, found):
    seen = observation(batch)
    hidden = observation({**batch, "weight": np.zeros_like(batch["weight"])})
    first, failed, last = untrained.reconstruct([seen, hidden, seen], progress=False)
    np.testing.assert_array_equal(first.source.data, found.source.data)
    np.testing.assert_array_equal(last.source.data, found.source.data)
    assert isinstance(failed, Failure)
    assert failed.observation is hidden
    assert failed.quality == "failed"
    assert "every pixel is masked" in failed.reason
    with pytest.raises(InputError, match="every pixel is masked"):
        untrained.reconstruct(hidden)


def test_an_observation_inside_the_domain_is_reconstructed_under_its_weights_name(limited, batch):
    found = limited(theta_E=(15.0, 25.0), fwhm=(1.0, 4.0)).reconstruct(observation(batch))
    assert found.meta["weights"] == "limited"
