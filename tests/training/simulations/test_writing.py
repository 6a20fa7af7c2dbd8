"""Checks of sets of simulations on disk."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from rimlens.errors import FileFormatError, InputError, OutputExistsError, RimlensWarning
from rimlens.generators import SimulationDomain
from rimlens.training.recipes.solver import Recipe
from rimlens.training.simulations import SimulationSet, simulate
from rimlens.training.simulations.of_recipe import simulator_of
from rimlens.training.simulations.writing import worker_pool
from tiny_solver import tiny_architecture

RECIPE = Recipe(
    name="tiny",
    seed=3,
    psf_size=9,
    architecture=tiny_architecture(steps=2),
    domain=SimulationDomain(theta_E=(12.0, 20.0), source_radius=(4.0, 8.0), fwhm=(1.4, 3.0)),
)
SIZE = {"lenses": 20, "shard_size": 8}


class Here(Executor):
    """Works here and now, and is interrupted after so many tasks."""

    def __init__(self, tasks=np.inf):
        self.tasks = tasks

    def submit(self, function, *arguments):
        if self.tasks <= 0:
            raise KeyboardInterrupt
        self.tasks -= 1
        future = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:  # noqa: BLE001 - as executors do
            future.set_exception(error)
        return future


def made(folder, **changed):
    return simulate(RECIPE, folder, **(SIZE | {"executor": Here()} | changed))


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return a set that is not to be changed."""
    return made(tmp_path_factory.mktemp("whole") / "set")


@pytest.fixture
def copy(whole, tmp_path):
    """Return the folder of a set that may be changed."""
    return shutil.copytree(whole.folder, tmp_path / "copy")


def test_a_set_has_as_many_observations_as_asked_for_in_shards(whole):
    assert len(whole) == 20
    assert sorted(content(whole.folder)) == [
        "manifest.json",
        "shard-00000.asdf",
        "shard-00001.asdf",
        "shard-00002.asdf",
    ]
    assert [len(whole.shard(i)["image"]) for i in range(3)] == [8, 8, 4]
    assert whole.recipe == RECIPE
    assert whole.manifest.versions["rimlens"]


def test_stored_observations_are_those_of_the_simulator(whole):
    drawn = simulator_of(RECIPE).draw(8, np.random.default_rng([3, 3, 1]))
    stored = whole.shard(1)
    assert set(stored) == set(drawn) - {"noiseless"}
    for name, values in stored.items():
        assert values.dtype == np.float32
        # Another compiler's rounding, of rays that pass cuspy sources.
        np.testing.assert_allclose(values, drawn[name], rtol=1e-3, atol=1e-4, err_msg=name)


