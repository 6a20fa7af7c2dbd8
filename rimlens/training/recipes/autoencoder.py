"""Recipes for variational autoencoders: all that a training depends on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from rimlens.errors import InputError
from rimlens.imaging import Grid
from rimlens.prior.vae.architecture import PRESETS, VAEArchitecture
from rimlens.spelling import check_entries
from rimlens.training.recipes.files import of_kind, read_table
from rimlens.training.recipes.schema import (
    Many,
    Number,
    Table,
    Word,
    check_kinds,
    check_values,
    count,
    named,
    usable,
    with_tuples,
)
from rimlens.training.recipes.solver import PRECISIONS
from rimlens.typing import PathLike

# Entries of a table of data that are not arguments of its prior.
_OWN = {"prior", "share"}

_POSITIVE, _NOT_NEGATIVE = Number(above=0), Number(least=0)
_KINDS = {
    "name": Word(),
    "data": Many(Table()),
    "pixel_scale": _POSITIVE,
    "seed": count(0, 2**32 - 1),
    "batch_size": count(),
    "updates": count(),
    "updates_per_epoch": count(),
    "reuse": count(),
    "learning_rate": _POSITIVE,
    "decay_rate": _POSITIVE,
    "decay_updates": count(),
    "clip_value": _POSITIVE,
    "weight_decay": _NOT_NEGATIVE,
    "precision": Word(PRECISIONS),
    "measured": count(),
    "held_back": count(2),
    "held_back_part": Number(above=0, below=1),
}
_KINDS_OF_DATA = {"prior": Word(), "share": _POSITIVE}
_KINDS_OF_ANNEALING = {
    "initial": _NOT_NEGATIVE,
    "final": _NOT_NEGATIVE,
    "updates": count(),
    "power": _POSITIVE,
}


@dataclass(frozen=True)
class Annealing:
    r"""A weight that goes from one value to another as the training goes on.

    After `t` of `updates` it is :math:`a + (b - a) (t / T)^p`, and :math:`b` from then on.

    Parameters
    ----------
    initial, final : float
        The values :math:`a` and :math:`b`, not negative.
    updates : int
        How long it takes.
    power : float
        Of the course.

    Raises
    ------
    InputError
        If a number does not fit.

    Examples
    --------
    >>> from rimlens.training.recipes.autoencoder import Annealing
    >>> Annealing(0.1, 0.2, updates=5000)(2500)
    0.15
    """

    initial: float = 0.0
    final: float = 0.0
    updates: int = 1
    power: float = 1.0

    def __post_init__(self):
        """Check the numbers."""
        check_kinds(Annealing, vars(self), _KINDS_OF_ANNEALING)

    def __call__(self, update: Any) -> Any:
        """Return the weight after so many updates."""
        part = min(update / self.updates, 1.0) ** self.power
        return self.initial + (self.final - self.initial) * part


@dataclass(frozen=True)
class VAERecipe:
    """What the training of a variational autoencoder depends on.

    The defaults of what is annealed are those of Adam et al. (2023) for convergence maps.  As long
    as it is, the latent numbers may carry much and the two networks are held together; then comes
    the second stage of the training, in which nothing changes but the learning rate.

    Parameters
    ----------
    name : str
        Name of the weights that it makes.
    data : tuple of dict
        Where the maps come from, at least one: each names a ``prior`` over a pixelated convergence
        or source, as ``rimlens plugins`` lists them, its ``share`` of the maps (1 by default), and
        arguments of the prior, such as the ``collection`` of `rimlens.prior.CollectionPrior`.
    pixel_scale : float
        Of the maps, in the unit of the priors' lengths.
    seed : int
        Seed of the draws and of the weights' first values.
    batch_size : int
        Maps in one update.
    updates : int
        Of the weights.
    updates_per_epoch : int
        Updates between checkpoints; every epoch draws new maps.
    reuse : int
        Updates for which a map serves in an epoch, in one of the eight orientations each time.
    learning_rate : float
        At first.
    decay_rate, decay_updates : float, int
        By what the learning rate is multiplied after so many updates.
    staircase : bool
        Whether it is multiplied all at once, or little by little.
    clip_value : float
        Largest element of the gradient that counts.
    weight_decay : float
        Part of every weight that an update takes away, in learning rates (AdamW).
    beta, bottleneck : Annealing
        The weights of the divergence from the standard normal distribution, and of the distance of
        the layers on both sides of the latent numbers.
    precision : str
        Keras dtype policy of the networks while they are trained.
    measured : int
        Maps from which the mean and the covariance of the latent numbers are taken.
    held_back : int
        Maps on which the result is scored.
    held_back_part : float
        Part of the groups of a collection that the training does not see.
    architecture : VAEArchitecture
        Maps and networks.

    Raises
    ------
    InputError
        If an entry does not fit.
    """

    name: str
    data: tuple
    pixel_scale: float = 1.0
    seed: int = 1
    batch_size: int = 32
    updates: int = 6000
    updates_per_epoch: int = 100
    reuse: int = 2
    learning_rate: float = 1e-4
    decay_rate: float = 0.7
    decay_updates: int = 20000
    staircase: bool = True
    clip_value: float = 10.0
    weight_decay: float = 0.0
    beta: Annealing = field(default_factory=lambda: Annealing(0.1, 0.2, 5000))
    bottleneck: Annealing = field(default_factory=lambda: Annealing(0.01, 0.0, 10000, 0.5))
    precision: str = "float32"
    measured: int = 4000
    held_back: int = 1000
    held_back_part: float = 0.1
    architecture: VAEArchitecture = field(default_factory=VAEArchitecture)

    def __post_init__(self):
        """Check that every entry is of its kind and that they fit together."""
        check_kinds(VAERecipe, vars(self), _KINDS)
        if self.updates % self.updates_per_epoch:
            raise InputError(
                f"updates: a multiple of updates_per_epoch {self.updates_per_epoch} is wanted, "
                f"found {self.updates}"
            )
        if self.updates_per_epoch * self.batch_size % self.reuse:
            raise InputError(
                "reuse: a number that divides the maps of an epoch is wanted, "
                f"{self.updates_per_epoch * self.batch_size}, found {self.reuse}"
            )
        if self.measured <= self.architecture.latent:
            raise InputError(
                f"measured: more maps than latent numbers, {self.architecture.latent}, are "
                f"wanted, found {self.measured}"
            )
        if not self.data:
            raise InputError("data: at least one table with a 'prior' is wanted, found none")
        for entry in self.data:
            if "prior" not in entry:
                raise InputError(f"data: a 'prior' is wanted in every table, found {entry}")
            check_values(entry, _KINDS_OF_DATA, "data: ")

    @property
    def grid(self) -> Any:
        """The grid of the maps."""
        return Grid((self.architecture.size,) * 2, self.pixel_scale)

    def priors(self, held_back: bool = False) -> list[tuple[Any, ...]]:
        """Return the priors that draw the maps, and their shares.

        Parameters
        ----------
        held_back : bool, optional
            Whether collections give the groups that the training does not see, or the others.

        Returns
        -------
        list of tuple
            Priors and shares, which add up to one.

        Raises
        ------
        InputError
            If a prior does not take its arguments.
        """
        # Imported here: what is read from recipes may be an autoencoder's own prior.
        from rimlens.prior.table import prior_over_maps

        low = 1.0 - self.held_back_part
        part = (low, 1.0) if held_back else (0.0, low)
        kind = "lens" if self.architecture.maps == "convergence" else "source"
        total = sum(entry.get("share", 1.0) for entry in self.data)
        found = []
        for entry in self.data:
            arguments = {name: value for name, value in entry.items() if name not in _OWN}
            if "collection" in arguments:
                arguments.setdefault("part", part)
            with usable(f"data: {entry['prior']}"):
                prior = prior_over_maps(kind, self.grid, entry["prior"], arguments)
            found.append((prior, entry.get("share", 1.0) / total))
        return found

    def to_dict(self) -> Any:
        """Return plain values for a file."""
        values = asdict(self)
        values["data"] = [dict(entry) for entry in self.data]
        return {"kind": "vae", **values}

    @classmethod
    def from_dict(cls, values: dict[str, Any], origin: str = "recipe") -> VAERecipe:
        """Build from plain values.

        Parameters
        ----------
        values : dict
            As in the TOML file.  The ``architecture`` may name a ``preset``, from which its other
            entries differ.
        origin : str, optional
            What to call the values in an error.

        Returns
        -------
        VAERecipe

        Raises
        ------
        InputError
            If an entry is unknown or missing, or the recipe is of another kind.
        """
        values = with_tuples(of_kind("vae", values, origin))
        check_entries(cls, values, origin)
        values.setdefault("data", ())
        if "architecture" in values:
            with named(f"{origin}, [architecture]"):
                values["architecture"] = _architecture(values["architecture"])
        for name in ("beta", "bottleneck"):
            if name in values:
                where = f"{origin}, [{name}]"
                check_entries(Annealing, values[name], where)
                with named(where):
                    values[name] = Annealing(**values[name])
        with named(origin):
            return cls(**values)


def read_vae_recipe(path_or_name: PathLike) -> VAERecipe:
    """Read a recipe for a variational autoencoder.

    Parameters
    ----------
    path_or_name : str or path
        A TOML file, or the name of a recipe in the package.

    Returns
    -------
    VAERecipe

    Raises
    ------
    FileFormatError
        If there is no such recipe, or it is not TOML.
    InputError
        If an entry is unknown or missing, or the recipe is of another kind.

    Examples
    --------
    >>> from rimlens.training.recipes.autoencoder import read_vae_recipe
    >>> read_vae_recipe("vae_convergence").architecture.size
    64
    """
    return VAERecipe.from_dict(read_table(path_or_name), str(path_or_name))


def _architecture(table):
    """Return an architecture, from a table of its entries that may name a preset."""
    if not isinstance(table, dict):
        raise InputError(f"a table is wanted, found {table!r}")
    entries = dict(table)
    preset = entries.pop("preset", None)
    if preset is None:
        return VAEArchitecture.from_dict(entries)
    check_values({"preset": preset}, {"preset": Word(tuple(PRESETS))})
    return VAEArchitecture.preset(preset, **entries)
