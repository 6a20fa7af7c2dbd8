"""Priors made of one distribution for each parameter, or for each pair of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops

from rimlens.errors import InputError
from rimlens.models.parameter import BRIGHTNESS
from rimlens.prior.distribution import Distribution
from rimlens.prior.distributions import Linked
from rimlens.prior.pairs import Pair
from rimlens.prior.prior import Prior
from rimlens.spelling import did_you_mean

if TYPE_CHECKING:
    from rimlens.lens.lens import Lens
    from rimlens.source.source import Source

# How much of a distribution may lie outside the bounds of its parameter.
_OUTSIDE = 1e-6


@dataclass(frozen=True)
class _Term:
    """Some columns of the vector, and the parameters that they make."""

    names: tuple
    distribution: Distribution
    columns: slice


class AnalyticPrior(Prior):
    r"""Independent distributions of the parameters of a model.

    Every parameter :math:`p` has a standard normal variable :math:`u`, and
    :math:`p = F^{-1}(\Phi(u))` with its distribution function :math:`F`; together they are the one
    variable ``"vector"``.  Parameters that no distribution is given for stay at the model's own
    values.  `log_prob` is the density in what varies; fixed and linked parameters are taken as
    they should be.

    Parameters
    ----------
    model : Lens or Source
        A single model, or a sum.
    **distributions : Distribution
        By the names of the model's parameters.  `Ellipticity` stands under the name of the axis
        ratio and covers the position angle too, `Shear` under that of the strength: in a sum,
        ``sie_q=Ellipticity(0.2)`` covers ``sie_phi``.  Bare numbers are in the parameter's unit.

    Attributes
    ----------
    labels : tuple of str
        What each number in the vector stands for, in the order of the model's parameters.

    Raises
    ------
    InputError
        If a name is unknown, a number has another unit, a distribution reaches beyond the bounds
        of its parameter (a normal or log-normal one with more than a millionth of its
        probability; the rest is moved to the bound), or links go round in a circle.

    Examples
    --------
    >>> from rimlens.lens import SIE
    >>> from rimlens.prior import AnalyticPrior, Ellipticity, Uniform
    >>> prior = AnalyticPrior(SIE(), theta_E=Uniform(0.5, 2.0), q=Ellipticity(0.2))
    >>> prior.labels
    ('theta_E', 'e_1', 'e_2')
    >>> prior.draw(3, rng=1).theta_E.shape
    (3,)
    """

    def __init__(self, model: Lens | Source, **distributions: Any) -> None:
        super().__init__(model)
        for name, distribution in distributions.items():
            self._check_name(name)
            self._check_kind(name, distribution, distributions)
        # In the model's order, whatever the order of the call.
        self._distributions = {
            name: self._in_unit(name, distributions[name])
            for name in model.parameters
            if name in distributions
        }
        self._terms, self._links, self.labels = [], {}, ()
        for name, distribution in self._distributions.items():
            if isinstance(distribution, Linked):
                self._links[name] = distribution
            elif distribution.size:
                self._add(name, distribution)
        self._links = self._ordered_links()
        self._varied = {
            name: (term.distribution, part)
            for term in self._terms
            for part, name in enumerate(term.names)
        }
        for name in [*self._distributions, *self._varied]:
            self._check_bounds(name)
        self.variables = {"vector": (len(self.labels),)}

    @property
    def configuration(self) -> Any:
        """The model, and the distributions in the order of its parameters."""
        return {"model": self.model, **self._distributions}

    def initial(self, n: int) -> dict[str, np.ndarray]:
        """Return the variables where a recurrence starts: the medians.

        An ellipticity or a shear starts at a tenth of its scatter along phi = 0, where single
        precision resolves the gradient in both of its components.

        Parameters
        ----------
        n : int
            Size of the batch.

        Returns
        -------
        dict of ndarray
            float32, shape ``(n, k)``.
        """
        start = super().initial(n)
        for term in self._terms:
            if isinstance(term.distribution, Pair):
                start["vector"][:, term.columns.start] = 0.1
        return start

    def transform(self, u):
        """Return the parameters of the vector."""
        vector = u["vector"]
        n, dtype = ops.shape(vector)[0], ops.dtype(vector)
        values = {}
        for term in self._terms:
            columns = vector[:, term.columns]
            if isinstance(term.distribution, Pair):
                found = term.distribution.value(columns[:, 0], columns[:, 1])
            else:
                shape = self.model.parameters[term.names[0]].shape
                found = [ops.reshape(term.distribution.value(columns), (-1, *shape))]
            for name, value, support in zip(term.names, found, term.distribution.support):
                values[name] = self._inside(name, value, support)
        for name, parameter in self.model.parameters.items():
            if name not in values and name not in self._links:
                constant = ops.convert_to_tensor(self._constant(name), dtype=dtype)
                values[name] = ops.broadcast_to(constant[None], (n, *parameter.shape))
        for name, link in self._links.items():
            value = link.scale * values[link.to] + link.offset
            values[name] = self._inside(name, value, (-np.inf, np.inf))
        return {name: values[name] for name in self.model.parameters}

    def inverse(self, values):
        """Return the vector of the parameters."""
        first = next(iter(values.values()))
        columns = [ops.reshape(first, (ops.shape(first)[0], -1))[:, :0]]
        for term in self._terms:
            found = term.distribution.variable(*(values[name] for name in term.names))
            for column in found if isinstance(term.distribution, Pair) else (found,):
                size = (term.columns.stop - term.columns.start) // len(term.names)
                columns.append(ops.reshape(column, (-1, size)))
        return {"vector": ops.concatenate(columns, axis=1)}

    def density(self, values):
        """Return the natural logarithm of the density in the parameters that vary."""
        first = next(iter(values.values()))
        total = ops.sum(ops.reshape(first, (ops.shape(first)[0], -1))[:, :0], axis=1)
        for term in self._terms:
            density = term.distribution.log_density(*(values[name] for name in term.names))
            total = total + ops.sum(density, axis=tuple(range(1, len(density.shape))))
        return total

    def _add(self, name, distribution):
        """Give the next columns of the vector to a distribution."""
        parameter, start = self.model.parameters[name], len(self.labels)
        names = (name,)
        if isinstance(distribution, Pair):
            prefix = name.removesuffix(distribution.names[0])
            names = (name, prefix + distribution.names[1])
            self.labels += tuple(prefix + label for label in distribution.components)
        elif parameter.shape:
            self.labels += tuple(
                f"{name}[{', '.join(map(str, index))}]" for index in np.ndindex(parameter.shape)
            )
        else:
            self.labels += (name,)
        self._terms.append(_Term(names, distribution, slice(start, len(self.labels))))

    def _constant(self, name):
        """Return the value of a parameter that does not vary, in its shape."""
        distribution = self._distributions.get(name)
        if distribution is None:
            return self.model.values[name]
        return np.full(self.model.parameters[name].shape, distribution.value)

    def _inside(self, name, value, support):
        """Return values inside the bounds and the support: by rounding, they may be beyond."""
        low, high = self.model.parameters[name].bounds
        low, high = max(low, support[0]), min(high, support[1])
        kind = np.dtype(ops.dtype(value)).type
        inner_low, inner_high = kind(low), kind(high)
        # As floats: NumPy compares a single with a Python number in single precision.
        if float(inner_low) < low:
            inner_low = np.nextafter(inner_low, kind(np.inf))
        if float(inner_high) > high:
            inner_high = np.nextafter(inner_high, kind(-np.inf))
        if np.isfinite(low) or np.isfinite(high):
            value = ops.clip(value, inner_low, inner_high)
        return value

    def _ordered_links(self):
        """Return the links, each after the one that it is linked to."""
        ordered = {}
        for name in self._links:
            chain = []
            while name in self._links and name not in ordered:
                if name in chain:
                    circle = " to ".join([*chain, name])
                    raise InputError(
                        f"{self._where(name)}: a link to what varies or is fixed is wanted, found "
                        f"a circle: {circle}"
                    )
                chain.append(name)
                name = self._links[name].to
            ordered.update({name: self._links[name] for name in reversed(chain)})
        return ordered

    def _where(self, name):
        return f"{type(self).__name__}: {name}"

    def _check_name(self, name, where=None):
        if name not in self.model.parameters:
            known = list(self.model.parameters)
            hint = did_you_mean(name, known, ";", ".")
            raise InputError(
                f"{where or type(self).__name__}: {type(self.model).__name__} has no parameter "
                f"{name!r}{hint} It has {', '.join(known)}"
            )

    def _check_kind(self, name, distribution, others):
        """Check that a distribution is one, and can be that of this parameter."""
        where, parameters = self._where(name), self.model.parameters
        if not isinstance(distribution, Distribution):
            raise InputError(
                f"{where}: a distribution is wanted, such as Fixed({distribution!r})"
                f", found {distribution!r}"
            )
        if isinstance(distribution, Linked):
            self._check_name(distribution.to, where)
            own, its = parameters[name], parameters[distribution.to]
            if (own.unit, own.shape) != (its.unit, its.shape):
                raise InputError(
                    f"{where}: a link to a parameter of its own unit and shape is wanted, found "
                    f"{distribution.to!r}, {its}"
                )
        if isinstance(distribution, Pair):
            first, second = distribution.names
            if name != first and not name.endswith(f"_{first}"):
                raise InputError(
                    f"{where}: {type(distribution).__name__} is wanted under the name of a "
                    f"parameter {first!r}, found under {name!r}"
                )
            second = name.removesuffix(first) + second
            self._check_name(second, where)
            if second in others:
                raise InputError(
                    f"{where}: {distribution!r} covers {second!r} too, found {others[second]!r} "
                    "for it"
                )

    def _in_unit(self, name, distribution):
        unit = self.model.parameters[name].unit
        try:
            return distribution.in_unit(self.model.brightness_unit if unit == BRIGHTNESS else unit)
        except InputError as error:
            raise InputError(f"{self._where(name)}: {error}") from error

    def _check_bounds(self, name):
        parameter = self.model.parameters[name]
        low, high = parameter.bounds
        if self._outside(name, low, high) > _OUTSIDE:
            unit = f" {parameter.unit}" if parameter.unit else ""
            found = self._varied[name][0] if name in self._varied else self._distributions[name]
            raise InputError(
                f"{self._where(name)}: a distribution between {low:g} and {high:g}{unit} is "
                f"wanted, found {found!r}; a TruncatedNormal ends where it should"
            )

    def _outside(self, name, low, high):
        """Return how much of what a parameter may be lies outside an interval."""
        while name in self._links:
            low, high = self._links[name].interval(low, high)
            name = self._links[name].to
        if name in self._varied:
            distribution, part = self._varied[name]
            return distribution.outside(low, high, part)
        value = self._constant(name)
        return 0.0 if np.all((low <= value) & (value <= high)) else 1.0
