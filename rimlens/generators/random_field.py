r"""Gaussian random fields of a power-law spectrum, in the convergence or in its logarithm.

.. math::

    P(k) \propto k^s, \qquad \langle f^2 \rangle = 1, \qquad
    \kappa \to \kappa \, e^{a f - a^2 / 2} \quad \mathrm{or} \quad \kappa \to \kappa + a f

with the amplitude :math:`a`.  The exponential is positive and keeps the mean (Coles & Jones 1991,
MNRAS 248, 1, eq. 8); the sum is not allowed below a hundredth of the smooth convergence.
"""

import numpy as np
from keras import ops
from scipy import fft

_FLOOR = 0.01


def gaussian_fields(n, shape, slope, rng):
    """Return Gaussian random fields of unit variance.

    They are cut from fields of twice the size: opposite edges are not alike.

    Parameters
    ----------
    n : int
        How many.
    shape : tuple of int
        ``(ny, nx)``.
    slope : float
        Power of the spectrum.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray
        Shape ``(n, ny, nx)``, float32.

    Examples
    --------
    >>> import numpy as np
    >>> gaussian_fields(2, (8, 6), -3.0, np.random.default_rng(1)).shape
    (2, 8, 6)
    """
    ny, nx = shape
    wide = (2 * ny, 2 * nx)
    k = np.hypot(fft.fftfreq(wide[0])[:, None], fft.rfftfreq(wide[1]))
    k[0, 0] = 1.0
    amplitude = k ** (slope / 2)
    amplitude[0, 0] = 0.0  # no mean
    # Columns of the half spectrum stand for two, but the first and the last.
    count = np.full(amplitude.shape[1], 2.0)
    count[[0, -1]] = 1.0
    amplitude /= np.sqrt(np.sum(amplitude**2 * count) / (wide[0] * wide[1]))
    white = rng.standard_normal((n, *wide), dtype="float32")
    return fft.irfft2(fft.rfft2(white) * amplitude.astype("float32"), wide)[:, :ny, :nx]


def draw_fields(n, domain, grid, rng):
    """Draw the fields of some lenses.

    Parameters
    ----------
    n : int
        How many.
    domain : SimulationDomain
        Their amplitude, slope and kind.
    grid : Grid
        Of the maps.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    dict of ndarray
        ``field_amplitude``, shape ``(n,)``, and the field times it under the name of its kind.
    """
    field = gaussian_fields(n, grid.shape, domain.field_slope, rng)
    amplitude = domain.field_amplitude
    return {
        f"{domain.field_kind}_field": amplitude * field,
        "field_amplitude": np.full(n, amplitude),
    }


def with_field(kappa, parameters):
    """Return convergence maps with the field that the parameters hold, if any.

    Parameters
    ----------
    kappa : tensor
        Positive, shape ``(n, ny, nx)``.
    parameters : dict of tensor
        From `draw_fields`, or without a field.

    Returns
    -------
    tensor
        Positive, same shape.
    """
    if "log_normal_field" in parameters:
        variance = ops.square(parameters["field_amplitude"])[:, None, None]
        return kappa * ops.exp(parameters["log_normal_field"] - 0.5 * variance)
    if "additive_field" in parameters:
        return ops.maximum(kappa + parameters["additive_field"], _FLOOR * kappa)
    return kappa
