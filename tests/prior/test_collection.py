"""Checks of priors that draw from a collection of maps."""

import io

import asdf
import numpy as np
import pytest
from astropy import units as u

from rimlens import testing
from rimlens.datasets import MapCollection
from rimlens.errors import FileFormatError, InputError
from rimlens.imaging import Grid
from rimlens.lens import SIS, PixelatedConvergence
from rimlens.prior import CollectionPrior, Fixed, Linked, LogNormal, Normal, Uniform
from rimlens.source import PixelatedSource

GRID = Grid((24, 20), 0.1)
FINE = Grid((64, 64), 0.05)
WIDE = Grid((36, 36), 0.1)


def source(grid=GRID, unit=1):
    return PixelatedSource(grid, brightness_map=np.zeros(grid.shape) * unit)


def lens(grid=GRID):
    return PixelatedConvergence(grid, convergence_map=np.ones(grid.shape))


def blob(grid, x0=0.3, y0=-0.2, sigma=0.25):
    return np.exp(-0.5 * ((grid.x - x0) ** 2 + (grid.y - y0) ** 2) / sigma**2)


def moments(values, grid):
    """Return sum over pixels times area, centroid, and standard deviation of a map's axes."""
    total = values.sum(axis=(-2, -1))
    x, y = ((values * v).sum(axis=(-2, -1)) / total for v in (grid.x, grid.y))
    square = (values * (grid.x**2 + grid.y**2)).sum(axis=(-2, -1)) / total - x**2 - y**2
    return total * grid.pixel_scale**2, x, y, np.sqrt(0.5 * square)


@pytest.fixture(scope="module")
def stamps():
    return MapCollection(np.array([blob(FINE), 2 * blob(FINE)]), FINE.pixel_scale, unit="nJy")


@pytest.fixture(scope="module")
def halos():
    kappa = 0.5 / np.hypot(FINE.radius, 0.05)
    return MapCollection(np.array([kappa, 1.5 * kappa]), FINE.pixel_scale, {"group": ["a", "b"]})


@pytest.mark.parametrize("kind", ["source", "lens"])
def test_prior_obeys_the_laws(kind, stamps, halos):
    model, maps = (source(), stamps) if kind == "source" else (lens(), halos)
    prior = CollectionPrior(model, maps, scale=Uniform(0.5, 1.5), shift=0.1)
    testing.check_prior(prior, both_backends=False)


def test_draws_are_the_maps_turned_scaled_and_shifted(stamps):
    """Light, position, and size follow the argument that was drawn, whatever the pixels."""
    wide = Grid((60, 50), 0.1, center=(0.4, 0.1))
    maps = stamps[:1]
    at = np.hypot(0.3, 0.2)
    prior = CollectionPrior(source(wide), maps, scale=1.4)
    light, x, y, sigma = moments(prior.sample(40, rng=1)["brightness_map"], wide)
    # The blob is resolved: sums over pixels are integrals, to the tails that the map cuts.
    np.testing.assert_allclose(light, 2 * np.pi * (1.4 * 0.25) ** 2, rtol=2e-3)
    # Smoothing where pixels are larger keeps what a mean over them has: a square's own width.
    np.testing.assert_allclose(sigma, np.hypot(1.4 * 0.25, 0.1 / np.sqrt(12)), rtol=5e-3)
    np.testing.assert_allclose(np.hypot(x - 0.4, y - 0.1), 1.4 * at, rtol=5e-3)
    # Directions are spread over the circle: 40 draws leave no gap of a quarter.
    angles = np.sort(np.arctan2(y - 0.1, x - 0.4))
    assert np.diff(angles, append=angles[0] + 2 * np.pi).max() < np.pi / 2


def test_without_turns_the_map_is_where_it_was_and_shifts_are_as_wide_as_said(stamps):
    model = source(WIDE)
    prior = CollectionPrior(model, stamps[:1], shift=0.2 * u.arcsec, rotate=False, flip=False)
    _, x, y, _ = moments(prior.sample(60, rng=1)["brightness_map"], WIDE)
    for found, center in ((x, 0.3), (y, -0.2)):
        offset = found - center
        assert np.abs(offset).max() < 0.2 + 1e-3
        assert np.abs(offset).max() > 0.15
        assert abs(offset.mean()) < 0.05  # three times 0.2 / sqrt(3 * 60)


