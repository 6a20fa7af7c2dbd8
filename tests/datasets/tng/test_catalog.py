import h5py
import numpy as np
import pytest
from astropy import units as u

import simulation_files as files
from rimlens.datasets.tng import GroupCatalog, GroupHalos, Selection, Snapshot
from rimlens.datasets.tng.selection import relaxedness
from rimlens.errors import FileFormatError, InputError, RimlensWarning

KPC = 1.0 / (1.0 + files.REDSHIFT) / files.H
MSUN = files.MASS_UNIT / files.H


@pytest.fixture
def simulation(tmp_path):
    return files.two_groups(tmp_path)


def catalog(folder, **arguments):
    return GroupCatalog(folder / "fof_subhalo_tab_099.hdf5", **arguments)


def snapshot(folder):
    return Snapshot(folder / "snap_099.hdf5")


def offsets_file(folder, shift=0, chunks=None):
    path = folder / "offsets_099.hdf5"
    with h5py.File(path, "w") as file:
        groups = np.array([[0, 0, 0, 0, 0, 0], [100, 200, 0, 0, 0, 0], [160, 340, 0, 0, 0, 0]])
        file["Group/SnapByType"] = groups + shift
        file["Subhalo/SnapByType"] = np.array([[0] * 6, [80, 170, 0, 0, 0, 0], groups[1]]) + shift
        if chunks is not None:
            file["FileOffsets/SnapByType"] = chunks
    return path


def test_particles_of_a_group_are_its_own(simulation, tmp_path):
    halos = GroupHalos(snapshot(tmp_path), catalog(tmp_path))
    assert halos.names == ["group_0", "group_1"]
    halo = halos.halo("group_1")
    wanted = np.concatenate([simulation["gas"][100:160], simulation["dark"][200:340]]) * KPC
    np.testing.assert_allclose(halo.particles.positions, wanted, rtol=1e-6)
    np.testing.assert_allclose(halo.center, simulation["places"][1] * KPC, rtol=1e-6)
    assert halo.properties["mass"].to_value(u.Msun) == pytest.approx(1.4 * MSUN, rel=1e-5)


def test_offsets_are_the_lengths_before_or_those_of_a_file(simulation, tmp_path):
    summed = catalog(tmp_path)
    read = catalog(tmp_path, offsets=offsets_file(tmp_path))
    assert np.array_equal(summed.group_offsets, read.group_offsets)
    assert np.array_equal(summed.subhalo_offsets, read.subhalo_offsets)
    assert summed.subhalo_ranges(1)[1] == (170, 200)


def test_central_subhalo_leaves_out_what_is_not_in_it(simulation, tmp_path):
    halos = GroupHalos(snapshot(tmp_path), catalog(tmp_path), central=True)
    wanted = np.concatenate([simulation["gas"][:80], simulation["dark"][:170]]) * KPC
    np.testing.assert_allclose(halos.halo("group_0").particles.positions, wanted, rtol=1e-6)


def test_catalog_may_have_chunks_without_groups(tmp_path):
    files.two_groups(tmp_path, catalog_cuts=[(1, 2), (0, 0), (2, 1)])
    found = GroupCatalog(tmp_path / "fof_subhalo_tab_099.1.hdf5")
    assert found.groups["GroupMass"] == pytest.approx(np.array([2.2, 1.5, 0.01]) * MSUN, rel=1e-5)
    (tmp_path / "fof_subhalo_tab_099.2.hdf5").unlink()
    with pytest.raises(FileFormatError, match=r"1 of 3 chunks are missing: fof.*\.2\.hdf5"):
        GroupCatalog(tmp_path / "fof_subhalo_tab_099.1.hdf5")


def test_groups_in_missing_chunks_are_left_out_and_counted(tmp_path):
    files.two_groups(tmp_path, cuts=([110, 210, 0, 0, 0, 0], [60, 130, 0, 0, 0, 0]))
    (tmp_path / "snap_099.1.hdf5").unlink()
    with pytest.warns(RimlensWarning, match="1 of 2 chunks are missing"):
        found = Snapshot(tmp_path / "snap_099.0.hdf5", allow_missing=True)
    with pytest.warns(RimlensWarning, match="1 of 2 chosen groups have particles in missing"):
        halos = GroupHalos(found, catalog(tmp_path))
    assert halos.names == ["group_0"]
    with pytest.raises(InputError, match="1 of 1 chosen groups .* fetch snap_099.1.hdf5"):
        GroupHalos(found, catalog(tmp_path), Selection(groups=[1]))


def test_file_of_offsets_finds_groups_between_two_gaps(tmp_path):
    cuts = ([90, 190, 0, 0, 0, 0], [70, 150, 0, 0, 0, 0], [10, 0, 0, 0, 0, 0])
    files.two_groups(tmp_path, cuts)
    for i in (0, 2):
        (tmp_path / f"snap_099.{i}.hdf5").unlink()
    path = offsets_file(tmp_path, chunks=np.cumsum([[0] * 6, cuts[0], cuts[1]], axis=0))
    with pytest.warns(RimlensWarning, match="2 of 3 chunks"):
        found = Snapshot(tmp_path / "snap_099.1.hdf5", allow_missing=True)
    with pytest.warns(RimlensWarning, match="1 of 2 chosen groups"):
        halos = GroupHalos(found, catalog(tmp_path, offsets=path))
    assert halos.names == ["group_1"]
    assert len(halos.halo("group_1").particles) == 200


