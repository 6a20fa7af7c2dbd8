"""Checks of the prior over real galaxies."""

import astropy.units as u
import numpy as np
import pytest

from rimlens import plugins, testing
from rimlens.datasets import MapCollection
from rimlens.errors import InputError
from rimlens.imaging import Grid
from rimlens.lens import PixelatedConvergence
from rimlens.prior import CosmosPrior, Uniform
from rimlens.source import PixelatedSource

FINE = Grid((64, 64), 0.03)
GRID = Grid((48, 48), 0.5)  # in pixels of an image
UNIT = u.electron / u.s / u.arcsec**2
SIGMAS = np.array([0.10, 0.15, 0.20])  # arcsec


def source(unit=1, grid=GRID):
    return PixelatedSource(grid, brightness_map=np.zeros(grid.shape) * unit)


@pytest.fixture(scope="module")
def galaxies():
    maps = [np.exp(-0.5 * (FINE.radius / sigma) ** 2) / sigma for sigma in SIGMAS]
    table = {
        "group": [7, 8, 9],
        "half_light_radius": SIGMAS * np.sqrt(2 * np.log(2)) * u.arcsec,
    }
    return MapCollection(maps, FINE.pixel_scale, table, UNIT)


def half_light_radii(maps):
    """Return the radii of Gaussians from their second moments."""
    square = (maps * GRID.radius**2).sum(axis=(1, 2)) / maps.sum(axis=(1, 2))
    return np.sqrt(square / 2) * np.sqrt(2 * np.log(2))


def test_prior_is_found_and_obeys_the_laws(galaxies):
    assert plugins.load("prior", "cosmos") is CosmosPrior
    prior = CosmosPrior(
        source(),
        galaxies,
        half_light_radius=Uniform(2.0, 4.0),
        shift=1.0,
        normalization="peak",
        brightness=Uniform(0.5, 2.0),
    )
    testing.check_prior(prior, both_backends=False)


def test_galaxies_get_the_size_that_is_drawn(galaxies):
    prior = CosmosPrior(source(), galaxies, half_light_radius=3.0)
    # Cubic splines of maps whose pixels are some 0.3 of the grid's unit wide, smoothed before.
    assert half_light_radii(prior.sample(6, rng=1)["brightness_map"]) == pytest.approx(
        np.full(6, 3.0), rel=0.02
    )
    drawn = CosmosPrior(source(), galaxies, half_light_radius=Uniform(2.0, 4.0)).sample(60, rng=1)
    found = half_light_radii(drawn["brightness_map"])
    assert found.min() > 1.95
    assert found.max() < 4.05
    assert found.std() == pytest.approx(2 / np.sqrt(12), rel=0.2)


def test_galaxies_keep_their_size_and_brightness_by_default(galaxies):
    prior = CosmosPrior(source(), galaxies, scale=1 / 0.05)
    maps = prior.sample(30, rng=2)["brightness_map"]
    radii = half_light_radii(maps)
    sizes = SIGMAS * np.sqrt(2 * np.log(2)) / 0.05
    nearest = np.abs(radii[:, None] - sizes).argmin(axis=1)
    assert radii == pytest.approx(sizes[nearest], rel=0.03)
    assert maps.max(axis=(1, 2)) == pytest.approx(1 / SIGMAS[nearest], rel=0.05)


@pytest.mark.parametrize("normalization", ["peak", "flux"])
def test_brightness_is_the_peak_or_the_flux(galaxies, normalization):
    prior = CosmosPrior(
        source(),
        galaxies,
        half_light_radius=3.0,
        shift=2.0,
        normalization=normalization,
        brightness=Uniform(1.0, 3.0),
    )
    maps = prior.sample(40, rng=3)["brightness_map"]
    peak, flux = maps.max(axis=(1, 2)), maps.sum(axis=(1, 2)) * GRID.pixel_scale**2
    drawn, other = (peak, flux) if normalization == "peak" else (flux, peak)
    assert 1.0 <= drawn.min() < 1.3
    assert 2.7 < drawn.max() <= 3.0
    assert other.max() < 1.0 or other.max() > 3.0


def test_units_count_only_where_brightness_is_kept(galaxies):
    second, minute = (
        CosmosPrior(source(u.electron / t / u.arcsec**2), galaxies, 20.0).sample(3, rng=1)
        for t in (u.s, u.min)
    )
    assert minute["brightness_map"] == pytest.approx(60 * second["brightness_map"])
    with pytest.raises(InputError, match="a unit like nJy is wanted"):
        CosmosPrior(source(u.nJy), galaxies)
    model = CosmosPrior(source(u.nJy), galaxies, normalization="peak").draw(2, rng=1)
    assert model.brightness_unit == u.nJy


def test_galaxies_of_one_part_are_in_no_other(galaxies):
    parts = [
        CosmosPrior(source(), galaxies, part=part).collection.table["group"]
        for part in ((0.0, 2 / 3), (2 / 3, 1.0))
    ]
    assert sorted([*parts[0], *parts[1]]) == [7, 8, 9]


def test_galaxies_without_light_or_size_are_not_drawn(galaxies):
    maps = np.array([*galaxies.maps, -galaxies.maps[0]])
    table = {"group": [1, 2, 3, 4], "half_light_radius": [0.1, 0.0, np.nan, 0.1]}
    some = MapCollection(maps, FINE.pixel_scale, table, UNIT)
    prior = CosmosPrior(source(), some, half_light_radius=3.0)
    assert prior.collection.table["group"].tolist() == [1]
    assert len(CosmosPrior(source(), some).collection) == 3


def test_prior_is_over_a_source(galaxies):
    lens = PixelatedConvergence(GRID, convergence_map=np.ones(GRID.shape))
    with pytest.raises(InputError, match="model: a PixelatedSource is wanted, found Pixelated"):
        CosmosPrior(lens, galaxies)


@pytest.mark.parametrize(
    ("wrong", "wanted"),
    [
        ({"normalization": "total"}, "normalization: one of peak, flux, or None"),
        ({"half_light_radius": 1.0, "scale": 2.0}, "scale: either it or a half-light radius"),
        ({"half_light_radius": Uniform(-1.0, 1.0)}, "half_light_radius: a positive number"),
        ({"brightness": 0.0}, "brightness: a positive number"),
        ({"half_light_radius": 1 * u.kg}, "half_light_radius: a unit like arcsec"),
    ],
)
def test_arguments_are_checked(galaxies, wrong, wanted):
    with pytest.raises(InputError, match=wanted):
        CosmosPrior(source(), galaxies, **wrong)


def test_collection_without_sizes_is_refused():
    bare = MapCollection(np.ones((2, 8, 8)), 0.03)
    with pytest.raises(InputError, match="a column half_light_radius is wanted, found group"):
        CosmosPrior(source(), bare, half_light_radius=1.0)
