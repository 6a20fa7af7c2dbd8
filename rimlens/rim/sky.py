"""Models in the pixels of a solver's image, and on the sky."""

import numpy as np

from rimlens.imaging import Grid
from rimlens.model import Model

# Of a Gauss rule on each side of a pixel, which a cusp inside it leaves smooth.
_POINTS = 8


def mean_convergence(lens, grid):
    r"""Return the convergence of a lens averaged over pixels.

    By Gauss's theorem it is the flux of the deflection through the sides of a pixel,

    .. math::
        \frac{1}{\delta^2} \int \kappa \, d^2\theta
            = \frac{1}{2 \delta^2} \oint \alpha \cdot n \, dl

    so that nothing need be integrated over a cusp.

    Parameters
    ----------
    lens : rimlens.lens.Lens
        One lens.
    grid : Grid
        The pixels, in arcsec.

    Returns
    -------
    ndarray
        Shape ``grid.shape``.

    Examples
    --------
    >>> from rimlens.imaging import Grid
    >>> from rimlens.lens import SIS
    >>> from rimlens.rim.sky import mean_convergence
    >>> float(mean_convergence(SIS(theta_E=1.0), Grid((2, 2), 1.0))[0, 0].round(4))
    0.8814
    """
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    half = 0.5 * grid.pixel_scale
    sides = [np.append(axis - half, axis[-1] + half) for axis in (grid.x_axis, grid.y_axis)]
    x, y = ((axis[:, None] + half * nodes).ravel() for axis in (grid.x_axis, grid.y_axis))
    ny, nx = grid.shape
    alpha_x, _ = lens.deflection(sides[0], y[:, None])
    _, alpha_y = lens.deflection(x, sides[1][:, None])
    right = np.einsum("ipj,p->ij", alpha_x.reshape(ny, _POINTS, nx + 1), half * weights)
    up = np.einsum("ijp,p->ij", alpha_y.reshape(ny + 1, nx, _POINTS), half * weights)
    return (np.diff(right, axis=1) + np.diff(up, axis=0)) / (2.0 * grid.pixel_scale**2)


def on_the_sky(model, pixel_scale):
    """Return a model whose grids, in pixels of the image, are in arcsec.

    Parameters
    ----------
    model : Model
        A lens or a source; its parameters are left as they are.
    pixel_scale : float
        Of the image, in arcsec.

    Returns
    -------
    Model
        The same if it has no grid.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import Grid
    >>> from rimlens.rim.sky import on_the_sky
    >>> from rimlens.source import PixelatedSource
    >>> source = PixelatedSource(Grid((2, 2), 0.5), brightness_map=np.ones((2, 2)))
    >>> on_the_sky(source, 0.04).grid.pixel_scale
    0.02
    """
    changed = {}
    for name, value in model.configuration.items():
        if isinstance(value, Grid):
            center = tuple(pixel_scale * c for c in value.center)
            changed[name] = Grid(value.shape, pixel_scale * value.pixel_scale, center)
        elif isinstance(value, (list, tuple)) and all(isinstance(m, Model) for m in value):
            changed[name] = [on_the_sky(component, pixel_scale) for component in value]
    return model.copy(**changed) if changed else model