def test_relaxed_halos_are_those_in_the_middle_of_their_mass(simulation, tmp_path):
    offset, substructure = relaxedness(catalog(tmp_path))
    # Across the border of the box, 4 kpc/h of 40; and a lopsided one.
    np.testing.assert_allclose(offset[:2], [4 / 40, np.sqrt(300) / 35], rtol=1e-3)
    np.testing.assert_allclose(substructure[:2], [0.05, 0.0], atol=1e-6)


@pytest.mark.parametrize(
    ("selection", "groups"),
    [
        (Selection(), [0, 1]),  # the third has no subhalo
        (Selection(min_mass=1.9 * MSUN), [0]),
        (Selection(max_mass=1.9 * MSUN * u.Msun), [1]),
        (Selection(groups=[1, 1]), [1]),
    ],
)
def test_groups_are_chosen_once_each(simulation, tmp_path, selection, groups):
    assert list(selection.chosen(catalog(tmp_path))) == groups


def with_first_subhalos(folder, values):
    """Return the catalog whose groups have these first subhalos."""
    with h5py.File(folder / "fof_subhalo_tab_099.hdf5", "r+") as file:
        del file["Group/GroupFirstSub"]
        file["Group/GroupFirstSub"] = values
    return catalog(folder)


@pytest.mark.parametrize("dtype", ["i2", "i4", "i8", "u2", "u4", "u8"])
def test_no_subhalo_is_known_in_integers_of_any_kind(simulation, tmp_path, dtype):
    values = np.array([0, 2, -1]).astype(dtype)
    found = with_first_subhalos(tmp_path, values)
    assert list(found.groups["GroupFirstSub"]) == [0, 2, -1]
    assert list(Selection().chosen(found)) == [0, 1]
    assert relaxedness(found)[1][2] == 1.0


def test_no_subhalo_of_32_bits_is_known_in_wider_integers(simulation, tmp_path):
    found = with_first_subhalos(tmp_path, np.array([0, 2, 2**32 - 1], np.int64))
    assert list(found.groups["GroupFirstSub"]) == [0, 2, -1]


@pytest.mark.parametrize("wrong", [3, -2])
def test_a_subhalo_that_is_not_in_the_catalog_is_refused(simulation, tmp_path, wrong):
    with pytest.raises(FileFormatError, match=f"numbers below 3, .* are wanted, found {wrong}"):
        with_first_subhalos(tmp_path, np.array([0, 2, wrong]))


def test_unrelaxed_groups_are_left_out(simulation, tmp_path):
    path = tmp_path / "fof_subhalo_tab_099.hdf5"
    with pytest.raises(InputError, match="no group of 3 is chosen by Selection"):
        Selection(relaxed=True).chosen(GroupCatalog(path))
    with h5py.File(path, "r+") as file:
        file["Group/GroupCM"][0] = file["Group/GroupPos"][0]
    assert list(Selection(relaxed=True).chosen(GroupCatalog(path))) == [0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"min_mass": 2.0, "max_mass": 1.0}, "min_mass: a mass below max_mass, 1, is wanted"),
        ({"min_mass": -1.0}, "min_mass: a mass is wanted, found -1.0"),
        ({"max_mass": 1 * u.kpc}, "max_mass: a mass is wanted, found"),
    ],
)
def test_masses_are_checked(arguments, message):
    with pytest.raises(InputError, match=message):
        Selection(**arguments)


def test_group_that_is_not_there_is_refused(simulation, tmp_path):
    with pytest.raises(InputError, match=r"groups: numbers below 3, .* found 7"):
        Selection(groups=[0, 7]).chosen(catalog(tmp_path))


def test_files_that_do_not_belong_together_are_refused(simulation, tmp_path):
    with pytest.raises(InputError, match="a catalog of the snapshot .* is wanted"):
        GroupHalos(snapshot(tmp_path), catalog(tmp_path, offsets=offsets_file(tmp_path, 1000)))
    with h5py.File(tmp_path / "offsets_099.hdf5", "r+") as file:
        del file["Group/SnapByType"]
        file["Group/SnapByType"] = np.zeros((7, 6), int)
    with pytest.raises(FileFormatError, match="offsets of 3 groups are wanted, .* found 7"):
        catalog(tmp_path, offsets=tmp_path / "offsets_099.hdf5")
    with pytest.raises(FileFormatError, match="is no group catalog"):
        GroupCatalog(tmp_path / "snap_099.hdf5")
    with pytest.raises(FileFormatError, match="'Group/SnapByType' and 'Subhalo/SnapByType' are"):
        catalog(tmp_path, offsets=tmp_path / "snap_099.hdf5")


def test_catalog_without_a_column_is_refused(simulation, tmp_path):
    with h5py.File(tmp_path / "fof_subhalo_tab_099.hdf5", "r+") as file:
        del file["Group/GroupPos"]
    with pytest.raises(FileFormatError, match="'Group/GroupPos' is wanted, found none"):
        catalog(tmp_path)
