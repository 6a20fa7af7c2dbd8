"""World coordinate systems: checks, and the systems of grids derived from an image."""

from __future__ import annotations

import numpy as np
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_area

from rimlens.arguments import positive_angle
from rimlens.errors import InputError
from rimlens.observation.celestial import celestial_wcs

# Sides and angles of a pixel may differ this much from a square's: over a stamp of 100 pixels the
# grid is then off by one pixel at the edge.
SQUARE_TOLERANCE = 0.02
# A pixel scale that is given beside a WCS is there to be checked; headers round to three digits.
SCALE_TOLERANCE = 0.01


def grid_wcs(wcs: WCS, center: tuple[float, ...], ratio: float, shape: tuple[int, ...]) -> WCS:
    """Return the WCS of a grid that is parallel to the pixels of an image.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Celestial WCS of the image. Distortions (SIP, tables) are made linear at `center`.
    center : tuple of float
        Pixel position ``(x, y)`` in the image, counted from 0, of the center of the grid.
    ratio : float
        Side of the grid's pixels in pixels of the image.
    shape : tuple of int
        ``(ny, nx)`` of the grid.

    Returns
    -------
    astropy.wcs.WCS
        The same projection and orientation, in degrees; a new object.

    Raises
    ------
    InputError
        If `ratio` is not positive, `center` not finite, or the WCS not a celestial one of finite
        numbers.

    Examples
    --------
    A grid of 4 x 4 pixels, twice as fine as the image, in the image's middle:

    >>> from astropy.wcs import WCS
    >>> wcs = WCS(naxis=2)
    >>> wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    >>> wcs.wcs.cdelt = -0.1 / 3600, 0.1 / 3600
    >>> wcs.wcs.crpix = 5.5, 5.5
    >>> fine = grid_wcs(wcs, center=(4.5, 4.5), ratio=0.5, shape=(4, 4))
    >>> fine.wcs.crpix
    array([2.5, 2.5])
    >>> fine.wcs.cdelt * 3600
    array([-0.05,  0.05])
    """
    if not (np.isfinite(ratio) and ratio > 0):
        raise InputError(f"ratio: a positive number is wanted, found {ratio}")
    if not np.all(np.isfinite(center)):
        raise InputError(f"center: finite numbers are wanted, found {center}")
    new = celestial_wcs(wcs)
    new = _linear(new, center) if new.has_distortion else new
    middle = (np.asarray(shape[::-1], dtype=float) - 1) / 2
    new.wcs.crpix = (new.wcs.crpix - 1 - np.asarray(center, dtype=float)) / ratio + middle + 1
    if new.wcs.has_cd():
        # Some headers have a CD and a PC matrix; one is kept.
        matrix = new.pixel_scale_matrix * ratio
        del new.wcs.cd
        new.wcs.pc, new.wcs.cdelt = matrix, [1.0, 1.0]
    else:
        new.wcs.cdelt = new.wcs.cdelt * ratio
    new.array_shape = tuple(int(n) for n in shape)
    new.wcs.set()
    return new


def tangent_wcs(shape, pixel_scale):
    """Return a tangential WCS, north up, with right ascension and declination 0 in the middle.

    Parameters
    ----------
    shape : tuple of int
        ``(ny, nx)`` of the image.
    pixel_scale : float
        Side of a pixel in arcsec.

    Returns
    -------
    astropy.wcs.WCS
        East is to the left.
    """
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = [0.0, 0.0]
    wcs.wcs.crpix = [(shape[1] + 1) / 2, (shape[0] + 1) / 2]
    wcs.wcs.cdelt = [-pixel_scale / 3600, pixel_scale / 3600]
    wcs.array_shape = shape
    wcs.wcs.set()
    return wcs


def pixel_scale_of(wcs):
    """Return the side of a pixel of a celestial WCS in degrees (`celestial_wcs`), in arcsec."""
    return float(np.sqrt(proj_plane_pixel_area(wcs)) * 3600)