def test_flips_mirror_about_the_middle_of_the_map(stamps):
    prior = CollectionPrior(source(WIDE), stamps[:1], rotate=False)
    _, x, y, _ = moments(prior.sample(20, rng=1)["brightness_map"], WIDE)
    np.testing.assert_allclose(np.abs(x), 0.3, rtol=2e-3)
    np.testing.assert_allclose(y, -0.2, rtol=2e-3)
    assert set(np.sign(x)) == {-1.0, 1.0}


def test_a_squeezed_map_has_its_area_and_the_axis_ratio(stamps):
    round_one = MapCollection(blob(FINE, 0.0, 0.0)[None], FINE.pixel_scale)
    prior = CollectionPrior(source(WIDE), round_one, axis_ratio=0.5, rotate=False, flip=False)
    found = prior.sample(30, rng=1)["brightness_map"]
    total = found.sum(axis=(1, 2))
    # The light of a Gaussian that is as wide one way as it is narrow the other.
    np.testing.assert_allclose(total * 0.1**2, 2 * np.pi * 0.25**2, rtol=2e-3)
    xx, xy, yy = (
        (found * a * b).sum(axis=(1, 2)) / total
        for a, b in ((WIDE.x, WIDE.x), (WIDE.x, WIDE.y), (WIDE.y, WIDE.y))
    )
    # A pixel's own width, which smoothing keeps.
    squared = np.linalg.eigvalsh(np.moveaxis([[xx, xy], [xy, yy]], 2, 0)) - 0.1**2 / 12
    np.testing.assert_allclose(squared, 30 * [[0.25**2 / 2, 0.25**2 * 2]], rtol=2e-2)
    # Directions are spread over half a circle.
    angles = np.sort(0.5 * np.arctan2(2 * xy, xx - yy))
    assert np.diff(angles, append=angles[0] + np.pi).max() < np.pi / 4


def test_finer_pixels_than_the_maps_follow_the_curve(stamps):
    grid = Grid((60, 60), 0.02)
    prior = CollectionPrior(source(grid), stamps[:1], rotate=False, flip=False)
    found = prior.sample(1, rng=1)["brightness_map"][0]
    # Cubic splines through a Gaussian of five pixels: their error is of the fourth order.
    np.testing.assert_allclose(found, blob(grid), atol=1e-3)


def test_source_is_dark_beyond_its_map(stamps):
    bright = MapCollection(np.ones((1, 8, 8)), 0.05)
    found = CollectionPrior(source(), bright, rotate=False).sample(1, rng=1)["brightness_map"][0]
    assert found[12, 10] == pytest.approx(1.0, abs=0.02)
    assert np.all(np.abs(found[GRID.radius > 0.5]) < 1e-3)


def test_convergence_goes_on_as_an_isothermal_one_beyond_its_map(halos):
    wide = Grid((100, 100), 0.1)
    prior = CollectionPrior(lens(wide), halos[:1])
    found = prior.sample(1, rng=1)["convergence_map"][0]
    # Away from the core, where pixels of the grid are larger, by cubic splines.
    outside = wide.radius > 0.5
    np.testing.assert_allclose((found * wide.radius)[outside], 0.5, rtol=1e-2)


def test_unit_of_the_maps_becomes_that_of_the_model(stamps):
    bare = CollectionPrior(source(), stamps, rotate=False, flip=False)
    micro = CollectionPrior(source(unit=u.uJy), stamps, rotate=False, flip=False)
    found = micro.draw(3, rng=1).brightness_map
    np.testing.assert_allclose(found.to_value("nJy"), bare.sample(3, rng=1)["brightness_map"])
    with pytest.raises(InputError, match="a unit like m is wanted, found maps in nJy"):
        CollectionPrior(source(unit=u.m), stamps)
    with pytest.raises(InputError, match="maps of convergence, without unit is wanted, found"):
        CollectionPrior(lens(), stamps)


