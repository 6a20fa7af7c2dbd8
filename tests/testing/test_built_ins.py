"""Every built-in lens, source and prior passes the checks of its kind."""

import numpy as np
import pytest
from astropy import units as u

from rimlens import plugins, testing
from rimlens.imaging import Grid
from rimlens.lens import SIS, ExternalShear, PixelatedConvergence
from rimlens.prior import AnalyticPrior, GeneratedConvergencePrior, Normal, Shear
from rimlens.source import Gaussian, PixelatedSource

GRID = Grid((12, 10), 0.1)
MAP = np.exp(-(GRID.radius**2) / 0.1)
# What models are made with that their defaults do not make, or not as they should be checked.
LENSES = {
    "composite": {"components": [SIS(), ExternalShear(gamma_ext=0.05)]},
    "multi_plane": {"planes": [(0.4, SIS(theta_E=0.9)), (0.8, SIS(theta_E=0.2))], "z_source": 2.0},
    "multipole": {"m": 3, "a_m": 0.05},
    "pixelated_convergence": {"grid": GRID, "convergence_map": MAP},
    "pixelated_potential": {"grid": GRID, "potential_map": MAP},
}
SOURCES = {
    "composite": {"components": [Gaussian(q=0.5), Gaussian(I_0=3.0)]},
    "pixelated": {"grid": GRID, "brightness_map": MAP * u.nJy},
    "shapelets": {"n_max": 2, "amplitudes": [1.0, 0.2, 0.3, 0.1, 0.2, 0.5]},
}
MAP_LENS = PixelatedConvergence(GRID, convergence_map=MAP)
MAP_SOURCE = PixelatedSource(GRID, brightness_map=MAP)
VAE_LENS = PixelatedConvergence(Grid((64, 64), 0.1), convergence_map=np.ones((64, 64)))
SPHERE = AnalyticPrior(SIS(), theta_E=Normal(2.0, 0.2))
PRIORS = {
    "analytic": {"model": SIS(), "theta_E": Normal(2.0, 0.2)},
    "composite": {"priors": [SPHERE, AnalyticPrior(ExternalShear(), gamma_ext=Shear(0.1, 0.3))]},
    "generated_convergence": {"model": MAP_LENS},
    "generated_galaxy": {"model": MAP_SOURCE},
    "mixture": {"priors": [GeneratedConvergencePrior(MAP_LENS)] * 2, "weights": [1.0, 2.0]},
    "vae": {"model": VAE_LENS, "weights": "vae_convergence"},
}
APPROXIMATE = {
    # Light that is deflected twice is turned.
    "multi_plane": {"deflection_is_free_of_curl"},
    # Its deflection is interpolated between pixels, and its convergence in another way.
    "pixelated_convergence": {
        "deflection_is_free_of_curl",
        "convergence_is_half_the_divergence_of_the_deflection",
    },
}


def built_in(kind):
    return [p.name for p in plugins.installed(kind) if p.package == "rimlens"]


@pytest.mark.parametrize("name", built_in("lens"))
def test_a_lens_obeys_the_laws(name):
    lens = plugins.load("lens", name)(**LENSES.get(name, {}))
    for name_of_check, check in testing.lens_checks(both_backends=False):
        if name_of_check not in APPROXIMATE.get(name, ()):
            check(lens)


@pytest.mark.parametrize("name", built_in("source"))
def test_a_source_obeys_the_laws(name):
    source = plugins.load("source", name)(**SOURCES.get(name, {}))
    testing.check_source(source, both_backends=False)


@pytest.mark.parametrize("name", sorted(PRIORS))
def test_a_prior_obeys_the_laws(name):
    testing.check_prior(plugins.load("prior", name)(**PRIORS[name]), both_backends=False)
