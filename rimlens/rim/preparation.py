"""What happens to an observation before a network sees it: grid, scale and orientation.

Whole pixels are binned, which keeps their noise independent, and the rest is cropped or padded
with masked pixels; nothing is resampled.  Brightness is divided by a robust peak.  The physics has
no preferred orientation, a network has: training shows it every draw in several of the eight
orientations of the square, and a solver averages over all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.nddata import block_reduce

from rimlens.errors import InputError
from rimlens.observation import Observation
from rimlens.rim.constants import CONSTANTS
from rimlens.typing import Tensor

# What a crop to the solver's grid may cut off, as a fraction of the pixels that count.
CROP_TOLERANCE = 0.02
# It may cut off a margin, of an image up to so many times as large as the grid, where blocks of so
# many pixels a side are not brighter than so many times the noise of their mean: a little blank
# sky does not make an image coarser.  Of a much larger image the lens is larger, too, than the
# lenses that a solver was trained for.
LARGER, BLOCK, BLANK = 1.2, 8, 6.0


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
    def center(self) -> Any:
        """The center of the solver's grid in pixels ``(x, y)`` of the framed observation."""
        middle = (self.size - 1) / 2
        return middle - self.offset[1], middle - self.offset[0]

    def padded(self, values: np.ndarray, fill: float) -> np.ndarray:
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

    def trimmed(self, values: Tensor) -> Any:
        """Undo `padded`."""
        return np.asarray(values)[self._window]

    @property
    def _window(self):
        return tuple(
            slice(start, start + n) for start, n in zip(self.offset, self.observation.shape)
        )


def frame_observation(observation, size):
    """Bring an observation to a grid of `size` pixels a side.

    The pixels are binned by the smallest whole factor with which the pixels that count fit, but
    for a margin of blank sky, which is cut off; the lens is taken to be at the center of the
    image.

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
        kept = counts[window].sum()
        nearly_all = kept >= (1 - CROP_TOLERANCE) * counts.sum()
        little = max(binned.shape) <= LARGER * size
        if kept and (nearly_all or (little and _is_blank(binned, window))):
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


def _is_blank(observation, window):
    """Return whether an observation shows no light beyond a window."""
    beyond = ~observation.mask
    beyond[window] = False
    # Blocks that the image does not fill count too.
    rest = [(0, -n % BLOCK) for n in observation.shape]

    def total(values):
        return block_reduce(np.pad(np.where(beyond, values, 0.0), rest), BLOCK)

    light, noise = total(observation.data), np.sqrt(total(observation.sigma**2))
    return not np.any(light[noise > 0] > BLANK * noise[noise > 0])


def _central(n, size):
    start = max(0, (n - size) // 2)
    return slice(start, start + min(n, size))


def robust_peak(image, sigma, weight):
    """Return the brightness that serves as unit: a high percentile, at least twice the noise.

    Parameters
    ----------
    image, sigma, weight : ndarray
        Shape ``(batch, ny, nx)``; `weight` is one where a pixel counts.

    Returns
    -------
    ndarray
        Shape ``(batch,)``, in the image's unit.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones((1, 4, 4))
    >>> robust_peak(5 * one, one, one).tolist()
    [5.0]
    """
    counts = weight > 0
    peak = [np.percentile(i[c], CONSTANTS.peak_percentile) for i, c in zip(image, counts)]
    noise = [np.median(s[c]) for s, c in zip(sigma, counts)]
    return np.maximum(peak, CONSTANTS.peak_floor * np.array(noise))


def normalize(image, sigma, weight):
    """Return image and noise in units of the robust peak, masked pixels neutral.

    Parameters
    ----------
    image, sigma, weight : ndarray
        Shape ``(batch, ny, nx)``.

    Returns
    -------
    image, sigma : ndarray
        float32; where a pixel does not count the image is 0 and the noise the median.
    peak : ndarray
        The unit, shape ``(batch,)``.
    """
    peak = robust_peak(image, sigma, weight)
    unit = peak[:, None, None]
    counts = weight > 0
    noise = np.array([np.median(s[c]) for s, c in zip(sigma, counts)])[:, None, None]
    image = np.where(counts, image, 0.0) / unit
    sigma = np.where(counts, sigma, noise) / unit
    return image.astype("float32"), sigma.astype("float32"), peak


ORIENTATIONS = range(8)


def orient_map(values, orientation):
    """Return maps in another orientation.

    Parameters
    ----------
    values : ndarray
        Shape ``(batch, n, n)``.
    orientation : int
        0 to 7: its bits flip the columns, flip the rows, and exchange the axes, in this order.

    Returns
    -------
    ndarray
        Same shape.

    Examples
    --------
    >>> import numpy as np
    >>> orient_map(np.array([[[1, 2], [3, 4]]]), 4)[0].tolist()
    [[1, 3], [2, 4]]
    """
    values = values[:, :, ::-1] if orientation & 1 else values
    values = values[:, ::-1] if orientation & 2 else values
    return np.ascontiguousarray(values.transpose(0, 2, 1) if orientation & 4 else values)


def restore_map(values, orientation):
    """Undo `orient_map`."""
    values = values.transpose(0, 2, 1) if orientation & 4 else values
    values = values[:, ::-1] if orientation & 2 else values
    return np.ascontiguousarray(values[:, :, ::-1] if orientation & 1 else values)


def orient_shear(shear, orientation):
    """Return shears in another orientation; the same call undoes it.

    Parameters
    ----------
    shear : ndarray
        Components along the pixel axes, shape ``(batch, 2)``.
    orientation : int
        As in `orient_map`.

    Returns
    -------
    ndarray
        Same shape.

    Examples
    --------
    >>> import numpy as np
    >>> orient_shear(np.array([[0.1, 0.2]]), 4).tolist()
    [[-0.1, 0.2]]
    """
    one_flip = bool(orientation & 1) != bool(orientation & 2)
    sign = [-1 if orientation & 4 else 1, -1 if one_flip else 1]
    return shear * np.array(sign, shear.dtype)
