"""Parts of an observation: blocks of pixels, and cutouts by rows and columns."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from rimlens.errors import InputError
from rimlens.observation.binning import bin_pixels
from rimlens.observation.psf import bin_psf
from rimlens.observation.wcs import grid_wcs

if TYPE_CHECKING:
    from typing import Any

    from rimlens.observation.observation import Observation


class Parts:
    """What an observation can do to become a smaller one."""

    data: Any
    sigma: Any
    mask: Any
    psf: Any
    wcs: Any
    shape: Any
    _derived: Any

    def binned(self, factor: int) -> Observation:
        """Return the observation with blocks of pixels averaged.

        The surface brightness of a block is the mean of its pixels that are not masked, and its
        noise that of this mean if the noise of the pixels is independent. A block with a masked
        pixel is masked. Rows and columns that fill no block are cut off on both sides.

        Parameters
        ----------
        factor : int
            Pixels a side of a block.

        Returns
        -------
        Observation
            Shape ``(ny // factor, nx // factor)``.

        Raises
        ------
        InputError
            If `factor` is not a positive whole number or is larger than the image.

        Examples
        --------
        >>> import numpy as np
        >>> from rimlens import Observation
        >>> observation = Observation(
        ...     np.ones((40, 61)), uncertainty=np.ones((40, 61)), psf=np.ones((3, 3)),
        ...     wcs=None, pixel_scale=0.05,
        ... )
        >>> observation.binned(2)
        <Observation: 20 x 30 pixels of 0.1 arcsec, no unit, 0 masked>
        """
        try:
            factor = operator.index(factor)
        except TypeError:
            raise InputError(f"factor: a whole number is wanted, found {factor!r}") from None
        if not 1 <= factor <= min(self.shape):
            raise InputError(
                f"factor: 1 to {min(self.shape)} is wanted for an image of {self.shape}, found "
                f"{factor}"
            )
        data, sigma, mask, center = bin_pixels(self.data, self.sigma, self.mask, factor)
        wcs = grid_wcs(self.wcs, center, factor, data.shape)
        return self._derived(data, sigma, mask, bin_psf(self.psf, factor), wcs)

    def cutout(self, slices: tuple[slice, ...]) -> Observation:
        """Return a part of the observation.

        Parameters
        ----------
        slices : tuple of slice
            Rows and columns, as for an array; without steps.

        Returns
        -------
        Observation
            With copies of the arrays and the WCS of the part.

        Raises
        ------
        InputError
            If something else is given, or nothing is left.

        Examples
        --------
        >>> import numpy as np
        >>> from rimlens import Observation
        >>> observation = Observation(
        ...     np.ones((40, 60)), uncertainty=np.ones((40, 60)), psf=np.ones((3, 3)),
        ...     wcs=None, pixel_scale=0.05,
        ... )
        >>> observation.cutout(np.s_[10:30, -20:]).shape
        (20, 20)
        """
        if (
            not isinstance(slices, tuple)
            or len(slices) != 2
            or not all(isinstance(s, slice) and s.step in (None, 1) for s in slices)
        ):
            raise InputError(
                f"slices: two slices without steps are wanted (rows, columns), found {slices!r}"
            )
        bounds = [s.indices(n)[:2] for s, n in zip(slices, self.shape)]
        window = tuple(slice(*b) for b in bounds)
        if any(stop <= start for start, stop in bounds):
            raise InputError(f"slices: no pixel of an image of {self.shape} lies in {slices!r}")
        return self._derived(
            self.data[window].copy(),
            self.sigma[window].copy(),
            self.mask[window].copy(),
            self.psf.copy(),
            self.wcs[window],
        )
