"""Priors over one model, of which each draw takes one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from rimlens.errors import InputError
from rimlens.prior.prior import Prior, _same


class MixturePrior(Prior):
    r"""Several priors over one model, with weights.

    A draw comes from prior :math:`i` with the probability :math:`w_i`; the density is
    :math:`\sum_i w_i \, p_i`, if all of them are known.  Variables, transformation and start are
    those of the first prior, whatever its weight: its variables must be able to describe what the
    others draw, as a map does.

    Parameters
    ----------
    priors : sequence of Prior
        At least one.
    weights : sequence of float, optional
        One for each prior; they are normalized.  Equal by default.

    Attributes
    ----------
    priors : tuple of Prior
        As given.
    weights : ndarray
        Probabilities.

    Raises
    ------
    InputError
        If there is no prior, if their models are not equal, or the weights are not as many,
        finite, not negative and somewhere positive.

    Examples
    --------
    >>> from rimlens.lens import SIS
    >>> from rimlens.prior import AnalyticPrior, MixturePrior, Uniform
    >>> small, large = (
    ...     AnalyticPrior(SIS(), theta_E=Uniform(low, low + 1)) for low in (0.5, 2.5)
    ... )
    >>> prior = MixturePrior([small, large], weights=[3, 1])
    >>> bool(prior.sample(1000, rng=1)["theta_E"].mean() < 2.0)
    True
    """

    def __init__(self, priors: Sequence[Prior], weights: Sequence[float] | None = None) -> None:
        self.priors = self._checked_priors(priors)
        super().__init__(self.priors[0].model)
        self.weights = self._checked_weights(weights)
        self.variables = self.priors[0].variables
        self.projects = self.priors[0].projects
        if any(prior.density is None for prior in self.priors):
            self.density = None  # type: ignore[assignment]

    @property
    def configuration(self) -> Any:
        """The priors and their weights."""
        return {"priors": list(self.priors), "weights": self.weights.tolist()}

    @property
    def network_variables(self) -> Any:
        """The Keras variables of all priors."""
        return [variable for prior in self.priors for variable in prior.network_variables]

    def draws(self, n, rng):
        """Return the parameters of `n` draws, each from one of the priors."""
        which = rng.choice(len(self.priors), size=n, p=self.weights)
        values = {}
        for i, prior in enumerate(self.priors):
            rows = np.flatnonzero(which == i)
            if rows.size:
                for name, drawn in prior.sample(rows.size, rng).items():
                    values.setdefault(name, np.empty((n, *drawn.shape[1:])))[rows] = drawn
        return values

    def transform(self, u):
        """Return the parameters of the variables, as the first prior does."""
        return self.priors[0].constrain(u)

    def inverse(self, values):
        """Return the variables of the parameters, as the first prior does."""
        return self.priors[0].unconstrain(values)

    def density(self, values):
        """Return the natural logarithm of the density."""
        parts = [
            prior.log_prob(values) + float(np.log(weight))
            for prior, weight in zip(self.priors, self.weights)
            if weight > 0
        ]
        return ops.logsumexp(ops.stack(parts), axis=0)

    def initial(self, n: int) -> Any:
        """Return the variables where a recurrence starts, as the first prior does."""
        return self.priors[0].initial(n)

    def _checked_priors(self, priors):
        priors = tuple(priors) if isinstance(priors, (list, tuple)) else (priors,)
        wrong = [prior for prior in priors if not isinstance(prior, Prior)]
        if wrong or not priors:
            raise InputError(
                f"{type(self).__name__}: priors: a list of priors is wanted, found "
                f"{wrong[0] if wrong else 'none'!r}"
            )
        for i, prior in enumerate(priors):
            if not _alike(prior.model, priors[0].model):
                raise InputError(
                    f"{type(self).__name__}: priors: all are to be over one model, found "
                    f"{priors[0].model!r} and, at place {i}, {prior.model!r}"
                )
        return priors

    def _checked_weights(self, weights):
        count = len(self.priors)
        try:
            found = np.ones(count) if weights is None else np.array(weights, dtype=float)
        except (TypeError, ValueError):
            found = np.array([])
        if found.shape != (count,) or not np.all(np.isfinite(found)) or np.any(found < 0):
            raise InputError(
                f"{type(self).__name__}: weights: {count} finite numbers that are not negative "
                f"are wanted, found {weights!r}"
            )
        if not found.sum() > 0:
            raise InputError(
                f"{type(self).__name__}: weights: at least one above zero is wanted, found "
                f"{weights!r}"
            )
        return found / found.sum()


def _alike(a, b):
    """Whether two models are of one class with one set of settings: values may differ."""
    if type(a) is not type(b) or a.brightness_unit != b.brightness_unit:
        return False
    mine, its = a.configuration, b.configuration
    return mine.keys() == its.keys() and all(_same(mine[k], its[k]) for k in mine)
