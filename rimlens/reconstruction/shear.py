r"""External shear on the sky.

A solver works along the pixel axes; the WCS turns what it found into a position angle.  As in
COOLEST (Galan et al. 2023), the shear's strength and angle are

.. math::

    \gamma_1 + i \gamma_2 = \gamma_{ext} \, e^{2 i \phi}

where :math:`\phi` is the direction along which images are stretched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import astropy.units as u
import numpy as np

from rimlens.observation.celestial import celestial_wcs

if TYPE_CHECKING:
    from astropy.wcs import WCS


@dataclass(frozen=True)
class Shear:
    """An external shear.

    Parameters
    ----------
    gamma_ext : float
        Strength.
    phi_ext : Quantity
        Position angle of the stretch, east of north, in (-90, 90] degrees.
    pixel_frame_gamma1, pixel_frame_gamma2 : float
        Components along the pixel axes: x is the column, y is the row axis.
    """

    gamma_ext: float
    phi_ext: u.Quantity
    pixel_frame_gamma1: float
    pixel_frame_gamma2: float

    @classmethod
    def from_pixel_frame(
        cls, gamma1: float, gamma2: float, wcs: WCS, shape: tuple[int, ...]
    ) -> Shear:
        """Return the shear whose components along the pixel axes are given.

        Parameters
        ----------
        gamma1, gamma2 : float
            Components; a positive `gamma1` stretches images along rows of pixels.
        wcs : astropy.wcs.WCS
            Celestial WCS of the image.
        shape : tuple of int
            Shape ``(ny, nx)`` of the image; north is taken at its center.

        Returns
        -------
        Shear
            With its position angle.

        Examples
        --------
        North is up and east to the left: from the lower right to the upper left is north-east.

        >>> from astropy.wcs import WCS
        >>> wcs = WCS(naxis=2)
        >>> wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
        >>> wcs.wcs.cdelt = -1e-5, 1e-5
        >>> Shear.from_pixel_frame(0.0, -0.1, wcs, (64, 64)).phi_ext.round(3)
        <Quantity 45. deg>
        """
        angle = 0.5 * np.arctan2(gamma2, gamma1)
        center = (shape[1] - 1) / 2, (shape[0] - 1) / 2
        phi = position_angle(wcs, center, (np.cos(angle), np.sin(angle)))
        return cls(
            gamma_ext=float(np.hypot(gamma1, gamma2)),
            phi_ext=90 * u.deg - (90 * u.deg - phi) % (180 * u.deg),
            pixel_frame_gamma1=float(gamma1),
            pixel_frame_gamma2=float(gamma2),
        )


def position_angle(wcs, position, direction):
    """Return the position angle of a direction in an image.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Celestial WCS of the image.
    position : tuple of float
        Where, in pixels ``(x, y)``.
    direction : tuple of float
        Which way, in pixels ``(x, y)``, of any length.

    Returns
    -------
    Quantity
        East of the ICRS north, in degrees.
    """
    wcs = celestial_wcs(wcs)
    x, y = position
    dx, dy = np.asarray(direction) / np.hypot(*direction)
    behind = wcs.pixel_to_world(x - 0.5 * dx, y - 0.5 * dy).icrs
    ahead = wcs.pixel_to_world(x + 0.5 * dx, y + 0.5 * dy).icrs
    east, north = behind.spherical_offsets_to(ahead)
    return u.Quantity(np.arctan2(east, north), u.deg)