def test_parts_of_a_collection_draw_from_different_groups():
    maps = np.arange(1.0, 21.0)[:, None, None] * np.ones((20, 30, 30))
    collection = MapCollection(maps, 0.1, {"group": np.arange(20) // 2})

    def seen(*part):
        prior = CollectionPrior(source(), collection, part=part, rotate=False)
        found = prior.sample(300, rng=1)["brightness_map"][:, 12, 10]
        return {round((value - 1) // 2) for value in found}

    train, held_back = seen(0.0, 0.7), seen(0.7, 1.0)
    assert not train & held_back
    assert train | held_back == set(range(10))
    assert len(held_back) == 3


def round_trip(prior):
    content = io.BytesIO()
    asdf.AsdfFile({"prior": prior}).write_to(content)
    content.seek(0)
    with asdf.open(content, lazy_load=False, memmap=False) as file:
        return file["prior"]


def test_file_of_a_prior_has_the_path_of_its_maps_or_the_maps(stamps, tmp_path):
    stamps.write(tmp_path / "stamps.asdf")
    named = CollectionPrior(source(), tmp_path / "stamps.asdf", scale=LogNormal(1.0, 0.2))
    again = round_trip(named)
    assert again == named
    assert again.configuration["collection"] == str(tmp_path / "stamps.asdf")
    whole = CollectionPrior(source(), stamps, scale=LogNormal(1.0, 0.2))
    assert round_trip(whole) == whole != named
    draws = [prior.sample(2, rng=1)["brightness_map"] for prior in (named, again, whole)]
    assert np.array_equal(draws[0], draws[1])
    assert np.array_equal(draws[0], draws[2])


def test_variables_move_without_the_maps():
    prior = CollectionPrior(lens(), "not_here.asdf")
    values = {"convergence_map": np.full((1, *GRID.shape), 0.01)}
    np.testing.assert_allclose(prior.unconstrain(values)["map"], -2.0)
    with pytest.raises(FileFormatError, match="not_here.asdf: there is no such file"):
        prior.sample(1)


def test_recurrence_starts_at_a_sphere_or_in_the_dark(stamps, halos):
    start = CollectionPrior(lens(), halos).initial(2)["map"]
    assert start.shape == (2, *GRID.shape)
    # The convergence of an isothermal sphere at its Einstein radius, 20 * 0.1 / 8, is a half.
    ring = np.abs(np.hypot(GRID.radius, 0.1) - 0.25) < 0.03
    np.testing.assert_allclose(10 ** start[:, ring], 0.5, rtol=0.13)
    assert not CollectionPrior(source(), stamps).initial(2)["map"].any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": SIS()}, "model: a PixelatedConvergence or a PixelatedSource is wanted"),
        ({"collection": 3}, "collection: a MapCollection or the path of one is wanted, found 3"),
        ({"axis_ratio": -0.5}, "axis_ratio: a positive number or a distribution of such"),
        ({"scale": 0.0}, "scale: a positive number or a distribution of such"),
        ({"scale": Fixed(0.0)}, "scale: a positive number or a distribution of such"),
        ({"scale": Normal(1.0, 0.1)}, "scale: a positive number .* TruncatedNormal ends"),
        ({"scale": 1 * u.arcsec}, "scale: a pure number is wanted, found 1.0 arcsec"),
        ({"scale": "large"}, "scale: a finite number or a distribution of one is wanted"),
        ({"scale": Linked("x")}, "scale: a finite number or a distribution of one is wanted"),
        ({"shift": np.inf}, "shift: a finite number or a distribution of one is wanted"),
        ({"shift": Uniform(0 * u.kg, 1 * u.kg)}, "shift: low: a unit like arcsec is wanted"),
        ({"part": (0.5, 0.5)}, "part: two rising numbers from 0 to 1 are wanted"),
        ({"part": 0.5}, "part: two rising numbers from 0 to 1 are wanted, found 0.5"),
        ({"part": (0.9, 1.0)}, "maps to draw from are wanted, found 0 in the part 0.9 to 1"),
    ],
)
def test_arguments_are_checked(changes, message, stamps):
    with pytest.raises(InputError, match=f"CollectionPrior: .*{message}"):
        CollectionPrior(**{"model": source(), "collection": stamps, **changes})
