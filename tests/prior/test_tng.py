"""Checks of the prior over maps of simulated halos."""

import numpy as np
import pytest
from astropy import units as u

from rimlens import testing
from rimlens.datasets import MapCollection
from rimlens.errors import InputError
from rimlens.imaging import Grid
from rimlens.lens import PixelatedConvergence
from rimlens.prior import Fixed, LogNormal, Normal, TNGPrior, Uniform
from rimlens.reconstruction import convergence_center, einstein_radius
from rimlens.source import PixelatedSource

GRID = Grid((40, 40), 0.1)
FINE = Grid((96, 96), 0.05)


def halo(theta_E, q=0.7):
    """Return an isothermal ellipsoid with a core."""
    return 0.5 * theta_E / np.sqrt(q * FINE.x**2 + FINE.y**2 / q + 0.03**2)


@pytest.fixture(scope="module")
def halos():
    maps = [halo(0.6), halo(0.9), np.full(FINE.shape, 0.2)]
    return MapCollection(maps, FINE.pixel_scale, {"group": [4, 5, 6]})


def lens(grid=GRID):
    return PixelatedConvergence(grid, convergence_map=np.ones(grid.shape))


def radii(prior, n=8, seed=1):
    maps = prior.sample(n, rng=seed)["convergence_map"]
    return np.array([einstein_radius(kappa, prior.grid.pixel_scale) for kappa in maps])


def test_prior_obeys_the_laws(halos):
    prior = TNGPrior(lens(), halos, theta_E=Uniform(0.6, 1.2), shift=0.1)
    testing.check_prior(prior, both_backends=False)


def test_draws_have_the_einstein_radius_that_is_asked_for(halos):
    # Pixels of a tenth, cubic splines between them.
    np.testing.assert_allclose(radii(TNGPrior(lens(), halos, theta_E=0.8)), 0.8, rtol=0.01)


def test_draws_have_the_distribution_of_einstein_radii_that_is_asked_for(halos):
    found = radii(TNGPrior(lens(), halos, theta_E=Uniform(0.5, 1.1)), n=60)
    assert 0.49 < found.min() < 0.56
    assert 1.04 < found.max() < 1.11
    # The standard error of the mean is 0.6 / sqrt(12 * 60).
    assert found.mean() == pytest.approx(0.8, abs=0.07)


def test_stretched_lens_keeps_its_convergence_where_it_counts(halos):
    """The convergence at the Einstein radius is that of the halo, whatever the radius."""
    round_halo = MapCollection([halo(0.8, q=1.0)], FINE.pixel_scale)
    found = []
    for theta_E in (0.7, 1.4):
        prior = TNGPrior(lens(), round_halo, theta_E=theta_E)
        (kappa,) = prior.sample(1, rng=1)["convergence_map"]
        found.append(kappa[np.abs(GRID.radius - theta_E) < 0.05].mean())
    assert found[0] == pytest.approx(found[1], rel=0.02)


def test_lens_comes_to_lie_where_it_should_wherever_it_was(halos):
    aside = MapCollection([np.roll(halo(0.8), (5, -9), (0, 1))], FINE.pixel_scale)
    for kappa in TNGPrior(lens(), aside, theta_E=1.2).sample(4, rng=1)["convergence_map"]:
        # Pixels count from 0, and there are 40; the core is smaller than one.
        np.testing.assert_allclose(convergence_center(kappa), 19.5, atol=0.2)


def test_sharp_peaks_leave_no_holes_beside_them():
    sharp = np.full(FINE.shape, 0.3)
    sharp[48, 48] = 50.0
    sharp[40:56, 40:56] += 3.0
    prior = TNGPrior(lens(), MapCollection([sharp], FINE.pixel_scale), theta_E=3.0)
    assert prior.sample(4, rng=1)["convergence_map"].min() > 0.15


def test_lengths_may_be_pixels_of_an_image(halos):
    pixels = Grid((64, 64), 1.0)
    found = radii(TNGPrior(lens(pixels), halos, theta_E=14.0))
    np.testing.assert_allclose(found, 14.0, rtol=0.01)


def test_maps_without_einstein_radius_are_left_out(halos):
    prior = TNGPrior(lens(), halos, theta_E=0.8)
    assert list(prior.collection.table["group"]) == [4, 5]
    with pytest.raises(InputError, match="found 1 in the part 0 to 1 of the groups, and none of"):
        TNGPrior(lens(), halos[2], theta_E=0.8)


def test_radii_of_the_table_are_believed(halos):
    twice = [2e3 * einstein_radius(kappa, 0.05) for kappa in halos.maps]
    table = {"group": [4, 5, 6], "theta_E": twice * u.mas}
    labeled = MapCollection(halos.maps, FINE.pixel_scale, table)
    np.testing.assert_allclose(radii(TNGPrior(lens(), labeled, theta_E=1.6)), 0.8, rtol=0.01)


def test_parts_have_no_halo_in_common():
    maps = [halo(theta_E) for theta_E in np.linspace(0.5, 0.9, 10)]
    collection = MapCollection(maps, FINE.pixel_scale, {"group": np.arange(10) // 2})
    parts = [(0.0, 0.6), (0.6, 1.0)]
    groups = [
        set(TNGPrior(lens(), collection, theta_E=0.8, part=part).collection.table["group"])
        for part in parts
    ]
    assert groups[0] | groups[1] == set(range(5))
    assert not groups[0] & groups[1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"theta_E": 0.0}, "theta_E: a positive number or a distribution of such"),
        ({"theta_E": Normal(1.0, 0.1)}, "theta_E: a positive number .* TruncatedNormal"),
        ({"theta_E": 1 * u.kg}, "theta_E: a unit like arcsec is wanted"),
        ({"theta_E": Fixed(-1.0)}, "theta_E: a positive number"),
        (
            {"model": PixelatedSource(GRID, brightness_map=np.ones(GRID.shape))},
            "model: a PixelatedConvergence is wanted, found PixelatedSource",
        ),
    ],
)
def test_arguments_are_checked(halos, changes, message):
    with pytest.raises(InputError, match=f"TNGPrior: {message}"):
        TNGPrior(**{"model": lens(), "collection": halos, "theta_E": 1.0, **changes})


def test_prior_tells_how_it_is_made(halos, tmp_path):
    halos.write(tmp_path / "maps.asdf")
    prior = TNGPrior(lens(), tmp_path / "maps.asdf", theta_E=LogNormal(0.8 * u.arcsec, 0.2))
    assert prior == TNGPrior(**prior.configuration)
    assert "theta_E=LogNormal(median=0.8, sigma=0.2)" in repr(prior)
