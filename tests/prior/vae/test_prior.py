"""Checks of the prior over the maps of an autoencoder."""

import numpy as np
import pytest
from astropy import units as u
from keras import ops

from rimlens import testing
from rimlens.errors import FileFormatError, InputError
from rimlens.imaging import Grid
from rimlens.lens import SIS, ExternalShear, PixelatedConvergence
from rimlens.prior import AnalyticPrior, CompositePrior, LogNormal, Normal, Shear, Uniform
from rimlens.prior.vae import VAE, VAEPrior
from rimlens.source import PixelatedSource
from tiny_vae import SIZE

GRID = Grid((SIZE, SIZE), 0.3, center=(0.1, -0.2))
LENS = PixelatedConvergence(GRID, convergence_map=np.zeros(GRID.shape))
SOURCE = PixelatedSource(GRID, brightness_map=np.zeros(GRID.shape))


@pytest.fixture(scope="module")
def priors(tiny_vae):
    lens = VAEPrior(LENS, tiny_vae["convergence"])
    return {
        "convergence": lens,
        "source": VAEPrior(SOURCE, tiny_vae["source"]),
        "bright": VAEPrior(SOURCE, tiny_vae["source"], brightness=LogNormal(3.0, 0.5)),
        "with_shear": CompositePrior(
            [lens, AnalyticPrior(ExternalShear(), gamma_ext=Shear(0.05, 0.2))]
        ),
    }


@pytest.mark.parametrize("name", ["convergence", "source", "bright", "with_shear"])
def test_the_prior_obeys_the_laws(priors, name):
    testing.check_prior(priors[name], both_backends=False)


def test_the_other_array_library_decodes_the_same(priors):
    checks = dict(testing.prior_checks(both_backends=None))
    checks["the_other_array_library_gives_the_same"](priors["bright"])


def test_variables_are_decoded_and_maps_encoded(priors, tiny_vae):
    prior, vae = priors["convergence"], VAE.from_pretrained(tiny_vae["convergence"])
    vectors = np.random.default_rng(1).standard_normal((3, 6))
    (found,) = prior.constrain({"vector": vectors}).values()
    np.testing.assert_array_equal(found, vae.decode(vectors))
    np.testing.assert_array_equal(
        prior.unconstrain({"convergence_map": found})["vector"], vae.encode(found)
    )


def test_the_brightness_is_that_which_fits_the_map_best(priors):
    prior = priors["bright"]
    assert prior.variables == {"vector": (7,)}
    maps = 5.0 * np.random.default_rng(2).random((2, SIZE, SIZE))
    vector = ops.convert_to_numpy(prior.unconstrain({"brightness_map": maps})["vector"])

    def lost(change):
        moved = vector + [0, 0, 0, 0, 0, 0, change]
        found = ops.convert_to_numpy(prior.constrain({"vector": moved})["brightness_map"])
        return np.sum((found - maps) ** 2, axis=(1, 2))

    for change in (-0.05, 0.05):
        assert np.all(lost(change) > lost(0.0))


def test_a_brightness_has_the_unit_of_the_model(tiny_vae):
    model = PixelatedSource(GRID, brightness_map=np.zeros(GRID.shape) * u.nJy)
    weights = tiny_vae["source"]
    prior = VAEPrior(model, weights, brightness=LogNormal(0.002 * u.uJy, 0.5))
    assert prior.brightness.median == pytest.approx(2.0, rel=1e-12)
    assert prior.draw(1, rng=1).brightness_map.unit == u.nJy
    fixed = VAEPrior(model, weights, brightness=0.002 * u.uJy)
    np.testing.assert_allclose(
        fixed.sample(1, rng=1)["brightness_map"],
        2.0 * VAEPrior(model, weights).sample(1, rng=1)["brightness_map"],
        rtol=1e-12,  # rounding
    )


def test_a_dark_map_has_finite_variables(priors):
    for name in ("source", "bright"):
        maps = {"brightness_map": np.zeros((1, SIZE, SIZE))}
        assert np.all(np.isfinite(priors[name].unconstrain(maps)["vector"]))


def test_the_pixel_scale_is_free(tiny_vae):
    other = PixelatedConvergence(Grid((SIZE, SIZE), 2.0), convergence_map=np.zeros((SIZE, SIZE)))
    first, second = (VAEPrior(m, tiny_vae["convergence"]).draw(2, rng=1) for m in (LENS, other))
    np.testing.assert_array_equal(first.convergence_map, second.convergence_map)
    ratio = second.einstein_radius() / first.einstein_radius()
    centered = LENS.copy(grid=Grid((SIZE, SIZE), 0.3), convergence_map=first.convergence_map)
    # Lensing has no scale: a map in larger pixels is a larger lens.
    np.testing.assert_allclose(
        second.einstein_radius() / centered.einstein_radius(), 2.0 / 0.3, rtol=1e-6
    )
    assert np.all(np.isfinite(ratio))


def test_what_does_not_fit_is_refused(tiny_vae):
    weights = tiny_vae["convergence"]
    small = PixelatedConvergence(Grid((8, 16), 0.1), convergence_map=np.zeros((8, 16)))
    with pytest.raises(InputError, match=r"a grid of \(16, 16\) pixels .* found \(8, 16\)"):
        VAEPrior(small, weights)
    with pytest.raises(InputError, match="make a PixelatedConvergence, found PixelatedSource"):
        VAEPrior(SOURCE, weights)
    with pytest.raises(InputError, match="make a PixelatedConvergence, found SIS"):
        VAEPrior(SIS(), weights)
    with pytest.raises(InputError, match="weights: a name or a path is wanted, found 3"):
        VAEPrior(LENS, 3)
    with pytest.raises(FileFormatError, match="no such weights of a VAE"):
        VAEPrior(LENS, "none")
    with pytest.raises(InputError, match="brightness: none is wanted for a convergence"):
        VAEPrior(LENS, weights, brightness=2.0)
    for wrong in (0.0, -1.0, Normal(0.0, 1.0), Uniform(-1.0, 1.0)):
        with pytest.raises(InputError, match="brightness: a positive number or a distribution"):
            VAEPrior(SOURCE, tiny_vae["source"], brightness=wrong)
