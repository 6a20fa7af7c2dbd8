"""A map seen turned, mirrored, shifted and at another scale: fields for priors to draw.

Maps hold the means of their pixels, before and after.
"""

import numpy as np
from scipy import ndimage


def resample(
    values,
    grid,
    step,
    angle=0.0,
    flip=False,
    shift=(0.0, 0.0),
    center=(0.0, 0.0),
    beyond="zero",
    stretch=(1.0, 0.0),
):
    r"""Return a map on a grid, by cubic splines.

    Where a pixel of the grid is `f > 1` pixels of the map wide, the map is smoothed before by a
    Gaussian of variance :math:`(f^2 - 1) / 12` in each direction, what the variance of a square of
    the grid's pixels exceeds that of the map's.

    Parameters
    ----------
    values : ndarray
        The map, shape ``(ny, nx)``.
    grid : Grid
        Where it is wanted.
    step : float
        How wide a pixel of the map is, in the unit of the grid.
    angle : float, optional
        By which the map is turned about `center`, from +x towards +y, in radians.
    flip : bool, optional
        Whether it is mirrored before, x for -x.
    shift : tuple of float, optional
        Where `center` comes to lie, ``(x, y)`` in the unit of the grid.
    center : tuple of float, optional
        A place ``(x, y)`` in the map, in its pixels from its middle.
    beyond : str, optional
        Outside the map: ``"zero"``; or ``"isothermal"``, which goes on as one over the distance
        from the middle of the map beyond the largest circle around it that lies inside, and has no
        values below those of the pixels around, as splines have beside a sharp peak.
    stretch : tuple of float, optional
        Axis ratio and angle: the turned map is longer by one over the root of the ratio along
        that angle, and shorter by the root across.

    Returns
    -------
    ndarray
        Shape ``grid.shape``, in the precision of the map.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import Grid
    >>> values = np.arange(9.0).reshape(3, 3)
    >>> resample(values, Grid((3, 3), 0.1), 0.1, angle=np.pi / 2)[0]
    array([6., 3., 0.])
    """
    ny, nx = values.shape
    coarse = grid.pixel_scale / step
    if coarse > 1:
        sigma = np.sqrt((coarse**2 - 1) / 12)
        mode = "constant" if beyond == "zero" else "nearest"
        values = ndimage.gaussian_filter(values, sigma, mode=mode)
    x, y = (grid.x - shift[0]) / step, (grid.y - shift[1]) / step
    if stretch[0] != 1.0:
        root, cos, sin = np.sqrt(stretch[0]), np.cos(stretch[1]), np.sin(stretch[1])
        along, across = (cos * x + sin * y) * root, (cos * y - sin * x) / root
        x, y = cos * along - sin * across, sin * along + cos * across
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = cos * x + sin * y, cos * y - sin * x
    if flip:
        x = -x
    x, y = x + center[0] + (nx - 1) / 2, y + center[1] + (ny - 1) / 2
    if beyond == "zero":
        return ndimage.map_coordinates(values, [y, x], order=3, mode="grid-constant")
    x0, y0 = (nx - 1) / 2, (ny - 1) / 2
    factor = np.minimum(min(x0, y0) / np.maximum(np.hypot(x - x0, y - y0), 1e-9), 1.0)
    positions = [y0 + factor * (y - y0), x0 + factor * (x - x0)]
    found = ndimage.map_coordinates(values, positions, order=3, mode="nearest")
    lowest = ndimage.minimum_filter(values, 3, mode="nearest")
    lowest = ndimage.map_coordinates(lowest, positions, order=0, mode="nearest")
    return np.maximum(found, lowest) * factor.astype(values.dtype)
