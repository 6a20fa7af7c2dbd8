import h5py
import numpy as np
import pytest

import simulation_files as files
from rimlens.datasets.tng import Snapshot
from rimlens.errors import FileFormatError, InputError, RimlensWarning

SCALE = 1.0 / (1.0 + files.REDSHIFT)
CHUNKS = ([100, 0, 0, 0, 30, 1], [0] * 6, [20, 500, 0, 0, 0, 0])


@pytest.fixture(scope="module")
def box():
    rng = np.random.default_rng(1)

    def some(n):
        return rng.uniform(0, files.BOX, (n, 3))

    return {
        0: (some(120), rng.uniform(0.001, 0.002, 120)),
        1: (some(500), None),
        4: (some(30), rng.uniform(0.001, 0.002, 30)),
        5: (some(1), np.array([0.5])),
    }


def test_particles_of_all_chunks_are_in_kpc_and_solar_masses(box, tmp_path):
    path = files.write_snapshot(tmp_path, box, CHUNKS)[2]
    snapshot = Snapshot(path)
    found = snapshot.particles()
    coordinates = np.concatenate([x for x, _ in box.values()])
    order = np.lexsort(found.positions.T), np.lexsort(coordinates.T)
    # Comoving kpc/h: h shrinks numbers, and the universe was smaller then.
    np.testing.assert_allclose(
        found.positions[order[0]], coordinates[order[1]] * SCALE / files.H, rtol=1e-6
    )
    dark = 500 * files.PARTICLE_MASS
    total = dark + sum(m.sum() for _, m in box.values() if m is not None)
    assert found.masses.sum() == pytest.approx(total * files.MASS_UNIT / files.H, rel=1e-5)
    assert snapshot.box_size == pytest.approx(files.BOX * SCALE / files.H, rel=1e-6)
    assert snapshot.redshift == files.REDSHIFT


def test_folder_of_chunks_is_a_snapshot(box, tmp_path):
    files.write_snapshot(tmp_path, box, CHUNKS)
    assert len(Snapshot(tmp_path).particles()) == 651
    files.write_snapshot(tmp_path, box, name="snap_098")
    with pytest.raises(InputError, match="one snapshot is wanted, found snap_098.hdf5, snap_099"):
        Snapshot(tmp_path)


def test_types_are_those_asked_for(box, tmp_path):
    (path,) = files.write_snapshot(tmp_path, box)
    assert len(Snapshot(path, types=(1,)).particles()) == 500


def test_missing_chunks_are_named_and_left_out_only_if_they_may(box, tmp_path):
    paths = files.write_snapshot(tmp_path, box, CHUNKS)
    paths[0].unlink()
    with pytest.raises(
        FileFormatError, match=r"1 of 3 chunks are missing: snap_099\.0\.hdf5; fetch"
    ):
        Snapshot(paths[1])
    with pytest.warns(RimlensWarning, match=r"1 of 3 chunks are missing: snap_099\.0\.hdf5; the"):
        snapshot = Snapshot(paths[1], allow_missing=True)
    assert len(snapshot.particles()) == 520
    assert snapshot.missing == ["snap_099.0.hdf5"]


def test_ranges_are_found_from_both_ends_of_a_gap(box, tmp_path):
    cuts = [[0, 100, 0, 0, 0, 0]] * 5
    paths = files.write_snapshot(tmp_path, {1: box[1]}, cuts)
    for i in (1, 3):
        paths[i].unlink()
    with pytest.warns(RimlensWarning, match="2 of 5 chunks"):
        snapshot = Snapshot(paths[0], allow_missing=True)
    assert snapshot.holds({1: (20, 100)})
    assert snapshot.holds({1: (400, 500)})
    assert not snapshot.holds({1: (90, 110)})
    assert not snapshot.holds({1: (220, 280)})  # between two gaps no one knows
    with pytest.raises(FileFormatError, match="in chunks that are missing"):
        snapshot.particles({1: (220, 280)})
    snapshot.use_offsets(np.arange(5)[:, None] * np.array([0, 100, 0, 0, 0, 0]))
    found = snapshot.particles({1: (220, 280)}).positions
    np.testing.assert_allclose(found, box[1][0][220:280] * SCALE / files.H, rtol=1e-6)


def test_units_of_data_sets_count_more_than_those_of_the_header(box, tmp_path):
    (path,) = files.write_snapshot(tmp_path, {1: box[1]}, UnitLength_in_cm=1.0)
    with h5py.File(path, "r+") as file:
        attributes = file["PartType1/Coordinates"].attrs
        # Physical Mpc without h.
        attributes.update({"to_cgs": 1e3 * files.KPC_IN_CM, "a_scaling": 0.0, "h_scaling": 0.0})
    found = Snapshot(path).particles().positions
    np.testing.assert_allclose(found, 1e3 * box[1][0], rtol=1e-6)