def image_wcs(wcs, shape, pixel_scale=None, name="wcs"):
    """Return the WCS that an image of `shape` gets.

    Parameters
    ----------
    wcs : astropy.wcs.WCS or None
        What is known; axes that are not celestial are left out.
    shape : tuple of int
        ``(ny, nx)`` of the image.
    pixel_scale : float or Quantity, optional
        Stands in where there is no WCS, and is compared where there is one.
    name : str, optional
        The argument, for the messages.

    Returns
    -------
    astropy.wcs.WCS
        As `~rimlens.observation.celestial.celestial_wcs` makes it; a new object.

    Raises
    ------
    InputError
        If there is neither WCS nor pixel scale, if both disagree, if the pixels are not square,
        if the image is not on the sky, or as for a celestial WCS.
    """
    scale = None if pixel_scale is None else positive_angle(pixel_scale, "pixel_scale")
    if wcs is None:
        if scale is None:
            raise InputError(
                f"{name}: the image has no celestial WCS and no pixel scale; give pixel_scale, "
                "for instance pixel_scale=0.05 for arcsec"
            )
        return tangent_wcs(shape, scale)
    wcs = celestial_wcs(wcs, name)
    wcs.array_shape = shape
    center = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    if any(table is not None for table in (wcs.cpdis1, wcs.cpdis2, wcs.det2im1, wcs.det2im2)):
        # Headers, and with them most files, cannot hold tables.
        wcs = grid_wcs(wcs, center, 1.0, shape)
    _check_square(wcs, name)
    if not np.all(np.isfinite(wcs.wcs_pix2world([center], 0))):
        raise InputError(
            f"{name}: the center of the image is not on the sky; the reference pixel is at "
            f"{wcs.wcs.crpix.tolist()} in an image of {shape}"
        )
    found = pixel_scale_of(wcs)
    if scale is not None and abs(scale / found - 1) > SCALE_TOLERANCE:
        raise InputError(
            f"pixel_scale: {scale:.6g} arcsec was given, but the WCS has {found:.6g} arcsec; "
            "leave it out to use the WCS, or remove the WCS"
        )
    return wcs


def _check_square(wcs, name):
    matrix = wcs.pixel_scale_matrix
    metric = matrix.T @ matrix
    scale = np.sqrt(np.abs(np.linalg.det(matrix)))
    # Lines of pixels that are parallel to rounding span no area.
    if not scale**2 > 1e-9 * np.trace(metric):
        raise InputError(f"{name}: the pixels have no area; the matrix of the WCS is singular")
    if np.abs(metric / scale**2 - np.eye(2)).max() > 2 * SQUARE_TOLERANCE:
        sides = np.sqrt(np.diag(metric)) * 3600
        angle = np.rad2deg(np.arccos(metric[0, 1] / np.sqrt(metric[0, 0] * metric[1, 1])))
        raise InputError(
            f"{name}: square pixels are wanted, found {sides[0]:.5g} x {sides[1]:.5g} arcsec at "
            f"an angle of {angle:.1f} degrees; resample the image first, for instance with "
            "reproject"
        )


def _linear(wcs, center):
    """Return the WCS without its distortions, with what they do to first order at `center`."""
    center = np.asarray(center, dtype=float)
    steps = np.array([[0.0, 0.0], [0.5, 0.0], [-0.5, 0.0], [0.0, 0.5], [0.0, -0.5]])
    focal = wcs.pix2foc(center + steps, 0)
    jacobian = np.column_stack([focal[1] - focal[2], focal[3] - focal[4]])
    matrix = wcs.pixel_scale_matrix @ jacobian
    offset = np.linalg.solve(jacobian, focal[0] - (wcs.wcs.crpix - 1))
    new = WCS(naxis=2)
    new.wcs.ctype = [name.removesuffix("-SIP") for name in wcs.wcs.ctype]
    new.wcs.cunit = wcs.wcs.cunit
    new.wcs.crval = wcs.wcs.crval
    new.wcs.crpix = center - offset + 1
    new.wcs.pc, new.wcs.cdelt = matrix, [1.0, 1.0]
    new.wcs.set_pv(wcs.wcs.get_pv())
    for name in ("radesys", "equinox", "lonpole", "latpole"):
        setattr(new.wcs, name, getattr(wcs.wcs, name))
    return new
