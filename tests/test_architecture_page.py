"""Checks that the paths in docs/development/architecture.rst name code that exists."""

import re
from importlib import import_module
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "development" / "architecture.rst"
NAMES = sorted(set(re.findall(r"``(rimlens(?:\.\w+)+)``", PAGE.read_text())))
PATHS = (
    "From an observation to a reconstruction",
    "From a recipe to weights",
    "From weights to",
    "From a snapshot",
)


def found(name):
    """Return whether a dotted name can be imported, or is an attribute of what can."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            thing = import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[end:]:
            thing = getattr(thing, attribute, None)
        return thing is not None
    return False


@pytest.mark.parametrize("name", NAMES)
def test_the_page_names_what_exists(name):
    assert found(name)


def test_a_name_that_does_not_exist_is_found_out():
    assert not found("rimlens.rim.RIMSolver.nothing")


@pytest.mark.parametrize("path", PATHS)
def test_every_path_has_five_steps(path):
    text = PAGE.read_text()
    steps = re.findall(r"^(\d)\. ", text[text.index(path) :].split("\n---")[1], re.M)
    assert steps[:5] == list("12345")
