"""What every lens and every source shares: the interface for authors of models.

A model declares its parameters once; signature, documentation, units, bounds and checks come from
`Model`.  Formulas of lenses and of sources live in `rimlens.lens` and `rimlens.source`.
"""

import rimlens.backend  # noqa: F401 - chooses the array library, before keras is imported
from rimlens.models.coordinates import from_major_axis, to_center, to_major_axis
from rimlens.models.model import Model
from rimlens.models.parameter import BRIGHTNESS, Parameter
from rimlens.models.sums import Sum

__all__ = [
    "BRIGHTNESS",
    "Model",
    "Parameter",
    "Sum",
    "from_major_axis",
    "to_center",
    "to_major_axis",
]
