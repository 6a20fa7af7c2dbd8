"""Files of simulated observations: the shards of a set.

What is simulated and how sets are made is the business of `rimlens.simulation`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rimlens.errors import FileFormatError
from rimlens.io.files import read_asdf, write_asdf
from rimlens.typing import PathLike

_TAG = "asdf://rimlens/tags/simulations-1.0.0"


@dataclass(frozen=True, eq=False)
class Simulations:
    """Some simulated observations, as plain data.

    Parameters
    ----------
    set : str
        By which their set is known: a hash of what it was made from.
    number : int
        Which shard of the set they are.
    arrays : dict of ndarray
        By name, the first axis of one length in all.
    """

    set: str
    number: int
    arrays: dict

    def __len__(self) -> int:
        """Return how many observations there are."""
        return len(next(iter(self.arrays.values())))


def write_simulations(path: PathLike, simulations: Simulations, overwrite: bool = False) -> None:
    """Write simulated observations to an ASDF file.

    Parameters
    ----------
    path : str or path-like
        The file to write; it appears whole or not at all.
    simulations : Simulations
        What to write.
    overwrite : bool, optional
        Whether an existing file may be replaced.

    Raises
    ------
    OutputExistsError
        If the file exists and may not be overwritten.
    InputError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "shard.asdf"
    >>> write_simulations(path, Simulations("abc", 0, {"image": np.ones((2, 3, 3), "float32")}))
    >>> len(read_simulations(path))
    2
    """
    arrays = {
        name: np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<")))
        for name, array in simulations.arrays.items()
    }
    write_asdf(path, "simulations", replace(simulations, arrays=arrays), overwrite)


def read_simulations(path: PathLike) -> Simulations:
    """Return the simulated observations in an ASDF file.

    Parameters
    ----------
    path : str or path-like
        The file to read.

    Returns
    -------
    Simulations

    Raises
    ------
    FileFormatError
        If the file is missing, is not ASDF, holds something else, comes from a newer version, was
        truncated or altered, or its arrays are not of one length.
    """
    found = read_asdf(path, "simulations", _TAG, "rimlens simulations")
    arrays = {name: np.asarray(array) for name, array in found.arrays.items()}
    if len({array.shape[:1] for array in arrays.values()}) != 1:
        raise FileFormatError(f"{path}: arrays of one length are wanted, found several or none")
    return replace(found, arrays=arrays)
