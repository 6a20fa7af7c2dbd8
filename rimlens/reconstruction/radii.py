r"""Einstein radii by their three usual definitions.

* Mean convergence: the circle about the lens with :math:`\bar\kappa = 1` (Schneider, Ehlers &
  Falco 1992, eq. 8.15); also the effective Einstein radius of COOLEST (Galan et al. 2023).
* Critical curve: :math:`\sqrt{A / \pi}`, with the area :math:`A` inside the tangential critical
  curve, where :math:`\lambda_t = 1 - \kappa - |\gamma| = 0`; it depends on the external shear
  (Meneghetti et al. 2013, Space Sci. Rev. 177, 31, section 4.1).
* Intermediate axis: the geometric mean :math:`\sqrt{a b}` of the axes of the ellipse, shaped as
  the lens, with :math:`\bar\kappa = 1`; the parameter `theta_E` of an isothermal ellipsoid and a
  power law in COOLEST and here.
"""

import numpy as np
from scipy import ndimage
from scipy.optimize import brentq

from rimlens.maps.critical_curves import tangential_eigenvalue
from rimlens.maps.einstein import convergence_center, einstein_radius, slope
from rimlens.reconstruction.models import masses

# Of the field in which the critical curve of a model is looked for, in radii of mean convergence:
# half its width, and how many points it has a side.
_REACH = 3.0
_POINTS = 256
# The shape of the ellipse and its size are found in turns.
_TURNS = 100
_TOLERANCE = 1e-5
# Parts of a pixel a side where the ellipse cuts it.
_PARTS = 4
# The models whose parameter theta_E is the intermediate axis at which the mean convergence is 1.
_POWER_LAWS = ("SIS", "SIE", "EPL")


def model_critical_radius(lens, center, radius):
    """Return the critical-curve radius of a lens model.

    Parameters
    ----------
    lens : rimlens.lens.Lens
        With any external shear.
    center : tuple of float
        Where it is, ``(x, y)`` in arcsec.
    radius : float
        About how large its ring is, in arcsec.

    Returns
    -------
    float
        In arcsec; nan if there is no closed critical curve around the center.
    """
    if not np.isfinite(radius):
        return float("nan")
    axis = _REACH * radius * ((np.arange(_POINTS) + 0.5) / (_POINTS / 2) - 1.0)
    x, y = axis + center[0], (axis + center[1])[:, None]
    gamma_1, gamma_2 = lens.shear(x, y)
    eigenvalue = 1.0 - lens.convergence(x, y) - np.hypot(gamma_1, gamma_2)
    middle = (_POINTS - 1) / 2
    return _radius_of_area(eigenvalue, (middle, middle), axis[1] - axis[0])


def map_critical_radius(convergence, pixel_scale=1.0, external_shear=(0.0, 0.0)):
    """Return the critical-curve radius of a convergence map.

    Parameters
    ----------
    convergence : ndarray
        Convergence averaged over pixels, shape ``(ny, nx)``.
    pixel_scale : float, optional
        Side of a pixel, in the unit wanted for the radius.
    external_shear : tuple of float, optional
        Components along the pixel axes.

    Returns
    -------
    float
        In the unit of `pixel_scale`; nan if there is no closed critical curve around the center.
        What mass beyond the field does is not in it, unless as an external shear: of an ellipsoid
        that goes on without end, q = 0.5, it is 1.4 % too small in a field of 5 radii.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:60, :60] - 29.5
    >>> disc = 4.0 * (np.hypot(x, y) < 5.0)
    >>> round(map_critical_radius(disc))
    10
    """
    eigenvalue = tangential_eigenvalue(convergence, external_shear)
    return _radius_of_area(eigenvalue, convergence_center(convergence), pixel_scale)


def model_intermediate_axis(lens):
    """Return the intermediate-axis radius of a lens model, where a parameter says it.

    Parameters
    ----------
    lens : rimlens.lens.Lens
        Any lens.

    Returns
    -------
    float or None
        In arcsec; None unless the only mass is a singular power law.
    """
    found = masses(lens)
    if len(found) == 1 and type(found[0]).__name__ in _POWER_LAWS:
        return float(found[0].theta_E.to_value("arcsec"))
    return None


