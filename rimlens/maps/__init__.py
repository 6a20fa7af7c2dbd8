"""What is measured on a map of the convergence, with NumPy alone."""

from rimlens.maps.einstein import convergence_center, einstein_radius

__all__ = ["convergence_center", "einstein_radius"]
