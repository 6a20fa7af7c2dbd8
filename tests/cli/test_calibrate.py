"""Checks of `rimlens calibrate`: what it passes on, and what it reports."""

from types import SimpleNamespace

import numpy as np
import pytest

from rimlens.training import solver


@pytest.fixture
def calibrated(monkeypatch):
    calls = []

    def calibrate(*arguments, progress):
        calls.append((*arguments, progress))
        pairs = np.array([[14.2, 1.25], [210.0, 2.0]])
        return SimpleNamespace(error_scale=SimpleNamespace(pairs=pairs))

    monkeypatch.setattr(solver, "calibrate", calibrate)
    return calls


def test_the_scale_is_printed(calibrated, call):
    result = call("calibrate", "epl", "-o", "new.asdf", "-n", "20", "--seed", "4")
    assert result.exit_code == 0, result.output
    assert calibrated == [("epl", "new.asdf", 20, 4, False, True)]
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["Written", "new.asdf"]
    assert lines[2:] == [["14.2", "1.25"], ["210", "2.00"]]


def test_weights_that_do_not_exist_are_one_line(call, content, tmp_path):
    result = call("calibrate", "defualt", "-o", tmp_path / "new.asdf")
    assert result.exit_code == 2
    assert "did you mean 'default'" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert content(tmp_path) == {}


def test_an_output_that_exists_is_kept(tmp_path, call, content):
    (tmp_path / "new.asdf").write_text("precious")
    result = call("calibrate", "analytic", "-o", tmp_path / "new.asdf")
    assert result.exit_code == 2
    assert "new.asdf: it exists" in result.stderr
    assert content(tmp_path) == {"new.asdf": b"precious"}
