"""What every lens and source model has, whatever its physics.

Values with units, batches, checks, representation, comparison, copies with changes, and the door
between Quantities outside and tensors inside.  The physics of a model does not belong here.
"""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import numpy as np
from astropy import units as u

from rimlens.arguments import finite_numbers, numbers, without_mask
from rimlens.errors import InputError
from rimlens.models.parameter import BRIGHTNESS
from rimlens.spelling import did_you_mean
from rimlens.typing import Tensor


class Model:
    """A model with named parameters, or a batch of such models.

    A concrete model declares `parameters`; its signature and the list of parameters in its
    documentation are made from them.  A model that needs settings besides (a grid, an order) has
    an ``__init__`` of its own, which sets `parameters` before it hands the values on, and says
    the settings in `configuration`.

    Attributes
    ----------
    parameters : dict of str to Parameter
        What may be given, in this order.
    """

    kind = "model"
    parameters = {}

    def __init_subclass__(cls, **kwargs):
        """Make the signature and the documentation from the declared parameters."""
        super().__init_subclass__(**kwargs)
        if "parameters" in cls.__dict__ and isinstance(cls.parameters, dict):
            settings = [
                setting
                for setting in inspect.signature(cls.__init__).parameters.values()
                if setting.kind is not inspect.Parameter.VAR_KEYWORD
            ]
            cls.__signature__ = inspect.Signature(
                settings[1:]  # not `self`
                + [
                    inspect.Parameter(
                        name,
                        inspect.Parameter.KEYWORD_ONLY,
                        default=inspect.Parameter.empty if p.default is None else p.default,
                    )
                    for name, p in cls.parameters.items()
                ]
            )
            cls.__doc__ = _documented(cls.__doc__, cls.parameters)

    def __new__(cls, *settings, **values):
        """Refuse values without names, of which Python's own message says little."""
        own = list(inspect.signature(cls.__init__).parameters.values())[1:]
        if not any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in own):
            wanted = [p.name for p in own if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
            if len(settings) > len(wanted):
                first = next(iter(getattr(cls, "parameters", None) or ["name"]))
                raise InputError(
                    f"{cls.__name__}: parameters are given by name, as {first}=..., found "
                    f"{settings[len(wanted)]!r} without one"
                )
        return super().__new__(cls)

    def __init__(self, **values: Any) -> None:
        for name in values:
            if name not in self.parameters:
                hint = did_you_mean(name, self.parameters, ";", ".")
                raise InputError(
                    f"{type(self).__name__}: there is no parameter {name!r}{hint} "
                    f"It has {', '.join(self.parameters)}"
                )
        self._brightness_unit = None
        self._values = {}
        self._batch = None
        for name, parameter in self.parameters.items():
            value = values.get(name, parameter.default)
            if value is None:
                raise InputError(f"{type(self).__name__}: the parameter {name!r} is missing")
            self._values[name] = self._checked(name, parameter, value)

    @property
    def configuration(self) -> Any:
        """Settings that are not parameters, as a dict of plain values and arrays."""
        return {}

    @property
    def values(self) -> Any:
        """The parameters in their own units: a dict of float64 arrays, ``(*batch, *shape)``."""
        return dict(self._values)

    @property
    def batch_shape(self) -> Any:
        """Empty for one model, ``(n,)`` for a batch of n."""
        return () if self._batch is None else (self._batch,)

    @property
    def brightness_unit(self) -> Any:
        """Unit in which surface brightnesses were given, or None."""
        return self._brightness_unit

    @property
    def arguments(self) -> Any:
        """What the class is to be called with to make this model again, as a dict."""
        return {**self.configuration, **{name: self._with_unit(name) for name in self.parameters}}

    def copy(self, **changes: Any) -> Model:
        """Return a copy with some parameters changed.

        Parameters
        ----------
        **changes
            New values by name.

        Returns
        -------
        Model
            Of the same class.
        """
        return type(self)(**{**self.arguments, **changes})

    def __getattr__(self, name):
        """Return a parameter: a Quantity if it has a unit, else a float or an array."""
        if not name.startswith("_") and name in self.parameters:
            return self._with_unit(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self):
        """Write the class, the settings and the parameters."""
        parts = [f"{k}={_short(v)}" for k, v in self.configuration.items()]
        parts += [f"{name}={_short(self._with_unit(name))}" for name in self.parameters]
        return f"{type(self).__name__}({', '.join(parts)})"

    def __eq__(self, other):
        """Compare class, settings, parameters and unit of brightness."""
        if type(other) is not type(self):
            return NotImplemented
        mine, its = self.configuration, other.configuration
        return (
            mine.keys() == its.keys()
            and all(_equal(mine[k], its[k]) for k in mine)
            and self._brightness_unit == other._brightness_unit
            and all(_equal(v, other._values[k]) for k, v in self._values.items())  # noqa: SLF001 - of one class
        )

    __hash__ = None  # type: ignore[assignment]

    def tensors(self, dtype: str = "float64") -> Any:
        """Return the parameters as a dict of arrays with a batch axis, ``(n, *shape)``.

        Parameters
        ----------
        dtype : str, optional
            Of the arrays.
        """
        n = self._batch or 1
        return {
            name: np.broadcast_to(
                self._values[name].reshape(-1, *parameter.shape), (n, *parameter.shape)
            ).astype(dtype)
            for name, parameter in self.parameters.items()
        }

    def namespace(self, values: dict[str, Tensor]) -> SimpleNamespace:
        """Return parameters as the attributes that a model's formulas read.

        Parameters
        ----------
        values : dict of tensor
            Shapes ``(batch, *shape)``.

        Returns
        -------
        types.SimpleNamespace
            Numbers are shaped ``(batch, 1, 1)``, so that they combine with coordinates.
        """
        from keras import ops

        shaped = {}
        for name, parameter in self.parameters.items():
            value = ops.convert_to_tensor(values[name])
            shaped[name] = value if parameter.shape else value[:, None, None]
        return SimpleNamespace(**shaped)

    def _prepared(self, x, y, values):
        from keras import ops

        p = self.namespace(values)
        # Every element of the batch needs coordinates of its own, to be differentiated by.
        n = next((ops.shape(v)[0] for v in values.values()), 1)
        x, y = ops.convert_to_tensor(x), ops.convert_to_tensor(y)
        if x.shape[0] == 1:
            x = ops.broadcast_to(x, (n, *x.shape[1:]))
            y = ops.broadcast_to(y, (n, *y.shape[1:]))
        return x, y, p

    def _evaluate(self, function, x, y, units):
        """Call a tensor function on coordinates as a user gives them.

        Parameters
        ----------
        function : callable
            ``function(x, y, values)`` returns a tensor or a tuple of tensors.
        x, y : Quantity or array_like
            Angles, or numbers in arcsec; they are broadcast against each other.
        units : sequence
            Unit of each result, or None where it is a pure number.

        Returns
        -------
        Quantity, ndarray or float
            Shape ``(*batch, *shape of x)``; a tuple of them if `units` has several.
        """
        from keras import ops

        from rimlens import backend  # noqa: F401 - chooses the array library

        quantity = isinstance(x, u.Quantity) or isinstance(y, u.Quantity)
        x, y = (finite_numbers(v, name, u.arcsec) for v, name in ((x, "x"), (y, "y")))
        try:
            x, y = np.broadcast_arrays(x, y)
        except ValueError:
            raise InputError(
                f"x, y: shapes that broadcast are wanted, found {x.shape} and {y.shape}"
            ) from None
        flat = (1, 1, x.size)
        results = function(x.reshape(flat), y.reshape(flat), self.tensors())
        results = results if isinstance(results, tuple) else (results,)
        shape = (*self.batch_shape, *x.shape)
        found = []
        for value, unit in zip(results, units):
            value = ops.convert_to_numpy(value).astype(float).reshape(shape)
            # A brightness has the unit that its parameter was given in, either way.
            if unit is not None and (quantity or unit is self._brightness_unit):
                value = value * unit
            found.append(float(value) if type(value) is np.ndarray and not value.ndim else value)
        return tuple(found) if len(found) > 1 else found[0]

    def _with_unit(self, name):
        parameter, value = self.parameters[name], self._values[name]
        unit = self._brightness_unit if parameter.unit == BRIGHTNESS else parameter.unit
        if unit:
            return u.Quantity(value, unit)
        return value if value.ndim else float(value)

    def _checked(self, name, parameter, value):
        where = f"{type(self).__name__}: {name}"
        if parameter.unit == BRIGHTNESS:
            value = self._brightness(where, value)
            value = numbers(value, where)
        else:
            value = numbers(value, where, parameter.unit)
        axes = value.ndim - len(parameter.shape)
        if axes not in (0, 1) or value.shape[axes:] != parameter.shape:
            wanted = f"{parameter.shape} or (n, *{parameter.shape})"
            raise InputError(f"{where}: shape {wanted} is wanted, found {value.shape}")
        if not np.all(np.isfinite(value)):
            raise InputError(f"{where}: finite numbers are wanted, found NaN or infinity")
        if not np.all(parameter.allows(value)):
            low, high = parameter.bounds
            bad = value[~parameter.allows(value)].flat[0]
            raise InputError(
                f"{where}: between {low:g} and {high:g} {parameter.unit} is wanted, found {bad:g}"
            )
        if axes:
            if self._batch not in (None, len(value)):
                raise InputError(
                    f"{where}: a batch of {self._batch} is wanted, as in the parameters before, "
                    f"found {len(value)}"
                )
            self._batch = len(value)
        return value

    def _brightness(self, where, value):
        value = without_mask(value, where)
        unit = value.unit if isinstance(value, u.Quantity) else None
        if not any(self.parameters[n].unit == BRIGHTNESS for n in self._values):
            self._brightness_unit = unit
            return value.value if unit is not None else value
        if (unit is None) != (self._brightness_unit is None):
            raise InputError(f"{where}: all brightnesses with a unit or none is wanted")
        if unit is None:
            return value
        try:
            return value.to_value(self._brightness_unit)
        except u.UnitConversionError:
            raise InputError(
                f"{where}: a unit like {self._brightness_unit} is wanted, found {unit}"
            ) from None


def _documented(doc, parameters):
    """Add the parameters to a docstring: after its settings, before the first other section."""
    doc = inspect.cleandoc(doc or "")
    heading = "Parameters\n----------\n"
    doc, _, settings = doc.partition(heading)
    settings, _, rest = settings.partition("\n\n")
    section = heading + (f"{settings}\n" if settings else "")
    for name, p in parameters.items():
        kind = "array or Quantity" if p.shape else "float, array or Quantity"
        optional = "" if p.default is None else ", optional"
        section += f"{name} : {kind}{optional}\n"
        default = "" if p.default is None else f"; default {p.default:g}"
        description = p.description[:1].upper() + p.description[1:]
        section += f"    {description}, {p}{default}.\n"
    if rest:
        return f"{doc}{section}\n{rest}"
    lines = doc.split("\n")
    for i in range(len(lines) - 1):
        if lines[i] and set(lines[i + 1]) == {"-"}:
            return "\n".join([*lines[:i], section, *lines[i:]])
    return f"{doc}\n\n{section}"


def _short(value):
    if isinstance(value, (np.ndarray, u.Quantity)) and np.size(value) > 4:
        unit = f" {value.unit}" if isinstance(value, u.Quantity) else ""
        return f"<array {np.shape(value)}{unit}>"
    if isinstance(value, u.Quantity):
        return f"{value:g}" if value.isscalar else f"{value}"
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _equal(a, b):
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(a, b)
    return a == b
