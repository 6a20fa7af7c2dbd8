"""A source field samples, follows a lens and has the variance that it states."""

import numpy as np
import pytest
from scipy import fft

from rimlens.imaging import Grid
from rimlens.posterior.source_field import (
    CORE,
    PIXELS,
    FieldValues,
    SourceField,
    SourceFrame,
    Spectrum,
)

GRID = Grid((96, 96), 2 / 3)


def source(x, y):
    return np.exp(-0.5 * ((x - 3) ** 2 + (y + 2) ** 2) / 3.0**2)


@pytest.fixture(scope="module")
def field():
    return SourceField.around(source, GRID, 300)


def frame():
    return SourceFrame(np.array([1.0, -2.0]), 6.0, np.array([[1.1, 0.2], [-0.1, 0.9]]))


def test_cosines_are_those_of_an_independent_transform(field):
    values = FieldValues(field, *(v.ravel() for v in field.frame.positions()))
    coefficients = np.random.default_rng(1).normal(size=field.count)
    matrix = np.zeros((PIXELS, PIXELS))
    matrix[field.modes] = coefficients
    # The orthonormal transform has a mean square of one over the pixels, not a sum.
    wanted = PIXELS * fft.idctn(matrix, norm="ortho") * field.envelope
    atol = 1e-6 * np.abs(wanted).max()
    np.testing.assert_allclose(values.of(coefficients), wanted.ravel(), atol=atol)
    np.testing.assert_allclose(coefficients @ values.all(), wanted.ravel(), atol=10 * atol)


def test_slopes_are_finite_differences(field):
    rng = np.random.default_rng(2)
    coefficients = rng.normal(size=field.count)
    x, y = rng.uniform(-2, 8, 200), rng.uniform(-7, 3, 200)
    step = 1e-5
    found = FieldValues(field, x, y).slopes(coefficients)
    for slope, dx, dy in zip(found, (step, 0), (0, step)):
        ahead, behind = (
            FieldValues(field, x + sign * dx, y + sign * dy).of(coefficients) for sign in (1, -1)
        )
        wanted = (ahead - behind) / (2 * step)
        np.testing.assert_allclose(slope, wanted, atol=1e-6 * np.abs(wanted).max())


def test_summed_slopes_are_those_of_every_cosine(field):
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-2, 8, 20), rng.uniform(-7, 3, 20)
    weights = rng.normal(size=(field.count, 20))
    values = FieldValues(field, x, y)
    each = np.array([values.slopes(unit) for unit in np.eye(field.count)])
    wanted = np.einsum("kip,kp->ip", each, weights)
    np.testing.assert_allclose(
        values.summed_slopes(weights.astype("float32")), wanted, atol=1e-4 * np.abs(wanted).max()
    )


def test_a_frame_keeps_the_coordinates_of_what_it_follows():
    affine = np.array([[0.5, -1.0], [1.2, 0.1], [-0.2, 0.9]])
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 50))
    moved = np.stack([np.ones(50), x, y], axis=1) @ affine
    found = frame().followed(affine).coordinates(*moved.T)
    np.testing.assert_allclose(found, frame().coordinates(x, y))


def test_positions_are_those_of_the_pixels():
    column, row = frame().coordinates(*frame().positions())
    middles = (np.arange(PIXELS) + 0.5) / PIXELS * 2 - 1
    np.testing.assert_allclose(column[0], middles, atol=1e-9)
    np.testing.assert_allclose(row[:, 0], middles, atol=1e-9)


def test_coordinate_slopes_are_finite_differences():
    x, y = np.random.default_rng(4).normal(size=(2, 50))
    found = frame().coordinate_slopes(x, y)
    step = 1e-6
    for i, (dx, dy) in enumerate(((step, 0), (0, step))):
        ahead, behind = (frame().coordinates(x + s * dx, y + s * dy) for s in (1, -1))
        np.testing.assert_allclose(found[:, :, i].T, (ahead - behind) / (2 * step), atol=1e-7)


def test_the_field_lies_about_the_light(field):
    assert field.frame.center == pytest.approx([3.0, -2.0], abs=0.4)
    # The light falls to two per cent at 2.8 standard deviations.
    assert 2.8 * 3.0 < field.frame.half < 1.5 * 2.8 * 3.0


