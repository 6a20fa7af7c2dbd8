"""What is measured on a map of the convergence, with NumPy alone."""

from rimlens.maps.critical_curves import inverse_magnification, tangential_eigenvalue
from rimlens.maps.einstein import convergence_center, einstein_radius

__all__ = [
    "convergence_center",
    "einstein_radius",
    "inverse_magnification",
    "tangential_eigenvalue",
]
