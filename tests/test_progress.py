"""Checks of what is seen while work goes on."""

import io
import sys

import pytest

from rimlens.progress import counted, keras_verbosity


class Terminal(io.StringIO):
    """Keeps what is written to it, as if it were seen."""

    def isatty(self):
        return True


def test_a_line_is_written_about_every_tenth_where_there_is_no_terminal(capsys):
    with counted(40, "lenses") as count:
        for _ in range(40):
            count(1)
    assert capsys.readouterr().err == "".join(f"lenses: {n} of 40\n" for n in range(4, 41, 4))


def test_shards_beyond_a_tenth_are_a_line_each(capsys):
    with counted(20, "lenses") as count:
        for shard in (8, 8, 4):
            count(shard)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["lenses: 8 of 20", "lenses: 16 of 20", "lenses: 20 of 20"]


def test_a_terminal_has_a_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with counted(2, "lenses") as count:
        count(2)
    assert "\r" in terminal.getvalue()
    assert "2/2" in terminal.getvalue()
    assert " of " not in terminal.getvalue()


def test_nothing_is_shown_where_nothing_is_wanted(capsys):
    with counted(2, "lenses", shown=False) as count:
        count(2)
    assert capsys.readouterr() == ("", "")
    assert keras_verbosity(False) == 0


@pytest.mark.parametrize(
    ("out", "modules", "expected"),
    [
        (Terminal(), {}, "auto"),
        # What a notebook shows is no terminal; Keras draws its bar there all the same.
        (io.StringIO(), {"ipykernel": None}, "auto"),
        (io.StringIO(), {}, 2),
    ],
)
def test_keras_draws_where_drawings_are_seen(monkeypatch, out, modules, expected):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(sys, "stdout", out)
    assert keras_verbosity() == expected
