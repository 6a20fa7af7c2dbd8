"""Checks of simulations of any lens prior with any source prior."""

import numpy as np
import pytest
from keras import ops

from map_model import MapModel
from rimlens.datasets import MapCollection
from rimlens.errors import InputError
from rimlens.imaging import Grid, psf_transform
from rimlens.lens import SIE, ExternalShear, PixelatedConvergence
from rimlens.prior import (
    AnalyticPrior,
    CollectionPrior,
    CosmosPrior,
    GeneratedConvergencePrior,
    GeneratedGalaxyPrior,
    LogNormal,
    MixturePrior,
    Normal,
    Shear,
    TNGPrior,
    Uniform,
    VAEPrior,
)
from rimlens.reconstruction import einstein_radius
from rimlens.simulation import LensedLight, Simulator
from rimlens.simulation.unknowns import approximate_einstein_radii, regrid
from rimlens.source import PixelatedSource, Sersic

GRIDS = Grid((48, 48)), Grid((24, 24), 2.0), Grid((32, 32), 0.5)
# Anything that is lensed at all.
CUTS = (LensedLight(magnification=1.5, one_sided=1.0),)


def map_lens(grid):
    model = PixelatedConvergence(grid, convergence_map=np.zeros(grid.shape))
    return GeneratedConvergencePrior(model, theta_E=(7.0, 12.0), center_scatter=0.5)


def map_source(grid):
    model = PixelatedSource(grid, brightness_map=np.zeros(grid.shape))
    return GeneratedGalaxyPrior(model, source_radius=(2.0, 4.0), offset=1.0)


def stamps():
    maps = map_source(Grid((40, 40), 0.4)).sample(3, rng=1)["brightness_map"]
    return MapCollection(maps, 0.4, {"group": [1, 2, 3], "half_light_radius": [2.0, 3.0, 2.5]})


def collected_source(grid):
    return CollectionPrior(PixelatedSource(grid, brightness_map=np.zeros(grid.shape)), stamps())


def real_source(grid):
    model = PixelatedSource(grid, brightness_map=np.zeros(grid.shape))
    return CosmosPrior(model, stamps(), half_light_radius=Uniform(2.0, 4.0), normalization="peak")


def halo_lens(grid):
    fine = Grid((60, 60), 1.0)
    maps = map_lens(fine).sample(3, rng=1)["convergence_map"]
    model = PixelatedConvergence(grid, convergence_map=np.zeros(grid.shape))
    collection = MapCollection(maps, fine.pixel_scale, {"group": [1, 2, 3]})
    return TNGPrior(model, collection, theta_E=Uniform(7.0, 12.0), shift=1.0)


def decoded_lens():
    # Its own pixels are two of an image's: in pixels of one, lenses are half as large.
    grid = Grid((64, 64), 1.0)
    model = PixelatedConvergence(grid, convergence_map=np.zeros(grid.shape))
    return VAEPrior(model, "vae_convergence")


def decoded_source():
    grid = Grid((64, 64), 0.4)
    model = PixelatedSource(grid, brightness_map=np.zeros(grid.shape))
    return VAEPrior(model, "vae_source")


def model_lens():
    model = SIE() + ExternalShear()
    return AnalyticPrior(
        model, sie_theta_E=Uniform(7.0, 12.0), externalshear_gamma_ext=Shear(0.05)
    )


def model_source():
    return AnalyticPrior(Sersic(), theta_eff=LogNormal(3.0, 0.2), center_x=Normal(0.0, 0.5))


LENSES = {
    "generator": lambda: None,
    "map": lambda: map_lens(GRIDS[1]),
    "finer map": lambda: map_lens(Grid((60, 60), 1.0)),
    "tng": lambda: halo_lens(GRIDS[1]),
    "vae": decoded_lens,
    "model": model_lens,
    "mixture": lambda: MixturePrior([map_lens(GRIDS[1])] * 2, [1, 2]),
}
SOURCES = {
    "generator": lambda: None,
    "map": lambda: map_source(GRIDS[2]),
    "collection": lambda: collected_source(GRIDS[2]),
    "cosmos": lambda: real_source(GRIDS[2]),
    "vae": decoded_source,
    "coarser map": lambda: map_source(Grid((20, 20), 0.8)),
    "model": model_source,
}


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.parametrize("source", ["collection", "model"])
def test_any_lens_stands_before_any_source(lens, source):
    simulator = Simulator(
        *GRIDS, psf_size=9, psf_count=3, cuts=CUTS,
        lens=LENSES[lens](), source=SOURCES[source](),
    )  # fmt: skip
    batch = simulator.draw(2, rng=1)
    # Whatever draws, a solver for maps has its truths.
    for name, shape in (("convergence", (24, 24)), ("source", (32, 32)), ("shear", (2,))):
        assert batch[name].shape == (2, *shape)
        assert np.all(np.isfinite(batch[name]))
    again = simulator.draw(2, rng=1)
    np.testing.assert_array_equal(again["image"], batch["image"])


