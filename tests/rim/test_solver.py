"""Checks of `RIMSolver`: batches, history, what it refuses."""

import numpy as np
import pytest
from keras import ops

from map_model import MapModel
from rimlens import backend
from rimlens.errors import FileFormatError, InputError
from rimlens.imaging import psf_transform, reduced_chi2
from rimlens.rim import Architecture, RIMSolver
from rimlens.rim.constants import CONSTANTS
from rimlens.training.solver.training_set import orient
from tiny_solver import convergence_and_shear


@pytest.fixture(scope="module")
def solved(restless, inputs):
    return restless.inference.solve_batch(inputs)


def answer(solver, inputs):
    return {
        k: ops.convert_to_numpy(v) for k, v in solver.inference.network_estimate(inputs).items()
    }


@pytest.mark.parametrize("orientation", [1, 2, 4, 7])
def test_a_turned_lens_has_the_turned_answer(restless, inputs, orientation):
    # The refinement steps have the same check in test_refinement.
    found = answer(restless, orient(inputs, orientation))
    expected = answer(restless, inputs)
    for name, values in orient(expected, orientation).items():
        # Sums run in another order, and random steps, which fit nothing, amplify rounding.
        error = np.linalg.norm(found[name] - values) / np.linalg.norm(values)
        assert error < 1e-2, name


def test_an_untrained_answer_is_the_last_step_of_the_recurrence(untrained, inputs):
    # An untrained network is the same in every orientation, so nothing is lost in their mean.
    found, unrolled = answer(untrained, inputs), untrained.machine(inputs)
    # Rounding in another order, a few steps long.
    for name in ("convergence", "shear", "source"):
        expected = ops.convert_to_numpy(unrolled[name][:, -1])
        np.testing.assert_allclose(found[name], expected, rtol=1e-4, atol=1e-3, err_msg=name)


def test_the_history_is_the_reduced_chi2_of_every_step(untrained, inputs):
    solved, unrolled = untrained.inference.solve_batch(inputs), untrained.machine(inputs)
    a = untrained.architecture
    model = MapModel(a.image_grid, a.convergence_grid, a.source_grid)
    psf = psf_transform(inputs["psf"], (64, 64))
    assert solved["reduced_chi2"].shape == (3 + CONSTANTS.refinement_steps, 4)
    for step in range(3):
        kappa, shear = convergence_and_shear(
            unrolled["convergence"][:, step], unrolled["shear"][:, step]
        )
        image = model(kappa, shear, unrolled["source"][:, step], psf, (9, 9))
        chi2 = reduced_chi2(image, inputs["image"], inputs["sigma"], inputs["weight"])
        # As above.
        np.testing.assert_allclose(
            solved["reduced_chi2"][step], ops.convert_to_numpy(chi2), rtol=2e-3
        )


def test_the_model_is_that_of_the_solution(restless, inputs, solved):
    chi2 = np.sum(
        inputs["weight"] * ((solved["model"] - inputs["image"]) / inputs["sigma"]) ** 2,
        axis=(1, 2),
    )
    # Rounding in single precision.
    np.testing.assert_allclose(
        solved["reduced_chi2"][-1], chi2 / inputs["weight"].sum(axis=(1, 2)), rtol=1e-4
    )


def test_a_batch_of_lenses_is_solved_as_one_by_one(restless, inputs, solved):
    # A library may order the additions of a batch differently, and random steps, which fit
    # nothing, amplify that: on JAX by so much that a shear near zero has no digit of its own.
    on_jax = backend.name() == "jax"
    for i in range(2):
        alone = restless.inference.solve_batch({name: v[i : i + 1] for name, v in inputs.items()})
        for name in ("convergence", "shear", "source", "model"):
            atol = (5e-2 if on_jax else 1e-2) * np.abs(solved[name][i]).max()
            if on_jax and name == "shear":
                atol = 5e-3
            np.testing.assert_allclose(alone[name][0], solved[name][i], rtol=0, atol=atol)


def test_a_solution_does_not_depend_on_what_was_solved_before(restless, inputs, solved):
    restless.inference.solve_batch({name: v[::-1] for name, v in inputs.items()})
    again = restless.inference.solve_batch(inputs)
    for name, values in solved.items():
        np.testing.assert_array_equal(again[name], values)


def test_new_weights_are_used_without_compiling_anew(restless, inputs, solved, architecture):
    # On JAX, weights that are constants of the compiled program would stay those of before.
    solver = RIMSolver(architecture)
    solver.inference.solve_batch(inputs)
    solver.set_arrays(restless.arrays, "a test")
    found = solver.inference.solve_batch(inputs)
    # The same program on the same numbers.
    for name in ("convergence", "source"):
        np.testing.assert_allclose(found[name], solved[name], rtol=1e-4, atol=1e-5)


def test_chi2_falls_over_the_steps_also_without_training(untrained, inputs):
    # The source's gradient alone improves the fit.
    history = untrained.inference.solve_batch(inputs)["reduced_chi2"]
    assert np.all(np.diff(history[:3], axis=0) < 0)
    # A step at the end that would fit worse is not taken.
    assert np.all(np.diff(history[2:], axis=0) <= 1e-5 * history[2])
    assert np.all(history[-1] < history[2])


def test_an_untrained_solver_is_not_saved(untrained, tmp_path):
    with pytest.raises(InputError, match="RIMSolver: it has not been trained"):
        untrained.save(tmp_path / "weights.asdf")
    assert not list(tmp_path.iterdir())


def test_weights_that_do_not_exist_are_refused(tmp_path):
    with pytest.raises(FileFormatError, match="no such weights; give a file or one of"):
        RIMSolver.from_pretrained(tmp_path / "missing.asdf")


def test_a_file_that_holds_no_weights_is_refused(tmp_path):
    path = tmp_path / "text.asdf"
    path.write_text("nothing")
    with pytest.raises(FileFormatError, match="text.asdf"):
        RIMSolver.from_pretrained(path)


def test_arrays_of_another_architecture_are_refused(untrained, architecture):
    arrays = untrained.arrays
    other = RIMSolver(Architecture(**{**architecture.to_dict(), "filters": (4, 4)}))
    with pytest.raises(FileFormatError, match="w.asdf: its arrays do not fit the architecture"):
        other.set_arrays(arrays, "w.asdf")
    arrays.pop(next(iter(arrays)))
    with pytest.raises(FileFormatError, match="do not fit"):
        untrained.set_arrays(arrays, "w.asdf")


@pytest.mark.parametrize("thing", [np.zeros((4, 4)), ["lens.fits"]])
def test_something_else_than_an_observation_is_refused(untrained, thing):
    with pytest.raises(InputError, match="an Observation is wanted, found"):
        untrained.reconstruct(thing)


def test_an_untrained_solver_states_no_domain(untrained):
    assert untrained.domain == {}


def test_an_answer_is_the_solution_without_the_radii_of_single_orientations(
    restless, inputs, solved
):
    found = restless.inference.answer_batch(inputs)
    assert set(solved) - set(found) == {"orientation_radii"}
    for name in ("convergence", "source", "reduced_chi2"):
        # Threads may add in another order, and random steps amplify rounding.
        np.testing.assert_allclose(found[name], solved[name], rtol=1e-3, atol=1e-4)
