"""Checks of the weights that a training begins with."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from rimlens.errors import FileFormatError, InputError
from rimlens.rim import RIMSolver
from rimlens.training.fitting import Checkpoint
from rimlens.training.recipes.solver import Recipe
from rimlens.training.solver.compilation import compile_machine
from rimlens.training.solver.start import Start, read_start
from tiny_solver import LENS, SOURCE


def start_of(solver):
    return Start("before", "0" * 64, solver.architecture, solver.arrays)


@pytest.mark.parametrize(
    "changes",
    [{}, {"convergence_scale": 3.5, "source_scale": 0.5}, {"steps": 5}],
    ids=repr,
)
def test_arrays_serve_other_grids_and_steps_where_their_shapes_are_the_same(restless, changes):
    other = RIMSolver(replace(restless.architecture, **changes))
    start_of(restless).require_fit(other)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"filters": (4, 6)}, r"architecture: filters: \[4, 6\] is wanted, .* found \[4, 8\]"),
        ({"vector_units": 8, "steps": 2}, "architecture: vector_units: 8 is wanted, .* found 16"),
        ({"source_size": 64}, "architecture: source_size: 64 is wanted, .* found 32"),
        ({"block_convolutions": 2}, "block_convolutions: 2 is wanted, .* found 1"),
    ],
    ids=repr,
)
def test_arrays_of_another_architecture_are_refused_by_the_entry_that_differs(
    restless, changes, message
):
    other = RIMSolver(replace(restless.architecture, **changes))
    with pytest.raises(InputError, match=f"start: before: .*{message}"):
        start_of(restless).require_fit(other)


def test_arrays_for_other_unknowns_are_refused(restless):
    other = RIMSolver(restless.architecture, lens=LENS, source=SOURCE)
    with pytest.raises(InputError, match=r"for the unknowns that the recipe's \[lens\]"):
        start_of(restless).require_fit(other)


def test_shipped_weights_are_read_by_their_name():
    start = read_start("analytic")
    solver = RIMSolver.from_pretrained("analytic")
    for name, array in solver.arrays.items():
        np.testing.assert_array_equal(start.arrays[name], array)
    assert start.note["name"] == "analytic"
    assert len(start.note["sha256"]) == 64


def test_the_progress_of_a_training_that_did_not_end_is_read(recipe, tmp_path, restless):
    folder = tmp_path / "w.asdf.checkpoint"
    checkpoint = Checkpoint(folder / "stage_1")
    compile_machine(restless.machine, recipe, 1e-3, 100)
    checkpoint.set_model(restless.machine)
    checkpoint.on_epoch_end(4)
    (folder / "recipe.json").write_text(json.dumps(recipe.to_dict()))
    start = read_start(folder)
    for name, array in restless.arrays.items():
        np.testing.assert_array_equal(start.arrays[name], array)
    content = (folder / "stage_1" / "epoch-000005.npz").read_bytes()
    assert start.note == {"name": "tiny", "sha256": hashlib.sha256(content).hexdigest()}


def test_a_folder_without_progress_and_a_file_that_is_absent_are_told(tmp_path):
    with pytest.raises(FileFormatError, match="no progress of a training is in this folder"):
        read_start(tmp_path)
    with pytest.raises(FileFormatError, match="no such weights; .*did you mean 'default'"):
        read_start("defualt")


def test_progress_that_was_cut_off_is_told(tmp_path):
    folder = tmp_path / "w.asdf.checkpoint"
    (folder / "stage_0").mkdir(parents=True)
    (folder / "stage_0" / "epoch-000001.npz").write_bytes(b"PK")
    (folder / "recipe.json").write_text(json.dumps(Recipe("a").to_dict()))
    with pytest.raises(FileFormatError, match=r"epoch-000001.npz: the weights cannot be read"):
        read_start(folder)
