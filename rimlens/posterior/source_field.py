r"""The source as a Gaussian random field behind an envelope, on a frame that follows the lens.

In the coordinates :math:`\xi = M (\beta - c)` of its frame the surface brightness is

.. math::
    s(\xi) = e(\xi) \sum_k z_k \sqrt{P_k} \, \varphi_k(\xi), \qquad z_k \sim N(0, 1), \qquad
    P_k \propto f^2 (1 + l^2 k^2)^{-p}

with the cosines :math:`\varphi_k` of a square, an envelope :math:`e` that follows the light, and
an amplitude, a correlation length and a slope :math:`f, l, p` that the evidence chooses (Suyu et
al. 2006, MNRAS 371, 983).

No image shows where its source lies, nor how large it is: a constant deflection and a sheet of
mass are not seen (Falco, Gorenstein & Shapiro 1985, ApJ 289, L1).  A source that is tied to its
place would tie the lens to its first guess.  So the frame follows the affine part of every change
of the lens, and what the image does not constrain costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse
from scipy import ndimage

# Pixels a side on which the envelope and the cosines are known.
PIXELS = 48
# What an envelope has at least, of its largest value.
FLOOR = 0.03
# Amplitudes and lengths beyond these describe no source.
AMPLITUDES = (0.02, 50.0)
LENGTHS = (0.1, 20.0)
# Light fainter than this part of the peak does not count for the size of a frame.
FAINT = 0.08


@dataclass(frozen=True, eq=False)
class SourceFrame:
    """A square in the source plane.

    Parameters
    ----------
    center : ndarray
        Source position of its middle, ``(x, y)``.
    half : float
        Half of its side, in the coordinates of the frame.
    matrix : ndarray
        From source positions to the coordinates of the frame, shape ``(2, 2)``.
    """

    center: np.ndarray
    half: float
    matrix: np.ndarray

    @property
    def pixel_scale(self) -> float:
        """Side of a pixel in the coordinates of the frame."""
        return 2 * self.half / PIXELS

    def pixels(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the columns and rows of source positions."""
        offsets = np.stack([x - self.center[0], y - self.center[1]])
        xi, eta = np.tensordot(self.matrix, offsets, axes=1)
        return (xi + self.half) / self.pixel_scale - 0.5, (
            eta + self.half
        ) / self.pixel_scale - 0.5

    def positions(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the source positions of its pixels, two of shape ``(PIXELS, PIXELS)``."""
        axis = (np.arange(PIXELS) + 0.5) * self.pixel_scale - self.half
        eta, xi = np.meshgrid(axis, axis, indexing="ij")
        x, y = np.tensordot(np.linalg.inv(self.matrix), np.stack([xi, eta]), axes=1)
        return x + self.center[0], y + self.center[1]

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

    def sampling(self, x: np.ndarray, y: np.ndarray) -> tuple:
        """Return the operators that sample a map of the frame bilinearly, and its slopes.

        Parameters
        ----------
        x, y : ndarray
            Source positions.

        Returns
        -------
        value, slope_x, slope_y : scipy.sparse.csr_array
            Shape ``(positions, PIXELS**2)``; the slopes are by the source position.
        """
        column, row = (v.ravel() for v in self.pixels(x, y))
        left, low = np.floor(column).astype(int), np.floor(row).astype(int)
        right, up = column - left, row - low
        rows, columns, parts = [], [], []
        for dy in (0, 1):
            for dx in (0, 1):
                i, j = low + dy, left + dx
                at = np.flatnonzero((i >= 0) & (i < PIXELS) & (j >= 0) & (j < PIXELS))
                of_x, of_y = (right if dx else 1 - right)[at], (up if dy else 1 - up)[at]
                rows.append(at)
                columns.append((i * PIXELS + j)[at])
                parts.append([of_x * of_y, (2 * dx - 1) * of_y, (2 * dy - 1) * of_x])
        where = np.concatenate(rows), np.concatenate(columns)
        shape = (column.size, PIXELS**2)
        value, along_xi, along_eta = (
            scipy.sparse.csr_array((np.concatenate(p).astype("float32"), where), shape=shape)
            for p in zip(*parts)
        )
        m = self.matrix / self.pixel_scale
        slope_x, slope_y = (m[0, i] * along_xi + m[1, i] * along_eta for i in (0, 1))
        return value, slope_x, slope_y


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
    Spectrum(amplitude, length, slope)
    for amplitude in (0.25, 0.5, 1.0, 2.0, 4.0)
    for length in (0.5, 1.0, 2.0, 4.0)
    for slope in (1.5, 2.5)
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
    def around(cls, source: np.ndarray, grid, smoothing: float, count) -> SourceField:
        """Return the field whose envelope follows a map of the source.

        Parameters
        ----------
        source : ndarray
            On `grid`.
        grid : Grid
            Of the map, in pixels of the image.
        smoothing : float
            Standard deviation of the Gaussian that makes the envelope, in pixels of the map.
        count : callable
            The number of cosines for half a side of the frame.
        """
        smooth = ndimage.gaussian_filter(source, smoothing)
        if not smooth.max() > 0:
            # Nothing is known of its light: it may be anywhere.
            source = smooth = np.ones(grid.shape)
        bright = smooth > FAINT * smooth.max()
        (left, right), (low, high) = ((v[bright].min(), v[bright].max()) for v in (grid.x, grid.y))
        largest = 0.53 * max(grid.shape) * grid.pixel_scale
        half = min(0.6 * max(right - left, high - low) + 2.5, largest)
        center = np.array([left + right, low + high]) / 2
        frame = SourceFrame(center, half, np.eye(2))
        outline = ndimage.gaussian_filter(np.abs(source), smoothing)
        envelope = ndimage.map_coordinates(
            outline, rows_and_columns(grid, *frame.positions()), order=1, mode="nearest"
        )
        return cls(frame, envelope + FLOOR * envelope.max(), count(half))

    def followed(self, affine: np.ndarray) -> SourceField:
        """Return the field on a frame that followed: see `SourceFrame.followed`."""
        moved = replace(self, frame=self.frame.followed(affine))
        # The cosines are those of before.
        moved.__dict__["basis"] = self.basis
        return moved

    @cached_property
    def _modes(self):
        """Rows and columns of the cosines, and their wave numbers times half a side."""
        k = np.arange(PIXELS)
        squares = (k[:, None] ** 2 + k**2).ravel()
        order = np.argsort(squares, kind="stable")[: self.count]
        return order // PIXELS, order % PIXELS, 0.5 * np.pi * np.sqrt(squares[order])

    @cached_property
    def basis(self) -> np.ndarray:
        """The envelope times the cosines, shape ``(PIXELS**2, count)``, float32."""
        rows, columns, _ = self._modes
        k = np.arange(PIXELS)
        cosines = np.cos(np.pi * np.outer(k, k + 0.5) / PIXELS)
        cosines *= np.where(k == 0, 1.0, np.sqrt(2.0))[:, None]
        maps = cosines[rows][:, :, None] * cosines[columns][:, None, :] * self.envelope
        return np.ascontiguousarray(maps.reshape(len(rows), -1).T.astype("float32"))

    def deviations(self, spectrum: Spectrum) -> np.ndarray:
        """Return the standard deviations of the cosines' coefficients, shape ``(count,)``."""
        *_, wave_number = self._modes
        power = (1 + (0.1 * spectrum.length * wave_number) ** 2) ** -spectrum.slope
        return spectrum.amplitude * np.sqrt(power / power.sum())

    def on_grid(self, source: np.ndarray, grid) -> np.ndarray:
        """Return maps of the frame on a grid; zero beyond the frame.

        Parameters
        ----------
        source : ndarray
            Shape ``(PIXELS**2,)``.
        grid : Grid
            In pixels of the image.
        """
        columns, rows = self.frame.pixels(grid.x, grid.y)
        values = source.reshape(PIXELS, PIXELS)
        return ndimage.map_coordinates(values, [rows, columns], order=1, mode="constant")


def rows_and_columns(grid, x, y):
    """Return the rows and columns of a grid at positions."""
    ny, nx = grid.shape
    center_x, center_y = grid.center
    return [
        (y - center_y) / grid.pixel_scale + (ny - 1) / 2,
        (x - center_x) / grid.pixel_scale + (nx - 1) / 2,
    ]
