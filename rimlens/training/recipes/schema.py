"""What the entries of a recipe may be: types and ranges, stated once and checked at the door.

A kind says what it accepts, and in words what is wanted.  How entries must fit each other is said
by the recipes themselves.
"""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from typing import Any

from rimlens.errors import InputError
from rimlens.spelling import did_you_mean

# What the makers of models, priors and pieces raise at values that they did not expect.
UNUSABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class Kind(ABC):
    """A set of values that an entry may have.

    Attributes
    ----------
    wanted : str
        Which they are.
    """

    wanted: Any = ""

    @abstractmethod
    def accepts(self, value: Any) -> bool:
        """Return whether a value is one of them."""


@dataclass(frozen=True)
class Number(Kind):
    """Finite numbers in a range.

    Parameters
    ----------
    least, most : float, optional
        The ends of the range, which belong to it.
    above, below : float, optional
        Ends that do not belong to it.
    integer : bool, optional
        Whether only integers are meant.

    Examples
    --------
    >>> Number(above=0.0, most=1.0).wanted
    'a finite number above 0 and at most 1'
    >>> Number(above=0.0).accepts(float("nan"))
    False
    """

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    integer: bool = False

    @property
    def wanted(self):
        """The range in words."""
        ends = {
            "of at least": self.least,
            "above": self.above,
            "at most": self.most,
            "below": self.below,
        }
        stated = " and ".join(f"{word} {end:g}" for word, end in ends.items() if end is not None)
        return " ".join([*["an integer" if self.integer else "a finite number"], stated]).strip()

    def accepts(self, value):
        """Return whether it is a number in the range."""
        kind = numbers.Integral if self.integer else numbers.Real
        return (
            isinstance(value, kind)
            and not isinstance(value, bool)
            # What is larger than any integer of a file is no number of anything.
            and abs(value) < 2**63
            and (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )


def count(least: int = 1, most: int | None = None) -> Number:
    """Return the integers from `least` to `most`."""
    return Number(least=least, most=most, integer=True)


@dataclass(frozen=True)
class Word(Kind):
    """Texts.

    Parameters
    ----------
    known : tuple of str, optional
        Those that are meant; by default every text that is not empty.
    """

    known: tuple = ()

    @property
    def wanted(self):
        """The words."""
        return f"one of {list(self.known)}" if self.known else "a text"

    def accepts(self, value):
        """Return whether it is one of them."""
        return isinstance(value, str) and (value in self.known if self.known else bool(value))


@dataclass(frozen=True)
class Flag(Kind):
    """True and false."""

    wanted: str = "true or false"

    def accepts(self, value):
        """Return whether it is one of both."""
        return isinstance(value, bool)


@dataclass(frozen=True)
class Many(Kind):
    """Lists.

    Parameters
    ----------
    of : Kind
        Every member.
    least : int, optional
        How many members there are at least.
    length : int, optional
        How many there are.
    """

    of: Kind
    least: int = 0
    length: int | None = None

    @property
    def wanted(self):
        """The list in words."""
        size = f"{self.length}, " if self.length is not None else ""
        size = size or (f"at least {self.least}, " if self.least else "")
        return f"a list ({size}each {self.of.wanted})"

    def accepts(self, value):
        """Return whether it is such a list."""
        return (
            isinstance(value, (list, tuple))
            and len(value) >= self.least
            and (self.length is None or len(value) == self.length)
            and all(self.of.accepts(member) for member in value)
        )


@dataclass(frozen=True)
class Range(Kind):
    """Pairs of numbers, the first not above the second.

    Parameters
    ----------
    of : Number
        Both of them.
    """

    of: Number

    @property
    def wanted(self):
        """The pair in words."""
        return f"a pair low <= high, each {self.of.wanted},"

    def accepts(self, value):
        """Return whether it is such a pair."""
        return Many(self.of, length=2).accepts(value) and value[0] <= value[1]


@dataclass(frozen=True)
class Table(Kind):
    """Tables, whose entries are checked by others.

    Parameters
    ----------
    of : Kind, optional
        What each of their values must be.
    """

    of: Kind | None = None

    @property
    def wanted(self):
        """The table in words."""
        return f"a table with values that are each {self.of.wanted}" if self.of else "a table"

    def accepts(self, value):
        """Return whether it is such a table."""
        return isinstance(value, Mapping) and (
            self.of is None or all(self.of.accepts(entry) for entry in value.values())
        )


@dataclass(frozen=True)
class Absent(Kind):
    """What another kind accepts, or nothing.

    Parameters
    ----------
    other : Kind
        The other kind.
    """

    other: Kind

    @property
    def wanted(self):
        """That of the other kind: who leaves an entry out writes nothing."""
        return self.other.wanted

    def accepts(self, value):
        """Return whether it is None or what the other accepts."""
        return value is None or self.other.accepts(value)


def check_kinds(
    cls: type, values: Mapping[str, Any], kinds: Mapping[str, Kind], where: str = ""
) -> None:
    """Raise `InputError` if a value is not what an entry of a dataclass may be.

    Parameters
    ----------
    cls : type
        The dataclass.  An entry of no stated kind must be of its default's type.
    values : dict
        By the names of entries.
    kinds : dict of Kind
        Of entries.
    where : str, optional
        What to put before the name of an entry in an error.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Walk:
    ...     steps: int = 3
    >>> check_kinds(Walk, {"steps": -1}, {"steps": count()})
    Traceback (most recent call last):
        ...
    rimlens.errors.InputError: steps: an integer of at least 1 is wanted, found -1
    """
    of_defaults = {entry.name: _kind_of_default(entry.default) for entry in fields(cls)}
    check_values(values, {**of_defaults, **kinds}, where)


def check_values(values: Mapping[str, Any], kinds: Mapping[str, Any], where: str = "") -> None:
    """Raise `InputError` if a value is not of the kind that is stated for its name.

    Parameters
    ----------
    values : dict
        By name.
    kinds : dict of Kind
        What is checked; None for what may be anything.
    where : str, optional
        What to put before the name in an error.
    """
    for name, kind in kinds.items():
        if name in values and kind is not None and not kind.accepts(values[name]):
            found = values[name]
            hint = did_you_mean(found, kind.known) if isinstance(kind, Word) else ""
            raise InputError(
                f"{where}{name}: {kind.wanted} is wanted, found {_shown(found)}{hint}"
            )


def _kind_of_default(default):
    """Return what a value of the type of a default is, or None where that says nothing."""
    if default is MISSING or default is None:
        return None
    if isinstance(default, bool):
        return Flag()
    if isinstance(default, int):
        return count(0)
    if isinstance(default, float):
        return Number()
    if isinstance(default, str):
        return Word()
    return None


def _shown(value):
    """Return a value as a message shows it, without the whole of what is long."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def with_tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table with tuples in the place of lists, those inside lists too."""
    return {name: _as_tuples(value) for name, value in table.items()}


def _as_tuples(value):
    return tuple(_as_tuples(v) for v in value) if isinstance(value, (list, tuple)) else value


@contextmanager
def named(origin: str):
    """Put before an error what the values are called.

    Parameters
    ----------
    origin : str
        For instance the file of a recipe.
    """
    try:
        yield
    except InputError as error:
        raise InputError(f"{origin}: {error}") from error


@contextmanager
def usable(where: str):
    """Say of an error that a table has values that what is made of it cannot use.

    What a prior's class takes, also that of a plugin, is known to the class alone.

    Parameters
    ----------
    where : str
        The table.
    """
    try:
        yield
    except InputError:
        raise
    except UNUSABLE as error:
        raise InputError(
            f"{where}: the table has values that cannot be used: {type(error).__name__}: {error}"
        ) from error
