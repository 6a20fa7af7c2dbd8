"""Checks of a solver whose unknowns are the parameters of models."""

import numpy as np
import pytest
from keras import ops

from rimlens.generators import SimulationDomain
from rimlens.rim import Architecture, RIMSolver
from rimlens.simulation import Simulator
from rimlens.training.recipes.solver import Recipe
from rimlens.training.solver import train_solver
from rimlens.training.solver.scoring import score
from rimlens.training.solver.training_set import inputs_and_targets
from tiny_solver import LENS, SOURCE

ARCHITECTURE = Architecture(
    48, 24, 2.0, 36, 1.0, steps=2, latent_size=12, filters=(4, 6), vector_units=8
)
DOMAIN = SimulationDomain(core_mask=(1.0, 3.0), satellite_fraction=0.0, lens_light_residual=0.0)


def simulator_of(lens, source):
    a = ARCHITECTURE
    grids = a.image_grid, a.convergence_grid, a.source_grid
    return Simulator(*grids, DOMAIN, psf_size=9, psf_count=3, lens=lens, source=source)


@pytest.fixture(scope="module", params=["both", "lens"])
def problem(request):
    """Return a solver, a batch of its simulations, its inputs and its targets."""
    source = SOURCE if request.param == "both" else None
    solver = RIMSolver(ARCHITECTURE, lens=LENS, source=source)
    batch = simulator_of(LENS, source).draw(6, rng=3)
    return solver, batch, *inputs_and_targets(batch, solver.machine)


def chi2_at(machine, state, exposure):
    return ops.convert_to_numpy(machine.gradient(state, exposure).reduced_chi2)


def test_targets_are_the_variables_of_the_truth(problem):
    solver, batch, _, targets = problem
    found = LENS.constrain({"vector": targets["lens"].astype("float32")})
    # Rounding in single precision over ranges of ten pixels; angles in degrees.
    for name in ("sie_theta_E", "sie_q", "sie_center_x", "externalshear_gamma_ext"):
        np.testing.assert_allclose(
            ops.convert_to_numpy(found[name]), batch["lens"][name], rtol=1e-4, atol=1e-4
        )


def test_the_truth_fits_and_gauss_newton_steps_find_it_again(problem):
    solver, batch, inputs, targets = problem
    machine = solver.machine
    exposure = machine.exposure({k: ops.convert_to_tensor(v) for k, v in inputs.items()})
    truth = {name: ops.convert_to_tensor(v) for name, v in targets.items()}
    at_truth = chi2_at(machine, truth, exposure)
    rng = np.random.default_rng(5)
    n, m = len(LENS.labels), len(machine.source.prior_scale)
    offset = 0.2 * rng.normal(size=(6, n + m)).astype("float32")

    def moved(state, step):
        lens = machine.lens.update(state, None, None, step[:, :n])
        return {
            **state,
            **lens,
            **({"source_vector": state["source_vector"] + step[:, n:]} if m else {}),
        }

    state = moved(truth, offset)
    # Half of the lenses, at least, are visibly off.
    assert np.median(chi2_at(machine, state, exposure) / at_truth) > 1.03
    for _ in range(4):
        state = moved(state, machine.gradient(state, exposure).step)
    # A minimum fits at least as well as the truth; one lens in six may have gone astray.
    assert np.sum(chi2_at(machine, state, exposure) < at_truth * 1.01) >= 5


def test_the_descent_is_the_slope_of_chi2(problem):
    solver, batch, inputs, targets = problem
    machine = solver.machine
    exposure = machine.exposure({k: ops.convert_to_tensor(v) for k, v in inputs.items()})
    state = {name: ops.convert_to_tensor(v + np.float32(0.05)) for name, v in targets.items()}
    step = ops.convert_to_numpy(machine.gradient(state, exposure).step)
    pixels = inputs["weight"].sum(axis=(1, 2))
    n = len(LENS.labels)
    before = chi2_at(machine, state, exposure)
    part = 1e-2 * step[:, :n]
    after = chi2_at(machine, {**state, "lens": state["lens"] + part}, exposure)
    # A small part of a Newton step lowers chi-square.
    assert np.all((after - before) * pixels < 0)


@pytest.mark.slow
def test_training_lowers_the_loss_and_the_weights_come_back_with_their_priors(tmp_path):
    solver = RIMSolver(ARCHITECTURE, lens=LENS, source=SOURCE)
    recipe = Recipe(
        "tiny",
        batch_size=8,
        stages=((1, 60),),
        updates_per_epoch=20,
        learning_rate=1e-2,
        warmup=10,
        held_back=4,
        precision="float32",
        theta_E_domain=(7.0, 14.0),
        architecture=ARCHITECTURE,
        domain=DOMAIN,
    )
    simulator = simulator_of(LENS, SOURCE)
    drawn = simulator.draw
    # Always the same lenses: they can be learned by heart in no time.
    simulator.draw = lambda n, rng: drawn(n, 7)
    history = train_solver(solver, simulator, recipe, verbose=0)
    # A logarithm of squared errors: each falls by a third, at least, from the first epoch's mean.
    assert history[-1] < history[0] - 0.6
    solver.save(tmp_path / "tiny.asdf")
    again = RIMSolver.from_pretrained(tmp_path / "tiny.asdf")
    assert again.lens == LENS
    assert again.source == SOURCE
    simulator = simulator_of(LENS, SOURCE)
    first, second = (score(s, simulator, 4, seed=9) for s in (solver, again))
    np.testing.assert_array_equal(first["theta_E"], second["theta_E"])


def test_a_reconstruction_has_the_models_in_the_units_of_the_sky():
    import astropy.units as u
    from astropy.nddata import StdDevUncertainty

    from rimlens import Observation

    batch = simulator_of(LENS, SOURCE).draw(1, rng=4)
    solver = RIMSolver(ARCHITECTURE, lens=LENS, source=SOURCE)
    observation = Observation(
        batch["image"][0],
        uncertainty=StdDevUncertainty(batch["sigma"][0]),
        mask=batch["weight"][0] == 0,
        psf=batch["psf"][0],
        wcs=None,
        pixel_scale=0.05,
        unit="electron / s",
    )
    # Another solution from other digits of the image would differ by more than is tested for.
    results, solve = [], solver.inference.solve_batch
    solver.inference.solve_batch = lambda inputs: results.append(solve(inputs)) or results[-1]
    found = solver.reconstruct(observation)
    (result,) = results
    expected = result["lens"]["sie_theta_E"][0] * 0.05 * u.arcsec
    # Rounding in single precision.
    assert found.lens_model.sie_theta_E.to_value("arcsec") == pytest.approx(
        expected.value, rel=1e-5
    )
    assert found.source_model.I_0.unit == u.electron / u.s
    x = 0.05 * ARCHITECTURE.source_grid.x
    y = 0.05 * ARCHITECTURE.source_grid.y
    map_of_model = found.source_model.surface_brightness(x, y).value
    np.testing.assert_allclose(found.source.data, map_of_model, rtol=1e-3, atol=1e-5)
