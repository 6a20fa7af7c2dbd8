"""The forward model of a reconstruction predicts what the solver did."""

import numpy as np
import pytest
from keras import ops

from rimlens import RIMSolver
from rimlens.errors import InputError
from rimlens.imaging import ForwardModel, Grid
from rimlens.lens import PixelatedConvergence
from sky_lens import LENS, SOURCE, observation_of_known_lens

# Shape, pixel scale, and by how much the solvers of 64 and of 128 pixels bin them.
FRAMES = [
    ((64, 64), 0.1, (1, 1)),  # as it is
    ((51, 50), 0.1, (1, 1)),  # padded by odd and even numbers
    ((81, 80), 0.1, (2, 1)),  # binned from an odd and an even number
    ((100, 100), 0.05, (2, 1)),  # half a pixel off where only the larger solver has the middle
    ((180, 181), 0.05, (3, 2)),
    ((310, 311), 0.02, (5, 3)),
]


@pytest.fixture(
    scope="module", params=["analytic", "epl", pytest.param("default", marks=pytest.mark.slow)]
)
def solver(request):
    return RIMSolver.from_pretrained(request.param)


def reduced_chi2(model, reconstruction):
    observation = reconstruction.observation
    chi2 = model.chi2(observation.data * observation.unit)
    return float(ops.convert_to_numpy(chi2)[0]) / np.count_nonzero(~observation.mask)


def same_chi2(reconstruction):
    """Return what is equal to the reconstruction's.

    Light beyond the edge of an image is blurred into it by the solver alone.
    """
    return pytest.approx(reconstruction.reduced_chi2, abs=1e-3)


@pytest.mark.parametrize(("shape", "scale", "binning"), FRAMES)
def test_chi2_is_that_of_the_reconstruction(solver, shape, scale, binning):
    seen = observation_of_known_lens(shape, scale, rotation=30.0, flipped=shape[0] % 2 == 1)
    found = solver.reconstruct(seen)
    assert found.meta["binning"] == binning[solver.architecture.image_size == 128]
    assert reduced_chi2(found.forward_model(), found) == pytest.approx(
        found.reduced_chi2, abs=1e-3
    )
    pixel_frame = ForwardModel.from_observation(
        found.observation,
        found.pixel_frame_lens_model,
        found.pixel_frame_source_model,
        frame="pixel",
    )
    assert reduced_chi2(pixel_frame, found) == same_chi2(found)
    if found.lens_model is not None and found.source_model is not None:
        on_sky = ForwardModel.from_observation(
            found.observation, found.lens_model, found.source_model
        )
        assert reduced_chi2(on_sky, found) == same_chi2(found)
        assert "lens.sie_phi" in on_sky.parameters


def test_a_cutout_is_predicted_too(solver):
    size = solver.architecture.image_size
    found = solver.reconstruct(observation_of_known_lens((size + 1, size), 6.4 / size, 30.0))
    assert found.observation.shape in ((size, size), (size // 2, size // 2))
    assert reduced_chi2(found.forward_model(), found) == pytest.approx(
        found.reduced_chi2, abs=1e-3
    )


def test_frames_agree_where_north_is_up_and_differ_elsewhere():
    up, turned = (observation_of_known_lens((40, 41), 0.1, r) for r in (0.0, 30.0))
    for observation, same in ((up, True), (turned, False)):
        first, second = (
            ops.convert_to_numpy(
                ForwardModel.from_observation(observation, LENS, SOURCE, frame=frame)()
            )
            for frame in ("sky", "pixel")
        )
        assert np.allclose(first, second, atol=1e-4) == same


def test_values_of_a_model_on_the_sky_are_on_the_sky():
    observation = observation_of_known_lens((40, 41), 0.1, 30.0, flipped=True)
    model = ForwardModel.from_observation(observation, LENS.copy(), SOURCE)
    other = SOURCE.copy(phi=60.0, center_x=-0.2)
    expected = ForwardModel.from_observation(observation, LENS, other)()
    found = model({"source.phi": 60.0, "source.center_x": -0.2})
    # Rounding in single precision.
    np.testing.assert_allclose(
        ops.convert_to_numpy(found), ops.convert_to_numpy(expected), atol=1e-5
    )


def test_a_frame_that_cannot_be_is_refused():
    observation = observation_of_known_lens((40, 41), 0.1, 30.0)
    with pytest.raises(InputError, match='frame: "sky" or "pixel" is wanted, found \'sideways\''):
        ForwardModel.from_observation(observation, LENS, SOURCE, frame="sideways")
    for lens, source, name in ((None, SOURCE, "lens"), (LENS, None, "source")):
        with pytest.raises(
            InputError, match=f"{name}: .* found None; .* pixel_frame_{name}_model"
        ):
            ForwardModel.from_observation(observation, lens, source)
    grid = Grid((20, 20), 0.2)
    mass = PixelatedConvergence(grid, convergence_map=np.ones(grid.shape))
    with pytest.raises(InputError, match='give frame="pixel"'):
        ForwardModel.from_observation(observation, mass, SOURCE)
