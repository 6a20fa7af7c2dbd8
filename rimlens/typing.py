"""The types that annotations of public names use, where the standard library has no word.

Tensors are those of whichever array library runs, so that no type checker can look into them.
"""

import os
from typing import Any, TypeAlias

import astropy.units as u
import numpy as np

Tensor: TypeAlias = Any
"""An array of the library in use, or anything that `keras.ops` takes for one."""

ArrayLike: TypeAlias = Any
"""Anything that `numpy.asarray` takes for numbers, masked arrays and Quantities among them."""

PathLike: TypeAlias = str | os.PathLike[str]
"""A path."""

RandomSource: TypeAlias = int | np.random.Generator | None
"""A seed, a generator, or None for numbers that differ from run to run."""

Number: TypeAlias = float | u.Quantity
"""A bare number in the unit that is documented, or one with a unit."""
