import asdf
import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from rimlens.datasets import MapCollection
from rimlens.errors import FileFormatError, InputError, OutputExistsError


def numbered(groups, **changes):
    """Return a collection in which every map is filled with its number."""
    n = len(groups)
    maps = np.broadcast_to(np.arange(n, dtype="float32")[:, None, None], (n, 3, 4))
    return MapCollection(
        **{"maps": maps, "pixel_scale": 0.05, "table": {"group": groups}, **changes}
    )


@pytest.fixture
def collection():
    table = Table({"group": ["a", "a", "b"], "mass": [1.0, 2.0, np.nan] * u.Msun, "n": [3, 4, 5]})
    return numbered(
        [0, 0, 1], table=table, unit="nJy", pixel_scale=50 * u.mas, meta={"from": [1, "two", None]}
    )


def test_file_gives_back_what_was_written(collection, tmp_path):
    collection.write(tmp_path / "maps.asdf")
    again = MapCollection.read(tmp_path / "maps.asdf")
    assert again == collection
    assert again.maps.dtype == np.float32
    assert again.table["mass"].unit == u.Msun
    assert again.unit == u.nJy
    assert again.meta == {"from": [1, "two", None]}


def test_convergence_has_no_unit_in_a_file_either(tmp_path):
    numbered([0, 1]).write(tmp_path / "maps.asdf")
    assert MapCollection.read(tmp_path / "maps.asdf").unit is None


def test_file_is_overwritten_only_if_asked(collection, tmp_path):
    path = tmp_path / "maps.asdf"
    collection.write(path)
    with pytest.raises(OutputExistsError, match="maps.asdf: exists already"):
        collection.write(path)
    collection[:1].write(path, overwrite=True)
    assert len(MapCollection.read(path)) == 1


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:-20], "truncated or altered"),
        (lambda content: content.replace(b"nJy", b"mJy"), "truncated or altered"),
        (lambda content: content[:200], "truncated in its header"),
        (
            lambda content: content.replace(b"map_collection-1.0.0", b"map_collection-1.3.0"),
            "format version 1.3.0, newer than 1.0.0",
        ),
        (lambda content: b"SIMPLE  =", "is not an ASDF file; a file of rimlens maps is wanted"),
    ],
)
def test_damaged_or_newer_file_is_refused(collection, tmp_path, damage, message):
    path = tmp_path / "maps.asdf"
    collection.write(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FileFormatError, match=rf"maps\.asdf: .*{message}"):
        MapCollection.read(path)


def test_other_file_and_missing_file_are_refused(tmp_path):
    asdf.AsdfFile({"maps": np.ones((1, 2, 2))}).write_to(tmp_path / "other.asdf")
    with pytest.raises(FileFormatError, match="without rimlens maps"):
        MapCollection.read(tmp_path / "other.asdf")
    with pytest.raises(FileFormatError, match="there is no such file"):
        MapCollection.read(tmp_path / "none.asdf")


@given(
    groups=st.lists(st.integers(0, 8), min_size=1, max_size=40),
    cut=st.floats(0.0, 1.0),
    seed=st.integers(0, 100),
)
@settings(max_examples=50)
def test_split_keeps_groups_whole_and_loses_no_map(groups, cut, seed):
    collection = numbered(groups)
    one, two = collection.split([cut, 1.0 - cut], rng=seed)
    assert not set(one.table["group"]) & set(two.table["group"])
    assert sorted([*one.maps[:, 0, 0], *two.maps[:, 0, 0]]) == list(range(len(groups)))
    # As many groups as the fraction says, to the nearest.
    assert abs(len(set(one.table["group"])) - cut * len(set(groups))) <= 0.5 + 1e-6


def test_split_repeats_with_the_seed():
    collection = numbered(np.arange(50))
    first, again, other = (collection.split([0.5, 0.5], rng=seed)[0] for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("rows", "numbers"),
    [
        (1, [1]),
        (slice(1, None), [1, 2]),
        ([2, 0], [2, 0]),
        ([True, False, True], [0, 2]),
        ([], []),
        (-1, [2]),
    ],
)
def test_maps_and_rows_of_the_table_stay_together(collection, rows, numbers):
    chosen = collection[rows]
    assert list(chosen.maps[:, 0, 0]) == numbers
    assert list(chosen.table["n"]) == [3 + number for number in numbers]


def test_rows_that_are_not_there_are_refused(collection):
    for rows in (3, [True, False], "first"):
        with pytest.raises(InputError, match="rows: a slice, a mask of 3 or numbers below 3"):
            collection[rows]


def test_stack_has_the_maps_of_all(collection):
    assert MapCollection.stack([collection[:1], collection[1:]]) == collection
    with pytest.raises(InputError, match=r"one pixel scale is wanted, found 0\.05 arcsec and"):
        MapCollection.stack([collection, numbered([0], unit="nJy", pixel_scale=0.06)])
    with pytest.raises(InputError, match="at least one is wanted"):
        MapCollection.stack([])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"maps": np.ones((3, 4))},
            r"maps: an array \(n, ny, nx\) is wanted, found shape \(3, 4\)",
        ),
        ({"maps": "maps"}, "maps: an array of numbers"),
        (
            {"maps": np.full((2, 3, 4), np.nan)},
            "finite values are wanted, found 12 others in map 0",
        ),
        ({"pixel_scale": 0.0}, "pixel_scale: one positive angle is wanted"),
        ({"pixel_scale": 1 * u.kpc}, "pixel_scale: a unit like arcsec is wanted, found .*kpc"),
        ({"table": {"group": [0]}}, "a row for each of 2 maps is wanted, found 1 rows"),
        ({"table": {"halo": [0, 1]}}, "a column 'group' of integers or text is wanted"),
        ({"table": {"group": [0.5, 1.5]}}, "a column 'group' of integers or text is wanted"),
        ({"table": {"group": [0, 1], "x": [None, 1]}}, "found object in the column 'x'"),
        ({"unit": "pears"}, "unit: a unit of brightness is wanted, found 'pears'"),
        ({"meta": {"x": object()}}, "meta.x: text, numbers"),
    ],
)
def test_what_cannot_be_a_collection_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        numbered([0, 1], **changes)


@pytest.mark.parametrize("fractions", [[0.5], [0.9, 0.2], [-0.1, 1.1], [np.nan, 1.0], "half"])
def test_fractions_that_are_none_are_refused(collection, fractions):
    with pytest.raises(InputError, match="fractions: numbers of at least 0 and of sum 1"):
        collection.split(fractions)


def test_bare_pixel_scale_is_in_arcsec():
    assert numbered([0]).pixel_scale == 0.05 * u.arcsec
    assert repr(numbered([0, 0, 1])) == (
        "<MapCollection of 3 maps, 3 x 4 pixels of 0.05 arcsec, 2 groups>"
    )
