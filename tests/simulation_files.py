"""Snapshots and catalogs of small made-up simulations, in the layout of TNG."""

import h5py
import numpy as np

H, KPC_IN_CM, MSUN_IN_G = 0.7, 3.0856775814913673e21, 1.988409870698051e33
BOX = 10000.0  # kpc/h
MASS_UNIT = 1e10  # Msun/h
REDSHIFT = 0.25
PARTICLE_MASS = 0.01  # of dark matter, from the header's table


def header(counts, totals, chunks, **changes):
    found = {
        "NumPart_ThisFile": np.array(counts, np.int32),
        "NumPart_Total": np.array(totals, np.uint32),
        "NumPart_Total_HighWord": np.zeros(6, np.uint32),
        "NumFilesPerSnapshot": chunks,
        "MassTable": np.array([0.0, PARTICLE_MASS, 0.0, 0.0, 0.0, 0.0]),
        "BoxSize": BOX,
        "HubbleParam": H,
        "Redshift": REDSHIFT,
        "Time": 1.0 / (1.0 + REDSHIFT),
        "UnitLength_in_cm": KPC_IN_CM,
        "UnitMass_in_g": MASS_UNIT * MSUN_IN_G,
        **changes,
    }
    return {name: value for name, value in found.items() if value is not None}


def write_snapshot(folder, particles, cuts=((),), name="snap_099", **changes):
    """Write particles in chunks.

    ``particles`` has by type the coordinates in kpc/h and the masses in 1e10 Msun/h, or None for
    masses of the table.  ``cuts`` has by chunk the number of particles of each type, by default
    all in one file; ``changes`` are of the header, None to leave something out.
    """
    counts = [len(particles.get(t, ((),))[0]) for t in range(6)]
    cuts = [cut or counts for cut in cuts]
    first = np.zeros(6, int)
    paths = []
    for i, cut in enumerate(cuts):
        path = folder / (f"{name}.hdf5" if len(cuts) == 1 else f"{name}.{i}.hdf5")
        with h5py.File(path, "w") as file:
            file.create_group("Header").attrs.update(header(cut, counts, len(cuts), **changes))
            for t, (coordinates, masses) in particles.items():
                rows = slice(first[t], first[t] + cut[t])
                if cut[t]:
                    file[f"PartType{t}/Coordinates"] = coordinates[rows]
                    if masses is not None:
                        file[f"PartType{t}/Masses"] = masses[rows]
        first += cut
        paths.append(path)
    return paths


def write_catalog(folder, groups, subhalos, cuts=None, name="fof_subhalo_tab_099"):
    """Write columns of groups and subhalos in chunks; ``cuts`` are pairs of numbers of rows."""
    total = (len(groups["GroupLenType"]), len(subhalos["SubhaloLenType"]))
    cuts = cuts or [total]
    first = [0, 0]
    paths = []
    for i, cut in enumerate(cuts):
        path = folder / (f"{name}.hdf5" if len(cuts) == 1 else f"{name}.{i}.hdf5")
        with h5py.File(path, "w") as file:
            attributes = header([0] * 6, [0] * 6, None)
            attributes |= {"NumFiles": len(cuts), "Ngroups_Total": total[0]}
            attributes |= {"Ngroups_ThisFile": cut[0], "Nsubgroups_ThisFile": cut[1]}
            file.create_group("Header").attrs.update(
                {k: v for k, v in attributes.items() if v is not None}
            )
            for kind, columns, start, n in (
                ("Group", groups, first[0], cut[0]),
                ("Subhalo", subhalos, first[1], cut[1]),
            ):
                for column, values in columns.items():
                    if n:
                        file[f"{kind}/{column}"] = values[start : start + n]
        first = [first[0] + cut[0], first[1] + cut[1]]
        paths.append(path)
    return paths


def blob(center, n, rng, size=20.0):
    """Return coordinates of particles around a place in the periodic box."""
    return (center + size * rng.normal(size=(n, 3))) % BOX


def two_groups(folder, cuts=((),), catalog_cuts=None):
    """Write a snapshot of two groups of 300 and 200 particles, and its catalog.

    The first group lies across a corner of the box and has two subhalos; the second one is
    lopsided.  In it, and after both, are particles that belong to no subhalo.
    """
    rng = np.random.default_rng(5)
    places = np.array([[5.0, BOX - 3.0, 40.0], [4000.0, 5000.0, 6000.0]])
    gas = np.concatenate(
        [blob(places[0], 100, rng), blob(places[1], 60, rng), blob(2000.0, 10, rng)]
    )
    dark = np.concatenate([blob(places[0], 200, rng), blob(places[1], 140, rng)])
    gas_mass = rng.uniform(0.001, 0.002, len(gas))
    write_snapshot(folder, {0: (gas, gas_mass), 1: (dark, None)}, cuts)
    lengths = np.zeros((3, 6), np.int32)
    lengths[:2, :2] = [[100, 200], [60, 140]]
    sub_lengths = np.zeros((3, 6), np.int32)
    sub_lengths[:, :2] = [[80, 170], [20, 30], [50, 130]]
    groups = {
        "GroupLenType": lengths,
        "GroupFirstSub": np.array([0, 2, -1], np.int32),
        "GroupMass": np.array([2.2, 1.5, 0.01], np.float32),
        "Group_M_Crit200": np.array([2.0, 1.4, 0.0], np.float32),
        "Group_R_Crit200": np.array([40.0, 35.0, 0.0], np.float32),
        "GroupPos": np.array([*places, [0.0, 0.0, 0.0]], np.float32),
        "GroupCM": np.array([places[0], places[1] + 10.0, [0.0, 0.0, 0.0]], np.float32),
    }
    groups["GroupCM"][0, 1] = 1.0  # 4 kpc/h from the place, across the border
    subhalos = {
        "SubhaloLenType": sub_lengths,
        "SubhaloMass": np.array([1.9, 0.1, 1.4], np.float32),
        "SubhaloPos": np.array([places[0], places[0] + 20, places[1]], np.float32),
        "SubhaloGrNr": np.array([0, 0, 1], np.int32),
    }
    write_catalog(folder, groups, subhalos, catalog_cuts)
    return {"gas": gas, "dark": dark, "gas_mass": gas_mass, "places": places}
