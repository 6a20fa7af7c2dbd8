"""Sums of models: parameters of several under one roof."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from rimlens.errors import InputError

if TYPE_CHECKING:
    from rimlens.models.model import Model


class Sum:
    """What a sum of lenses and a sum of sources share; comes before the abstract class.

    Parameters
    ----------
    components : sequence of Model
        At least one; sums among them are taken apart.
    **values
        Parameters of the sum that differ from those of the components.

    Raises
    ------
    InputError
        If there is no component, one is of another kind, or batches disagree.
    """

    kind: str

    def __init__(self, components: Sequence[Model], **values: Any) -> None:
        flat = []
        for component in components:
            flat += component.components if isinstance(component, Sum) else [component]
        wrong = [c for c in flat if getattr(c, "kind", None) != self.kind]
        if wrong or not flat:
            found = type(wrong[0]).__name__ if wrong else "none"
            raise InputError(f"components: {self.kind} models are wanted, found {found}")
        self._names = []
        counts = {}
        own = {}
        self.parameters = {}
        for component in flat:
            label = type(component).__name__.lower()
            counts[label] = counts.get(label, 0) + 1
            if counts[label] > 1:
                label += str(counts[label])
            names = {name: f"{label}_{name}" for name in component.parameters}
            self._names.append(names)
            for name, long_name in names.items():
                self.parameters[long_name] = component.parameters[name]
                own[long_name] = getattr(component, name)
        super().__init__(**{**own, **values})
        # The components carry the values of the sum, wherever those came from.
        self.components = tuple(
            component.copy(**{short: getattr(self, long) for short, long in names.items()})
            for component, names in zip(flat, self._names)
        )

    @property
    def configuration(self) -> Any:
        """The components."""
        return {"components": self.components}

    @property
    def arguments(self) -> Any:
        """The components: they carry the values."""
        return self.configuration

    def __repr__(self):
        """Write the sum as it is typed."""
        return " + ".join(repr(component) for component in self.components)

    def parts(self, p):
        """Yield every component with its own share of the parameters `p`."""
        for component, names in zip(self.components, self._names):
            share = {short: getattr(p, long_name) for short, long_name in names.items()}
            yield component, SimpleNamespace(**share)

    def shares(self, values):
        """Return every component's own parameters of a dict of those of the sum."""
        return [
            {short: values[long_name] for short, long_name in names.items()}
            for names in self._names
        ]
