"""`reconstruct(refine=True)`: nearer to the truth, with errors that files keep."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from astropy.nddata import StdDevUncertainty

from rimlens import Reconstruction, RIMSolver
from rimlens.errors import FileFormatError, InputError
from rimlens.imaging import PSF, ForwardModel, Grid
from rimlens.io.weights import read_weights, write_weights
from rimlens.lens import DPIE, EPL, CompositeLens
from rimlens.observation import Observation
from rimlens.rim import Architecture
from rimlens.rim.refined import ErrorScale
from rimlens.simulation.hst import simulate_observation
from rimlens.source import CompositeSource, Gaussian


@pytest.fixture(scope="module")
def solver():
    return RIMSolver.from_pretrained()


@pytest.fixture(scope="module")
def lens():
    return simulate_observation(6)


@pytest.fixture(scope="module")
def refined(solver, lens):
    return solver.reconstruct(lens[0], refine=True)


@pytest.mark.slow
def test_the_radius_is_that_of_the_truth(refined, lens):
    error = refined.einstein_radius.value / lens[1]["theta_E"] - 1
    assert abs(error) < 0.015
    assert abs(error) < 3 * refined.errors["einstein_radius"] / lens[1]["theta_E"]


@pytest.mark.slow
def test_the_arcs_are_fitted_and_the_sky_is_not(solver, refined, lens):
    network = solver.reconstruct(lens[0])
    bright = network.model.data > 2 * lens[0].sigma
    before, after = (np.mean(r.normalized_residual[bright] ** 2) for r in (network, refined))
    assert before > 1.4
    assert 0.75 < after < 1.15
    sky = refined.model.data < 0.3 * lens[0].sigma
    assert np.mean(refined.normalized_residual[sky] ** 2) == pytest.approx(1.0, abs=0.1)


@pytest.mark.slow
def test_a_wrong_basin_is_not_called_good(solver):
    # The network is 13 per cent off, with a chi-square that hides it, and the search does not
    # find this extreme lens, of a third axis ratio.
    lens, truth = simulate_observation(3)
    network, found = solver.reconstruct(lens), solver.reconstruct(lens, refine=True)
    assert network.reduced_chi2 < 1.2
    error = abs(found.einstein_radius.value / truth["theta_E"] - 1)
    assert error < 0.015 or found.quality == "suspect"


@pytest.mark.slow
def test_the_forward_model_predicts_the_model(refined):
    found = np.array(refined.forward_model()())[0]
    np.testing.assert_allclose(found, refined.model.data, atol=2e-3 * refined.model.data.max())


@pytest.mark.slow
def test_errors_are_those_of_samples(refined):
    samples = refined.sample(60, rng=4)
    assert len(samples) == 60
    assert samples.source.unit == refined.source.unit
    radius = samples.einstein_radius.to_value("arcsec")
    assert refined.errors["einstein_radius"] == pytest.approx(radius.std(), rel=0.4)
    assert radius.mean() == pytest.approx(refined.einstein_radius.value, rel=0.02)
    errors = refined.convergence.uncertainty.array
    np.testing.assert_allclose(np.median(samples.convergence.std(axis=0) / errors), 1, atol=0.3)
    names = {"slope", "gamma1", "gamma_ext", "magnification", "einstein_radius_critical_curve"}
    assert names < set(refined.errors)
    assert all(0 < refined.errors[name] < np.inf for name in names)


@pytest.mark.slow
def test_samples_repeat_with_the_seed(refined):
    first, second = (refined.sample(2, rng=5).source for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["asdf", "fits"])
def test_files_keep_the_errors(refined, tmp_path, suffix):
    path = tmp_path / f"refined.{suffix}"
    refined.write(path)
    found = Reconstruction.read(path)
    assert found.errors == refined.errors
    for name in ("source", "convergence"):
        stored = getattr(found, name).uncertainty.array
        np.testing.assert_array_equal(stored, getattr(refined, name).uncertainty.array)
    with pytest.raises(InputError, match="sample: a reconstruction that a solver refined"):
        found.sample(3)


@pytest.mark.slow
def test_copies_keep_the_errors_and_have_no_draws(refined):
    copy = pickle.loads(pickle.dumps(refined))
    assert copy.errors == refined.errors
    with pytest.raises(InputError, match="files and copies keep the errors alone"):
        copy.sample(3)


@pytest.mark.slow
def test_the_weights_are_left_as_they_are(solver, lens, refined):
    before = {name: value.copy() for name, value in solver.arrays.items()}
    solver.reconstruct(lens[0])
    for name, value in solver.arrays.items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.slow
def test_a_subhalo_is_found_and_named(solver, tmp_path):
    grid = Grid((128, 128), 0.05)
    knots = [(0.05, 0.02, 0.16, 1.0), (0.2, 0.1, 0.06, 0.7), (-0.12, 0.16, 0.06, 0.6)]
    source = CompositeSource(
        [Gaussian(center_x=x, center_y=y, sigma=size, I_0=peak) for x, y, size, peak in knots]
    )
    smooth = EPL(theta_E=1.15, gamma=2.05, q=0.8, phi=30.0)
    subhalo = DPIE(theta_E=0.137, r_core=1e-4, r_cut=0.4, center_x=0.83, center_y=0.77)
    known, _ = simulate_observation(6)
    model = ForwardModel(CompositeLens([smooth, subhalo]), source, grid, psf=PSF(known.psf))
    image = np.array(model(), dtype=float).reshape(grid.shape)
    sigma = image.max() / 60
    observation = Observation(
        image + np.random.default_rng(1).normal(0, sigma, grid.shape),
        uncertainty=StdDevUncertainty(np.full(grid.shape, sigma)),
        mask=np.hypot(grid.x, grid.y) < 0.3,
        psf=known.psf,
        wcs=known.wcs,
    )
    found = solver.reconstruct(observation, refine=True)
    said = found.meta["subhalo"]
    assert said["center_x"] == pytest.approx(0.83, abs=0.05)
    assert said["center_y"] == pytest.approx(0.77, abs=0.05)
    area = said["theta_E"] * said["r_cut"]
    assert area == pytest.approx(0.137 * 0.4, rel=0.3)
    assert said["theta_E"] > 5 * found.errors["subhalo.theta_E"]
    path = tmp_path / "found.asdf"
    found.write(path)
    assert Reconstruction.read(path).meta["subhalo"] == said


def test_without_refinement_there_are_no_errors(solver, lens):
    found = solver.reconstruct(lens[0])
    assert found.errors == {}
    assert found.source.uncertainty is None


def test_wrong_arguments_are_reported(solver, lens):
    with pytest.raises(
        InputError, match="method: one of evidence, map, latent, ewc is wanted, found 'evidenc'"
    ):
        solver.reconstruct(lens[0], refine=True, method="evidenc")
    with pytest.raises(InputError, match="refine: weights with a population of lenses are wanted"):
        RIMSolver(Architecture(filters=(4, 4))).reconstruct(lens[0], refine=True)


@pytest.mark.slow
@pytest.mark.parametrize(("weights", "method"), [("epl", "map"), ("analytic", "evidence")])
def test_solvers_of_models_are_refined_and_state_the_errors_of_parameters(weights, method, lens):
    solver = RIMSolver.from_pretrained(weights)
    found = solver.reconstruct(lens[0], refine=True, method=method)
    assert found.meta["refinement"] == method
    assert 0 < found.errors["einstein_radius"] < 0.2
    assert abs(found.einstein_radius.value / lens[1]["theta_E"] - 1) < 0.06
    assert any(name.startswith("lens.") for name in found.errors)


def test_error_scale_is_interpolated_in_the_signal_to_noise():
    scale = ErrorScale([[10.0, 1.0], [1000.0, 3.0]])
    assert [scale(s) for s in (1.0, 10.0, 100.0, 1e4)] == pytest.approx([1.0, 1.0, 2.0, 3.0])


@pytest.mark.parametrize("pairs", [2.0, [], [[10.0, 1.0], [5.0, 2.0]], [[1.0, -1.0]], "high"])
def test_error_scale_that_is_none_is_reported(pairs):
    with pytest.raises(InputError, match="error_scale: pairs of a rising signal-to-noise"):
        ErrorScale(pairs)


def test_weights_with_a_damaged_error_scale_are_refused(solver, tmp_path):
    solver.save(tmp_path / "whole.asdf")
    weights = read_weights(tmp_path / "whole.asdf")
    damaged = replace(weights, refinement={**weights.refinement, "error_scale": [[1.0]]})
    write_weights(tmp_path / "damaged.asdf", damaged)
    with pytest.raises(FileFormatError, match="damaged.asdf: refinement: error_scale: pairs"):
        RIMSolver.from_pretrained(tmp_path / "damaged.asdf")
