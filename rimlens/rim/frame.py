"""Bringing an observation to a solver's grid.

Whole pixels are binned, which keeps their noise independent, and the rest is cropped or padded
with masked pixels.  Nothing is resampled.
"""

from dataclasses import dataclass

import numpy as np

from rimlens.errors import InputError
from rimlens.observation import Observation

# Light that a crop to the solver's grid may cut off, as a fraction of the pixels that count.
CROP_TOLERANCE = 0.02


@dataclass(frozen=True)
class Frame:
    """An observation on a solver's grid.

    Parameters
    ----------
    observation : Observation
        Binned and cropped; its pixels are the solver's.
    offset : tuple of int
        ``(row, column)`` of the observation's first pixel on the solver's grid.
    size : int
        Pixels a side of the solver's grid.
    binning : int
        How many pixels a side of the original were averaged.
    """

    observation: Observation
    offset: tuple
    size: int
    binning: int

    @property
    def center(self):
        """The center of the solver's grid in pixels ``(x, y)`` of the framed observation."""
        middle = (self.size - 1) / 2
        return middle - self.offset[1], middle - self.offset[0]

    def padded(self, values, fill):
        """Return values on the solver's grid.

        Parameters
        ----------
        values : ndarray
            Shape of the framed observation.
        fill : float
            What stands where there is no data.

        Returns
        -------
        ndarray
            Shape ``(size, size)``.
        """
        full = np.full((self.size, self.size), fill, dtype=float)
        full[self._window] = values
        return full

    def trimmed(self, values):
        """Undo `padded`."""
        return np.asarray(values)[self._window]

    @property
    def _window(self):
        return tuple(
            slice(start, start + n) for start, n in zip(self.offset, self.observation.shape)
        )


def frame_observation(observation, size):
    """Bring an observation to a grid of `size` pixels a side.

    The pixels are binned by the smallest whole factor with which the pixels that count fit; the
    lens is taken to be at the center of the image.

    Parameters
    ----------
    observation : Observation
        Any shape.
    size : int
        Pixels a side of the grid.

    Returns
    -------
    Frame

    Raises
    ------
    InputError
        If no pixel counts, or the image cannot be binned to the grid.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens import Observation
    >>> observation = Observation(
    ...     np.ones((40, 60)), uncertainty=np.ones((40, 60)), psf=np.ones((3, 3)) / 9,
    ...     wcs=None, pixel_scale=0.05,
    ... )  # fmt: skip
    >>> frame_observation(observation, 32).binning
    2
    """
    if observation.mask.all():
        raise InputError("observation: every pixel is masked; at least one must count")
    for binning in range(1, min(observation.shape) + 1):
        binned = observation.binned(binning) if binning > 1 else observation
        window = tuple(_central(n, size) for n in binned.shape)
        counts = ~binned.mask
        if counts.any() and counts[window].sum() >= (1 - CROP_TOLERANCE) * counts.sum():
            break
    else:
        raise InputError(
            f"observation: {observation.shape} pixels cannot be binned to {size} x {size} with "
            "pixels left that count; cut out the lens first"
        )
    if any(n > size for n in binned.shape):
        binned = binned.cutout(window)
    offset = tuple((size - n) // 2 for n in binned.shape)
    return Frame(binned, offset, size, binning)


def _central(n, size):
    start = max(0, (n - size) // 2)
    return slice(start, start + min(n, size))
