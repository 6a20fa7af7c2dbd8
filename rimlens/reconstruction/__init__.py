"""What a solver returns, and what is derived from it.

The `Reconstruction`, its Einstein radius and its shear on the sky.  Figures are drawn in
`rimlens.plotting`; files are read and written in `rimlens.io`.
"""

from rimlens.reconstruction.einstein import convergence_center, einstein_radius

__all__ = ["convergence_center", "einstein_radius"]
