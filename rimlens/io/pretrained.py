"""What every trained network shares: presets in the package, files to load from and to save to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np

from rimlens.errors import FileFormatError, InputError
from rimlens.io.registry import find_weights
from rimlens.io.weights import Weights, read_weights, write_weights
from rimlens.package_data import shipped_files
from rimlens.typing import PathLike


class Pretrained:
    """A network with arrays by name, and the weights that describe them.

    A subclass states where its presets are and gives `arrays`, `set_arrays` and `_from_weights`.

    Attributes
    ----------
    weights : Weights, VAEWeights or None
        All that is stored with the arrays; None if the network was never trained.
    """

    _folder = "weights"
    _format: type = Weights
    _called = "weights"
    weights: Any = None

    @classmethod
    def presets(cls) -> list[str]:
        """Return the names of the weights in the package.

        Returns
        -------
        list of str
        """
        return list(shipped_files(cls._folder))

    @classmethod
    def from_pretrained(cls, name_or_path: PathLike) -> Self:
        """Load a trained network.

        Parameters
        ----------
        name_or_path : str or path
            One of `presets`, the name of weights that `rimlens.io.fetch_weights` fetched, or a
            file written by `save`.

        Returns
        -------
        Pretrained
            Of this class.

        Raises
        ------
        FileFormatError
            If there is no such file, or it is truncated, altered, foreign or from another version
            of rimlens.
        """
        path = find_weights(name_or_path, cls._folder, cls._called)
        weights = read_weights(path, cls._format)
        network = cls._from_weights(weights, path)
        network.set_arrays(weights.arrays, path)
        network.weights = replace(weights, arrays={})
        return network

    def save(self, path: PathLike, overwrite: bool = False) -> None:
        """Write the network to an ASDF file that `from_pretrained` reads.

        Parameters
        ----------
        path : str or path
            The file.
        overwrite : bool, optional
            Whether an existing file may be replaced.

        Raises
        ------
        OutputExistsError
            If the file exists and may not be overwritten.
        InputError
            If the network was never trained: it has no domain to state.
        """
        if self.weights is None:
            raise InputError(f"{type(self).__name__}: it has not been trained; nothing to save")
        write_weights(path, replace(self.weights, arrays=self.arrays), overwrite)

    @property
    def arrays(self) -> Any:
        """The network's arrays by name, as a dict of ndarray."""
        raise NotImplementedError

    def set_arrays(self, arrays: dict[str, np.ndarray], origin: PathLike) -> None:
        """Take over arrays.

        Parameters
        ----------
        arrays : dict of ndarray
            By the names of `arrays`.
        origin : str or path
            Where they come from, for an error.

        Raises
        ------
        FileFormatError
            If names or shapes are not those of the network.
        """
        raise NotImplementedError

    @classmethod
    def _from_weights(cls, weights, path):
        """Return a network of the architecture that weights state, with arrays of any value."""
        raise NotImplementedError


def require_shapes(wanted, arrays, origin):
    """Raise `FileFormatError` unless arrays have the names and shapes that are wanted."""
    if wanted != {name: np.shape(array) for name, array in arrays.items()}:
        raise FileFormatError(
            f"{origin}: its arrays do not fit the architecture that it states; the file was "
            "written by another version of rimlens"
        )


def in_half_precision(arrays):
    """Return arrays rounded to the half precision in which files hold them, as float32."""
    return {name: np.float32(np.float16(array)) for name, array in arrays.items()}
