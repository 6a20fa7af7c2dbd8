"""Checks of maps of simulated halos, and how collections of them are built."""

import h5py
import numpy as np
import pytest
from astropy import constants
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM, Planck15
from isothermal_halo import einstein_radius_of, isothermal_halo, pixel_means, ring_means

import simulation_files as files
from rimlens.cosmology import critical_surface_density, kpc_per_arcsec
from rimlens.datasets import MapCollection
from rimlens.datasets.tng import (
    GroupCatalog,
    GroupHalos,
    MapSettings,
    Particles,
    SingleHalos,
    Snapshot,
    convergence_maps,
    rasterize,
)
from rimlens.errors import InputError, OutputExistsError, RimlensWarning
from rimlens.imaging import Grid
from rimlens.reconstruction import einstein_radius


@pytest.fixture(scope="module")
def sphere():
    """A sphere of 100 000 particles that fill 100 kpc, its maps and its convergence."""
    settings = MapSettings(pixels=94, field=10.0, projections=("x", "z", "1,1,1"))
    particles, convergence = isothermal_halo(100_000, settings, 1.5, 100, np.random.default_rng(1))
    return settings, particles, convergence, convergence_maps(particles, settings, np.zeros(3))


def test_isothermal_sphere_gives_back_its_einstein_radius(sphere):
    settings, particles, convergence, maps = sphere
    truth = einstein_radius_of(convergence, 3.0)
    found = [einstein_radius(kappa, settings.pixel_scale.value) for kappa in maps]
    # Some 12 000 particles are inside; the mean convergence falls with the radius to the power of
    # minus one, so that the error of the radius is that of the mass: 0.9 per cent, here thrice.
    np.testing.assert_allclose(found, truth, rtol=0.027)


def test_isothermal_sphere_gives_back_its_profile(sphere):
    settings, particles, convergence, maps = sphere
    pixels = Grid((94, 94), settings.pixel_scale.value)
    edges = 1.5 * np.geomspace(0.2, 2.0, 6)
    wanted = ring_means(pixel_means(convergence, pixels), pixels, edges)
    count = wanted * np.pi * np.diff(edges**2) * kpc_per_arcsec(0.5) ** 2
    count *= critical_surface_density(0.5, 1.5).value / particles.masses[0]
    for kappa in maps:
        error = ring_means(kappa, pixels, edges) / wanted - 1
        # Poisson noise, thrice, and 3 per cent of bias where the profile is steep.
        assert np.all(np.abs(error) < 3 / np.sqrt(count) + 0.03)


def test_mass_in_the_field_is_that_of_its_particles(sphere):
    settings, particles, _, maps = sphere
    half = settings.grid.pixel_scale * settings.pixels / 2
    mass = particles.masses[np.all(np.abs(particles.positions[:, :2]) < half, axis=1)].sum()
    area = settings.grid.pixel_scale**2
    found = maps[1].sum(dtype=float) * area * critical_surface_density(0.5, 1.5).value
    # What Gaussians take across the border comes back, but for noise of the particles near it.
    assert found == pytest.approx(mass, rel=2e-3)


def test_convergence_follows_the_redshifts_and_the_angle_the_cosmology(sphere):
    _, particles, _, _ = sphere
    few = Particles(particles.positions[::50], particles.masses[::50])
    common = {"pixels": 32, "projections": "z"}
    near = MapSettings(field=60 * u.kpc, z_lens=0.3, z_source=2.0, cosmology="Planck15", **common)
    far = MapSettings(field=60 * u.kpc, z_lens=0.8, z_source=1.0, cosmology="Planck15", **common)
    ratio = convergence_maps(few, near)[0] / convergence_maps(few, far)[0]
    density = [
        Planck15.angular_diameter_distance(source)
        / Planck15.angular_diameter_distance(lens)
        / Planck15.angular_diameter_distance(lens, source)
        for lens, source in ((0.8, 1.0), (0.3, 2.0))
    ]
    np.testing.assert_allclose(ratio, density[0] / density[1], rtol=1e-4)
    angle = Planck15.kpc_proper_per_arcmin(0.3).to_value("kpc / arcsec")
    assert near.field.value == pytest.approx(60 / angle)


def test_critical_density_of_an_empty_flat_universe_is_in_closed_form():
    # Without matter, a comoving distance grows as the redshift.
    cosmology = FlatLambdaCDM(H0=70, Om0=1e-8)
    to_lens, to_source, between = (z / (70 * (1 + end)) for z, end in ((1, 1), (3, 3), (2, 3)))
    mpc = constants.c / (u.km / u.s / u.Mpc)
    wanted = constants.c**2 / (4 * np.pi * constants.G) * to_source / (to_lens * between) / mpc
    found = critical_surface_density(1.0, 3.0, cosmology)
    assert (found / wanted).to_value("") == pytest.approx(1.0, rel=1e-6)


