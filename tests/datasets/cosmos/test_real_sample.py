"""The 100 galaxies of COSMOS that BlendingToolKit has (Leauthaud et al. 2007, ApJS 172, 219)."""

import os
from pathlib import Path

import numpy as np
import pytest

from rimlens.datasets.cosmos import CosmosCatalog, StampSettings, build_cosmos

FOLDER = os.environ.get("RIMLENS_TEST_DATA")

pytestmark = pytest.mark.skipif(
    FOLDER is None,
    reason="RIMLENS_TEST_DATA is not set: to the folder that holds cosmos_galaxies/, in the "
    "layout of GalSim",
)


def test_every_galaxy_becomes_a_map_of_its_magnitude(tmp_path):
    path = Path(FOLDER) / "cosmos_galaxies"
    collection = build_cosmos(path, tmp_path / "galaxies.asdf", settings=StampSettings(size=96))
    with CosmosCatalog(path) as catalog:
        assert len(collection) == len(catalog) == 100
    # The zero point of these images is 25.94 mag; stamps cut off some of the light.
    magnitude = 25.94 - 2.5 * np.log10(np.maximum(collection.table["flux"], 1e-3))
    difference = magnitude - collection.table["magnitude"]
    assert abs(np.median(difference)) < 0.1
    assert np.median(np.abs(difference)) < 0.15
    assert np.median(collection.table["half_light_radius"]) == pytest.approx(0.15, abs=0.03)
    correlation = np.array(collection.meta["noise_correlation"])
    assert correlation[3, 4] == pytest.approx(0.47, abs=0.05)
    assert correlation[4, 4] == pytest.approx(0.22, abs=0.05)
