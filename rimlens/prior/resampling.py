"""A map seen turned, mirrored, shifted and at another scale: fields for priors to draw.

Maps hold the means of their pixels, before and after.
"""

import numpy as np
from scipy import ndimage


def resampled(values, grid, step, angle=0.0, flip=False, shift=(0.0, 0.0), beyond="zero"):
    r"""Return a map on a grid, by cubic splines.

    Where a pixel of the grid is `f > 1` pixels of the map wide, the map is smoothed before by a
    Gaussian of variance :math:`(f^2 - 1) / 12` in each direction, what the variance of a square of
    the grid's pixels exceeds that of the map's.

    Parameters
    ----------
    values : ndarray
        The map, shape ``(ny, nx)``, its centre at the origin.
    grid : Grid
        Where it is wanted.
    step : float
        How wide a pixel of the map is, in the unit of the grid.
    angle : float, optional
        By which the map is turned about its centre, from +x towards +y, in radians.
    flip : bool, optional
        Whether it is mirrored before, x for -x.
    shift : tuple of float, optional
        Where its centre comes to lie, ``(x, y)`` in the unit of the grid.
    beyond : str, optional
        Outside the map: ``"zero"``, or ``"isothermal"``, which goes on as one over the distance
        from the map's centre beyond the largest circle around it that lies inside the map.

    Returns
    -------
    ndarray
        Shape ``grid.shape``, in the precision of the map.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import Grid
    >>> values = np.arange(9.0).reshape(3, 3)
    >>> resampled(values, Grid((3, 3), 0.1), 0.1, angle=np.pi / 2)[0]
    array([6., 3., 0.])
    """
    ny, nx = values.shape
    coarse = grid.pixel_scale / step
    mode = "grid-constant" if beyond == "zero" else "nearest"
    if coarse > 1:
        sigma = np.sqrt((coarse**2 - 1) / 12)
        smoothing = "constant" if beyond == "zero" else "nearest"
        values = ndimage.gaussian_filter(values, sigma, mode=smoothing)
    x, y = (grid.x - shift[0]) / step, (grid.y - shift[1]) / step
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = cos * x + sin * y, cos * y - sin * x
    if flip:
        x = -x
    if beyond == "zero":
        return _splines(values, x, y, mode)
    inside = (min(nx, ny) - 1) / 2
    factor = np.minimum(inside / np.maximum(np.hypot(x, y), 1e-9), 1.0)
    return _splines(values, factor * x, factor * y, mode) * factor.astype(values.dtype)


def _splines(values, x, y, mode):
    """Return values at positions in pixels from the map's centre."""
    ny, nx = values.shape
    positions = [y + (ny - 1) / 2, x + (nx - 1) / 2]
    return ndimage.map_coordinates(values, positions, order=3, mode=mode)