def test_projections_show_the_axes_that_they_should():
    rng = np.random.default_rng(1)
    # Long along x, displaced along y.
    positions = np.array([4.0, 1.0, 1.0]) * rng.normal(size=(3000, 3)) + np.array([0.0, 9.0, 0.0])
    settings = MapSettings(pixels=40, field=60 * u.kpc)
    particles = Particles(positions, np.full(3000, 1e8))
    x, y, z = convergence_maps(particles, settings, np.zeros(3))
    for kappa, columns, rows in ((x, 9, 0), (y, 0, 0), (z, 0, 9)):
        places = settings.grid.x, settings.grid.y
        found = [np.average(place, weights=kappa) for place in places]
        # The standard error of the mean is 4 / sqrt(3000).
        np.testing.assert_allclose(found, [columns, rows], atol=0.25)
    widths = [np.average(place**2, weights=z) for place in (settings.grid.x, settings.grid.y - 9)]
    assert widths[0] > 4 * widths[1]


def test_halo_across_the_border_of_the_box_is_whole(tmp_path):
    files.two_groups(tmp_path)
    halos = GroupHalos(
        Snapshot(tmp_path / "snap_099.hdf5"),
        GroupCatalog(tmp_path / "fof_subhalo_tab_099.hdf5"),
    )
    halo = halos.halo("group_0")
    settings = MapSettings(pixels=32, field=300 * u.kpc)
    maps = convergence_maps(halo.particles, settings, halo.center, halo.box_size)
    critical = critical_surface_density(0.5, 1.5).value
    mass = maps.sum(axis=(1, 2), dtype=float) * critical * settings.grid.pixel_scale**2
    np.testing.assert_allclose(mass, halo.particles.masses.sum(), rtol=1e-2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pixels": 2}, "pixels: a number of at least 4 is wanted, found 2"),
        ({"neighbors": 0}, "neighbors: a number of at least 1"),
        ({"field": 3 * u.kg}, "field: a positive angle or length at the lens is wanted"),
        ({"field": -1.0}, "field: a positive angle"),
        ({"projections": ("x", "x")}, "projections: different ones are wanted"),
        ({"projections": ()}, "projections: different ones are wanted"),
        ({"z_lens": 0.0}, "redshifts 0 < z_lens < z_source are wanted, found 0.0 and 1.5"),
        ({"z_source": 0.4}, "redshifts 0 < z_lens < z_source are wanted"),
        ({"cosmology": "Plonck"}, "found 'Plonck'; did you mean 'Planck18'"),
    ],
)
def test_settings_are_checked_before_the_work(changes, message):
    with pytest.raises(InputError, match=message):
        MapSettings(**changes)


SMALL = MapSettings(pixels=16, field=100 * u.kpc, projections=("x", "z"), neighbors=16)


def group_halos(folder):
    snapshot = Snapshot(folder / "snap_099.hdf5")
    return GroupHalos(snapshot, GroupCatalog(folder / "fof_subhalo_tab_099.hdf5"))


@pytest.mark.filterwarnings("ignore:.*Einstein radius")
def test_collection_says_where_every_map_comes_from(tmp_path):
    files.two_groups(tmp_path)
    found = rasterize(group_halos(tmp_path), tmp_path / "maps.asdf", SMALL)
    assert MapCollection.read(tmp_path / "maps.asdf") == found
    assert list(found.table["group"]) == [0, 0, 1, 1]
    assert list(found.table["projection"]) == ["x", "z", "x", "z"]
    assert list(found.table["particles"]) == [300, 300, 200, 200]
    assert found.table["theta_E"].unit == u.arcsec
    assert found.pixel_scale == SMALL.pixel_scale
    facts = found.meta
    assert facts["maps"]["z_source"] == 1.5
    assert "Planck" in facts["maps"]["cosmology"]
    assert list(facts["halos"]["snapshots"][0]["files"]) == ["snap_099.hdf5"]
    assert facts["halos"]["catalog"] == "fof_subhalo_tab_099.hdf5"
    assert {"rimlens", "numpy", "scipy", "astropy", "h5py"} <= set(facts["versions"])
    one, two = found.split([0.5, 0.5], rng=1)
    assert {*one.table["group"]} != {*two.table["group"]}


