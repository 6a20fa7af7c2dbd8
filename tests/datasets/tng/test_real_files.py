"""Real snapshots: two of eleven chunks of a part of TNG50-4, and a small box of Gadget-4."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.constants import G

from rimlens.datasets.tng import MapSettings, SingleHalos, Snapshot, rasterize
from rimlens.errors import FileFormatError, RimlensWarning

FOLDER = os.environ.get("RIMLENS_TEST_DATA")

pytestmark = pytest.mark.skipif(
    FOLDER is None,
    reason="RIMLENS_TEST_DATA is not set: to the folder that holds sim_snapshots/, with chunks of "
    "IllustrisTNG and the Gadget-4 box of saksheedhuru/G2-lcdm-gas",
)


def path(name):
    return Path(FOLDER) / "sim_snapshots" / name


def test_chunks_of_tng_that_are_not_there_are_named():
    chunk = path("TNG50-4-Subbox0_snap_2332.3.hdf5")
    with pytest.raises(FileFormatError, match=r"9 of 11 chunks are missing: TNG50.*2332\.0\.hdf5"):
        Snapshot(chunk)
    with pytest.warns(RimlensWarning, match="9 of 11 chunks"):
        snapshot = Snapshot(chunk, allow_missing=True)
    found = snapshot.particles()
    assert len(found) == 4965 + 5309 + 118 + 1 + 2911 + 2565 + 3 + 1
    # The side of TNG50's box: 35 Mpc/h.
    assert snapshot.box_size == pytest.approx(35e3 / 0.6774, rel=1e-5)
    # The subbox is 4 Mpc/h wide.
    assert np.ptp(found.positions, axis=0).max() < 4.01e3 / 0.6774


def test_box_of_gadget_has_the_density_of_its_universe():
    snapshot = Snapshot(path("gadget_lcdm_gas_snapshot_004.hdf5"))
    mass = snapshot.particles().masses.sum() * u.Msun
    critical = 3 * (70 * u.km / u.s / u.Mpc) ** 2 / (8 * np.pi * G)
    density = (mass / (snapshot.box_size * u.kpc) ** 3 / critical).to_value("")
    assert density == pytest.approx(0.3, rel=2e-3)


@pytest.mark.filterwarnings("ignore:.*Einstein radius")
def test_sphere_in_a_gadget_box_becomes_a_map(tmp_path):
    name = path("gadget_lcdm_gas_snapshot_004.hdf5")
    halos = SingleHalos(name, center=(25e3, 25e3, 25e3), radius=8e3)
    settings = MapSettings(pixels=32, field=10 * u.Mpc)
    found = rasterize(halos, tmp_path / "maps.asdf", settings)
    assert found.maps.shape == (3, 32, 32)
    assert np.all(found.maps > 0)
