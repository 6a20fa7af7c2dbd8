"""Results and observations are copied and sent to other processes as they are."""

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from operator import attrgetter

import astropy.units as u
import numpy as np
import pytest

from known_lens import known_reconstruction
from rimlens.errors import FileFormatError, InputError, RimlensError
from rimlens.reconstruction import Failure, Reconstruction, Verdict
from sky_lens import LENS, SOURCE

COPIES = [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]


@pytest.fixture(params=COPIES, ids=["copy", "deepcopy", "pickle"])
def copied(request):
    return request.param


def reconstruction_with(lens, source):
    known = known_reconstruction(flipped=True)
    return Reconstruction(
        observation=known.observation,
        source=known.source,
        convergence=known.convergence,
        shear=(0.03, -0.04),
        model=known.model.data,
        chi2_history=[2.0, 1.0],
        meta={"weights": "analytic"},
        pixel_frame_lens_model=lens,
        pixel_frame_source_model=source,
    )


def assert_same_map(found, wanted):
    np.testing.assert_array_equal(found.data, wanted.data)
    assert found.unit == wanted.unit
    x, y = np.array([[0, 0], [20, 3], [3, 20]]).T
    # astropy pickles a WCS as a header, of 12 digits.
    there = wanted.wcs.pixel_to_world(x, y)
    assert np.all(found.wcs.pixel_to_world(x, y).separation(there) < 10 * u.uas)


def assert_same_observation(found, wanted):
    assert type(found) is type(wanted)
    assert_same_map(found, wanted)
    for name in ("sigma", "mask", "psf"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    assert found.meta == wanted.meta
    assert found.shape == wanted.shape
    assert u.isclose(found.pixel_scale, wanted.pixel_scale, rtol=1e-10)


def test_an_observation_is_the_same_and_still_checks_what_is_set(copied):
    wanted = known_reconstruction().observation
    found = copied(wanted)
    assert_same_observation(found, wanted)
    assert_same_observation(found.binned(2), wanted.binned(2))
    with pytest.raises(InputError, match="mask"):
        found.mask = np.zeros((3, 3))
    found.mask = np.ones(found.shape, bool)
    assert not wanted.mask.all()


@pytest.mark.parametrize("models", [(None, None), (LENS, SOURCE)], ids=["maps", "models"])
def test_a_reconstruction_is_the_same(copied, models):
    wanted = reconstruction_with(*models)
    # Before it is copied, all that is kept once it is computed.
    expected = wanted.verdict, wanted.einstein_radii, wanted.lens_model, wanted.source_model
    wanted.forward_model()
    found = copied(wanted)
    assert found.inferred_models == wanted.inferred_models
    assert found.verdict == expected[0]
    for name, radius in expected[1].items():
        assert u.isclose(found.einstein_radii[name], radius, rtol=1e-10)
    for model, before in zip((found.lens_model, found.source_model), expected[2:]):
        assert (model is None) == (before is None)
        for name, value in {} if model is None else before.values.items():
            assert model.values[name] == pytest.approx(value, abs=1e-6)
    assert_same_observation(found.observation, wanted.observation)
    for name in ("source", "convergence", "model", "residual"):
        assert_same_map(getattr(found, name), getattr(wanted, name))
    np.testing.assert_array_equal(found.chi2_history, wanted.chi2_history)
    assert found.meta == wanted.meta
    assert found.reduced_chi2 == wanted.reduced_chi2
    assert (found.shear.pixel_frame_gamma1, found.shear.pixel_frame_gamma2) == (0.03, -0.04)
    assert u.isclose(found.shear.phi_ext, wanted.shear.phi_ext, rtol=1e-6)


def test_what_was_computed_is_not_sent_along():
    wanted = reconstruction_with(None, None)
    before = len(pickle.dumps(wanted))
    wanted.forward_model()
    assert wanted.einstein_radii
    assert len(pickle.dumps(wanted)) == before


def test_a_verdict_is_the_same_where_a_measure_is_missing(copied):
    verdict = Verdict("suspect", ("Too bright.",), {"fwhm": np.nan, "arc_pixels": 12})
    assert copied(verdict) == verdict
    assert verdict != Verdict("suspect", ("Too bright.",), {"fwhm": 2.0, "arc_pixels": 12})
    assert verdict != Verdict("good")
    assert verdict != "suspect"


@pytest.mark.parametrize("kind", [InputError, FileFormatError, RimlensError])
def test_a_failure_is_the_same(copied, kind):
    wanted = Failure(
        known_reconstruction().observation, kind("observation: every pixel is masked")
    )
    found = copied(wanted)
    assert type(found.error) is kind
    assert found.reason == wanted.reason == "observation: every pixel is masked"
    assert found.quality == "failed"
    assert_same_observation(found.observation, wanted.observation)


def test_results_are_of_use_in_a_new_process():
    found = reconstruction_with(None, None)
    failure = Failure(found.observation, InputError("observation: bad"))
    wanted = {"einstein_radius": found, "verdict": found, "observation.meta": failure}
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        tasks = {name: pool.submit(attrgetter(name), value) for name, value in wanted.items()}
        there = {name: task.result() for name, task in tasks.items()}
    assert u.isclose(there["einstein_radius"], found.einstein_radius, rtol=1e-10)
    assert there["verdict"].quality == found.quality
    assert there["observation.meta"] == found.observation.meta