@pytest.mark.filterwarnings("ignore:.*Einstein radius")
def test_interrupted_build_goes_on_with_the_next_halo(tmp_path, monkeypatch):
    files.two_groups(tmp_path)
    path, halos = tmp_path / "maps.asdf", group_halos(tmp_path)
    whole = rasterize(halos, tmp_path / "whole.asdf", SMALL)
    read = type(halos).halo

    def interrupted(self, name):
        if name == "group_1":
            raise KeyboardInterrupt
        return read(self, name)

    monkeypatch.setattr(type(halos), "halo", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rasterize(halos, path, SMALL)
    made = []
    monkeypatch.setattr(
        type(halos), "halo", lambda self, name: made.append(name) or read(self, name)
    )
    assert rasterize(group_halos(tmp_path), path, SMALL) == whole
    assert made == ["group_1"]


@pytest.mark.filterwarnings("ignore:.*Einstein radius")
def test_maps_are_overwritten_only_if_asked(tmp_path):
    files.two_groups(tmp_path)
    (tmp_path / "maps.asdf").write_text("precious")
    with pytest.raises(OutputExistsError):
        rasterize(group_halos(tmp_path), tmp_path / "maps.asdf", SMALL)
    assert len(rasterize(group_halos(tmp_path), tmp_path / "maps.asdf", SMALL, True)) == 4


def test_maps_without_an_einstein_radius_are_told(tmp_path):
    files.two_groups(tmp_path)
    with pytest.warns(RimlensWarning, match="holds 4 maps, and none of them has an Einstein"):
        rasterize(group_halos(tmp_path), tmp_path / "weak.asdf", SMALL)
    with h5py.File(tmp_path / "snap_099.hdf5", "r+") as file:
        # The particles of the first group.
        file["PartType0/Masses"][:100] = 10.0
    with pytest.warns(RimlensWarning, match="holds 4 maps, and 2 of them have no Einstein radius"):
        found = rasterize(group_halos(tmp_path), tmp_path / "mixed.asdf", SMALL)
    np.testing.assert_array_equal(found.table["theta_E"] > 0, [True, True, False, False])


def cutout(folder, halo, place=50.0, seed=1, **changes):
    rng = np.random.default_rng(seed)
    (path,) = files.write_snapshot(
        folder, {1: (files.blob(place, 100, rng), None)}, name=f"halo_{halo}", **changes
    )
    return path


@pytest.mark.filterwarnings("ignore:.*Einstein radius")
def test_cutouts_are_halos_numbered_by_header_or_name(tmp_path):
    paths = [
        cutout(tmp_path, 7),
        cutout(tmp_path, 8, CutoutID=31, NumFilesPerSnapshot=448),
        cutout(tmp_path, 31),
    ]
    with pytest.warns(RimlensWarning, match=r"1 file\(s\) are of halos that other files have"):
        halos = SingleHalos(paths)
    found = rasterize(halos, tmp_path / "maps.asdf", SMALL)
    assert list(found.table["group"]) == [7, 7, 31, 31]
    assert list(found.table["file"]) == ["halo_7.hdf5"] * 2 + ["halo_8.hdf5"] * 2


def test_sphere_about_a_center_leaves_out_what_is_beyond(tmp_path):
    rng = np.random.default_rng(3)
    both = np.concatenate([files.blob(30.0, 80, rng, 5.0), files.blob(600.0, 50, rng, 5.0)])
    (path,) = files.write_snapshot(tmp_path, {1: (both, None)})
    halo = SingleHalos(path, center=(600, 600, 600), radius=60 * u.kpc).halo("halo_99")
    assert len(halo.particles) == 50
    with pytest.raises(InputError, match="particles within 3 kpc of the center are wanted"):
        SingleHalos(path, center=(5000, 5000, 5000), radius=3).halo("halo_99")
    with pytest.raises(InputError, match="center: three finite numbers"):
        SingleHalos(path, center=(1, 2))
    with pytest.raises(InputError, match="radius: a positive length is wanted"):
        SingleHalos(path, radius=3 * u.arcsec)


def test_box_that_is_taken_as_one_halo_is_told_of(tmp_path):
    rng = np.random.default_rng(3)
    (path,) = files.write_snapshot(tmp_path, {1: (rng.uniform(0, files.BOX, (200, 3)), None)})
    with pytest.warns(
        RimlensWarning, match="all 200 particles of a periodic box are taken as one"
    ):
        SingleHalos(path).halo("halo_99")


def test_halo_of_too_few_particles_is_refused(tmp_path):
    with pytest.raises(InputError, match="less than the 100 particles is wanted, found 100"):
        rasterize(
            SingleHalos(cutout(tmp_path, 3)), tmp_path / "maps.asdf", MapSettings(neighbors=100)
        )
