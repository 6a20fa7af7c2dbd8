"""Checks of the unknowns: what each of them owes to a recurrence, and the large-scale modes."""

import inspect
from types import SimpleNamespace

import numpy as np
import pytest
from keras import ops

from rimlens.datasets import MapCollection
from rimlens.errors import InputError
from rimlens.imaging import Grid
from rimlens.lens import PixelatedConvergence
from rimlens.maps import einstein_radius
from rimlens.prior import (
    CollectionPrior,
    GeneratedConvergencePrior,
    GeneratedGalaxyPrior,
    MixturePrior,
    TNGPrior,
)
from rimlens.rim import Architecture, RIMSolver
from rimlens.rim.constants import CONSTANTS
from rimlens.rim.lens_unknowns import (
    ParametricLens,
    PixelatedLens,
    convergence_modes,
    lens_unknowns,
)
from rimlens.rim.source_unknowns import ParametricSource, PixelatedSource, source_unknowns
from rimlens.rim.unknowns import LensUnknowns, SourceUnknowns
from rimlens.simulation import Simulator
from rimlens.source import PixelatedSource as PixelatedSourceModel
from tiny_solver import LENS, SOURCE, tiny_architecture

A = tiny_architecture(steps=2)
# Of the images; the brightness of the model's draws stays in the range of its prior.
PEAK = 1.1
CONVERGENCE = PixelatedConvergence(
    A.convergence_grid, convergence_map=np.ones(A.convergence_grid.shape)
)
BRIGHTNESS = PixelatedSourceModel(A.source_grid, brightness_map=np.ones(A.source_grid.shape))


def galaxies():
    """Return a collection of one round galaxy."""
    grid = A.source_grid
    return MapCollection([np.exp(-(grid.radius**2) / 18.0)], grid.pixel_scale)


def halos():
    """Return a collection of one isothermal halo."""
    grid = Grid((64, 64), 1.0)
    return MapCollection([6.0 / np.hypot(grid.radius, 1.0)], grid.pixel_scale)


LENSES = {
    "map": None,
    "generated": GeneratedConvergencePrior(CONVERGENCE),
    "collection": CollectionPrior(CONVERGENCE, halos()),
    "tng": TNGPrior(CONVERGENCE, halos(), theta_E=14.0),
    "mixture": MixturePrior(
        [GeneratedConvergencePrior(CONVERGENCE), CollectionPrior(CONVERGENCE, halos())]
    ),
    "model": LENS,
}
SOURCES = {
    "map": None,
    "generated": GeneratedGalaxyPrior(BRIGHTNESS),
    "collection": CollectionPrior(BRIGHTNESS, galaxies()),
    "model": SOURCE,
}


@pytest.fixture(scope="module")
def draws():
    """Return simulations by the priors that drew them."""
    found = {}

    def draw(lens, source):
        if (lens, source) not in found:
            simulator = Simulator(
                A.image_grid,
                A.convergence_grid,
                A.source_grid,
                psf_size=9,
                psf_count=2,
                lens=LENSES[lens],
                source=SOURCES[source],
                cuts=(),
                external_shear=lens != "model",
            )
            found[lens, source] = simulator.draw(2, rng=4)
        return found[lens, source]

    return draw


def problem(kind, name, draws):
    """Return unknowns, a true state of theirs, and the truth itself."""
    if kind == "lens":
        unknowns, batch = lens_unknowns(A, LENSES[name]), draws(name, "map")
    else:
        unknowns, batch = source_unknowns(A, SOURCES[name]), draws("map", name)
    state = tensors(unknowns.target(batch, np.full(2, PEAK)))
    return SimpleNamespace(unknowns=unknowns, state=state, batch=batch)


@pytest.fixture(params=LENSES)
def lens(request, draws):
    return problem("lens", request.param, draws)


@pytest.fixture(params=SOURCES)
def source(request, draws):
    return problem("source", request.param, draws)


@pytest.fixture(
    params=[*(("lens", name) for name in LENSES), *(("source", name) for name in SOURCES)],
    ids=" ".join,
)
def either(request, draws):
    return problem(*request.param, draws)


def tensors(values):
    return {name: ops.convert_to_tensor(value) for name, value in values.items()}


def arrays(values):
    return {name: ops.convert_to_numpy(value) for name, value in values.items()}


def steps(unknowns, size, seed=3):
    rng = np.random.default_rng(seed)
    step = size * rng.standard_normal((2, len(unknowns.prior_scale)))
    return (step * unknowns.expected_error).astype("float32")


def no_gradient(unknowns, state):
    """Return a gradient that points nowhere."""
    maps = {name: ops.zeros_like(state[name]) for name in unknowns.names}
    return SimpleNamespace(maps=maps)


