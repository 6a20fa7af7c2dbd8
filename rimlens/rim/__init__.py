"""The recurrent inference machine: recurrence, network, loss, training and `RIMSolver`.

The physics that it optimizes lives in `rimlens.imaging`, what it is trained on in
`rimlens.simulation`; it knows nothing of FITS.
"""

from rimlens.rim.architecture import Architecture
from rimlens.rim.recurrence import RecurrentInferenceMachine, parameter_count
from rimlens.rim.solver import RIMSolver

__all__ = ["Architecture", "RIMSolver", "RecurrentInferenceMachine", "parameter_count"]