def elongated(x, y):
    along, across = (x + 2 * y) / np.sqrt(5), (2 * x - y) / np.sqrt(5)
    return np.exp(-0.5 * (along**2 / 4.0**2 + across**2 / 2.0**2))


def test_a_frame_has_the_shape_of_the_source():
    frame = SourceField.around(elongated, GRID, 10).frame
    assert np.linalg.det(frame.matrix) == pytest.approx(1.0)
    major, minor = np.array([1, 2]) / np.sqrt(5), np.array([2, -1]) / np.sqrt(5)
    stretched = [np.linalg.norm(frame.matrix @ axis) for axis in (minor, major)]
    assert stretched[0] / stretched[1] == pytest.approx(2.0, rel=0.05)


def test_an_envelope_follows_separate_clumps():
    def clumps(x, y):
        return np.exp(-0.5 * (x**2 + y**2)) + 0.5 * np.exp(-0.5 * ((x + 9) ** 2 + (y - 6) ** 2))

    field = SourceField.around(clumps, GRID, 10)
    x, y = field.frame.positions()
    on, between = clumps(x, y) > 0.3, np.hypot(x + 4.5, y - 3) < 2
    assert between.any()
    assert field.envelope[on].min() > 3 * field.envelope[between].mean()


def test_pixels_are_finest_in_the_middle():
    x, y = frame().positions()
    sides = np.hypot(np.diff(x, axis=1), np.diff(y, axis=1))[PIXELS // 2]
    assert np.all(np.diff(sides[PIXELS // 2 :]) > 0)
    # From the middle to the border they grow as the slope of w does: by the root of 1 + 1/CORE^2.
    assert sides[-1] / sides.min() == pytest.approx(np.hypot(1, 1 / CORE), rel=0.1)


def test_a_field_fades_to_nothing_within_its_extent(field):
    x, y = field.frame.positions()
    reach_x, reach_y = field.frame.extent
    beyond = np.hypot((x - field.frame.center[0]) / reach_x, (y - field.frame.center[1]) / reach_y)
    assert np.all(field.envelope[beyond >= 1.0] == 0)
    assert np.all(field.envelope[beyond < 0.89] > 0)


def test_where_nothing_is_known_the_source_may_be_anywhere():
    field = SourceField.around(lambda x, y: 0 * x, GRID, 50)
    assert field.frame.half == pytest.approx(0.53 * 64)
    assert np.all(field.envelope >= 0)
    assert field.envelope.max() > 0


def test_draws_have_the_variance_of_envelope_and_amplitude(field):
    deviations = field.deviations(Spectrum(0.7, 1.0, 1.5))
    assert np.sum(deviations**2) == pytest.approx(0.49)
    white = np.random.default_rng(4).normal(size=(2000, field.count))
    values = FieldValues(field, *(v.ravel() for v in field.frame.positions()))
    draws = (white * deviations) @ values.all()
    # Close to the border a cosine has twice the mean square.
    quarter = slice(PIXELS // 4, -PIXELS // 4)
    middle = (slice(None), quarter, quarter)
    found = draws.reshape(-1, PIXELS, PIXELS)[middle].std(axis=0)
    np.testing.assert_allclose(found / (0.7 * field.envelope[middle[1:]]), 1.0, atol=0.35)


def test_brightness_vanishes_beyond_the_frame(field):
    coefficients = np.random.default_rng(5).normal(size=field.count)
    found = field.brightness(coefficients, GRID.x, GRID.y)
    within = field.frame.distance(GRID.x, GRID.y) < 1
    assert np.all(found[~within] == 0)
    wanted = FieldValues(field, GRID.x[within], GRID.y[within]).of(coefficients)
    np.testing.assert_allclose(found[within], wanted)


def test_neighbors_of_a_spectrum_stay_plausible():
    spectrum = Spectrum(40.0, 0.11, 1.5)
    assert spectrum in spectrum.near()
    assert all(neighbor.is_plausible for neighbor in spectrum.near())
    # Itself, and those of a smaller amplitude and of a longer length.
    assert len(spectrum.near()) == 3
