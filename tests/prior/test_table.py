"""Checks of priors in recipes."""

import numpy as np
import pytest

from rimlens.errors import InputError, PluginError
from rimlens.imaging import Grid
from rimlens.lens import ExternalShear, PixelatedConvergence
from rimlens.prior import (
    AnalyticPrior,
    CompositePrior,
    GeneratedGalaxyPrior,
    LogNormal,
    Shear,
    prior_from_table,
)
from rimlens.prior.vae import VAEPrior
from rimlens.source import PixelatedSource


def test_a_prior_over_maps_is_named_with_its_grid_and_arguments():
    table = {
        "prior": "generated_galaxy",
        "grid": {"shape": [12, 10], "pixel_scale": 0.5},
        "offset": 0.0,
    }
    grid = Grid((12, 10), 0.5)
    model = PixelatedSource(grid, brightness_map=np.zeros(grid.shape))
    assert prior_from_table("source", table) == GeneratedGalaxyPrior(model, offset=0.0)


def test_a_sum_is_a_list_of_components(tiny_vae):
    grid = {"shape": [16, 16], "pixel_scale": 4.0}
    table = {
        "components": [
            {"prior": "vae", "grid": grid, "weights": tiny_vae["convergence"]},
            {"models": ["external_shear"], "prior": {"gamma_ext": {"shear": [0.05, 0.2]}}},
        ]
    }
    model = PixelatedConvergence(Grid((16, 16), 4.0), convergence_map=np.zeros((16, 16)))
    assert prior_from_table("lens", table) == CompositePrior(
        [
            VAEPrior(model, tiny_vae["convergence"]),
            AnalyticPrior(ExternalShear(), gamma_ext=Shear(0.05, 0.2)),
        ]
    )


def test_an_argument_may_be_a_distribution(tiny_vae):
    table = {
        "prior": "vae",
        "grid": {"shape": [16, 16], "pixel_scale": 1.0},
        "weights": tiny_vae["source"],
        "brightness": {"log_normal": [2.0, 0.5]},
    }
    assert prior_from_table("source", table).brightness == LogNormal(2.0, 0.5)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "source: the entries 'models' and 'prior' are wanted, found"),
        ({"prior": {}}, "the entries 'models' and 'prior' are wanted"),
        ({"components": [], "prior": {}}, "the entries 'components' are wanted"),
        ({"component": []}, "found \\['component'\\], did you mean 'components'"),
        ({"modles": ["sersic"]}, "found \\['modles'\\], did you mean 'models'"),
        ({"models": ["sersci"]}, "no source plugin 'sersci'; did you mean 'sersic'"),
        (
            {"models": ["sersic"], "prior": {"I_ef": {"uniform": [1, 2]}}},
            "no parameter 'I_ef'; did you mean 'I_eff'",
        ),
        (
            {"models": ["sersic"], "prior": {"n": {"unfiorm": [1, 2]}}},
            "source: n: one distribution of .* is wanted, .*, did you mean 'uniform'",
        ),
        (
            {"models": ["sersic"], "prior": {"n": 4.0}},
            "source: n: one distribution of .* is wanted, found 4.0$",
        ),
        (
            {"prior": "vae", "grid": {"shape": [4, 4]}, "wieghts": "x"},
            "prior 'vae': .*'wieghts', did you mean 'weights'",
        ),
        (
            {"prior": "vae", "grid": {"shape": [4, 4], "pixel_sacle": 1.0}},
            "a grid is wanted, .*, did you mean 'pixel_scale'",
        ),
        ({"prior": "generated_galaxy"}, "a grid is wanted, such as .* found None"),
        ({"prior": "generated_galaxy", "grid": {"size": 3}}, "a grid is wanted"),
        (
            {"prior": "vae", "grid": {"shape": [4, 4]}},
            "prior 'vae': .*missing 1 required positional argument: 'weights'",
        ),
    ],
)
def test_a_wrong_table_is_told(table, message):
    with pytest.raises((InputError, PluginError), match=message):
        prior_from_table("source", table)
