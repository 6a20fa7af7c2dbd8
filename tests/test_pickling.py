"""Copies and pickles of what samplers and process pools pass on."""

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from keras import ops

from known_lens import sky
from rimlens import Observation, RIMSolver
from rimlens.imaging import PSF, ForwardModel, Grid, JointModel, NoiseMap
from rimlens.lens import (
    EPL,
    SIE,
    ExternalShear,
    MultiPlane,
    PixelatedConvergence,
    PixelatedPotential,
)
from rimlens.prior.vae import VAE
from rimlens.simulation import Simulator
from rimlens.source import PixelatedSource, Sersic
from tiny_solver import tiny_architecture

GRID = Grid((12, 14), 0.1)
STAMP = PSF.gaussian(fwhm=0.2, pixel_scale=0.1, size=5)
WAYS = pytest.mark.parametrize(
    "way", [copy.deepcopy, copy.copy, lambda made: pickle.loads(pickle.dumps(made))]
)


def array(tensor):
    return ops.convert_to_numpy(tensor)


def forward_model(lens=None, source=None):
    mask = np.zeros(GRID.shape, bool)
    mask[2, 3] = True
    sigma = np.linspace(0.1, 0.2, mask.size).reshape(GRID.shape)
    return ForwardModel(
        lens or SIE(theta_E=0.4, q=0.8),
        source or Sersic(theta_eff=0.2),
        GRID,
        psf=STAMP,
        noise=NoiseMap(sigma),
        mask=mask,
        oversampling=2,
    )


def models():
    maps = np.linspace(0, 1, GRID.x.size).reshape(GRID.shape)
    pair = EPL(theta_E=0.5, gamma=2.1, q=0.7) + ExternalShear(gamma_ext=0.03)
    return {
        "sum": (pair, Sersic(theta_eff=0.2) + Sersic(theta_eff=0.1, center_x=0.1)),
        "planes": (MultiPlane([(0.3, SIE(theta_E=0.3)), (0.5, SIE(theta_E=0.1))], 1.0), Sersic()),
        "maps": (
            PixelatedConvergence(GRID, convergence_map=maps),
            PixelatedSource(GRID, brightness_map=maps),
        ),
        "potential": (PixelatedPotential(GRID, potential_map=maps), Sersic()),
    }


@WAYS
@pytest.mark.parametrize("name", models())
def test_a_forward_model_s_copy_gives_the_same_chi2(way, name):
    model = forward_model(*models()[name])
    data = model.simulate(rng=1)
    expected = array(model.chi2(data))
    again = way(model)
    np.testing.assert_array_equal(array(again.chi2(data)), expected)
    # It is a model of its own.
    assert again.models["lens"] == model.models["lens"]


@WAYS
def test_a_joint_model_s_copy_gives_the_same_chi2(way):
    model = JointModel({"a": forward_model(), "b": forward_model()})
    data = model.simulate(rng=1)
    expected = array(model.chi2(data))
    np.testing.assert_array_equal(array(way(model).chi2(data)), expected)


def observation():
    y, x = np.mgrid[-32:32, -32:32] + 0.5
    ring = np.exp(-0.5 * ((np.hypot(x, y) - 18) / 2) ** 2)
    return Observation(
        ring + 0.05 * np.random.default_rng(2).standard_normal(ring.shape),
        uncertainty=np.full(ring.shape, 0.05),
        psf=np.exp(-0.5 * (np.hypot(*np.mgrid[-4:5, -4:5]) / 1.0) ** 2),
        wcs=sky(ring.shape),
        unit="electron / s",
    )


@WAYS
def test_a_solver_s_copy_gives_the_same_maps(way):
    solver = RIMSolver(tiny_architecture(steps=2))
    expected = solver.reconstruct(observation())
    found = way(solver).reconstruct(observation())
    np.testing.assert_array_equal(found.convergence.data, expected.convergence.data)
    np.testing.assert_array_equal(found.source.data, expected.source.data)


def test_a_trained_solver_keeps_its_priors_domain_and_expected_error():
    solver = RIMSolver.from_pretrained("epl")
    again = pickle.loads(pickle.dumps(solver))
    assert again.domain == solver.domain
    assert again.lens == solver.lens
    np.testing.assert_array_equal(again.error_covariance_factor, solver.error_covariance_factor)
    for name, found in again.arrays.items():
        np.testing.assert_array_equal(found, solver.arrays[name])


@WAYS
def test_an_autoencoder_s_copy_decodes_the_same(way):
    vae = VAE.from_pretrained("vae_source")
    np.testing.assert_array_equal(way(vae).sample(2, rng=1), vae.sample(2, rng=1))


@WAYS
def test_a_simulator_s_copy_draws_the_same(way):
    made = Simulator(Grid((32, 32)), Grid((16, 16), 2.0), Grid((24, 24)), psf_count=2)
    np.testing.assert_array_equal(way(made).draw(2, rng=1)["image"], made.draw(2, rng=1)["image"])


def test_a_forward_model_goes_to_spawned_workers():
    model = forward_model()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = pool.submit(model.simulate, 1).result(timeout=300)
    # Both compute on the same machine with the same library.
    np.testing.assert_allclose(found, model.simulate(1), rtol=1e-5)
