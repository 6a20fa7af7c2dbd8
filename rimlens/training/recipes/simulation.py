"""What a simulator draws from, as a table of plain values: the section of a TOML recipe."""

from contextlib import contextmanager
from functools import partial

from rimlens.errors import InputError
from rimlens.random import Stream, stream
from rimlens.simulation.acceptance import LensedLight, PaperCuts
from rimlens.simulation.pieces import NoMasks, PSFLibrary, WhiteNoise
from rimlens.spelling import check_known, did_you_mean, meant_argument
from rimlens.training.recipes.schema import UNUSABLE

ENTRIES = ("lens", "source", "psfs", "noise", "masks", "cuts")
_CUTS = {"lensed_light": LensedLight, "paper": PaperCuts}
_COUNT = 300


def check_table(table, where="simulation"):
    """Raise `InputError` if a table has another entry than `ENTRIES`, or one that is no table.

    Parameters
    ----------
    table : dict
        As `pieces_from_table` reads it.
    where : str, optional
        What to call it in an error.
    """
    if not isinstance(table, dict):
        raise InputError(f"{where}: a table is wanted, found {table!r}")
    check_known(table, ENTRIES, where)
    for name, entry in table.items():
        if not isinstance(entry, dict):
            raise InputError(f"{where}, {name}: a table is wanted, found {entry!r}")


def pieces_from_table(table, convergence_grid, source_grid, psf_size=33, seed=0):
    """Return what a table says of a simulator, as arguments of `Simulator`.

    Parameters
    ----------
    table : dict
        Any of ``lens`` and ``source``, tables of priors as `rimlens.prior.prior_from_table` reads
        them; ``psfs``, with ``kind`` ``"gaussian"`` and the arguments of `PSFLibrary.gaussian`,
        or ``"library"`` and a list of FITS ``files``; ``noise``, with ``kind`` ``"white"`` and the
        arguments of `WhiteNoise`; ``masks``, with ``kind`` ``"none"``; ``cuts``, tables of
        arguments under ``lensed_light`` (`LensedLight`) and ``paper`` (`PaperCuts`), all of which
        must hold.  What is left out is as by default.
    convergence_grid, source_grid : Grid
        Of maps whose table has no grid.
    psf_size : int, optional
        Side of the stamps of Gaussians.
    seed : int, optional
        Of their widths.

    Returns
    -------
    dict
        Arguments of `Simulator`.

    Raises
    ------
    InputError
        If an entry is unknown, or cannot be used.

    Examples
    --------
    >>> from rimlens.imaging import Grid
    >>> from rimlens.training.recipes.simulation import pieces_from_table
    >>> table = {"noise": {"kind": "white", "mean": 0.02}}
    >>> pieces_from_table(table, Grid((8, 8)), Grid((8, 8)))
    {'noise': WhiteNoise(mean=0.02, sigma=0.03, low=0.001, high=0.1)}
    """
    # Most recipes name no model and no prior.
    from rimlens.prior import prior_from_table

    check_table(table)
    pieces = {}
    for name, grid in (("lens", convergence_grid), ("source", source_grid)):
        if name in table:
            with _named(f"simulation, {name}"):
                pieces[name] = prior_from_table(name, table[name], grid)
    if "psfs" in table:
        rng = stream(seed, Stream.PSF_LIBRARY)
        kinds = {
            "gaussian": partial(PSFLibrary.gaussian, _COUNT, psf_size, rng=rng),
            "library": PSFLibrary.read,
        }
        pieces["psfs"] = _made("psfs", table["psfs"], kinds)
    if "noise" in table:
        pieces["noise"] = _made("noise", table["noise"], {"white": WhiteNoise})
    if "masks" in table:
        pieces["masks"] = _made("masks", table["masks"], {"none": NoMasks})
    if "cuts" in table:
        pieces["cuts"] = tuple(
            _made("cuts", {"kind": kind, **arguments}, _CUTS)
            for kind, arguments in table["cuts"].items()
        )
    return pieces


def _made(name, entry, kinds):
    """Return what the kind of an entry makes of its other arguments."""
    arguments = dict(entry)
    kind = arguments.pop("kind", None)
    if kind not in list(kinds):
        raise InputError(
            f"simulation, {name}: a kind of {sorted(kinds)} is wanted, found {kind!r}"
            f"{did_you_mean(kind, kinds)}"
        )
    with _named(f"simulation, {name}", kinds[kind]):
        return kinds[kind](**arguments)


@contextmanager
def _named(where, maker=None):
    """Add to an error which entry of the table it comes from."""
    try:
        yield
    except UNUSABLE as error:
        hint = meant_argument(error, maker) if maker else ""
        raise InputError(f"{where}: {error}{hint}") from error
