"""Checks of the steps that end a reconstruction."""

from dataclasses import replace

import numpy as np
import pytest
from keras import ops

from rimlens.imaging import Grid, convolve, psf_transform
from rimlens.rim import Architecture, refinement
from rimlens.rim.constants import CONSTANTS
from rimlens.rim.lens_unknowns import ParametricLens, PixelatedLens
from rimlens.rim.preparation import orient_map, orient_shear
from rimlens.rim.source_unknowns import ParametricSource, PixelatedSource
from tiny_solver import LENS, SOURCE

ARCHITECTURE = Architecture(64, 32, 2.0, 48, 1.0, latent_size=16, filters=(4,))
SIGMA = 0.02
PSF_SHAPE = (9, 9)
KINDS = {
    "maps": (PixelatedLens(ARCHITECTURE), PixelatedSource(ARCHITECTURE)),
    "model and map": (
        ParametricLens(ARCHITECTURE, LENS),
        PixelatedSource(ARCHITECTURE),
    ),
    "models": (
        ParametricLens(ARCHITECTURE, LENS),
        ParametricSource(ARCHITECTURE, SOURCE),
    ),
}


def truth_of(lens, source):
    """Return the state of a lens with an arc and a counter-image."""
    state = {name: ops.convert_to_numpy(v) for name, v in lens.initial(1).items()}
    state |= {name: ops.convert_to_numpy(v) for name, v in source.initial(1).items()}
    if "convergence" in state:
        x, y = lens.grid.x, lens.grid.y
        state["convergence"] = np.log10(6.0 / np.sqrt(0.8 * x**2 + y**2 / 0.8 + 4.0))[None]
        state["shear"] = np.array([[0.3, -0.2]])
    if "source" in state:
        x, y = source.grid.x, source.grid.y
        state["source"] = np.exp(-((x - 3.0) ** 2 + (y - 2.0) ** 2) / (2 * 3.0**2))[None]
    return {name: ops.convert_to_tensor(value.astype("float32")) for name, value in state.items()}


def model_of(lens, source, state, psf):
    return convolve(source.brightness(state, *lens.ray_trace(state)), psf, PSF_SHAPE)


@pytest.fixture(params=KINDS)
def problem(request):
    """Return lens, source, the truth and a noisy exposure of it, part of which is masked."""
    lens, source = KINDS[request.param]
    truth = truth_of(lens, source)
    psf = np.exp(-(Grid(PSF_SHAPE).radius ** 2) / (2 * 1.2**2))
    psf = psf_transform((psf / psf.sum())[None].astype("float32"), (64, 64))
    image = ops.convert_to_numpy(model_of(lens, source, truth, psf))
    image = image + np.random.default_rng(1).normal(0, SIGMA, image.shape)
    weight = np.ones_like(image)
    weight[:, 30:34, 30:34] = 0.0
    exposure = [ops.convert_to_tensor(np.float32(v)) for v in (image, 0 * image + SIGMA, weight)]
    return lens, source, truth, (*exposure, psf, PSF_SHAPE)


def directions(lens, source):
    return len(lens.expected_error) + len(source.expected_error)


def moved(lens, source, state, step, units=None):
    """Return a state after a step in units of the error that is expected there, or given."""
    n = len(lens.expected_error)
    units = refinement.start(lens, source, state)["units"] if units is None else units
    step = ops.matmul(units, ops.convert_to_tensor(np.float32(step))[None, :, None])[..., 0]
    return {**lens.apply_step(state, step[:, :n]), **source.apply_step(state, step[:, n:])}


def correlated(lens, source):
    """Return the factor of a covariance with correlations."""
    stated = np.concatenate([lens.expected_error, source.expected_error])
    rng = np.random.default_rng(6)
    return stated[:, None] * np.tril(rng.normal(size=(len(stated),) * 2))


def test_columns_are_the_slopes_of_the_model(problem):
    lens, source, state, exposure = problem
    _, sigma, weight, psf, _ = exposure
    units = refinement.start(lens, source, state)["units"]
    rays = source.rays(*lens.ray_trace(state))
    slopes = source.lensed(state, rays)[1]
    alpha, own = lens.jacobian(state, coarse=False), source.jacobian(state, rays)
    columns = refinement.whitened_jacobian(alpha, slopes, own, exposure, units)
    columns = ops.convert_to_numpy(columns)[0]
    per_noise = ops.convert_to_numpy(ops.sqrt(weight) / sigma)[0]
    for k in range(directions(lens, source)):
        unit = 0.02 * np.eye(directions(lens, source))[k]
        ahead, behind = (
            ops.convert_to_numpy(model_of(lens, source, moved(lens, source, state, s), psf))[0]
            for s in (unit, -unit)
        )
        slope = per_noise * (ahead - behind) / 0.04
        # Rays that change their pixel of the source meet another slope on the way.
        assert np.linalg.norm(columns[k] - slope) < 0.05 * np.linalg.norm(slope)


def test_steps_bring_back_lens_and_source_together(problem):
    lens, source, truth, exposure = problem
    rng = np.random.default_rng(4)
    state = moved(lens, source, truth, 0.7 * rng.normal(size=directions(lens, source)))
    if source.output_channels:
        state["source"] = state["source"] * 0.8
    away = refinement.start(lens, source, state)
    history = []
    for _ in range(2 * CONSTANTS.refinement_steps):
        state, away, model, chi2 = refinement.refine(lens, source, state, away, exposure)
        expected = model_of(lens, source, state, exposure[3])
        # Rounding in single precision.
        np.testing.assert_allclose(np.asarray(model), np.asarray(expected), rtol=0, atol=1e-5)
        history += [float(v[0]) for v in chi2]
    before, after = history[::2], history[1::2]
    np.testing.assert_allclose(before[1:], after[:-1], rtol=1e-5)
    assert np.all(np.diff(before) <= 0)
    assert history[0] > 3.0
    # 4080 pixels scatter by two hundredths around one.
    assert history[-1] < 1.08


