"""Weight files: a trained network's arrays with all that is needed to use and to repeat them.

Reading one runs no code from it: a file holds numbers, text and the names of models, which the
installed packages provide.  Networks are unknown here.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from rimlens.errors import FileFormatError, InputError
from rimlens.io.files import read_asdf, read_plain, write_asdf
from rimlens.io.metadata import plain
from rimlens.typing import PathLike


@dataclass(frozen=True, eq=False)
class Weights:
    """A trained network, as plain data.

    The dictionaries hold text, numbers, booleans, None, lists and dictionaries with text keys.

    Parameters
    ----------
    architecture : dict
        The network.
    unknowns : dict
        What is inferred, on which grids, and the links to physical values.
    preconditioner : dict
        How likelihood gradients are scaled.
    normalization : dict
        How observations are scaled.
    domain : dict
        The observations for which the weights are valid.
    recipe : dict
        The training recipe.
    seed : int
        The seed of the training.
    versions : dict
        Package names and versions.
    training : dict
        Seconds on the clock and on all cores, simulations, updates, backend.
    scores : dict
        What was reached on held-back simulations.
    arrays : dict of ndarray
        The network's arrays by name.
    name : str
        The word by which the weights are asked for.
    constants : dict, optional
        Fixed numbers of the code that the weights depend on.
    refinement : dict, optional
        The error that the refinement expects of the network, and where it was measured.
    lens, source : Prior, optional
        The priors whose parameters are inferred, where these are the unknowns.
    population : dict of ndarray, optional
        What convergence maps look like: see `rimlens.posterior.LensPopulation`.
    card : dict, optional
        What the weights reach: see `rimlens.evaluation.ReportCard`.
    """

    architecture: dict
    unknowns: dict
    preconditioner: dict
    normalization: dict
    domain: dict
    recipe: dict
    seed: int
    versions: dict
    training: dict
    scores: dict
    arrays: dict
    name: str
    constants: dict | None = None
    refinement: dict | None = None
    lens: object = None
    source: object = None
    population: dict | None = None
    card: dict | None = None


@dataclass(frozen=True, eq=False)
class VAEWeights:
    """A trained variational autoencoder of maps, as plain data.

    The dictionaries hold text, numbers, booleans, None, lists and dictionaries with text keys.

    Parameters
    ----------
    architecture : dict
        Maps and networks.
    domain : dict
        The maps for which the weights are valid.
    recipe : dict
        The training recipe.
    seed : int
        The seed of the training.
    versions : dict
        Package names and versions.
    training : dict
        Seconds on the clock and on all cores, maps, updates, backend.
    scores : dict
        What was reached on held-back maps.
    arrays : dict of ndarray
        The networks' arrays by name.
    name : str
        The word by which the weights are asked for.
    """

    architecture: dict
    domain: dict
    recipe: dict
    seed: int
    versions: dict
    training: dict
    scores: dict
    arrays: dict
    name: str


# Version of the layout of report cards.
CARD_FORMAT = 1
# Key, tag and words of each kind.
FORMATS = {
    Weights: ("weights", "asdf://rimlens/tags/weights-1.0.0", "rimlens weights"),
    VAEWeights: ("vae_weights", "asdf://rimlens/tags/vae_weights-1.0.0", "rimlens VAE weights"),
}


def write_weights(
    path: PathLike, weights: Weights | VAEWeights, overwrite: bool = False, dtype: str = "float16"
) -> None:
    """Write weights to an ASDF file.

    Parameters
    ----------
    path : str or path-like
        The file to write; it appears whole or not at all.
    weights : Weights or VAEWeights
        What to write.
    overwrite : bool, optional
        Whether an existing file may be replaced.
    dtype : {"float16", "float32"}, optional
        The precision of the arrays in the file.

    Raises
    ------
    OutputExistsError
        If the file exists and may not be overwritten.
    InputError
        If a value is not plain data, an array is not finite in that precision, or the file cannot
        be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "tiny.asdf"
    >>> weights = Weights(
    ...     architecture={"filters": [8, 16]}, unknowns={}, preconditioner={}, normalization={},
    ...     domain={"ring_radius": [5.0, 25.0]}, recipe={}, seed=7, versions={}, training={},
    ...     scores={}, arrays={"bias": np.array([0.5, -1.0])}, name="tiny",
    ... )  # fmt: skip
    >>> write_weights(path, weights)
    >>> read_weights(path).arrays["bias"]
    array([ 0.5, -1. ], dtype=float32)
    """
    if np.dtype(dtype) not in (np.float16, np.float32):
        raise InputError(f"dtype: float16 or float32 is wanted, found {dtype}")
    metadata = {
        field.name: plain(getattr(weights, field.name), field.name)
        for field in fields(weights)
        if field.name not in ("arrays", "lens", "source", "population")
    }
    for group in ("arrays", "population"):
        arrays = getattr(weights, group, None)
        if arrays is not None:
            metadata[group] = {str(name): _stored(a, name, dtype) for name, a in arrays.items()}
    key, *_ = FORMATS[type(weights)]
    write_asdf(path, key, replace(weights, **metadata), overwrite)


def read_weights(path: PathLike, kind: type = Weights) -> Weights | VAEWeights:
    """Return the weights in an ASDF file.

    Parameters
    ----------
    path : str or path-like
        The file to read.
    kind : type, optional
        `Weights` or `VAEWeights`: what the file should hold.

    Returns
    -------
    Weights or VAEWeights
        The arrays in float32.

    Raises
    ------
    FileFormatError
        If the file is missing, is not ASDF, holds no weights, comes from a newer version, was
        truncated or altered, or lacks a part.
    """
    weights = read_asdf(path, *FORMATS[kind])
    groups = {}
    for group in ("arrays", "population"):
        stored = getattr(weights, group, None)
        if stored is None:
            continue
        groups[group] = {name: np.array(a, dtype=np.float32) for name, a in stored.items()}
        for name, array in groups[group].items():
            if not np.all(np.isfinite(array)):
                raise FileFormatError(f"{path}: the array {name!r} has values that are not finite")
    return replace(weights, **groups)


def store_card(path: PathLike, card: dict[str, Any]) -> None:
    """Put a report card into a file of weights, in the place of an earlier one.

    The file is written anew beside itself and takes its own name when it is whole; the arrays
    keep their precision, and every other entry its value.

    Parameters
    ----------
    path : str or path-like
        A file of a solver's weights.
    card : dict
        Plain data, as `rimlens.evaluation.ReportCard.to_dict` gives it.

    Raises
    ------
    FileFormatError
        If the file cannot be read.
    InputError
        If the card is not plain data, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "tiny.asdf"
    >>> weights = Weights(
    ...     architecture={}, unknowns={}, preconditioner={}, normalization={}, domain={},
    ...     recipe={}, seed=7, versions={}, training={}, scores={},
    ...     arrays={"bias": np.array([0.5, -1.0])}, name="tiny",
    ... )  # fmt: skip
    >>> write_weights(path, weights)
    >>> store_card(path, {"format": 1, "dataset": {"lenses": 100}, "cases": {}})
    >>> read_weights(path).card["dataset"]
    {'lenses': 100}
    """
    # A link stays a link.
    path = Path(path).resolve()
    weights: Any = read_weights(path)
    key, tag, what = FORMATS[Weights]
    _, tree = read_plain(path, {key: tag}, what)
    (dtype,) = {array["datatype"] for array in tree["arrays"].values()} or {"float16"}
    mode = path.stat().st_mode
    write_weights(path, replace(weights, card=card), overwrite=True, dtype=dtype)
    path.chmod(mode)


def _stored(array, name, dtype):
    """Return an array as the file holds it, in C order and little-endian."""
    array = np.asarray(array)
    if array.dtype.kind not in "fiu":
        raise InputError(f"arrays: {name!r}: real numbers are wanted, found {array.dtype}")
    with np.errstate(over="ignore"):
        stored = np.ascontiguousarray(array.astype(np.dtype(dtype).newbyteorder("<")))
    if not np.all(np.isfinite(stored)):
        raise InputError(
            f"arrays: {name!r}: has values that are not finite in {np.dtype(dtype).name}; "
            "mend the training, or store float32"
        )
    return stored.reshape(array.shape)
