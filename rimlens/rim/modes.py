"""Large-scale modes of a convergence map.

A convolutional network changes a map locally; mass, slope, ellipticity and center change it
everywhere at once.  These few smooth modes of the logarithm of the convergence let the network do
that in one step, and read the likelihood's gradient along them.
"""

import numpy as np

CORE = 4.0
PIVOT = 20.0
# How far each is expected from a fair guess: mass, slope, curvature, core, and the two components
# of the center and of the multipoles.
SCATTER = (0.1, 0.2, 0.1, 0.3, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.03, 0.03, 0.03, 0.03)
# How far the network's last answer is from the truth, a robust deviation of 600 simulations that
# neither training nor scoring saw.
REMAINING = (0.1, 0.1, 0.04, 0.3, 0.1, 0.1, 0.04, 0.04, 0.01, 0.01, 0.006, 0.006, 0.01, 0.01)


def convergence_modes(grid):
    """Return the modes: mass, slope, curvature, core, center, and multipoles 2 to 4.

    Parameters
    ----------
    grid : Grid
        Of the convergence map, in image pixels.

    Returns
    -------
    ndarray
        Shape ``(modes, ny, nx)``, float32, of order one.

    Examples
    --------
    >>> from rimlens.imaging import Grid
    >>> convergence_modes(Grid((8, 8), 2.0)).shape
    (14, 8, 8)
    """
    x, y = grid.x, grid.y
    soft = np.hypot(grid.radius, CORE)
    logarithm = np.log(soft / PIVOT)
    unit = (x + 1j * y) / soft
    dipole = CORE * unit / soft
    modes = [np.ones(grid.shape), logarithm, logarithm**2, np.exp(-grid.radius / CORE)]
    for field in (dipole, unit**2, logarithm * unit**2, unit**3, unit**4):
        modes += [field.real, field.imag]
    return np.array(modes, dtype="float32")