def test_distances_gone_are_those_between_the_states(problem):
    lens, source, truth, exposure = problem
    begin = moved(lens, source, truth, 0.3 * np.ones(directions(lens, source)))
    state, away = begin, refinement.start(lens, source, begin, correlated(lens, source))
    for _ in range(2):
        state, away, *_ = refinement.refine(lens, source, state, away, exposure)
    gone = ops.convert_to_numpy(away["directions"])[0]
    assert np.max(np.abs(gone)) > 0.1
    again = moved(lens, source, begin, gone, away["units"])
    for name in lens.names:
        np.testing.assert_allclose(
            ops.convert_to_numpy(again[name]), ops.convert_to_numpy(state[name]), atol=2e-5
        )


def test_data_that_say_nothing_move_nothing(problem):
    lens, source, truth, (image, sigma, weight, *rest) = problem
    begin = moved(lens, source, truth, 0.3 * np.ones(directions(lens, source)))
    away = refinement.start(lens, source, begin)
    state, *_ = refinement.refine(lens, source, begin, away, (image, 1e5 * sigma, weight, *rest))
    for name, value in begin.items():
        change = ops.convert_to_numpy(state[name]) - ops.convert_to_numpy(value)
        assert np.max(np.abs(change)) < 1e-4


@pytest.mark.parametrize("problem", ["maps"], indirect=True)
def test_only_the_first_coordinate_changes_the_mass_inside_the_ring(problem):
    lens, _, state, _ = problem
    coordinates = ops.convert_to_numpy(lens.coordinates(state))[0]
    (radius,) = lens.einstein_radii(lens.physical(state))

    def mass(step, inside):
        step = ops.convert_to_tensor(np.float32(step)[None])
        convergence = lens.physical(lens.apply_step(state, step))["convergence"]
        return np.log10(ops.convert_to_numpy(convergence)[0][inside].sum())

    def slopes(edge):
        inside = lens.grid.radius <= edge
        return [(mass(0.01 * c, inside) - mass(-0.01 * c, inside)) / 0.02 for c in coordinates.T]

    # The ring is a disc of whole pixels there.
    edges = lens.grid.pixel_scale * (np.floor(radius / lens.grid.pixel_scale) + np.arange(-1, 2))
    wanted = np.eye(len(coordinates))[0]
    assert min(np.abs(np.array(slopes(edge)) - wanted).max() for edge in edges) < 2e-3


@pytest.mark.parametrize("orientation", [1, 2, 4, 7])
@pytest.mark.parametrize("problem", ["maps"], indirect=True)
def test_a_turned_lens_takes_the_turned_step(problem, orientation, monkeypatch):
    # Conjugate gradients that are cut off depend on the order of sums; run to the end they do not.
    monkeypatch.setattr(refinement, "CONSTANTS", replace(CONSTANTS, refinement_iterations=200))
    lens, source, truth, (image, sigma, weight, *rest) = problem
    begin = moved(lens, source, truth, 0.3 * np.ones(directions(lens, source)))

    def turned(values):
        return {
            name: ops.convert_to_tensor(
                (orient_map if len(v.shape) == 3 else orient_shear)(
                    ops.convert_to_numpy(v), orientation
                )
            )
            for name, v in values.items()
        }

    def stepped(state, exposure):
        away = refinement.start(lens, source, state)
        return refinement.refine(lens, source, state, away, (*exposure, *rest))[0]

    plane = {"image": image, "sigma": sigma, "weight": weight}
    found = stepped(turned(begin), turned(plane).values())
    for name, expected in turned(stepped(begin, plane.values())).items():
        change = ops.convert_to_numpy(expected) - ops.convert_to_numpy(turned(begin)[name])
        error = ops.convert_to_numpy(found[name]) - ops.convert_to_numpy(expected)
        # Rounding in single precision.
        assert np.linalg.norm(error) < 1e-2 * np.linalg.norm(change), name


def test_conjugate_gradients_solve_what_a_direct_solver_solves():
    rng = np.random.default_rng(2)
    a = rng.normal(size=(2, 12, 12))
    matrix = np.float32(np.einsum("bij,bkj->bik", a, a) + 4 * np.eye(12))
    target = np.float32(rng.normal(size=(2, 3, 4)))

    def product(x):
        flat = ops.reshape(x, (2, 12))
        return ops.reshape(ops.einsum("bij,bj->bi", matrix, flat), (2, 3, 4))

    found = ops.convert_to_numpy(refinement.conjugate_gradients(product, target))
    wanted = np.linalg.solve(matrix, target.reshape(2, 12, 1)).reshape(2, 3, 4)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_expected_error_of_a_map_is_a_smooth_field_of_unit_variance():
    noise = np.random.default_rng(3).normal(size=(20, 48, 48)).astype("float32")
    field = ops.convert_to_numpy(
        refinement.apply_filter(noise, refinement.correlation_filter((48, 48)))
    )
    np.testing.assert_allclose(np.std(field), 1.0, rtol=0.05)
    neighbors = np.mean(field[:, 1:] * field[:, :-1])
    assert 0.7 < neighbors < 0.95
