"""What is changed in lenses to see how robust a solver is; their truths stay.

Each takes lenses as `rimlens.simulation.Simulator.draw` gives them and returns others.
"""

import numpy as np


def with_stated_noise(lenses, factor):
    """Return lenses whose noise is stated too high by a factor, or too low by one below 1.

    Parameters
    ----------
    lenses : dict of ndarray
        Lenses.
    factor : float
        Stated over true standard deviation.

    Returns
    -------
    dict of ndarray

    Examples
    --------
    >>> import numpy as np
    >>> with_stated_noise({"sigma": np.ones((1, 1, 2))}, 1.5)["sigma"]
    array([[[1.5, 1.5]]])
    """
    return {**lenses, "sigma": (lenses["sigma"] * factor).astype(lenses["sigma"].dtype)}


def with_wider_psf(lenses, factor):
    """Return lenses whose point-spread function is stated too wide by a factor.

    Parameters
    ----------
    lenses : dict of ndarray
        Lenses.
    factor : float
        Stated over true width.

    Returns
    -------
    dict of ndarray

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(-16, 17)
    >>> narrow = np.exp(-0.5 * (x / 2.0) ** 2)
    >>> psf = (narrow[:, None] * narrow / narrow.sum() ** 2)[None]
    >>> wide = with_wider_psf({"psf": psf}, 1.1)["psf"][0]
    >>> round(float(np.sqrt(np.sum(wide.sum(axis=0) * x**2))), 2)
    2.2
    """
    from scipy.ndimage import affine_transform

    psf = lenses["psf"]
    middle = (psf.shape[-1] - 1) / 2
    offset = middle * (1 - 1 / factor)
    # Linear pieces would widen a core of two pixels by themselves; cubic ones ring around it.
    wide = np.stack(
        [
            affine_transform(stamp.astype(float), [1 / factor] * 2, [offset] * 2, order=3)
            for stamp in psf
        ]
    ).clip(0, None)
    # A stamp with an edge that is not zero ends there, as the narrow one did.
    wide /= wide.sum(axis=(1, 2), keepdims=True)
    return {**lenses, "psf": wide.astype(psf.dtype)}


def with_core_masked(lenses, radii, masked, largest):
    """Return lenses whose core is masked, or whose mask there is lifted.

    Parameters
    ----------
    lenses : dict of ndarray
        Lenses.
    radii : ndarray
        Their Einstein radii in pixels, shape ``(n,)``: 0.6 of them is the most that a core is.
    masked : bool
        Whether the core is masked.
    largest : float
        The largest radius of a core in pixels.

    Returns
    -------
    dict of ndarray

    Examples
    --------
    >>> import numpy as np
    >>> lenses = {"weight": np.ones((1, 9, 9), "float32")}
    >>> found = with_core_masked(lenses, np.array([5.0]), masked=True, largest=2.0)
    >>> int((found["weight"] == 0).sum())
    13
    """
    weight = lenses["weight"]
    y, x = (np.arange(n) - (n - 1) / 2 for n in weight.shape[1:])
    distance = np.hypot(y[:, None], x)
    core = distance <= np.minimum(largest, 0.6 * np.asarray(radii))[:, None, None]
    return {**lenses, "weight": np.where(core, float(not masked), weight).astype(weight.dtype)}