@pytest.mark.parametrize(
    ("interface", "classes"),
    [
        (LensUnknowns, (PixelatedLens, ParametricLens)),
        (SourceUnknowns, (PixelatedSource, ParametricSource)),
    ],
)
def test_no_unknowns_have_public_members_that_the_interface_does_not_state(interface, classes):
    stated = {name for name in dir(interface) if not name.startswith("_")}
    stated |= {"prior", "convergence"}  # of those that have one
    for cls in classes:
        assert not inspect.isabstract(cls)
        assert {name for name in vars(cls) if not name.startswith("_")} <= stated


def test_the_initial_state_has_every_variable(either):
    start = arrays(either.unknowns.initial(2))
    assert tuple(start) == either.unknowns.names
    for name, value in start.items():
        assert value.shape == either.state[name].shape
        assert value.dtype == np.float32
        np.testing.assert_array_equal(value[0], value[1])


def test_the_network_reads_and_writes_as_many_channels_as_are_stated(either):
    unknowns, state = either.unknowns, either.state
    maps = unknowns.network_maps(state, no_gradient(unknowns, state))
    assert sum(channels.shape[-1] for channels in maps) == unknowns.input_channels
    vector = unknowns.network_vector(state)
    assert (0 if vector is None else vector.shape[-1]) == unknowns.vector_size
    output = ops.zeros((2, A.latent_size, A.latent_size, unknowns.output_channels))
    step = np.zeros((2, len(unknowns.prior_scale)), "float32")
    # A network that writes nothing leaves everything where it was.
    same = unknowns.update(state, no_gradient(unknowns, state), output, step)
    for name in unknowns.names:
        np.testing.assert_array_equal(same[name], state[name])


def test_a_step_along_the_directions_is_found_again(either):
    unknowns, state = either.unknowns, arrays(either.state)
    step = steps(unknowns, 0.5)
    found = unknowns.project_difference(state, arrays(unknowns.apply_step(either.state, step)))
    assert found.shape == step.shape
    # Rounding in single precision; the modes of a small map are nearly dependent.
    np.testing.assert_allclose(found, step, rtol=0, atol=3e-3)


def test_a_truth_comes_back_from_its_variables(lens):
    found = arrays({"convergence": lens.unknowns.physical(lens.state)["convergence"]})
    # A model's map is of pixel centers, in single precision.
    np.testing.assert_allclose(found["convergence"], lens.batch["convergence"], rtol=2e-3)


def test_a_true_source_comes_back_in_units_of_the_peak(source):
    found = arrays({"source": source.unknowns.physical(source.state)["source"]})
    scale = source.batch["source"].max()
    np.testing.assert_allclose(PEAK * found["source"], source.batch["source"], atol=1e-4 * scale)


def test_the_jacobian_of_a_lens_is_the_finite_difference_of_its_rays(lens):
    unknowns, state = lens.unknowns, lens.state
    step = steps(unknowns, 0.02)
    forward, backward = (
        unknowns.ray_trace({**state, **unknowns.apply_step(state, sign * step)})
        for sign in (1.0, -1.0)
    )
    for component, ahead, behind in zip(unknowns.jacobian(state, coarse=False), forward, backward):
        expected = -0.5 * ops.convert_to_numpy(ahead - behind)
        found = np.einsum("bmyx,bm->byx", ops.convert_to_numpy(component), step)
        # Half of the second differences' size, and rounding of positions of some ten pixels.
        atol = 1e-2 * np.abs(expected).max() + 1e-5
        np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


def test_the_descent_of_a_lens_is_minus_the_slope_along_the_directions(lens):
    unknowns, state = lens.unknowns, lens.state
    rng = np.random.default_rng(8)
    slopes = [rng.standard_normal((2, *A.image_grid.shape)).astype("float32") for _ in range(2)]
    _, descent = unknowns.trace(state)
    maps, along = descent(*slopes)
    assert set(maps) == {name for name in unknowns.names if len(state[name].shape) == 3}
    jacobian = unknowns.jacobian(state, coarse=False)
    # The image's change is minus the deflection's, so that the two signs cancel.
    expected = sum(
        np.einsum("bmyx,byx->bm", ops.convert_to_numpy(component), slope)
        for component, slope in zip(jacobian, slopes)
    )
    np.testing.assert_allclose(along, expected, rtol=2e-3, atol=2e-3 * np.abs(expected).max())


def test_the_jacobian_of_a_source_is_the_finite_difference_of_its_brightness(source):
    unknowns, state = source.unknowns, source.state
    x, y = (
        ops.convert_to_tensor(np.float32(np.broadcast_to(0.2 * v, (2, *v.shape))))
        for v in (A.image_grid.x, A.image_grid.y)
    )
    rays = unknowns.rays(x, y)
    brightness, _ = unknowns.lensed(state, rays)
    np.testing.assert_allclose(brightness, unknowns.brightness(state, x, y), atol=1e-6)
    jacobian = unknowns.jacobian(state, rays)
    if jacobian is None:
        assert len(unknowns.prior_scale) == 0
        return
    step = steps(unknowns, 0.01)
    ahead, behind = (
        ops.convert_to_numpy(unknowns.brightness(unknowns.apply_step(state, s * step), x, y))
        for s in (1.0, -1.0)
    )
    expected = 0.5 * (ahead - behind)
    found = np.einsum("bmyx,bm->byx", ops.convert_to_numpy(jacobian), step)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-2 * np.abs(expected).max())