def test_a_set_is_the_same_whoever_makes_which_part(whole, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        made(tmp_path / "set", executor=pool)
    assert content(tmp_path / "set") == content(whole.folder)


# In a process of its own: dask looks for the network, which tests may not use.
DASK = """
import sys
from distributed import Client
from rimlens.training.simulations import SimulationSet, simulate

with Client(processes=False, n_workers=2, threads_per_worker=1, dashboard_address=None) as client:
    recipe = SimulationSet(sys.argv[1]).recipe
    simulate(recipe, sys.argv[2], 20, shard_size=8, executor=client.get_executor())
"""


def test_dask_makes_the_same_set(whole, tmp_path):
    command = [sys.executable, "-c", DASK, str(whole.folder), str(tmp_path / "set")]
    subprocess.run(command, check=True, capture_output=True)
    assert content(tmp_path / "set") == content(whole.folder)


def test_processes_of_their_own_make_the_same_set(whole, tmp_path):
    again = made(tmp_path / "set", executor=None, workers=2)
    for number in range(3):
        for name, values in again.shard(number).items():
            # On one thread, and here on several: to rounding.
            np.testing.assert_allclose(
                values, whole.shard(number)[name], rtol=1e-4, atol=1e-5, err_msg=name
            )


@pytest.mark.parametrize("tasks", [0, 1, 2])
def test_an_interrupted_set_is_taken_up_where_it_was(whole, tmp_path, tasks):
    folder = tmp_path / "set"
    with pytest.raises(KeyboardInterrupt):
        made(folder, executor=Here(tasks))
    before = {p: p.stat().st_mtime_ns for p in folder.glob("shard-*")}
    assert len(before) == tasks
    made(folder)
    assert content(folder) == content(whole.folder)
    assert all(p.stat().st_mtime_ns == time for p, time in before.items())


@pytest.mark.parametrize("damage", ["truncated", "altered", "of another place"])
def test_a_damaged_shard_is_refused_and_made_again(whole, copy, damage):
    shard = copy / "shard-00001.asdf"
    data = bytearray(shard.read_bytes())
    if damage == "truncated":
        shard.write_bytes(data[: len(data) // 2])
    elif damage == "altered":
        data[-100] ^= 1
        shard.write_bytes(data)
    else:
        shutil.copy(copy / "shard-00000.asdf", shard)
    stored = SimulationSet(copy)
    stored.shard(0)
    with pytest.raises(FileFormatError, match=r"shard-00001\.asdf: .*(truncated or|shard 1 of)"):
        stored.shard(1)
    with pytest.warns(RimlensWarning, match=r"shard-00001\.asdf: .*; it is made again"):
        made(copy)
    assert content(copy) == content(whole.folder)


def test_a_shard_that_is_missing_is_told(copy):
    (copy / "shard-00001.asdf").unlink()
    with pytest.raises(
        FileFormatError, match=r"3 shards are wanted, found 1 missing, first shard-"
    ):
        SimulationSet(copy)


@pytest.mark.parametrize("change", [{"seed": 4}, {"lenses": 21}, {"shard_size": 9}])
def test_another_set_is_kept_unless_it_may_be_overwritten(copy, change):
    before = content(copy)
    with pytest.raises(OutputExistsError, match="holds another set of simulations"):
        made(copy, **change)
    assert content(copy) == before


def test_another_set_may_be_overwritten(copy):
    again = made(copy, lenses=8, overwrite=True)
    assert sorted(content(copy)) == ["manifest.json", "shard-00000.asdf"]
    assert len(again) == 8


def test_another_seed_gives_other_observations(whole, tmp_path):
    other = made(tmp_path / "set", lenses=8, seed=4)
    assert not np.any(other.shard(0)["shear"] == whole.shard(0)["shear"])


def test_what_is_no_set_is_never_overwritten(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(OutputExistsError, match=r"holds thesis.tex, and no set"):
        made(tmp_path, overwrite=True)
    assert content(tmp_path) == {"thesis.tex": b"precious"}
    with pytest.raises(InputError, match=r"thesis.tex: cannot be made"):
        made(tmp_path / "thesis.tex")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"color": 3}', "\x00"])
def test_a_manifest_that_is_none_is_refused(copy, text):
    (copy / "manifest.json").write_text(text)
    with pytest.raises(FileFormatError, match=r"manifest.json: is not a manifest of simulations"):
        SimulationSet(copy)
    with pytest.raises(OutputExistsError, match="another set"):
        made(copy)


def test_a_manifest_of_another_format_is_refused(copy):
    path = copy / "manifest.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(FileFormatError, match="has the format 2"):
        SimulationSet(copy)


@pytest.mark.parametrize("name", ["lenses", "workers", "shard_size"])
@pytest.mark.parametrize("value", [0, -1, 2.5, "many", True])
def test_numbers_that_are_none_are_refused(tmp_path, name, value):
    with pytest.raises(InputError, match=f"{name}: a positive integer is wanted"):
        made(tmp_path / "set", **{name: value})
    assert not (tmp_path / "set").exists()


def test_a_domain_without_lenses_is_told_and_does_not_block_the_corrected_one(
    whole, tmp_path, monkeypatch
):
    monkeypatch.setattr("rimlens.simulation.simulator._ROUNDS", 2)
    barren = replace(RECIPE, domain=replace(RECIPE.domain, one_sided=0.0))
    with pytest.raises(InputError, match="to look like lenses, found 0"):
        simulate(barren, tmp_path / "set", **SIZE, executor=Here())
    assert not (tmp_path / "set").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="to look like lenses, found 0"):
        simulate(barren, tmp_path / "empty", **SIZE, executor=Here())
    assert content(tmp_path / "empty") == {}
    monkeypatch.undo()
    assert content(made(tmp_path / "empty").folder) == content(whole.folder)


def test_a_recipe_that_cannot_be_used_writes_nothing(tmp_path):
    bad = replace(RECIPE, simulation={"noise": {"kind": "pink"}})
    with pytest.raises(InputError, match="simulation, noise: a kind of"):
        simulate(bad, tmp_path / "set", **SIZE, executor=Here())
    assert not (tmp_path / "set").exists()


def test_batches_go_through_the_set_and_begin_again_in_another_order(whole):
    shears = [whole.batch(number, 6, seed=1)["shear"] for number in range(6)]
    first, second = (np.concatenate(shears[k : k + 3]) for k in (0, 3))
    # Eighteen of the twenty, none twice.
    assert len(np.unique(first, axis=0)) == len(np.unique(second, axis=0)) == 18
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(whole.batch(4, 6, seed=1)["shear"], shears[4])
    assert not np.array_equal(whole.batch(0, 6, seed=2)["shear"], shears[0])


def test_a_batch_is_of_whole_observations(whole):
    found = whole.batch(0, 20, seed=1)
    stored = np.concatenate([whole.shard(i)["theta_E"] for i in range(3)])
    rows = [int(np.flatnonzero(stored == value)[0]) for value in found["theta_E"]]
    assert sorted(rows) == list(range(20))
    for name in ("image", "weight", "source"):
        values = np.concatenate([whole.shard(i)[name] for i in range(3)])
        np.testing.assert_array_equal(found[name], values[rows])


def test_a_batch_larger_than_the_set_is_refused(whole):
    with pytest.raises(InputError, match="batches of 21 are wanted, found 20 observations"):
        whole.batch(0, 21, seed=1)


def test_progress_is_plain_lines_where_there_is_no_terminal(tmp_path, capsys):
    made(tmp_path / "set", progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "simulations: 20 of 20"
    assert len(lines) == 3
    made(tmp_path / "set", progress=False)
    assert capsys.readouterr() == ("", "")


def test_workers_take_their_environment_and_this_process_keeps_its_own():
    """Guards against variables that were set here while workers lived."""
    before = dict(os.environ)
    with worker_pool(1) as pool:
        cores = pool.submit(os.getenv, "OMP_NUM_THREADS")
        assert dict(os.environ) == before
        assert cores.result() == "1"
    assert dict(os.environ) == before
