"""Training recipes: TOML files that say all that a training depends on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from rimlens.errors import InputError
from rimlens.generators import SimulationDomain
from rimlens.prior import prior_from_table
from rimlens.rim.architecture import NETWORKS, PRECONDITIONERS, UNITS, Architecture
from rimlens.spelling import check_entries, check_known
from rimlens.training.recipes.files import of_kind, read_table
from rimlens.training.recipes.loss import LossWeights
from rimlens.training.recipes.schema import (
    Absent,
    Flag,
    Many,
    Number,
    Range,
    Table,
    Word,
    check_kinds,
    count,
    named,
    usable,
    with_tuples,
)
from rimlens.training.recipes.simulation import check_table
from rimlens.typing import PathLike

OPTIMIZERS = ("adam", "adamax", "adamw", "lion", "nadam", "rmsprop", "sgd")
SCHEDULES = ("cosine", "constant", "exponential")
PRECISIONS = ("float32", "bfloat16", "float16", "mixed_bfloat16", "mixed_float16")

# What recipes in files from before there were these entries lack.
_LATER = (
    "continued",
    "examples",
    "minutes",
    "optimizer",
    "schedule",
    "averaging",
    "loss",
    "recompute",
    "calibration",
    "population",
    "score_every",
    "simulation",
)
_OF_A_ROUND = {"seed", "learning_rate", "stages", "fine_tuning"}
_POSITIVE, _NOT_NEGATIVE, _FRACTION = Number(above=0), Number(least=0), Number(least=0, most=1)
_KINDS = {
    "name": Word(),
    "seed": count(0, 2**32 - 1),
    "batch_size": count(),
    "stages": Many(Many(count(), length=2), least=1),
    "fine_tuning": count(0),
    "continued": Many(Table()),
    "reuse": count(1, 8),
    "updates_per_epoch": count(),
    "examples": Absent(count()),
    "minutes": Absent(_POSITIVE),
    "optimizer": Word(OPTIMIZERS),
    "learning_rate": _POSITIVE,
    "schedule": Word(SCHEDULES),
    "warmup": count(0),
    "gradient_norm": _POSITIVE,
    "averaging": Number(least=0, below=1),
    "precision": Word(PRECISIONS),
    "recompute": Flag(),
    "psf_size": count(),
    "calibration": count(0),
    "population": count(0),
    "held_back": count(),
    "score_every": count(0),
    "theta_E_domain": Range(_POSITIVE),
    "lens": Absent(Table()),
    "source": Absent(Table()),
    "simulation": Absent(Table()),
}
_KINDS_OF_ARCHITECTURE = {
    "image_size": count(),
    "convergence_size": count(),
    "convergence_scale": _POSITIVE,
    "source_size": count(),
    "source_scale": _POSITIVE,
    "steps": count(),
    "latent_size": count(),
    "filters": Many(count(), least=1),
    "block_convolutions": count(),
    "vector_units": count(),
    "network": Word(NETWORKS),
    "preconditioner": Word(PRECONDITIONERS),
    "recurrent_unit": Word(UNITS),
    "first_guess": Flag(),
    "kernel_size": count(),
    "recurrent_kernel_size": count(),
    "input_kernel_size": count(),
}
_KINDS_OF_DOMAIN = {
    **dict.fromkeys(("theta_E", "source_radius", "fwhm", "core", "dust_depth"), Range(_POSITIVE)),
    **dict.fromkeys(("peak_signal_to_noise", "subhalo_mass"), Range(_POSITIVE)),
    "core_mask": Range(_NOT_NEGATIVE),
    "q_min": Number(above=0, most=1),
    "center_scatter": _NOT_NEGATIVE,
    "shear_scatter": _NOT_NEGATIVE,
    "multipole_amplitude": _NOT_NEGATIVE,
    "source_offset": _NOT_NEGATIVE,
    "subhalo_fraction": _FRACTION,
    "satellite_fraction": _FRACTION,
    "one_sided": _FRACTION,
    "noise_mixing": _NOT_NEGATIVE,
    "lens_light_residual": _NOT_NEGATIVE,
    "sky_residual": _NOT_NEGATIVE,
    "center_offset": _NOT_NEGATIVE,
    "core_mask_fraction": _FRACTION,
    "noise_misstatement": Number(least=1),
}


@dataclass(frozen=True)
class Recipe:
    """What a training depends on.

    Parameters
    ----------
    name : str
        Name of the weights that it makes.
    seed : int
        Seed of the simulations and of the weights' first values.
    batch_size : int
        Simulations in one update.
    stages : tuple of (int, int)
        The parts of the training: network calls that are unrolled, and updates.  The last one
        unrolls all steps of the architecture; shorter ones before it are cheaper.
    fine_tuning : int
        Updates after the stages, with all steps unrolled, at half the learning rate and with a
        loss that counts typical lenses more than failures.
    continued : tuple of dict
        Further rounds of training, each with a `seed` of its own and, where they differ,
        `learning_rate`, `stages` and `fine_tuning`; the learning rate rises and falls again.
    reuse : int
        Updates for which a draw serves, each time in another of the eight orientations.
    updates_per_epoch : int
        Updates between checkpoints, which is what an interruption may lose: some minutes of them.
    examples : int, optional
        Upper bound on the simulations of all updates, each counted as often as it is used: the
        stages end early, in whole epochs, and so does the fall of the learning rate.
    minutes : float, optional
        Upper bound on the time of the training, over its interruptions: it ends after the epoch
        in which it is passed, wherever the learning rate is then.
    optimizer : str
        Name of Keras's optimizer, with its other arguments as Keras sets them.
    learning_rate : float
        At its highest; it rises linearly over `warmup` updates, then follows the `schedule`.
    schedule : str
        ``"cosine"`` or ``"exponential"``, a fall to a hundredth at the end, or ``"constant"``.
    warmup : int
        Updates of the rise.
    gradient_norm : float
        Global norm to which the gradient of the loss is clipped.
    averaging : float
        Momentum of an exponential moving average of the weights, for instance 0.999, which takes
        the place of the weights at the end of every stage; 0 for none.
    precision : str
        Keras dtype policy of the network while it is trained.
    recompute : bool
        Whether the backward pass computes every step again, in place of keeping all that is
        inside: memory then hardly grows with the steps, and an update takes longer.
    psf_size : int
        Side of the simulated point-spread functions' stamps, odd.
    calibration : int
        Simulations on which the error of the network's estimate is measured, which the refinement
        expects; without them it expects what the unknowns state.
    population : int
        Simulated lenses whose maps are the prior of `RIMSolver.reconstruct` with ``refine=True``;
        without them, answers that are convergence maps cannot be refined.
    held_back : int
        Simulations on which the result is scored.
    score_every : int
        Epochs after which the training is scored on a few held-back simulations, always the same,
        for its logs; 0 for never.
    theta_E_domain : tuple of float
        Einstein radii in image pixels for which the weights may be used: inside the trained range.
    architecture : Architecture
        The solver.
    domain : SimulationDomain
        The simulations.
    loss : LossWeights
        How variables, the image, steps and pixels count in the loss.
    lens, source : dict, optional
        Priors over what is inferred, as `rimlens.prior.prior_from_table` reads them: over the
        parameters of models, or over maps on the architecture's grids; without one the unknown is
        a map.  Lengths are in pixels of the image.
    simulation : dict, optional
        What is simulated where that is not what the domain or the unknowns say: see
        `rimlens.training.recipes.simulation.pieces_from_table`.

    Raises
    ------
    InputError
        If an entry is not of its kind, or does not fit the others.
    """

    name: str
    seed: int = 1
    batch_size: int = 24
    stages: tuple = ((8, 1000),)
    fine_tuning: int = 0
    continued: tuple = ()
    reuse: int = 1
    updates_per_epoch: int = 50
    examples: int | None = None
    minutes: float | None = None
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    warmup: int = 100
    gradient_norm: float = 1.0
    averaging: float = 0.0
    precision: str = "mixed_bfloat16"
    recompute: bool = False
    psf_size: int = 33
    calibration: int = 0
    population: int = 0
    held_back: int = 500
    score_every: int = 0
    theta_E_domain: tuple = (8.0, 46.0)
    architecture: Architecture = field(default_factory=Architecture)
    domain: SimulationDomain = field(default_factory=SimulationDomain)
    loss: LossWeights = field(default_factory=LossWeights)
    lens: dict | None = None
    source: dict | None = None
    simulation: dict | None = None

    def __post_init__(self):
        """Check that every entry is of its kind and that they fit together."""
        check_kinds(Recipe, vars(self), _KINDS)
        for steps, updates in self.stages:
            if updates % self.updates_per_epoch:
                raise InputError(
                    "stages: pairs of steps and updates are wanted, the updates a multiple of "
                    f"updates_per_epoch {self.updates_per_epoch}, found [{steps}, {updates}]"
                )
        if self.fine_tuning % self.updates_per_epoch:
            raise InputError(
                "fine_tuning: a multiple of updates_per_epoch is wanted, "
                f"{self.updates_per_epoch}, found {self.fine_tuning}"
            )
        for entry in self.continued:
            check_known(entry, _OF_A_ROUND, "continued")
            check_kinds(Recipe, entry, _KINDS, "continued: ")
        # Their numbers are checked as they are made.
        seeds = [part.seed for part in self.rounds]
        if len(set(seeds)) < len(seeds):
            raise InputError(
                f"continued: a seed of its own is wanted in every round, found {seeds}: the "
                "simulations would be those of before"
            )
        if self.calibration and self.calibration < 10:
            raise InputError(
                f"calibration: 0 or at least 10 simulations are wanted, found {self.calibration}"
            )
        if self.population and self.population < 40:
            raise InputError(
                f"population: 0 or at least 40 lenses are wanted, found {self.population}"
            )
        if self.psf_size % 2 == 0:
            raise InputError(f"psf_size: an odd number is wanted, found {self.psf_size}")
        if self.examples is not None and self.examples < self.batch_size * self.updates_per_epoch:
            raise InputError(
                "examples: at least those of an epoch, batch_size times updates_per_epoch, are "
                f"wanted, {self.batch_size * self.updates_per_epoch}, found {self.examples}"
            )
        if self.simulation is not None:
            check_table(self.simulation, f"{self.name}, [simulation]")
            for name in ("lens", "source"):
                if name in self.simulation and getattr(self, name) is not None:
                    raise InputError(
                        f"{self.name}: [{name}] or [simulation.{name}] is wanted, found both: the "
                        "parameters of a model are drawn from the prior over them"
                    )

    @property
    def rounds(self) -> Any:
        """The recipe without what continues it, and one recipe for every further round.

        They end where the bound on the examples is reached.
        """
        first = replace(self, continued=()) if self.continued else self
        every = (first, *(replace(first, **entry) for entry in self.continued))
        return every if self.examples is None else _cut(every, self.examples // self.batch_size)

    @property
    def updates(self) -> Any:
        """Updates of all rounds, their stages and fine-tuning, together."""
        return sum(
            sum(updates for _, updates in part.stages) + part.fine_tuning for part in self.rounds
        )

    @property
    def lens_prior(self) -> Any:
        """The prior over what is inferred of the lens, or None."""
        return _prior("lens", self.lens, self.architecture.convergence_grid)

    @property
    def source_prior(self) -> Any:
        """The prior over what is inferred of the source, or None."""
        return _prior("source", self.source, self.architecture.source_grid)

    def to_dict(self) -> Any:
        """Return plain values for a file."""
        values = asdict(self)
        values["architecture"] = self.architecture.to_dict()
        values["domain"] = self.domain.to_dict()
        values["theta_E_domain"] = list(self.theta_E_domain)
        values["stages"] = [list(stage) for stage in self.stages]
        values["continued"] = [
            {k: [list(stage) for stage in v] if k == "stages" else v for k, v in entry.items()}
            for entry in self.continued
        ]
        usual = Recipe(self.name)
        for entry in _LATER:
            if getattr(self, entry) == getattr(usual, entry):
                del values[entry]
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any], origin: str = "recipe") -> Recipe:
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
        Recipe

        Raises
        ------
        InputError
            If an entry is unknown or missing.
        """
        values = with_tuples(of_kind("solver", values, origin))
        check_entries(cls, values, origin)
        for name, part, kinds in (
            ("domain", SimulationDomain, _KINDS_OF_DOMAIN),
            ("architecture", Architecture, _KINDS_OF_ARCHITECTURE),
        ):
            if name not in values:
                continue
            where = f"{origin}, [{name}]"
            entries = values[name]
            with named(where):
                if name == "architecture":
                    entries = _with_preset(entries)
            check_entries(part, entries, where)
            with named(where):
                entries = with_tuples(entries)
                check_kinds(part, entries, kinds)
                values[name] = part(**entries)
        if "loss" in values:
            values["loss"] = LossWeights.from_dict(values["loss"], f"{origin}, [loss]")
        rounds = values.get("continued", ())
        if not isinstance(rounds, tuple) or not all(isinstance(entry, dict) for entry in rounds):
            raise InputError(
                f"{origin}: continued: a list of tables is wanted, as under [[continued]], "
                f"found {rounds!r}"
            )
        values["continued"] = tuple(with_tuples(entry) for entry in rounds)
        with named(origin):
            return cls(**values)


