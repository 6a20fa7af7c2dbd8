"""`reconstruct` with the light of the lens galaxy in the image, and of several bands."""

import numpy as np
import pytest
from scipy.signal import fftconvolve

from rimlens import RIMSolver
from rimlens.errors import InputError
from rimlens.simulation.hst import simulate_observation


@pytest.fixture(scope="module")
def solver():
    return RIMSolver.from_pretrained()


@pytest.fixture(scope="module")
def lens():
    return simulate_observation(6)


def with_galaxy(observation):
    """Return an observation with an elliptical galaxy in its middle, many times the arcs."""
    ny, nx = observation.shape
    y, x = np.indices((ny, nx)) - (np.array([ny, nx])[:, None, None] - 1) / 2
    radius = np.sqrt(0.8 * x**2 + y**2 / 0.8 + 1.0)
    light = 3 * observation.data.max() * np.exp(-2.2 * (np.sqrt(radius / 5.0) - 0.45))
    light = fftconvolve(light, observation.psf, mode="same")
    return observation.add(light * observation.unit), light


def test_what_there_is_not_is_refused(solver, lens):
    with pytest.raises(InputError, match=r"lens_light: one of mge.*did you mean 'sersic'"):
        solver.reconstruct(lens[0], lens_light="sersik")
    with pytest.raises(InputError, match="bands: a mapping of at least two"):
        solver.reconstruct_bands({"a": lens[0]})
    with pytest.raises(InputError, match="bands: a mapping of at least two.*found list"):
        solver.reconstruct_bands([lens[0], lens[0]])
    with pytest.raises(InputError, match="bands: an Observation is wanted for 'b', found int"):
        solver.reconstruct_bands({"a": lens[0], "b": 3})
    with pytest.raises(InputError, match="method 'evidence' or 'map'"):
        solver.reconstruct_bands({"a": lens[0], "b": lens[0]}, method="latent")


def test_bands_on_other_pixels_are_refused(solver, lens):
    shifted = lens[0].cutout(np.s_[1:, 1:])
    with pytest.raises(InputError, match="match_bands brings bands to one grid"):
        solver.reconstruct_bands({"a": lens[0], "b": shifted})
    both = lens[0].cutout(np.s_[:-1, :-1])
    with pytest.raises(InputError, match="'b' is wanted on the pixels of 'a'.*pixels away"):
        solver.reconstruct_bands({"a": both, "b": shifted})


@pytest.mark.slow
def test_the_lens_is_found_through_the_light_of_its_galaxy(solver, lens):
    observation, light = with_galaxy(lens[0])
    found = solver.reconstruct(observation, refine=True, lens_light="mge")
    # Without the galaxy the radius is found to 1.5 per cent.
    assert found.einstein_radius.value == pytest.approx(lens[1]["theta_E"], rel=0.03)
    used = ~found.observation.mask
    left = (found.foreground.data - light)[used] / found.observation.sigma[used]
    # The sky and the residuals of the simulation, half the noise, are part of the foreground.
    assert np.sqrt(np.mean(left**2)) < 1.0
    bright = (found.model.data > 2 * lens[0].sigma) & used
    assert np.mean(found.normalized_residual[bright] ** 2) < 1.3


@pytest.mark.slow
def test_bands_share_a_lens_and_its_errors(solver, lens):
    rng = np.random.default_rng(4)
    blue = lens[0]
    # The same arcs with three times the noise.
    more = np.sqrt(8) * rng.normal(size=blue.shape) * blue.sigma
    red = blue.copy(data=blue.data + more, uncertainty=3 * blue.sigma)
    found = solver.reconstruct_bands({"red": red, "blue": blue})
    assert list(found) == ["red", "blue"]
    first, second = found["red"], found["blue"]
    np.testing.assert_array_equal(first.convergence.data, second.convergence.data)
    assert first.einstein_radius == second.einstein_radius
    assert second.einstein_radius.value == pytest.approx(lens[1]["theta_E"], rel=0.015)
    for name, observation in (("red", red), ("blue", blue)):
        assert found[name].observation.shape == observation.shape
        assert 0.8 < found[name].reduced_chi2 < 1.15
