"""Checks of what the entries of recipes may be."""

import datetime

import numpy as np
import pytest

from rimlens.errors import InputError
from rimlens.training.recipes.schema import (
    Absent,
    Flag,
    Many,
    Number,
    Range,
    Table,
    Word,
    check_values,
    count,
    usable,
    with_tuples,
)

DATE = datetime.date(1979, 5, 27)
# What no kind but those that are told accepts.
ODD = [DATE, float("nan"), float("inf"), 10**400, object()]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (count(), [1, 7, np.int64(3)], [0, -1, 1.0, True, "1", [1], {}, None]),
        (count(0, 8), [0, 8], [9, -1]),
        (Number(), [-1, 0.5, np.float32(2)], ["1", True, None, [1.0]]),
        (Number(above=0, most=1), [1, 1e-9], [0, 1.1]),
        (Number(least=0, below=1), [0, 0.999], [1, -0.1]),
        (Word(), ["any"], ["", 1, ["any"]]),
        (Word(("adam", "sgd")), ["sgd"], ["adm", "", 1, ["adam"]]),
        (Flag(), [True, False], [0, 1, "true", None]),
        (Many(count(), least=1), [[1], (1, 2)], [[], [0], 1, "1", {1: 2}, [[1]]]),
        (Many(count(), length=2), [[1, 2]], [[1], [1, 2, 3]]),
        (Range(Number(above=0)), [[1, 2], (2.0, 2.0)], [[2, 1], [0, 1], [1], 1, -1, "12"]),
        (Table(), [{}, {"a": 1}], [[], 1, "a", None]),
        (Table(Number(least=0)), [{}, {"a": 0}], [{"a": -1}, {"a": {}}, {"a": "1"}]),
        (Absent(count()), [None, 1], [0, "1"]),
    ],
)
def test_a_kind_accepts_what_it_says_and_nothing_else(kind, good, bad):
    for value in good:
        assert kind.accepts(value), value
    for value in [*bad, *ODD]:
        assert not kind.accepts(value), value


def test_an_error_says_where_what_is_wanted_and_what_was_found():
    with pytest.raises(
        InputError, match=r"^here: rate: a finite number above 0 is wanted, found datetime.date\("
    ):
        check_values({"rate": DATE}, {"rate": Number(above=0)}, "here: ")
    with pytest.raises(InputError, match="found 'adm', did you mean 'adam'"):
        check_values({"optimizer": "adm"}, {"optimizer": Word(("adam", "sgd"))})


def test_a_long_value_is_not_shown_whole():
    with pytest.raises(InputError) as error:
        check_values({"steps": list(range(10_000))}, {"steps": count()})
    assert len(str(error.value)) < 200


def test_lists_become_tuples_and_tables_stay():
    table = {"a": [[1, 2], [3]], "b": {"c": [1]}}
    assert with_tuples(table) == {"a": ((1, 2), (3,)), "b": {"c": [1]}}


@pytest.mark.parametrize("error", [TypeError, KeyError, ZeroDivisionError, AttributeError])
def test_an_error_of_a_plugin_names_the_table(error):
    with pytest.raises(InputError, match=r"\[lens\]: .* cannot be used: .*odd"), usable("[lens]"):
        raise error("odd")