def map_intermediate_axis(convergence, pixel_scale=1.0, tolerance=_TOLERANCE, parts=_PARTS):
    """Return the intermediate-axis radius of a convergence map.

    The ellipse has the axis ratio and direction of the second moments of the convergence inside
    it, which are those of the isodensity contours where these are similar ellipses.

    Parameters
    ----------
    convergence : ndarray
        Convergence averaged over pixels, shape ``(ny, nx)``.
    pixel_scale : float, optional
        Side of a pixel, in the unit wanted for the radius.
    tolerance : float, optional
        Relative, of the radius and of the shape.
    parts : int, optional
        Of a pixel, a side, where the ellipse cuts it.

    Returns
    -------
    float
        In the unit of `pixel_scale`; nan if there is no such ellipse in the field.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:80, :80] - 39.5
    >>> smooth = 10.0 / 2 / np.sqrt(0.7 * x**2 + y**2 / 0.7 + 1.0)
    >>> round(map_intermediate_axis(smooth), 1)
    8.9
    """
    from photutils.aperture import EllipticalAperture

    center = np.array(convergence_center(convergence))
    circle = einstein_radius(convergence, center=center)
    if not np.isfinite(circle):
        return float("nan")
    center = parts * (center + 0.5) - 0.5
    fine = _parts(convergence, parts)
    y, x = np.indices(fine.shape)
    x, y = x - center[0], y - center[1]
    q, phi, radius = 1.0, 0.0, parts * circle

    def ellipse(radius):
        return EllipticalAperture(center, radius / np.sqrt(q), radius * np.sqrt(q), theta=phi)

    def excess(radius):
        aperture = ellipse(radius)
        mass, _ = aperture.do_photometry(fine, method="exact")
        return mass[0] / aperture.area - 1.0

    for _ in range(_TURNS):
        before = radius
        low, high = 0.5 * before, 1.5 * before
        if not excess(low) > 0 > excess(high):
            return float("nan")
        radius = brentq(excess, low, high, xtol=0.1 * tolerance * before)
        weight = ellipse(radius).to_mask(method="exact").to_image(fine.shape) * fine
        xx, xy, yy = (np.sum(weight * product) for product in (x * x, x * y, y * y))
        small, large = np.linalg.eigvalsh([[xx, xy], [xy, yy]])
        if not small > 0:
            return float("nan")
        phi = 0.5 * np.arctan2(2.0 * xy, xx - yy)
        flattened, q = q, np.sqrt(small / large)
        if abs(radius / before - 1.0) + abs(q - flattened) < tolerance:
            break
    return float(radius / parts * pixel_scale)


def _parts(convergence, count):
    """Return the map on parts of its pixels, linear in every pixel and with the same mass."""
    steps = (np.arange(count) + 0.5) / count - 0.5
    along_x, along_y = slope(convergence), slope(convergence.T).T
    fine = (
        convergence[:, None, :, None]
        + along_y[:, None, :, None] * steps[:, None, None]
        + along_x[:, None, :, None] * steps
    )
    return fine.reshape([count * n for n in convergence.shape])


def _radius_of_area(values, center, side):
    """Return the radius of a circle as large as the region of negative values about a center.

    Parameters
    ----------
    values : ndarray
        At the nodes of a lattice, shape ``(ny, nx)``; in between they are linear.
    center : tuple of float
        Node ``(x, y)``, need not be whole.
    side : float
        Side of a cell.

    Returns
    -------
    float
        In the unit of `side`; nan if the center is not in such a region, or it is not closed.
    """
    regions, _ = ndimage.label(ndimage.binary_fill_holes(values < 0))
    column, row = (int(np.clip(round(c), 0, n - 1)) for c, n in zip(center, values.shape[::-1]))
    inside = regions == regions[row, column]
    edges = inside[0].any() | inside[-1].any() | inside[:, 0].any() | inside[:, -1].any()
    if not regions[row, column] or edges:
        return float("nan")
    values = np.where(inside, -np.abs(values), np.abs(values))
    corners = values[:-1, :-1], values[:-1, 1:], values[1:, :-1], values[1:, 1:]
    area = sum(np.sum(_negative_part(*triangle)) for triangle in (corners[:3], corners[:0:-1]))
    return float(np.sqrt(0.5 * area / np.pi) * side)


def _negative_part(*values):
    """Return the part of triangles where a linear function of given corners is negative."""
    low, middle, high = np.sort(values, axis=0)

    def tip(a, b, c):
        """Return the part on the side of corner `a` of the line between it and the others."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return a**2 / ((a - b) * (a - c))

    some = np.where(middle < 0, 1.0 - tip(high, middle, low), tip(low, middle, high))
    return np.where(low >= 0, 0.0, np.where(high <= 0, 1.0, some))
