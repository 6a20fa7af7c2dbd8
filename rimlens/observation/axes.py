"""Which way the pixel axes of an image point on the sky."""

import numpy as np

from rimlens.observation.celestial import celestial_wcs


def sky_axes(wcs, position):
    """Return the rotation or reflection that takes steps along the pixel axes to the sky.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Celestial WCS of the image, whose pixels are square.
    position : tuple of float
        Where, in pixels ``(x, y)``.

    Returns
    -------
    ndarray
        Orthogonal, shape ``(2, 2)``; it takes a step ``(x, y)`` in pixels to one of that length
        towards ICRS ``(west, north)``.  Its determinant is -1 where east is to the right of north.

    Examples
    --------
    North is up and east to the left: the axes are those of the pixels.

    >>> from astropy.wcs import WCS
    >>> wcs = WCS(naxis=2)
    >>> wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    >>> wcs.wcs.cdelt = -1e-5, 1e-5
    >>> sky_axes(wcs, (0.0, 0.0)).round(6)
    array([[1., 0.],
           [0., 1.]])
    """
    wcs = celestial_wcs(wcs)
    x, y = position
    columns = []
    for dx, dy in ((0.5, 0.0), (0.0, 0.5)):
        behind, ahead = (wcs.pixel_to_world(x + s * dx, y + s * dy).icrs for s in (-1, 1))
        east, north = behind.spherical_offsets_to(ahead)
        columns.append([-east.to_value("arcsec"), north.to_value("arcsec")])
    # The nearest orthogonal matrix: pixels may be off a square by a per cent.
    left, _, right = np.linalg.svd(np.transpose(columns))
    # Adding zero makes a plain one of its negative.
    return (left @ right).round(12) + 0.0
