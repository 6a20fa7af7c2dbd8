"""A prior as a table of plain values, as in a TOML recipe."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from rimlens import plugins
from rimlens.errors import InputError
from rimlens.imaging import Grid
from rimlens.lens.pixelated import PixelatedConvergence
from rimlens.prior.analytic import AnalyticPrior
from rimlens.prior.composite import CompositePrior
from rimlens.prior.distributions import (
    Ellipticity,
    Fixed,
    Linked,
    LogNormal,
    Normal,
    Shear,
    TruncatedNormal,
    Uniform,
)
from rimlens.prior.mixture import MixturePrior
from rimlens.source.pixelated import PixelatedSource
from rimlens.spelling import did_you_mean, meant_argument

if TYPE_CHECKING:
    from rimlens.prior.prior import Prior

DISTRIBUTIONS = (
    Ellipticity,
    Fixed,
    Linked,
    LogNormal,
    Normal,
    Shear,
    TruncatedNormal,
    Uniform,
)
# Of all forms of a table.
_ENTRIES = ("components", "grid", "models", "prior", "priors", "weights")


def prior_from_table(kind: str, table: dict[str, Any], grid: Grid | None = None) -> Prior:
    """Return the prior that a table describes.

    Parameters
    ----------
    kind : str
        ``"lens"`` or ``"source"``.
    table : dict
        One of four: ``models``, a list of plugin names whose models are added, and ``prior``, a
        dict from the names of parameters to a distribution: its name in lower case and its
        numbers, as in ``{"uniform": [0.5, 2.0]}``; or ``prior``, the plugin name of a prior over
        a pixelated convergence or source, ``grid``, the arguments of a `rimlens.imaging.Grid`, and
        those of the prior; or ``components``, a list of such tables for a sum; or ``prior``,
        ``"mixture"``, with ``priors``, a list of such tables, and ``weights``.
    grid : Grid, optional
        Of the maps of pixelated models where the table has none.

    Returns
    -------
    Prior

    Raises
    ------
    InputError
        If an entry is unknown or missing.

    Examples
    --------
    >>> from rimlens.prior import prior_from_table
    >>> table = {"models": ["sis"], "prior": {"theta_E": {"uniform": [0.5, 2.0]}}}
    >>> prior_from_table("lens", table).variables
    {'vector': (1,)}
    """
    if "components" in table:
        _check_entries(kind, table, {"components"})
        parts = table["components"]
        return CompositePrior([prior_from_table(kind, entry, grid) for entry in parts])
    if table.get("prior") == "mixture":
        _check_entries(kind, table, {"prior", "priors", "weights"}, {"priors"})
        parts = [prior_from_table(kind, entry, grid) for entry in table["priors"]]
        return MixturePrior(parts, table.get("weights"))
    if isinstance(table.get("prior"), str):
        return _prior_over_maps(kind, table, grid)
    _check_entries(kind, table, {"models", "prior"}, {"models"})
    models = [plugins.load(kind, name)() for name in table["models"]]
    model = models[0]
    for other in models[1:]:
        model = model + other
    distributions = {
        name: _distribution(f"{kind}: {name}", entry)
        for name, entry in table.get("prior", {}).items()
    }
    return AnalyticPrior(model, **distributions)


def prior_over_maps(kind, grid, name, arguments):
    """Return a prior over a pixelated model by its plugin name.

    Parameters
    ----------
    kind : str
        ``"lens"`` or ``"source"``: of a convergence or of a source.
    grid : Grid
        Of the maps.
    name : str
        Of the prior.
    arguments : dict
        Plain values; a dict is a distribution, as in `prior_from_table`.

    Returns
    -------
    Prior

    Raises
    ------
    InputError
        If the prior does not take the arguments.
    """
    cls = plugins.load("prior", name)
    given = {
        key: _distribution(f"{name}: {key}", value) if isinstance(value, dict) else value
        for key, value in arguments.items()
    }
    empty = np.zeros(grid.shape)
    model = (
        PixelatedConvergence(grid, convergence_map=empty)
        if kind == "lens"
        else PixelatedSource(grid, brightness_map=empty)
    )
    try:
        return cls(model, **given)
    except TypeError as error:
        hint = meant_argument(error, cls)
        raise InputError(f"{kind}: prior {name!r}: {error}{hint}") from error


def _prior_over_maps(kind, table, grid):
    arguments = dict(table)
    name = arguments.pop("prior")
    try:
        if "grid" in table or grid is None:
            grid = Grid(**arguments.pop("grid"))
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{kind}: prior {name!r}: a grid is wanted, such as grid = {{ shape = [64, 64], "
            f"pixel_scale = 2.0 }}, found {table.get('grid')}{meant_argument(error, Grid)}"
        ) from error
    return prior_over_maps(kind, grid, name, arguments)


def _check_entries(kind, table, known, wanted=frozenset()):
    unknown = sorted(set(table) - known)
    if unknown or wanted - set(table):
        words = " and ".join(repr(name) for name in sorted(known))
        hint = did_you_mean(unknown[0], _ENTRIES) if unknown else ""
        raise InputError(f"{kind}: the entries {words} are wanted, found {sorted(table)}{hint}")


def _distribution(where, entry):
    known = {re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower(): cls for cls in DISTRIBUTIONS}
    names = list(entry) if isinstance(entry, dict) else []
    if len(names) != 1 or names[0] not in known:
        hint = did_you_mean(names[0], known) if names else ""
        raise InputError(
            f"{where}: one distribution of {sorted(known)} is wanted, found {entry}{hint}"
        )
    ((name, numbers),) = entry.items()
    try:
        return known[name](*numbers)
    except TypeError as error:
        raise InputError(f"{where}: {name}: {error}") from error
