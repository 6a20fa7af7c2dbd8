"""Training recipes: TOML files that say all that a training depends on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from rimlens.errors import InputError
from rimlens.generators import SimulationDomain
from rimlens.prior import prior_from_table
from rimlens.rim.architecture import Architecture
from rimlens.spelling import check_entries, check_known
from rimlens.training.recipes.files import of_kind, read_table
from rimlens.training.recipes.loss import LossWeights
from rimlens.training.recipes.simulation import check_table
from rimlens.typing import PathLike

_OF_A_ROUND = {"seed", "learning_rate", "stages", "fine_tuning"}


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
        Updates between checkpoints.
    learning_rate : float
        At its highest; it rises linearly over `warmup` updates, then falls as a cosine to a
        hundredth.
    warmup : int
        Updates of the rise.
    gradient_norm : float
        Global norm to which the gradient of the loss is clipped.
    precision : str
        Keras dtype policy of the network while it is trained.
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
    theta_E_domain : tuple of float
        Einstein radii in image pixels for which the weights may be used: inside the trained range.
    architecture : Architecture
        The solver.
    domain : SimulationDomain
        The simulations.
    loss : LossWeights
        How variables, steps and pixels count in the loss.
    lens, source : dict, optional
        Priors over what is inferred, as `rimlens.prior.prior_from_table` reads them: over the
        parameters of models, or over maps on the architecture's grids; without one the unknown is
        a map.  Lengths are in pixels of the image.
    simulation : dict, optional
        What is simulated where that is not what the domain or the unknowns say: see
        `rimlens.training.recipes.simulation.pieces_from_table`.
    """

    name: str
    seed: int = 1
    batch_size: int = 24
    stages: tuple = ((8, 1000),)
    fine_tuning: int = 0
    continued: tuple = ()
    reuse: int = 1
    updates_per_epoch: int = 50
    learning_rate: float = 1e-3
    warmup: int = 100
    gradient_norm: float = 1.0
    precision: str = "mixed_bfloat16"
    psf_size: int = 33
    calibration: int = 0
    population: int = 0
    held_back: int = 500
    theta_E_domain: tuple = (8.0, 46.0)
    architecture: Architecture = field(default_factory=Architecture)
    domain: SimulationDomain = field(default_factory=SimulationDomain)
    loss: LossWeights = field(default_factory=LossWeights)
    lens: dict | None = None
    source: dict | None = None
    simulation: dict | None = None

    def __post_init__(self):
        """Check that the numbers fit together."""
        for steps, updates in self.stages:
            if steps < 1 or updates < 1 or updates % self.updates_per_epoch:
                raise InputError(
                    "stages: pairs of steps and updates are wanted, the updates a multiple of "
                    f"updates_per_epoch {self.updates_per_epoch}, found [{steps}, {updates}]"
                )
        if self.fine_tuning < 0 or self.fine_tuning % self.updates_per_epoch:
            raise InputError(
                "fine_tuning: a multiple of updates_per_epoch is wanted, "
                f"{self.updates_per_epoch}, found {self.fine_tuning}"
            )
        for entry in self.continued:
            check_known(entry, _OF_A_ROUND, "continued")
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
        if self.simulation is not None:
            check_table(self.simulation, f"{self.name}, [simulation]")
            for name in ("lens", "source"):
                if name in self.simulation and getattr(self, name) is not None:
                    raise InputError(
                        f"{self.name}: [{name}] or [simulation.{name}] is wanted, found both: the "
                        "parameters of a model are drawn from the prior over them"
                    )
        if not 1 <= self.reuse <= 8:
            raise InputError(f"reuse: 1 to 8 orientations are wanted, found {self.reuse}")

    @property
    def rounds(self) -> Any:
        """The recipe without what continues it, and one recipe for every further round."""
        first = replace(self, continued=()) if self.continued else self
        return (first, *(replace(first, **entry) for entry in self.continued))

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
        # Recipes in files from before there were these entries have none.
        if not self.continued:
            del values["continued"]
        if not self.calibration:
            del values["calibration"]
        if not self.population:
            del values["population"]
        if self.simulation is None:
            del values["simulation"]
        if self.loss == LossWeights():
            del values["loss"]
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
        values = of_kind("solver", values, origin)
        check_entries(cls, values, origin)
        if "domain" in values:
            check_entries(SimulationDomain, values["domain"], f"{origin}, [domain]")
            ranges: dict[str, Any] = {
                k: tuple(v) if isinstance(v, list) else v for k, v in values["domain"].items()
            }
            values["domain"] = SimulationDomain(**ranges)
        if "architecture" in values:
            entries = values["architecture"]
            if isinstance(entries, dict) and "preset" in entries:
                entries = dict(entries)
                values["architecture"] = Architecture.preset(entries.pop("preset"), **entries)
            else:
                values["architecture"] = Architecture.from_dict(entries)
        if "loss" in values:
            values["loss"] = LossWeights.from_dict(values["loss"], f"{origin}, [loss]")
        if "stages" in values:
            values["stages"] = tuple(tuple(stage) for stage in values["stages"])
        if "continued" in values:
            rounds = values["continued"]
            if not isinstance(rounds, (list, tuple)) or not all(
                isinstance(entry, dict) for entry in rounds
            ):
                raise InputError(
                    f"{origin}: continued: a list of tables is wanted, as under [[continued]], "
                    f"found {rounds!r}"
                )
            values["continued"] = tuple(
                {
                    k: tuple(tuple(stage) for stage in v) if k == "stages" else v
                    for k, v in entry.items()
                }
                for entry in rounds
            )
        if "theta_E_domain" in values:
            values["theta_E_domain"] = tuple(values["theta_E_domain"])
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


def _prior(kind, table, grid):
    if table is None:
        return None
    return prior_from_table(kind, table, grid)
