"""Training recipes as files: TOML tables, in the package or the user's own.

What the entries mean is said by `rimlens.training.solver.Recipe` for solvers and by
`rimlens.training.autoencoder.VAERecipe` for autoencoders.
"""

import tomllib

from rimlens.errors import FileFormatError, InputError
from rimlens.package_data import find


def read_table(path_or_name):
    """Read a recipe as a table of plain values.

    Parameters
    ----------
    path_or_name : str or path
        A TOML file, or the name of a recipe in the package.

    Returns
    -------
    dict
        Its entry ``kind`` is ``"solver"`` where the file says nothing else.

    Raises
    ------
    FileFormatError
        If there is no such recipe, or it is not TOML.

    Examples
    --------
    >>> from rimlens.training.recipes.files import read_table
    >>> read_table("default")["kind"]
    'solver'
    """
    source = find(path_or_name, "recipes", "recipe")
    try:
        values = tomllib.loads(source.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{path_or_name}: not a TOML file: {error}") from error
    return {"kind": "solver", **values}


def of_kind(kind, table, origin):
    """Return a table without its entry ``kind``, or raise `InputError` if that is another one."""
    table = dict(table)
    found = table.pop("kind", kind)
    if found != kind:
        raise InputError(f"{origin}: kind: a recipe of kind {kind!r} is wanted, found {found!r}")
    return table
