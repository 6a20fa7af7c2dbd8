"""Checks of the priors whose draws are generated."""

import numpy as np
import pytest
from astropy import units as u

from rimlens.errors import InputError
from rimlens.imaging import Grid
from rimlens.lens import SIS, PixelatedConvergence
from rimlens.prior import GeneratedConvergencePrior, GeneratedGalaxyPrior
from rimlens.reconstruction import einstein_radius
from rimlens.source import PixelatedSource

GRID = Grid((48, 48), 0.1)
LENS = PixelatedConvergence(GRID, convergence_map=np.zeros(GRID.shape))
SOURCE = PixelatedSource(GRID, brightness_map=np.zeros(GRID.shape))
# Nothing but a smooth ellipse.
SMOOTH = {
    "subhalo_fraction": 0.0,
    "subhalo_number": 0.0,
    "field_amplitude": 0.0,
    "multipole_amplitude": 0.0,
}


def test_einstein_radii_are_those_asked_for():
    prior = GeneratedConvergencePrior(LENS, theta_E=(0.8, 1.6), **SMOOTH)
    maps = prior.sample(40, rng=1)["convergence_map"]
    radii = [einstein_radius(m, GRID.pixel_scale) for m in maps]
    # Ellipticity moves mass across the circle, and the core, up to half a pixel, takes some.
    assert min(radii) > 0.9 * 0.8
    assert max(radii) < 1.1 * 1.6
    assert np.ptp(radii) > 0.5


def test_subhalos_add_mass_and_a_field_adds_scatter():
    def sample(**changed):
        prior = GeneratedConvergencePrior(LENS, theta_E=(1.0, 1.0), **(SMOOTH | changed))
        return prior.sample(20, rng=2)["convergence_map"]

    # Equal random numbers: the smooth lenses are the same.
    smooth, lumpy = sample(), sample(subhalo_number=40.0)
    assert np.all(lumpy >= smooth)
    # Forty masses of 0.0045 of that inside the ring on average, of which a third is in the map.
    added = (lumpy - smooth).sum(axis=(1, 2)) * GRID.pixel_scale**2 / np.pi
    assert 0.05 < added.mean() < 0.25
    rough = sample(field_amplitude=0.1)
    assert np.std(np.log(rough / smooth)) == pytest.approx(0.1, rel=0.25)


def test_many_draws_begin_with_the_lenses_of_few():
    # Draws are made by parts, so that many fit into memory.
    prior = GeneratedGalaxyPrior(PixelatedSource(Grid((8, 8)), brightness_map=np.zeros((8, 8))))
    few, many = (prior.sample(n, rng=1)["brightness_map"] for n in (32, 70))
    assert many.shape == (70, 8, 8)
    np.testing.assert_array_equal(many[:32], few)


def test_galaxies_have_a_peak_of_one_and_lie_where_asked():
    prior = GeneratedGalaxyPrior(SOURCE, offset=0.0, source_radius=(0.2, 0.4))
    maps = prior.sample(60, rng=3)["brightness_map"]
    assert maps.min() >= 0
    assert maps.max() <= 1
    x = np.sum(maps * GRID.x, axis=(1, 2)) / maps.sum(axis=(1, 2))
    # Clumps and companions are to all sides of the center, a disc's radius or two away.
    assert abs(np.median(x)) < 0.1


def test_lengths_scale_with_the_grid():
    small = GeneratedConvergencePrior(LENS)
    grid = Grid((48, 48), 2.0)
    large = GeneratedConvergencePrior(
        PixelatedConvergence(grid, convergence_map=np.zeros(grid.shape))
    )
    assert large.ranges["theta_E"] == pytest.approx([20 * r for r in small.ranges["theta_E"]])
    maps = [prior.sample(3, rng=4)["convergence_map"] for prior in (small, large)]
    # The same pixels, in single precision; powers of up to 1.75 of their squares.
    np.testing.assert_allclose(*maps, rtol=1e-3)


def test_quantities_are_lengths():
    one = GeneratedConvergencePrior(LENS, theta_E=(800, 1600) * u.mas)
    assert one.ranges["theta_E"] == pytest.approx([0.8, 1.6])
    with pytest.raises(InputError, match="theta_E: a unit like arcsec is wanted"):
        GeneratedConvergencePrior(LENS, theta_E=(1, 2) * u.kg)


@pytest.mark.parametrize(
    ("cls", "model", "ranges", "message"),
    [
        (GeneratedConvergencePrior, SOURCE, {}, "PixelatedConvergence is wanted, found Pixelated"),
        (GeneratedGalaxyPrior, SIS(), {}, "a PixelatedSource is wanted, found SIS"),
        (GeneratedConvergencePrior, LENS, {"theta": 1.0}, r"unknown ranges \['theta'\]; known"),
        (GeneratedConvergencePrior, LENS, {"theta_E": (2.0, 1.0)}, "a pair 0 < low <= high"),
        (GeneratedGalaxyPrior, SOURCE, {"offset": -1.0}, "offset: a number of at least 0"),
        (GeneratedGalaxyPrior, SOURCE, {"dust_fraction": 2.0}, "dust_fraction: a number from 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(cls, model, ranges, message):
    with pytest.raises(InputError, match=message):
        cls(model, **ranges)
