"""The abstract prior: a distribution over the parameters of one lens or source."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from rimlens.errors import InputError
from rimlens.models.model import Model
from rimlens.models.parameter import BRIGHTNESS
from rimlens.typing import Tensor

if TYPE_CHECKING:
    from rimlens.lens.lens import Lens
    from rimlens.source.source import Source


class Prior:
    r"""A distribution over the parameters of a lens or a source.

    A network moves unconstrained variables :math:`u`; a prior maps them to parameters and back.
    Where nothing else is said, :math:`u` is standard normal under the prior.

    An author gives two formulas as functions of tensors: ``transform(u)``, the parameters of
    variables, which must be differentiable, and ``inverse(values)``, the variables of parameters.
    Both take and return dicts by name.  ``density(values)``, the natural logarithm of the density
    in the parameters, shape ``(n,)``, may be given too, and so may ``draws(n, rng)``, if draws are
    not to be made from standard normal variables.  Arguments of all of these are checked before.

    Parameters
    ----------
    model : Lens or Source
        A single model: its class, its settings, and the values of parameters that the prior leaves
        alone.

    Attributes
    ----------
    model : Lens or Source
        As given.
    variables : dict of str to tuple
        Shape of each unconstrained variable, without the axis of the batch: ``{"vector": (k,)}``
        of k numbers, ``{"map": (ny, nx)}`` of a map.
    projects : bool
        Whether variables reach only some of all parameters: then `unconstrain` gives those whose
        parameters are near to what was asked for, in place of an inverse.

    Raises
    ------
    InputError
        If `model` is not a single model.

    Examples
    --------
    >>> from rimlens.lens import SIS
    >>> from rimlens.prior import Prior
    >>> class Narrow(Prior):
    ...     variables = {"vector": (3,)}
    ...
    ...     def transform(self, u):
    ...         columns = [u["vector"][:, i] for i in range(3)]
    ...         return {n: 1.0 + 0.1 * c for n, c in zip(self.model.parameters, columns)}
    ...
    ...     def inverse(self, values):
    ...         from keras import ops
    ...
    ...         return {"vector": 10.0 * (ops.stack(list(values.values()), axis=1) - 1.0)}
    >>> Narrow(SIS()).draw(5, rng=1).batch_shape
    (5,)
    """

    kind = "prior"
    variables = {}
    projects = False
    transform: Any = None
    inverse: Any = None
    density: Any = None

    def __init_subclass__(cls, **kwargs):
        """Check that there is a transformation and its inverse."""
        super().__init_subclass__(**kwargs)
        if cls.transform is None or cls.inverse is None:
            raise TypeError(
                f"{cls.__name__}: a prior must define transform(u) and inverse(values)"
            )

    def __init__(self, model: Lens | Source) -> None:
        if not isinstance(model, Model):
            hint = f"; {model.__name__}() is one" if isinstance(model, type) else ""
            raise InputError(
                f"{type(self).__name__}: model: a lens or a source is wanted{hint}, "
                f"found {model!r}"
            )
        if model.batch_shape:
            raise InputError(
                f"{type(self).__name__}: model: a single model is wanted, found a batch of "
                f"{model.batch_shape[0]}"
            )
        self.model = model

    @property
    def configuration(self) -> Any:
        """What the class is to be called with to make this prior again, as a dict."""
        return {"model": self.model}

    def __repr__(self):
        """Write the class and its arguments."""
        parts = [f"{name}={value!r}" for name, value in self.configuration.items()]
        return f"{type(self).__name__}({', '.join(parts)})"

    def __eq__(self, other):
        """Compare class and arguments."""
        if type(other) is not type(self):
            return NotImplemented
        mine, its = self.configuration, other.configuration
        return mine.keys() == its.keys() and all(_same(mine[k], its[k]) for k in mine)

    __hash__ = None  # type: ignore[assignment]

    @property
    def network_variables(self) -> Any:
        """The Keras variables that `constrain` reads: those of a decoder, and usually none."""
        return []

    def sample(
        self, n: int, rng: int | np.random.Generator | None = None
    ) -> dict[str, np.ndarray]:
        """Draw parameters.

        Parameters
        ----------
        n : int
            How many draws, at least one.
        rng : int or numpy.random.Generator, optional
            Seed or generator; without it, draws differ from call to call.

        Returns
        -------
        dict of ndarray
            Every parameter of the model in its own unit, float64, shape ``(n, *shape)``.

        Raises
        ------
        InputError
            If `n` is not a positive integer, or `rng` is no seed.
        """
        try:
            count = operator.index(n)
        except TypeError:
            count = 0
        if count < 1:
            raise InputError(f"n: an integer of at least 1 is wanted, found {n!r}")
        try:
            rng = np.random.default_rng(rng)
        except (TypeError, ValueError):
            raise InputError(
                f"rng: a seed or a numpy.random.Generator is wanted, found {rng!r}"
            ) from None
        return self.draws(count, rng)

    def draws(self, n, rng):
        """Return the parameters of `n` draws, from standard normal variables."""
        u = {
            name: ops.convert_to_tensor(rng.standard_normal((n, *shape)))
            for name, shape in self.variables.items()
        }
        return {
            name: ops.convert_to_numpy(value).astype("float64")
            for name, value in self.transform(u).items()
        }

    def draw(self, n: int, rng: int | np.random.Generator | None = None) -> Lens | Source:
        """Draw models.

        Parameters
        ----------
        n, rng
            As for `sample`.

        Returns
        -------
        Lens or Source
            The batch of `n`, of the model's class.
        """
        return self._models(self.sample(n, rng))

    def initial(self, n: int) -> dict[str, np.ndarray]:
        """Return the variables where a recurrence starts.

        Parameters
        ----------
        n : int
            Size of the batch.

        Returns
        -------
        dict of ndarray
            float32, shape ``(n, *shape)``; zeros, unless a prior knows better.
        """
        return {name: np.zeros((n, *shape), "float32") for name, shape in self.variables.items()}

    def constrain(self, u: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the parameters of unconstrained variables.

        Parameters
        ----------
        u : dict of tensor
            Every variable, shape ``(n, *shape)``.

        Returns
        -------
        dict of tensor
            Every parameter of the model in its own unit, shape ``(n, *shape)``, of the same type
            of number, with derivatives.

        Raises
        ------
        InputError
            If a variable is missing or unknown, or has another shape.
        """
        return self.transform(self._checked("variables", u, self.variables))

    def unconstrain(self, values: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the unconstrained variables of parameters, the inverse of `constrain`.

        Values at or beyond the bounds of a prior are moved inside by a rounding error.  A prior
        that `projects` gives the variables of parameters nearby.

        Parameters
        ----------
        values : dict of tensor
            Every parameter of the model in its own unit, shape ``(n, *shape)``.

        Returns
        -------
        dict of tensor
            Every variable, shape ``(n, *shape)``.

        Raises
        ------
        InputError
            If a parameter is missing or unknown, or has another shape.
        """
        return self.inverse(self._checked_values(values))

    def log_prob(self, values: dict[str, Tensor]) -> Tensor:
        """Return the natural logarithm of the density in the parameters.

        Parameters
        ----------
        values : dict of tensor
            Every parameter of the model in its own unit, shape ``(n, *shape)``.

        Returns
        -------
        tensor
            Shape ``(n,)``.

        Raises
        ------
        InputError
            If the prior does not know its density, or as for `unconstrain`.
        """
        if self.density is None:
            raise InputError(
                f"{type(self).__name__}: a prior with a density is wanted, this one gives draws "
                "only"
            )
        return self.density(self._checked_values(values))

    def _models(self, values):
        """Return the batch of models of values, with the unit of brightness of the model."""
        unit = self.model.brightness_unit
        return self.model.copy(
            **{
                name: value * unit
                if unit is not None and self.model.parameters[name].unit == BRIGHTNESS
                else value
                for name, value in values.items()
            }
        )

    def _checked_values(self, values):
        shapes = {name: parameter.shape for name, parameter in self.model.parameters.items()}
        return self._checked("parameters", values, shapes)

    def _checked(self, what, given, shapes):
        """Return tensors of one type of number, in the order of `shapes`."""
        check_names(f"{type(self).__name__}: {what}", given, shapes)
        try:
            tensors = {name: ops.convert_to_tensor(given[name]) for name in shapes}
        except (TypeError, ValueError) as error:
            raise InputError(f"{type(self).__name__}: {what}: {error}") from error
        n = None
        for name, tensor in tensors.items():
            found = tuple(tensor.shape)
            fits = len(found) == 1 + len(shapes[name]) and found[1:] == tuple(shapes[name])
            # A batch of unknown size, in a graph, is not compared.
            if not fits or (n is not None and found[0] not in (None, n)):
                axes = ", ".join(map(str, ["n" if n is None else n, *shapes[name]]))
                raise InputError(
                    f"{type(self).__name__}: {name}: shape ({axes}) is wanted, found {found}"
                )
            n = found[0] if n is None else n
        dtypes = {ops.dtype(tensor) for tensor in tensors.values()}
        if len(dtypes) > 1 or not all("float" in dtype for dtype in dtypes):
            # From a file or a simulator: the most exact, and no integers.
            dtype = "float64" if "float64" in dtypes else keras.config.floatx()
            tensors = {name: ops.cast(tensor, dtype) for name, tensor in tensors.items()}
        return tensors


def check_names(where, given, wanted):
    """Raise InputError unless `given` is a dict with the keys of `wanted`."""
    if not isinstance(given, dict) or set(given) != set(wanted):
        found = list(given) if isinstance(given, dict) else type(given).__name__
        raise InputError(f"{where}: a dict of {list(wanted)} is wanted, found {found}")


def _same(a, b):
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(a, b)
    return a == b
