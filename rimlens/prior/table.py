"""A prior as a table of plain values, as in a TOML recipe."""

import re

from rimlens import plugins
from rimlens.errors import InputError
from rimlens.prior.analytic import AnalyticPrior
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


def prior_from_table(kind, table):
    """Return the prior that a table describes.

    Parameters
    ----------
    kind : str
        ``"lens"`` or ``"source"``.
    table : dict
        ``models``, a list of plugin names whose models are added, and ``prior``, a dict from
        the names of parameters to a distribution: its name in lower case and its numbers, as in
        ``{"uniform": [0.5, 2.0]}``.

    Returns
    -------
    AnalyticPrior

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
    unknown = sorted(set(table) - {"models", "prior"})
    if unknown or "models" not in table:
        raise InputError(
            f"{kind}: the entries 'models' and 'prior' are wanted, found {sorted(table)}"
        )
    models = [plugins.load(kind, name)() for name in table["models"]]
    model = models[0]
    for other in models[1:]:
        model = model + other
    distributions = {
        name: _distribution(f"{kind}: {name}", entry)
        for name, entry in table.get("prior", {}).items()
    }
    return AnalyticPrior(model, **distributions)


def _distribution(where, entry):
    known = {re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower(): cls for cls in DISTRIBUTIONS}
    if len(entry) != 1 or next(iter(entry)) not in known:
        raise InputError(f"{where}: one distribution of {sorted(known)} is wanted, found {entry}")
    ((name, numbers),) = entry.items()
    try:
        return known[name](*numbers)
    except TypeError as error:
        raise InputError(f"{where}: {name}: {error}") from error