@pytest.mark.parametrize("source", ["cosmos", "vae"])
def test_simulated_halos_and_real_galaxies_make_a_ring(source):
    """The light is where the Einstein radius of the drawn halo says."""
    simulator = Simulator(
        *GRIDS, psf_size=9, psf_count=3, cuts=CUTS,
        lens=LENSES["tng"](), source=SOURCES[source](),
    )  # fmt: skip
    batch = simulator.draw(8, rng=4)
    radii = [einstein_radius(kappa, 2.0) for kappa in batch["convergence"]]
    assert 6.8 < min(radii) < max(radii) < 12.3
    light = batch["noiseless"]
    mean = np.sum(light * GRIDS[0].radius, axis=(1, 2)) / light.sum(axis=(1, 2))
    # A galaxy of finite size behind the middle of the lens: some of its light is outside.
    np.testing.assert_allclose(mean / radii, 1.1, atol=0.3)


@pytest.mark.parametrize(
    ("lens", "source", "tolerance"),
    [
        # The very maps: rounding.
        ("map", "map", 1e-4),
        # What the truth's pixels have lost of the finer map, and what a cusp of the convergence
        # between them does to rays.
        ("finer map", "map", 0.15),
        # Bilinear within pixels of 0.8 and of 0.5.
        ("map", "coarser map", 0.1),
    ],
)
def test_the_truths_of_maps_give_the_image(lens, source, tolerance):
    simulator = Simulator(
        *GRIDS, psf_size=9, psf_count=3, cuts=CUTS,
        lens=LENSES[lens](), source=SOURCES[source](),
    )  # fmt: skip
    batch = simulator.draw(6, rng=2)
    transform = psf_transform(batch["psf"], (48, 48))
    found = MapModel(*GRIDS)(
        batch["convergence"], batch["shear"], batch["source"], transform, (9, 9)
    )
    error = ops.convert_to_numpy(found) - batch["noiseless"]
    size = np.sqrt(np.mean(batch["noiseless"] ** 2, axis=(1, 2)))
    assert np.median(np.sqrt(np.mean(error**2, axis=(1, 2))) / size) < tolerance


def test_the_shear_of_a_model_is_in_the_truth():
    simulator = Simulator(*GRIDS, psf_size=9, psf_count=3, cuts=CUTS, lens=model_lens())
    batch = simulator.draw(4, rng=3)
    for i in range(4):
        gamma, phi = (batch["lens"][f"externalshear_{k}_ext"][i] for k in ("gamma", "phi"))
        own = ExternalShear(gamma_ext=float(gamma), phi_ext=float(phi)).shear(0.0, 0.0)
        np.testing.assert_allclose(batch["shear"][i], own, atol=1e-6)


def test_maps_without_external_shear_are_lenses_of_a_model():
    simulator = Simulator(
        *GRIDS, psf_size=9, psf_count=3, cuts=CUTS, lens=map_lens(GRIDS[1]), external_shear=False
    )
    batch = simulator.draw(2, rng=1)
    assert not np.any(batch["shear"])
    np.testing.assert_allclose(batch["lens"]["convergence_map"], batch["convergence"], rtol=1e-6)


def test_maps_that_do_not_cover_the_truth_are_refused():
    with pytest.raises(InputError, match="lens: maps that cover Grid"):
        Simulator(*GRIDS, psf_size=9, psf_count=3, lens=map_lens(Grid((22, 24), 2.0)))


def test_means_over_pixels_keep_the_mass():
    own, wanted = Grid((60, 60), 1.0), Grid((24, 24), 2.0)
    maps = np.exp(-(own.radius**2) / 60.0)[None].astype("float32")
    found = ops.convert_to_numpy(regrid(maps, own, wanted))
    # The Gaussian ends well inside both fields; bilinear means widen it a little.
    assert 4.0 * found.sum() == pytest.approx(maps.sum(), rel=1e-3)
    # Pixel by pixel the mean of four.
    block = maps[0, 6:-6, 6:-6].reshape(24, 2, 24, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(found[0], block, rtol=0, atol=0.02)


def test_quick_einstein_radii_are_good_to_a_pixel():
    maps = map_lens(Grid((48, 48))).sample(20, rng=5)["convergence_map"]
    quick = approximate_einstein_radii(maps, Grid((48, 48)))
    exact = [einstein_radius(m) for m in maps]
    # The exact ones are about the lens's own center.
    np.testing.assert_allclose(quick, exact, rtol=0, atol=1.0)
    assert approximate_einstein_radii(np.zeros((1, 8, 8)), Grid((8, 8))) == 0
