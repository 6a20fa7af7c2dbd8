"""What a recipe says of the loss: how variables, steps and pixels count in it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rimlens.errors import InputError
from rimlens.spelling import check_entries, did_you_mean

STEPS = ("uniform", "linear", "quadratic", "last")
PIXELS = ("uniform", "sqrt", "linear", "quadratic")


@dataclass(frozen=True)
class LossWeights:
    """The entries of a recipe's ``[loss]``.

    Parameters
    ----------
    convergence, shear, source, lens, source_vector : float
        Weights of the variables: the maps and the shear, and the parameters of models; of those
        that the solver does not infer nothing is read.
    image : float
        Weight of the image that the unknowns make: of the logarithm of one and its reduced
        chi-square.
    steps : {"uniform", "linear", "quadratic", "last"}
        How the calls of the network count: all alike, with their number, with its square, or the
        last one alone (Adam et al. 2023, ApJ 951, 6, section 3.3, have the first).
    pixels : {"sqrt", "uniform", "linear", "quadratic"}
        With which power of the true convergence the pixels of its logarithm count: 1/2, 0, 1, 2.

    Raises
    ------
    InputError
        If a word is unknown, or a weight is negative.

    Examples
    --------
    >>> from rimlens.training.recipes.loss import LossWeights
    >>> LossWeights(steps="quadratic").of_steps(2)
    [0.4, 1.6]
    """

    convergence: float = 1.0
    shear: float = 0.05
    source: float = 0.05
    lens: float = 1.0
    source_vector: float = 0.3
    image: float = 0.0
    steps: str = "uniform"
    pixels: str = "sqrt"

    def __post_init__(self):
        """Check the words and the weights."""
        for name, known in (("steps", STEPS), ("pixels", PIXELS)):
            found = getattr(self, name)
            if found not in known:
                raise InputError(
                    f"loss: {name}: one of {known} is wanted, found {found!r}"
                    f"{did_you_mean(found, known)}"
                )
        for name, value in self.of_parts.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
                raise InputError(
                    f"loss: {name}: a weight of at least 0 is wanted, found {value!r}"
                )

    @property
    def of_parts(self) -> dict[str, float]:
        """The weight of every variable and of the image, by name."""
        return {k: v for k, v in asdict(self).items() if k not in ("steps", "pixels")}

    @property
    def power(self) -> float:
        """The power of the true convergence with which pixels count."""
        return {"uniform": 0.0, "sqrt": 0.5, "linear": 1.0, "quadratic": 2.0}[self.pixels]

    def of_steps(self, count: int) -> list[float]:
        """Return the weights of `count` steps, of mean one."""
        if self.steps == "last":
            return [0.0] * (count - 1) + [float(count)]
        power = {"uniform": 0, "linear": 1, "quadratic": 2}[self.steps]
        raw = [float((step + 1) ** power) for step in range(count)]
        return [value * count / sum(raw) for value in raw]

    @classmethod
    def from_dict(cls, values: dict[str, Any], origin: str = "loss") -> LossWeights:
        """Build from plain values; an unknown name is an `InputError`."""
        check_entries(cls, values, origin)
        return cls(**values)