def test_coordinates_can_be_told_from_steps_and_back(lens):
    coordinates = ops.convert_to_numpy(lens.unknowns.coordinates(lens.state))
    m = len(lens.unknowns.prior_scale)
    assert coordinates.shape == (2, m, m)
    assert np.all(np.linalg.cond(coordinates) < 1e4)


@pytest.mark.parametrize("name", [name for name in LENSES if name != "model"])
def test_radius_and_shear_of_a_map_are_those_of_the_truth(name, draws):
    lens = problem("lens", name, draws)
    found = arrays(lens.unknowns.physical(lens.state))
    np.testing.assert_allclose(
        lens.unknowns.einstein_radii(found),
        [einstein_radius(k, A.convergence_scale) for k in lens.batch["convergence"]],
        rtol=1e-4,
    )
    np.testing.assert_allclose(lens.unknowns.external_shear(found), lens.batch["shear"], rtol=1e-5)


def test_radius_and_shear_of_a_model_are_those_of_the_truth(draws):
    lens = problem("lens", "model", draws)
    values = lens.unknowns.physical(lens.state)["lens"]
    found = {"lens": arrays(values)}
    true = LENS.model.copy(**lens.batch["lens"]).einstein_radius().value
    # Variables in single precision.
    np.testing.assert_allclose(lens.unknowns.einstein_radii(found), true, rtol=1e-4)
    np.testing.assert_allclose(
        lens.unknowns.external_shear(found), lens.batch["shear"], rtol=0, atol=1e-5
    )


def test_the_first_state_is_a_ring_of_the_radius_stated():
    architecture = Architecture()
    log_kappa = ops.convert_to_numpy(PixelatedLens(architecture).initial(1)["convergence"])[0]
    radius = einstein_radius(10.0**log_kappa, architecture.convergence_scale)
    # An isothermal sphere with a core of 2 pixels lacks a tenth.
    assert radius == pytest.approx(CONSTANTS.initial_theta_E, rel=0.12)


def test_a_map_prior_says_where_the_recurrence_starts():
    prior = LENSES["tng"]
    start = ops.convert_to_numpy(lens_unknowns(A, prior).initial(1)["convergence"])
    np.testing.assert_array_equal(start, prior.initial(1)["map"])


@pytest.mark.parametrize(
    ("kind", "prior", "message"),
    [
        ("lens", SOURCE, "lens: a prior over a lens is wanted"),
        ("source", LENS, "source: a prior over a source is wanted"),
        ("lens", "sie", "lens: a prior over a lens is wanted, found 'sie'"),
        (
            "lens",
            GeneratedConvergencePrior(
                PixelatedConvergence(Grid((16, 16)), convergence_map=np.ones((16, 16)))
            ),
            "lens: a prior over maps on the solver's grid",
        ),
    ],
)
def test_a_prior_that_cannot_be_an_unknown_is_refused_by_name(kind, prior, message):
    with pytest.raises(InputError, match=message):
        RIMSolver(A, **{kind: prior})


def test_no_variable_gives_a_negative_convergence_and_none_an_infinite_variable():
    unknowns = PixelatedLens(A)
    faint = ops.full((1, *A.convergence_grid.shape), -30.0)
    assert ops.convert_to_numpy(unknowns.convergence(faint)).min() > 0
    dark = {"convergence": np.zeros((1, *A.convergence_grid.shape)), "shear": np.zeros((1, 2))}
    assert np.all(np.isfinite(unknowns.target(dark, np.ones(1))["convergence"]))


def test_modes_are_of_order_one_and_independent():
    modes = convergence_modes(Grid((64, 64), 2.0))
    assert modes.dtype == np.float32
    assert np.abs(modes).max() < 10
    singular = np.linalg.svd(modes.reshape(len(modes), -1), compute_uv=False)
    assert singular[-1] > 1e-3 * singular[0]


def test_an_isothermal_lens_of_another_mass_and_slope_is_a_sum_of_modes():
    grid = Grid((32, 32), 2.0)
    modes = convergence_modes(grid).reshape(14, -1)
    power_law = -0.3 + 0.2 * np.log(np.hypot(grid.radius, 4.0) / 20.0)
    coefficients, *_ = np.linalg.lstsq(modes.T, power_law.ravel())
    # Rounding in single precision: the first two modes are these.
    np.testing.assert_allclose(coefficients, [-0.3, 0.2, *np.zeros(12)], rtol=0, atol=1e-4)
