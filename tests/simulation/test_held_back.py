"""The held-back simulations of the recipes in the package stay what they were.

The scores in the weight files, and those of other versions of the package, are on them.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from rimlens.training.recipes.solver import read_recipe
from rimlens.training.simulations.of_recipe import simulator_of

# Made by the code that the first weights were trained with.
EXPECTED = json.loads((Path(__file__).parent / "held_back.json").read_text())


def summary(batch):
    """Return the mean and the scatter of every array, over each lens."""
    found = {}
    for name, values in batch.items():
        if isinstance(values, dict):
            found |= {f"{name}.{k}": v for k, v in summary(values).items()}
        else:
            flat = np.asarray(values, float).reshape(len(values), -1)
            found[name] = [flat.mean(axis=1).tolist(), flat.std(axis=1).tolist()]
    return found


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_held_back_simulations_are_those_of_the_first_version(name):
    recipe = read_recipe(name)
    rng = np.random.default_rng([recipe.seed + 1_000_000, 2])
    found = summary(simulator_of(recipe).draw(10, rng))
    expected = dict(EXPECTED[name])
    stream = expected.pop("rng")
    for entry, (mean, scatter) in expected.items():
        # Rounding in single precision, of rays that pass sources with cusps.
        size = np.abs(mean) + np.array(scatter) + 1e-12
        for before, now in zip((mean, scatter), found[entry]):
            np.testing.assert_allclose(now / size, before / size, rtol=0, atol=1e-4, err_msg=entry)
    # The stream of random numbers is not shifted either.
    np.testing.assert_array_equal(rng.random(4), stream)