def test_parameters_of_a_gadget_run_tell_units_too(box, tmp_path):
    missing = dict.fromkeys(("UnitLength_in_cm", "UnitMass_in_g", "HubbleParam", "Redshift"))
    (path,) = files.write_snapshot(tmp_path, {1: box[1]}, **missing)
    with h5py.File(path, "r+") as file:
        file.create_group("Parameters").attrs.update(
            {"UnitLength_in_cm": 1e3 * files.KPC_IN_CM, "UnitMass_in_g": 1.0, "HubbleParam": 0.5}
        )
    found = Snapshot(path).particles().positions
    np.testing.assert_allclose(found, 1e3 * box[1][0] * SCALE / 0.5, rtol=1e-6)


def test_unknown_units_are_refused_and_can_be_said(box, tmp_path):
    (path,) = files.write_snapshot(
        tmp_path, {1: box[1]}, UnitLength_in_cm=None, UnitMass_in_g=None
    )
    with pytest.raises(InputError, match=r"snap_099.hdf5: the unit of length is wanted .*'kpc/h'"):
        Snapshot(path)
    with pytest.raises(InputError, match="the unit of mass is wanted"):
        Snapshot(path, length_unit="kpc/h").particles()
    said = Snapshot(path, length_unit="Mpc/h", mass_unit="1e10 Msun / h").particles()
    np.testing.assert_allclose(said.positions, 1e3 * box[1][0] * SCALE / files.H)
    np.testing.assert_allclose(said.masses, files.PARTICLE_MASS * 1e10 / files.H)
    with pytest.raises(InputError, match="length_unit: a unit like kpc or kpc/h is wanted"):
        Snapshot(path, length_unit="kg")


def test_h_is_wanted_only_where_it_counts(box, tmp_path):
    (path,) = files.write_snapshot(tmp_path, {1: box[1]}, HubbleParam=None)
    with pytest.raises(InputError, match="HubbleParam is wanted"):
        Snapshot(path)
    assert len(Snapshot(path, length_unit="kpc", mass_unit="1e10 Msun").particles()) == 500


def damaged(path, damage):
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-2000])
    elif damage == "not HDF5":
        path.write_bytes(b"no simulation")
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        with h5py.File(path, "r+") as file:
            if damage == "no header":
                del file["Header"]
            elif damage == "fewer particles":
                del file["PartType1/Coordinates"]
                file["PartType1/Coordinates"] = np.zeros((3, 3))
            elif damage == "no redshift":
                del file["Header"].attrs["Redshift"], file["Header"].attrs["Time"]
            elif damage == "more in all":
                file["Header"].attrs["NumPart_Total"] = [0, 501, 0, 0, 0, 0]
            elif damage == "no masses":
                file["Header"].attrs["MassTable"] = np.zeros(6)
            elif damage == "not finite":
                file["PartType1/Coordinates"][7] = np.nan


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("truncated", "is truncated"),
        ("not HDF5", "cannot be read as HDF5"),
        ("empty", "cannot be read as HDF5"),
        ("no header", "is no snapshot: a group 'Header'"),
        ("fewer particles", "500 particles of type 1 are wanted by its header, found 3"),
        ("no redshift", "the attribute 'Redshift' or 'Time' of its header is wanted"),
        ("more in all", "are wanted by the header, found .*500"),
        ("no masses", "masses of type 1 are wanted"),
        ("not finite", "finite positions and masses of type 1 are wanted"),
    ],
)
def test_damaged_file_is_named(box, tmp_path, damage, message):
    (path,) = files.write_snapshot(tmp_path, {1: box[1]})
    damaged(path, damage)
    with pytest.raises((FileFormatError, InputError), match=rf"snap_099\.hdf5: .*{message}"):
        Snapshot(path).particles()


def test_snapshot_without_particles_is_refused(tmp_path):
    (path,) = files.write_snapshot(tmp_path, {})
    with pytest.raises(
        InputError, match="particles of the types 0, 1, 4, 5 are wanted, found none"
    ):
        Snapshot(path).particles()


def test_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileFormatError, match="none.hdf5: there is no such file or folder"):
        Snapshot(tmp_path / "none.hdf5")
    with pytest.raises(FileFormatError, match="a folder with the HDF5 files of a snapshot"):
        Snapshot(tmp_path)
