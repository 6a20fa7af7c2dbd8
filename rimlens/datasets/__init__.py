"""Collections of maps for priors, and how they are built from simulations and surveys.

Networks and priors do not belong here: a prior reads what this subpackage writes.
"""

from rimlens.datasets.building import build_collection
from rimlens.datasets.collection import MapCollection

__all__ = ["MapCollection", "build_collection"]
