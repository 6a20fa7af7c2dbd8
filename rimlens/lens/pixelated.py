"""Lenses given by a map."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from keras import ops

from rimlens.errors import InputError
from rimlens.imaging import ConvergenceDeflection, Grid, bilinear
from rimlens.lens.lens import Lens
from rimlens.models.parameter import Parameter
from rimlens.source.pixelated import check_grid


class PixelatedConvergence(Lens):
    r"""A map of convergence.

    At the centers of pixels the deflection is the sum over all pixels

    .. math::
        \alpha(\theta) = \frac{1}{\pi} \sum_i \kappa_i \, \delta^2
            \frac{\theta - \theta_i}{|\theta - \theta_i|^2}

    with the pixel scale :math:`\delta` (Schneider, Ehlers & Falco 1992, eq. 5.9), over a field
    twice as wide as the map; in between it is a cubic spline.  The deflection of a smooth
    convergence is met to :math:`\delta^2 |\nabla\kappa| / 2 \pi`.  Farther out the mass stands
    at the center of the grid, :math:`\alpha = M / (\pi r)`: at the seam is a step, by the ratio of
    the distance between the centers of mass and grid and the width of the field.

    The convergence is the map itself, interpolated bilinearly and zero outside.  Half the
    divergence of the deflection is the same for a map that is smooth over a few pixels; of noise
    from pixel to pixel the deflection knows at the centers of pixels only, and between them it has
    a curl.  There is no potential.

    Parameters
    ----------
    grid : Grid
        Where the values of the map stand, with the pixel scale in arcsec; at least 4 pixels a
        side.
    convergence_map : array
        Convergence, dimensionless, shape ``grid.shape``.

    Raises
    ------
    InputError
        If `grid` is not a grid or has fewer pixels, or as for any lens.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import Grid
    >>> from rimlens.lens import PixelatedConvergence
    >>> lens = PixelatedConvergence(Grid((8, 8), 0.1), convergence_map=np.ones((8, 8)))
    >>> alpha_x, alpha_y = lens.deflection(100.0, 0.0)
    >>> round(100 * alpha_x * np.pi, 6)  # the mass within 0.8 arcsec squared
    0.64
    """

    def __init__(self, grid: Grid, **values: Any) -> None:
        self.grid = _checked(self, grid)
        self.parameters = {
            "convergence_map": Parameter("", "map of convergence", shape=grid.shape)
        }
        super().__init__(**values)
        self._margin = tuple((n + 1) // 2 for n in grid.shape)
        shape = tuple(n + 2 * m for n, m in zip(grid.shape, self._margin))
        wide = Grid(shape, grid.pixel_scale, grid.center)
        self._deflection = ConvergenceDeflection(wide)
        self._spline = _Spline(wide)

    @property
    def configuration(self) -> Any:
        """The grid."""
        return {"grid": self.grid}

    def alpha(self, x, y, p):
        """Return the deflection."""
        margin = [(m, m) for m in self._margin]
        wide = ops.pad(p.convergence_map, [(0, 0), *margin])
        field = [self._spline(a, x, y)(0, 0) for a in self._deflection(wide)]
        mass = ops.sum(p.convergence_map, axis=(1, 2))[:, None, None] * self.grid.pixel_scale**2
        x, y = (v - c for v, c in zip((x, y), self.grid.center))
        half_y, half_x = self._spline.half_widths
        beyond = (ops.abs(x) > half_x) | (ops.abs(y) > half_y)
        far = mass / (math.pi * ops.where(beyond, x * x + y * y, 1.0))
        return tuple(ops.where(beyond, far * c, f) for c, f in zip((x, y), field))

    def kappa(self, x, y, p):
        """Return the convergence."""
        return bilinear(p.convergence_map, self.grid, x, y)

    def on_grid(self, grid):
        """Return a function that gives the deflection at a grid's pixels, by one convolution.

        See `rimlens.imaging.ConvergenceDeflection`: the sum over pixels holds at any distance.
        """
        deflection = ConvergenceDeflection(self.grid, grid)
        return lambda values: deflection(values["convergence_map"])


class PixelatedPotential(Lens):
    r"""A map of the potential, interpolated by cubic splines.

    .. math::
        \psi = \sum_{ij} c_{ij} \, B(y / \delta - i) \, B(x / \delta - j), \qquad
        \alpha = \nabla \psi, \qquad \kappa = \tfrac12 \nabla^2 \psi

    with cubic B-splines and the pixel scale :math:`\delta` (Unser 1999, IEEE Signal Process.
    Mag. 16, 22, eqs. 1 and 8).  The coefficients reproduce the map at the centers of pixels; at
    the edges the spline is not-a-knot.  The convergence is continuous.  Beyond the outermost
    pixel centers the spline goes straight on: the deflection across an edge stays what it is at
    the edge, and there is no convergence from beyond.

    Parameters
    ----------
    grid : Grid
        Where the values of the map stand, with the pixel scale in arcsec; at least 4 pixels a
        side.
    potential_map : array or Quantity
        Potential, in arcsec\ :sup:`2`, shape ``grid.shape``.

    Raises
    ------
    InputError
        If `grid` is not a grid or has fewer pixels, or as for any lens.

    Examples
    --------
    >>> from rimlens.imaging import Grid
    >>> from rimlens.lens import PixelatedPotential
    >>> grid = Grid((8, 8), 0.1)
    >>> lens = PixelatedPotential(grid, potential_map=0.3 * grid.radius**2 / 2)
    >>> round(lens.convergence(0.12, 0.2), 6)
    0.3
    """

    def __init__(self, grid: Grid, **values: Any) -> None:
        self.grid = _checked(self, grid)
        self.parameters = {
            "potential_map": Parameter("arcsec2", "map of the potential", shape=grid.shape)
        }
        super().__init__(**values)
        self._spline = _Spline(grid)

    @property
    def configuration(self) -> Any:
        """The grid."""
        return {"grid": self.grid}

    def psi(self, x, y, p):
        """Return the potential."""
        return self._spline(p.potential_map, x, y)(0, 0)

    def alpha(self, x, y, p):
        """Return the deflection."""
        derivative = self._spline(p.potential_map, x, y)
        return derivative(0, 1), derivative(1, 0)

    def kappa(self, x, y, p):
        """Return the convergence."""
        derivative = self._spline(p.potential_map, x, y)
        return 0.5 * (derivative(0, 2) + derivative(2, 0))


def _checked(model, grid):
    shape = check_grid(model, grid).shape
    if min(shape) < 4:
        raise InputError(
            f"{type(model).__name__}: grid: at least 4 pixels a side are wanted, found {shape}"
        )
    return grid


class _Spline:
    """Cubic splines through maps on a grid, not-a-knot, and straight on outside."""

    def __init__(self, grid):
        self.grid = grid
        self.half_widths = tuple((n - 1) / 2 * grid.pixel_scale for n in grid.shape)
        self._prefilters = tuple(_prefilter(n) for n in grid.shape)

    def __call__(self, values, x, y):
        """Return a function of two orders that returns derivatives by y and by x.

        Parameters
        ----------
        values : tensor
            Maps, shape ``(batch, ny, nx)``.
        x, y : tensor
            Positions, shape ``(batch, my, mx)``.

        Returns
        -------
        callable
            Orders are 0, 1 or 2; it returns a tensor of shape ``(batch, my, mx)``.
        """
        ny, nx = self.grid.shape
        rows, columns = (
            ops.convert_to_tensor(m.astype(ops.dtype(values))) for m in self._prefilters
        )
        coefficients = ops.matmul(ops.matmul(rows, values), ops.transpose(columns))
        row, weights_y = self._weights(y - self.grid.center[1], ny)
        column, weights_x = self._weights(x - self.grid.center[0], nx)
        image = ops.arange(ops.shape(values)[0], dtype="int32")[:, None, None] * (ny + 2)
        first = (image + row) * (nx + 2) + column
        corners = (np.arange(4)[:, None] * (nx + 2) + np.arange(4)).astype("int32")
        near = ops.take(ops.reshape(coefficients, (-1,)), first[..., None, None] + corners)

        def derivative(order_y, order_x):
            along = ops.sum(near * weights_x(order_x)[..., None, :], axis=-1)
            return ops.sum(along * weights_y(order_y), axis=-1)

        return derivative

    def _weights(self, position, n):
        """Return the first of four coefficients on one axis, and their weights by order."""
        scale = self.grid.pixel_scale
        t = position / scale + (n - 1) / 2
        edge = ops.clip(t, 0.0, n - 1.0)
        cell = ops.clip(ops.floor(ops.stop_gradient(edge)), 0.0, n - 2.0)
        u = edge - cell

        def weights(order):
            if order == 0:
                return _basis(u, 0) + _basis(u, 1) * (t - edge)[..., None]
            if order == 1:
                return _basis(u, 1) / scale
            inside = ops.cast(ops.equal(t, edge), ops.dtype(t))
            return _basis(u, 2) * inside[..., None] / scale**2

        return ops.cast(cell, "int32"), weights


def _basis(u, order):
    """Return a derivative of the four cubic B-splines that are not zero in a cell.

    Parameters
    ----------
    u : tensor
        Position in the cell, 0 to 1.
    order : int
        Of the derivative: 0, 1 or 2.

    Returns
    -------
    tensor
        With a last axis of four.
    """
    v = 1.0 - u
    if order == 0:
        basis = (
            v * v * v / 6.0,
            2.0 / 3.0 - u * u * (1.0 - 0.5 * u),
            2.0 / 3.0 - v * v * (1.0 - 0.5 * v),
            u * u * u / 6.0,
        )
    elif order == 1:
        basis = -0.5 * v * v, u * (1.5 * u - 2.0), -v * (1.5 * v - 2.0), 0.5 * u * u
    else:
        basis = v, 3.0 * u - 2.0, 3.0 * v - 2.0, u
    return ops.stack(basis, axis=-1)


def _prefilter(n):
    """Return the matrix that takes n values to the n + 2 coefficients of their spline."""
    system = np.zeros((n + 2, n + 2))
    nodes = np.arange(1, n + 1)
    for shift, weight in ((-1, 1 / 6), (0, 2 / 3), (1, 1 / 6)):
        system[nodes, nodes + shift] = weight
    # Not-a-knot: the third derivative is continuous at the second node and the last but one.
    system[0, :5] = system[-1, -5:] = 1, -4, 6, -4, 1
    return np.linalg.inv(system)[:, 1:-1]
