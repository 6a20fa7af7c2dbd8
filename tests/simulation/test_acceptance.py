"""Checks of the cuts on simulations."""

from types import SimpleNamespace

import numpy as np
import pytest

from rimlens.errors import InputError
from rimlens.generators import SimulationDomain
from rimlens.imaging import Grid
from rimlens.simulation import LensedLight, PaperCuts, Simulator

SIMULATOR = SimpleNamespace(
    image_grid=Grid((40, 40)), source_grid=Grid((40, 40), 0.5), domain=SimulationDomain()
)


def one(**changed):
    """Return an image with 400 bright pixels, a source with 100 of a quarter of the area."""
    image, source = np.zeros((2, 1, 40, 40), "float32")
    image[:, 10:30, 10:30] = 0.5
    source[:, 15:25, 15:25] = 1.0
    batch = {
        "image": image,
        "source": source,
        "weight": np.ones_like(image),
        "convergence": np.full((1, 8, 8), 1.5, "float32"),
    }
    return batch | changed


def test_areas_are_compared_in_one_unit():
    # 400 pixels of 1, 100 pixels of a quarter: sixteen times.
    assert PaperCuts(magnification=15.9)(one(), SIMULATOR)[0]
    assert not PaperCuts(magnification=16.1)(one(), SIMULATOR)[0]


@pytest.mark.parametrize(
    ("row", "column"), [(0, 20), (4, 20), (39, 20), (35, 20), (20, 0), (20, 35), (20, 39)]
)
def test_the_border_is_as_wide_on_all_sides(row, column):
    # Guards against the paper's code, whose mask was a pixel narrower on the high sides.
    batch = one()
    batch["image"][0, row, column] = 0.3
    assert not PaperCuts()(batch, SIMULATOR)[0]
    assert PaperCuts(edge_tolerance=0.3)(batch, SIMULATOR)[0]


@pytest.mark.parametrize(("row", "column"), [(5, 20), (34, 20), (20, 5), (20, 34)])
def test_inside_the_border_light_is_allowed(row, column):
    batch = one()
    batch["image"][0, row, column] = 0.3
    assert PaperCuts()(batch, SIMULATOR)[0]


def test_weak_lenses_and_small_sources_are_refused():
    weak = one(convergence=np.full((1, 8, 8), 0.99, "float32"))
    assert not PaperCuts()(weak, SIMULATOR)[0]
    assert not PaperCuts(source_pixels=101)(one(), SIMULATOR)[0]
    assert PaperCuts(source_pixels=100)(one(), SIMULATOR)[0]


def test_light_is_to_be_on_more_than_one_side():
    batch = one()
    assert LensedLight()(batch, SIMULATOR)[0]
    # A corner alone is left.
    batch["image"][:, :24] = batch["image"][:, :, :24] = 0.0
    assert not LensedLight(magnification=0.1)(batch, SIMULATOR)[0]
    assert LensedLight(magnification=0.1, one_sided=1.0)(batch, SIMULATOR)[0]


def test_light_is_to_be_where_pixels_count():
    batch = one()
    batch["weight"][:, :22] = 0.0
    assert not LensedLight(one_sided=1.0)(batch, SIMULATOR)[0]
    assert LensedLight(one_sided=1.0, visible=0.3)(batch, SIMULATOR)[0]


def test_a_simulator_keeps_to_its_cuts(grids):
    cuts = (LensedLight(), PaperCuts(edge_tolerance=0.05))
    simulator = Simulator(*grids, psf_size=9, psf_count=3, cuts=cuts)
    batch = simulator.draw(6, rng=1)
    batch["image"] = batch["noiseless"]
    assert all(np.all(cut(batch, simulator)) for cut in cuts)


def test_a_border_without_width_is_refused():
    with pytest.raises(InputError, match="edge: at least 1 pixel is wanted, found 0"):
        PaperCuts(edge=0)
