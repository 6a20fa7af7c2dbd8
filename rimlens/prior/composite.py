"""The prior over a sum of models that is made of a prior over each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from rimlens.errors import InputError
from rimlens.lens.lens import CompositeLens
from rimlens.prior.prior import Prior
from rimlens.source.source import CompositeSource

_SUMS = {"lens": CompositeLens, "source": CompositeSource}


class CompositePrior(Prior):
    """Independent priors over the components of a sum of lenses, or of sources.

    The variables of the priors, which are vectors, stand one behind the other in one vector.

    Parameters
    ----------
    priors : sequence of Prior
        At least one, all over lenses or all over sources, with a vector as their one variable.

    Attributes
    ----------
    priors : tuple of Prior
        As given.

    Raises
    ------
    InputError
        If there is no prior, one has a variable that is not a vector, or they are over lenses and
        sources.

    Examples
    --------
    >>> from rimlens.lens import SIS, ExternalShear
    >>> from rimlens.prior import AnalyticPrior, CompositePrior, Shear, Uniform
    >>> prior = CompositePrior(
    ...     [
    ...         AnalyticPrior(SIS(), theta_E=Uniform(0.5, 2.0)),
    ...         AnalyticPrior(ExternalShear(), gamma_ext=Shear(0.05)),
    ...     ]
    ... )
    >>> prior.variables
    {'vector': (3,)}
    """

    def __init__(self, priors: Sequence[Prior]) -> None:
        self.priors = tuple(priors) if isinstance(priors, (list, tuple)) else (priors,)
        where = f"{type(self).__name__}: priors"
        if not self.priors:
            raise InputError(f"{where}: at least one is wanted, found none")
        for prior in self.priors:
            if not isinstance(prior, Prior):
                raise InputError(f"{where}: priors are wanted, found {prior!r}")
            if set(prior.variables) != {"vector"}:
                raise InputError(
                    f"{where}: priors with a vector are wanted, found {type(prior).__name__} "
                    f"with {prior.variables}"
                )
        models = [prior.model for prior in self.priors]
        kind = getattr(models[0], "kind", None)
        if kind not in _SUMS or any(getattr(m, "kind", None) != kind for m in models):
            found = [type(model).__name__ for model in models]
            raise InputError(
                f"{where}: all over lenses or all over sources are wanted, found {found}"
            )
        total: Any = _SUMS[kind](models)
        super().__init__(total)
        # The sum has the parameters of its components in their order, each under a longer name.
        names = iter(self.model.parameters)
        self._names = [{name: next(names) for name in model.parameters} for model in models]
        sizes = [prior.variables["vector"][0] for prior in self.priors]
        ends = np.cumsum(sizes)
        self._columns = [slice(int(end) - size, int(end)) for end, size in zip(ends, sizes)]
        self.variables = {"vector": (int(ends[-1]),)}
        self.projects = any(prior.projects for prior in self.priors)
        if any(prior.density is None for prior in self.priors):
            self.density = None  # type: ignore[assignment]

    @property
    def configuration(self) -> Any:
        """The priors."""
        return {"priors": list(self.priors)}

    def initial(self, n: int) -> dict[str, np.ndarray]:
        """Return the variables where a recurrence starts, as each prior says.

        Parameters
        ----------
        n : int
            Size of the batch.

        Returns
        -------
        dict of ndarray
            float32, shape ``(n, k)``.
        """
        parts = [prior.initial(n)["vector"] for prior in self.priors]
        return {"vector": np.concatenate(parts, axis=1)}

    @property
    def network_variables(self) -> Any:
        """The Keras variables of all priors."""
        return [variable for prior in self.priors for variable in prior.network_variables]

    def draws(self, n, rng):
        """Return the parameters of `n` draws, of each prior by itself."""
        return self._named(prior.sample(n, rng) for prior in self.priors)

    def transform(self, u):
        """Return the parameters of the vector."""
        return self._named(
            prior.constrain({"vector": u["vector"][:, columns]})
            for prior, columns in zip(self.priors, self._columns)
        )

    def inverse(self, values):
        """Return the vector of the parameters."""
        parts = [
            prior.unconstrain(share)["vector"]
            for prior, share in zip(self.priors, self._shares(values))
        ]
        return {"vector": ops.concatenate(parts, axis=1)}

    def density(self, values):
        """Return the natural logarithm of the density of all: the sum of those of each."""
        return sum(
            prior.log_prob(share) for prior, share in zip(self.priors, self._shares(values))
        )

    def _named(self, found):
        """Return the parameters of every prior under their names in the sum."""
        return {
            names[name]: value
            for names, values in zip(self._names, found)
            for name, value in values.items()
        }

    def _shares(self, values):
        """Return the parameters of the sum under their names in every prior."""
        return [
            {name: values[long_name] for name, long_name in names.items()} for names in self._names
        ]
