"""Which galaxies are wanted."""

import numpy as np
import pytest
from astropy.table import Table

from cosmos_files import galaxy_image, write_catalog
from rimlens.datasets.cosmos import CosmosCatalog, Selection
from rimlens.errors import InputError

IMAGES = [galaxy_image((16, 16))] * 5  # of magnitudes 21, 21.5, 22, 22.5 and 23


@pytest.mark.parametrize(
    ("magnitude", "rows"),
    [(None, [0, 1, 2, 3, 4]), ((None, 22.0), [0, 1, 2]), ((21.5, 22.5), [1, 2, 3])],
)
def test_ranges_include_their_ends(tmp_path, magnitude, rows):
    with CosmosCatalog(write_catalog(tmp_path, IMAGES)) as catalog:
        assert Selection(magnitude).rows(catalog).tolist() == rows


def test_what_is_not_finite_is_in_no_range():
    assert not Selection(flux=(None, 10.0)).allows(flux=np.nan)
    assert Selection(flux=(1.0, None)).allows(flux=3.0, half_light_radius=0.1)


def suspects(path):
    """Write a table: a good one, faint, beside a mask, beside a faint one, other magnitude."""
    table = {
        "IDENT": 100 + np.arange(5),
        "sn_ellip_gauss": [50.0, 15.0, 50.0, 50.0, 50.0],
        "min_mask_dist_pixels": [20.0, 20.0, 5.0, 5.0, 20.0],
        "average_mask_adjacent_pixel_count": [0.0, 0.0, 0.5, 0.1, 0.0],
        "peak_image_pixel_count": [1.0, 1.0, 1.0, 1.0, 0.0],
        "dmag": [0.1, 0.1, 0.1, 0.1, -1.0],
    }
    Table(table).write(path.with_name(f"{path.stem}_selection.fits"))


@pytest.mark.parametrize(("sample", "rows"), [("23.5", [0, 3]), ("25.2", [0, 1, 2, 3])])
def test_suspect_stamps_are_left_out_as_the_sample_needs_it(tmp_path, sample, rows):
    path = write_catalog(tmp_path, IMAGES, name=f"real_galaxy_catalog_{sample}")
    suspects(path)
    with CosmosCatalog(path) as catalog:
        assert Selection().rows(catalog).tolist() == rows
        assert Selection(clean=False).rows(catalog).tolist() == [0, 1, 2, 3, 4]


def test_table_without_its_columns_is_refused(tmp_path):
    path = write_catalog(tmp_path, IMAGES)
    Table({"IDENT": 100 + np.arange(5)}).write(path.with_name(f"{path.stem}_selection.fits"))
    with (
        CosmosCatalog(path) as catalog,
        pytest.raises(InputError, match="dmag not found; select with clean=False"),
    ):
        Selection().rows(catalog)


@pytest.mark.parametrize("wrong", [(2.0, 1.0), 3.0, (1, 2, 3), ("a", "b"), (np.nan, 1.0)])
def test_ranges_are_checked(wrong):
    with pytest.raises(InputError, match="flux: a pair of increasing numbers, or None"):
        Selection(flux=wrong)
