"""Checks of files of simulated observations."""

import numpy as np
import pytest

from rimlens.errors import FileFormatError, InputError, OutputExistsError
from rimlens.io import Simulations, read_simulations, write_simulations

ARRAYS = {"image": np.arange(18, dtype="float32").reshape(2, 3, 3), "weight": np.ones(2, "uint8")}


def test_a_file_gives_back_what_was_written(tmp_path):
    write_simulations(tmp_path / "s.asdf", Simulations("abc", 4, ARRAYS))
    found = read_simulations(tmp_path / "s.asdf")
    assert (found.set, found.number, len(found)) == ("abc", 4, 2)
    for name, values in ARRAYS.items():
        assert found.arrays[name].dtype == values.dtype
        np.testing.assert_array_equal(found.arrays[name], values)


def test_equal_simulations_make_equal_files(tmp_path):
    for name in "ab":
        write_simulations(tmp_path / name, Simulations("abc", 4, ARRAYS))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_file_that_exists_is_kept(tmp_path):
    (tmp_path / "s.asdf").write_text("precious")
    with pytest.raises(OutputExistsError):
        write_simulations(tmp_path / "s.asdf", Simulations("abc", 4, ARRAYS))
    assert (tmp_path / "s.asdf").read_text() == "precious"


@pytest.mark.parametrize(
    "arrays", [{}, {"image": np.ones(2, "float64")}, {"image": np.ones(2, "int32")}]
)
def test_other_arrays_are_not_written(tmp_path, arrays):
    with pytest.raises(InputError, match="cannot be written"):
        write_simulations(tmp_path / "s.asdf", Simulations("abc", 4, arrays))
    assert not list(tmp_path.iterdir())


def test_arrays_of_several_lengths_are_refused(tmp_path):
    arrays = ARRAYS | {"psf": np.ones(3, "float32")}
    write_simulations(tmp_path / "s.asdf", Simulations("abc", 4, arrays))
    with pytest.raises(FileFormatError, match="arrays of one length are wanted"):
        read_simulations(tmp_path / "s.asdf")