def read_recipe(path_or_name: PathLike) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    path_or_name : str or path
        A TOML file, or the name of a recipe in the package.

    Returns
    -------
    Recipe

    Raises
    ------
    FileFormatError
        If there is no such recipe, or it is not TOML.
    InputError
        If an entry is unknown or missing, or the recipe is of another kind.

    Examples
    --------
    >>> from rimlens.training.recipes.solver import read_recipe
    >>> read_recipe("default").architecture.steps
    8
    """
    return Recipe.from_dict(read_table(path_or_name), str(path_or_name))


def _cut(rounds, updates):
    """Return the beginning of rounds: so many updates at most, in whole epochs."""
    kept = []
    for part in rounds:
        updates -= updates % part.updates_per_epoch
        stages = []
        for steps, wanted in part.stages:
            made = min(wanted, updates)
            updates -= made
            stages += [(steps, made)] if made else []
        fine_tuning = min(part.fine_tuning, updates)
        updates -= fine_tuning
        if stages:
            changes = {"stages": tuple(stages), "fine_tuning": fine_tuning, "examples": None}
            kept.append(replace(part, **changes))
    return tuple(kept)


def _with_preset(entries):
    """Return the entries of an architecture with those of the preset that it names."""
    if not isinstance(entries, dict) or "preset" not in entries:
        return entries
    own = {name: value for name, value in entries.items() if name != "preset"}
    return Architecture.preset(entries["preset"]).to_dict() | own


def _prior(kind, table, grid):
    if table is None:
        return None
    with usable(f"[{kind}]"):
        return prior_from_table(kind, table, grid)
