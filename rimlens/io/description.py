"""What a file of weights says of itself, without a network made of it.

The header of the file is enough: no array library is imported, and no plugin.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rimlens.errors import FileFormatError
from rimlens.io.files import read_bytes, read_plain
from rimlens.io.weights import FORMATS
from rimlens.typing import PathLike


@dataclass(frozen=True)
class WeightsDescription:
    """What a file of weights says of itself.

    Parameters
    ----------
    name : str
        The word by which the weights are asked for.
    file : str
        Where they are.
    kind : str
        ``"solver"`` or ``"autoencoder"``.
    infers : str
        What is inferred of lens and source, or what maps are encoded.
    architecture, domain, recipe, scores, training, versions : dict
        As in `rimlens.io.Weights`.
    parameters : int
        Numbers in the network.
    error_scale : list or None
        By what stated errors are multiplied: pairs of a signal-to-noise ratio and a factor.
    size : int
        Bytes of the file.
    sha256 : str
        Hash of the file.
    card : dict or None
        The report card, where there is one.
    """

    name: str
    file: str
    kind: str
    infers: str
    architecture: dict
    domain: dict
    recipe: dict
    scores: dict
    training: dict
    versions: dict
    parameters: int
    error_scale: list | None
    size: int
    sha256: str
    card: dict | None

    @property
    def reduced_chi2(self) -> float | None:
        """Median reduced chi-square after the last step, where it was measured."""
        steps = self.scores.get("reduced_chi2_median_per_step")
        return float(steps[-1]) if steps else None

    @property
    def radius_error(self) -> float | None:
        """Median of the relative error of the Einstein radius, without its sign."""
        error = self.scores.get("theta_E_median_absolute_error")
        return None if error is None else float(error)


def describe_weights(path: PathLike) -> WeightsDescription:
    """Describe a file of weights.

    Parameters
    ----------
    path : str or path
        The file, of a solver or of an autoencoder; `find_weights` finds that of a name.

    Returns
    -------
    WeightsDescription

    Raises
    ------
    FileFormatError
        If the file is missing, is no file of weights, comes from a newer version, was truncated
        or altered, or lacks a part.

    Examples
    --------
    >>> from rimlens.io import describe_weights, find_weights
    >>> found = describe_weights(find_weights("default"))
    >>> found.infers
    'convergence map and shear; source map'
    >>> found.architecture["image_size"]
    128
    """
    tags = {key: tag for key, tag, _ in FORMATS.values()}
    key, tree = read_plain(path, tags, "rimlens weights")
    wanted = ("name", "architecture", "domain", "recipe", "scores", "training", "versions")
    missing = [name for name in (*wanted, "arrays") if name not in tree]
    if missing:
        raise FileFormatError(f"{path}: the entries {missing} are wanted, they are missing")
    content = read_bytes(Path(path))
    return WeightsDescription(
        file=str(path),
        kind="autoencoder" if key.startswith("vae") else "solver",
        infers=_infers(tree),
        parameters=sum(math.prod(array["shape"]) for array in tree["arrays"].values()),
        error_scale=tree.get("refinement", {}).get("error_scale"),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        card=tree.get("card"),
        **{name: tree[name] for name in wanted},
    )


def _infers(tree):
    """Return in words what a network finds, from the header of its file."""
    if "maps" in tree["architecture"]:
        return f"{tree['architecture']['maps']} maps"
    return "; ".join(
        (
            _models(tree["lens"]) if "lens" in tree else "convergence map and shear",
            _models(tree["source"]) if "source" in tree else "source map",
        )
    )


def _models(prior: dict[str, Any]) -> str:
    """Return the names of the models whose parameters a prior is over, else that of the prior."""
    model = prior["arguments"].get("model")
    if model is None:
        return str(prior["plugin"])
    parts = model["arguments"].get("components", [model])
    return " + ".join(str(part["plugin"]) for part in parts)
