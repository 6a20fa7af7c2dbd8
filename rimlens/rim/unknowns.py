r"""The unknowns of the default solver and their links to physics.

The network moves in a space without bounds: the decimal logarithm of the convergence, the two
components of the external shear in units of 0.1, and the source in units of the image's robust
peak.
"""

import math

import numpy as np
from keras import ops

SHEAR_UNIT = 0.1
LINKS = {"convergence": "log10", "shear": "linear", "source": "identity"}
# The first state is an isothermal sphere with this Einstein radius and core, in image pixels.
INITIAL_THETA_E = 20.0
INITIAL_CORE = 2.0


def constrain(log_kappa, scaled_shear):
    """Return convergence and shear for the network's variables.

    Parameters
    ----------
    log_kappa : tensor
        Decimal logarithm of the convergence, shape ``(batch, ny, nx)``.
    scaled_shear : tensor
        Shear components in units of 0.1, shape ``(batch, 2)``.

    Returns
    -------
    convergence, shear : tensor
        Same shapes.

    Examples
    --------
    >>> import numpy as np
    >>> kappa, shear = constrain(np.zeros((1, 1, 1), "float32"), np.ones((1, 2), "float32"))
    >>> float(kappa[0, 0, 0])
    1.0
    """
    return ops.exp(log_kappa * math.log(10.0)), scaled_shear * SHEAR_UNIT


def unconstrain(convergence, shear):
    """Return the network's variables for convergence and shear: the inverse of `constrain`."""
    return ops.log10(ops.maximum(convergence, 1e-6)), shear / SHEAR_UNIT


def initial_log_kappa(grid):
    """Return the convergence variable at which the recurrence starts, shape ``(ny, nx)``."""
    radius = np.hypot(grid.radius, INITIAL_CORE)
    return np.log10(0.5 * INITIAL_THETA_E / radius).astype("float32")
