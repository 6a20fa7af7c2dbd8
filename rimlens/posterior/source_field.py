r"""The source as a Gaussian random field behind an envelope, on a frame that follows the lens.

In the coordinates :math:`\xi = w(M (\beta - c))` of its frame, which :math:`w` stretches in the
middle, the surface brightness is

.. math::
    s(\xi) = e(\xi) \sum_k z_k \sqrt{P_k} \, \varphi_k(\xi), \qquad z_k \sim N(0, 1), \qquad
    P_k \propto f^2 (1 + l^2 k^2)^{-p}

with the cosines :math:`\varphi_k` of a square, an envelope :math:`e` that follows the light, and
an amplitude and a correlation length :math:`f, l` that the evidence chooses (Suyu et al. 2006,
MNRAS 371, 983); the slope :math:`p` is `SLOPE`.

No image shows where its source lies, nor how large it is: a constant deflection and a sheet of
mass are not seen (Falco, Gorenstein & Shapiro 1985, ApJ 289, L1).  A source that is tied to its
place would tie the lens to its first guess.  So the frame follows the affine part of every change
of the lens, and what the image does not constrain costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import interpolate, ndimage

# Pixels a side on which an envelope is known; between them it is a cubic spline.
PIXELS = 48
# Distance from the middle of a frame, in halves of its side, beyond which its coordinates widen.
CORE = 0.3
# What an envelope has at least, of its largest value.
FLOOR = 0.02
# Standard deviation, in pixels of the frame, of the Gaussian that makes an envelope.
SMOOTHING = 1.5
# Light fainter than this part of the peak does not count for the size of a frame.
FAINT = 0.02
# A source is not fainter, in units of the image's peak.
NOTHING = 1e-6
# Light brighter than this part of the peak counts for the shape of a frame, with so much added to
# its standard deviations, in pixels of the image.
BRIGHT = 0.1
SMALLEST = 0.22
# Beyond this radius, in halves of a side, a field fades to nothing.
FADES, ENDS = 0.9, 1.0
# Amplitudes and lengths beyond these are not tried.
AMPLITUDES = (0.02, 50.0)
LENGTHS = (0.1, 6.0)
SLOPE = 1.5


@dataclass(frozen=True, eq=False)
class SourceFrame:
    r"""A square in the source plane, whose coordinates are finest in the middle.

    A source is brightest and sharpest in its middle and smooth outside.  So a position at the
    distance :math:`r` from the middle, in units of half a side, has the distance

    .. math::
        w(r) = \operatorname{arsinh}(r / r_c) / \operatorname{arsinh}(1 / r_c)

    in the coordinates of the frame, with :math:`r_c` = `CORE`.

    Parameters
    ----------
    center : ndarray
        Source position of its middle, ``(x, y)``.
    half : float
        Half of its side, in pixels of the image if the matrix is one.
    matrix : ndarray
        The affine map from source positions to the frame, shape ``(2, 2)``.
    """

    center: np.ndarray
    half: float
    matrix: np.ndarray

    def coordinates(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the coordinates of source positions, from -1 to 1 within it: two arrays."""
        return _warped(self._scaled(x, y))

    def coordinate_slopes(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the derivatives of the coordinates by the position, shape ``(n, 2, 2)``."""
        return _warp_jacobian(self._scaled(x, y)) @ self.matrix / self.half

    def positions(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the source positions of the pixels of an envelope, two square arrays."""
        warped = np.stack(np.meshgrid(_AXIS, _AXIS))
        w = np.maximum(np.hypot(*warped), 1e-12)
        scaled = warped * CORE * np.sinh(w * _WARP) / w
        x, y = np.tensordot(self.half * np.linalg.inv(self.matrix), scaled, axes=1)
        return x + self.center[0], y + self.center[1]

    def distance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the distances of source positions from the middle, in halves of a side."""
        return np.hypot(*self._scaled(x, y))

    @property
    def extent(self) -> np.ndarray:
        """How far light reaches from the middle along x and along y."""
        return self.half * np.linalg.norm(np.linalg.inv(self.matrix), axis=1)

    def followed(self, affine: np.ndarray) -> SourceFrame:
        """Return the frame after the source plane went through an affine map.

        Parameters
        ----------
        affine : ndarray
            Constant, and coefficients of x and y, of the new x and y: shape ``(3, 2)``.
        """
        constant, linear = affine[0], affine[1:].T
        return replace(
            self,
            center=linear @ self.center + constant,
            matrix=self.matrix @ np.linalg.inv(linear),
        )

    def _scaled(self, x, y):
        """Return positions relative to the middle in halves of a side, two components."""
        offsets = np.stack([x - self.center[0], y - self.center[1]])
        return np.tensordot(self.matrix / self.half, offsets, axes=1)


_AXIS = (2 * np.arange(PIXELS) + 1) / PIXELS - 1
_WARP = np.arcsinh(1 / CORE)


def _warped(scaled):
    r = np.maximum(np.hypot(*scaled), 1e-12)
    return scaled * np.arcsinh(r / CORE) / (_WARP * r)


def _warp_jacobian(scaled):
    """Return the derivatives of warped positions, shape ``(n, 2, 2)``."""
    r = np.maximum(np.hypot(*scaled), 1e-12)
    ratio = np.arcsinh(r / CORE) / (_WARP * r)
    along = 1 / (_WARP * np.hypot(r, CORE)) - ratio
    unit = (scaled / r).T
    outer = unit[:, :, None] * unit[:, None, :]
    return ratio[:, None, None] * np.eye(2) + along[:, None, None] * outer


@dataclass(frozen=True)
class Spectrum:
    """The power spectrum of a field.

    Parameters
    ----------
    amplitude : float
        Standard deviation of the brightness in units of the envelope.
    length : float
        Correlation length in tenths of the frame's half side.
    slope : float
        Power with which it falls beyond.
    """

    amplitude: float
    length: float
    slope: float

    @property
    def is_plausible(self) -> bool:
        """Whether it is within the ranges of amplitudes and lengths that are tried."""
        low, high = AMPLITUDES
        shortest, longest = LENGTHS
        return low <= self.amplitude <= high and shortest <= self.length <= longest

    def near(self) -> list[Spectrum]:
        """Return itself and its neighbors, among which the evidence chooses."""
        neighbors = [
            replace(self, amplitude=1.4 * self.amplitude),
            replace(self, amplitude=self.amplitude / 1.4),
            replace(self, length=1.3 * self.length),
            replace(self, length=self.length / 1.3),
        ]
        return [self, *(n for n in neighbors if n.is_plausible)]


SPECTRA = [
    Spectrum(amplitude, length, SLOPE)
    for amplitude in (0.12, 0.25, 0.5, 1.0, 2.0, 4.0)
    for length in (0.5, 1.0, 2.0, 4.0, 6.0)
]


@dataclass(frozen=True, eq=False)
class SourceField:
    """A random field behind an envelope.

    Parameters
    ----------
    frame : SourceFrame
        Where it lies.
    envelope : ndarray
        Shape ``(PIXELS, PIXELS)``, in the unit of the image.
    count : int
        How many cosines make it up, those of the longest waves.
    """

    frame: SourceFrame
    envelope: np.ndarray
    count: int

    @classmethod
    def around(cls, brightness, grid, count, faint=FAINT) -> SourceField:
        """Return the field whose envelope follows a source.

        Parameters
        ----------
        brightness : callable
            Of source positions ``x, y``.
        grid : Grid
            Where the light is looked for, in pixels of the image.
        count : int
            How many cosines.
        faint : float, optional
            Light fainter than this part of the peak does not count for the size of the frame.

        Returns
        -------
        SourceField
        """
        light = np.maximum(ndimage.gaussian_filter(brightness(grid.x, grid.y), 1.0), 0.0)
        if not light.max() > NOTHING:
            # Nothing is known of the source, or it left the grid: it may be anywhere.
            light, brightness = np.ones(grid.shape), _everywhere
        center, matrix = _center_and_shape(light, grid)
        frame = SourceFrame(center, 1.0, matrix)
        reach = np.max(frame.distance(grid.x, grid.y)[light > faint * light.max()])
        largest = 0.53 * max(grid.shape) * grid.pixel_scale
        frame = replace(frame, half=min(1.1 * reach + 1.0, largest))
        x, y = frame.positions()
        source = np.abs(brightness(x, y))
        outline = ndimage.gaussian_filter(source, SMOOTHING, mode="nearest")
        fading = np.clip((ENDS - frame.distance(x, y)) / (ENDS - FADES), 0.0, 1.0)
        return cls(frame, (outline + FLOOR * light.max()) * fading, count)

    def followed(self, affine: np.ndarray) -> SourceField:
        """Return the field on a frame that followed: see `SourceFrame.followed`."""
        return replace(self, frame=self.frame.followed(affine))

    @cached_property
    def modes(self) -> tuple[np.ndarray, np.ndarray]:
        """How many half waves the cosines have along y and along x, two of shape ``(count,)``."""
        k = np.arange(PIXELS)
        squares = (k[:, None] ** 2 + k**2).ravel()
        order = np.argsort(squares, kind="stable")[: self.count]
        return order // PIXELS, order % PIXELS

    def deviations(self, spectrum: Spectrum) -> np.ndarray:
        """Return the standard deviations of the cosines' coefficients, shape ``(count,)``."""
        wave_number = 0.5 * np.pi * np.hypot(*self.modes)
        power = (1 + (0.1 * spectrum.length * wave_number) ** 2) ** -spectrum.slope
        return spectrum.amplitude * np.sqrt(power / power.sum())

    def brightness(self, coefficients: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the brightness at source positions; zero beyond the frame.

        Parameters
        ----------
        coefficients : ndarray
            Of the cosines, shape ``(count,)``.
        x, y : ndarray
            Source positions.
        """
        found = np.zeros(np.shape(x))
        inside = self.frame.distance(x, y) < ENDS
        found[inside] = FieldValues(self, x[inside], y[inside]).of(coefficients)
        return found


class FieldValues:
    """The cosines of a field behind its envelope at source positions, and their slopes.

    Parameters
    ----------
    field : SourceField
        The field.
    x, y : ndarray
        Source positions, shape ``(n,)``.
    """

    def __init__(self, field, x, y):
        self._frame, self._position = field.frame, (x, y)
        self._rows, self._columns = field.modes
        self._coordinates = field.frame.coordinates(x, y)
        self._inside = field.frame.distance(x, y) < ENDS
        self._spline = interpolate.RectBivariateSpline(_AXIS, _AXIS, field.envelope)
        k = np.arange(1 + max(self._rows.max(), self._columns.max()))[:, None]
        self._wave_numbers = 0.5 * np.pi * k
        self._norm = np.where(k == 0, 1.0, np.sqrt(2.0))
        self._x, self._y = (self._norm * np.cos(phase) for phase in self._phases())

    def all(self) -> np.ndarray:
        """Return every cosine at every position, float32, shape ``(count, n)``."""
        along_y = (self._y * self._envelope()).astype("float32")
        found = along_y[self._rows]
        found *= self._x.astype("float32")[self._columns]
        return found

    def of(self, coefficients: np.ndarray) -> np.ndarray:
        """Return the brightness of coefficients, shape ``(n,)``."""
        matrix = self._matrix(coefficients)
        return self._envelope() * _sum_of_products(self._y, matrix @ self._x)

    def slopes(self, coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the slopes of that brightness along x and y, two of shape ``(n,)``."""
        matrix = self._matrix(coefficients)
        (slope_x, slope_y), envelope = self._cosine_slopes(), self._envelope()
        along_x = matrix @ self._x
        cosines = _sum_of_products(self._y, along_x)
        of_column = envelope * _sum_of_products(self._y, matrix @ slope_x)
        of_row = envelope * _sum_of_products(slope_y, along_x)
        return self._by_position(cosines, of_column, of_row)

    def summed_slopes(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the sums over all cosines of weights times slopes.

        Parameters
        ----------
        weights : ndarray
            Shape ``(count, n)``.

        Returns
        -------
        slope_x, slope_y : ndarray
            Shape ``(n,)``.
        """
        (slope_x, slope_y), envelope = self._cosine_slopes(), self._envelope()
        at_x, at_y = (v.astype("float32") for v in (self._x, self._y))
        slope_x, slope_y = (v.astype("float32") for v in (slope_x, slope_y))
        # Those of one row of cosines share a factor.
        shape = (len(at_y), weights.shape[1])
        value, of_column = np.zeros(shape, "float32"), np.zeros(shape, "float32")
        for k in range(len(at_y)):
            chosen = self._rows == k
            columns, share = self._columns[chosen], weights[chosen]
            value[k] = _sum_of_products(at_x[columns], share)
            of_column[k] = _sum_of_products(slope_x[columns], share)
        return self._by_position(
            _sum_of_products(at_y, value),
            envelope * _sum_of_products(at_y, of_column),
            envelope * _sum_of_products(slope_y, value),
        )

    def _matrix(self, coefficients):
        """Return coefficients by rows and columns of the cosines."""
        matrix = np.zeros((len(self._y), len(self._x)))
        matrix[self._rows, self._columns] = coefficients
        return matrix

    def _phases(self):
        return self._wave_numbers * (self._coordinates + 1.0)[:, None]

    def _cosine_slopes(self):
        """Return the slopes of the cosines along x and along y, by the coordinates."""
        return (-self._norm * self._wave_numbers * np.sin(phase) for phase in self._phases())

    def _envelope(self, dx=0, dy=0):
        column, row = self._coordinates
        return np.where(self._inside, self._spline.ev(row, column, dx=dy, dy=dx), 0.0)

    def _by_position(self, cosines, of_column, of_row):
        """Return slopes by the position, of the sums of cosines and of their slopes."""
        change = self._frame.coordinate_slopes(*self._position)
        of_column = of_column + self._envelope(dx=1) * cosines
        of_row = of_row + self._envelope(dy=1) * cosines
        return tuple(of_column * change[:, 0, i] + of_row * change[:, 1, i] for i in (0, 1))


def _sum_of_products(a, b):
    """Return the sum over the first axis."""
    return np.einsum("kp,kp->p", a, b)


def _center_and_shape(light, grid):
    """Return where light is brightest, and the matrix of determinant one that makes it round."""
    center = np.array([np.average(v, weights=light**2) for v in (grid.x, grid.y)])
    offsets = np.stack([grid.x - center[0], grid.y - center[1]])
    weight = np.where(light > BRIGHT * light.max(), light, 0.0)
    moments = np.einsum("iyx,jyx,yx->ij", offsets, offsets, weight) / weight.sum()
    values, vectors = np.linalg.eigh(moments + SMALLEST**2 * np.eye(2))
    scales = np.prod(values) ** 0.25 / np.sqrt(values)
    return center, (vectors * scales) @ vectors.T


def _everywhere(x, y):
    return np.ones(np.broadcast_shapes(x.shape, y.shape))


def rows_and_columns(grid, x, y):
    """Return the rows and columns of a grid at positions."""
    ny, nx = grid.shape
    center_x, center_y = grid.center
    return [
        (y - center_y) / grid.pixel_scale + (ny - 1) / 2,
        (x - center_x) / grid.pixel_scale + (nx - 1) / 2,
    ]
