"""A cutout of a frame about a position on the sky."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from rimlens.arguments import finite_numbers
from rimlens.errors import InputError, RimlensWarning
from rimlens.observation.celestial import celestial_wcs
from rimlens.observation.observation import Observation
from rimlens.observation.preparation.frame import EXPOSURE_MAP
from rimlens.observation.preparation.steps import derived
from rimlens.observation.psf import trim_psf
from rimlens.observation.wcs import pixel_scale_of

if TYPE_CHECKING:
    from astropy.nddata import NDData

# A cutout may reach this many times as far as the frame; a larger one is a slip of the unit.
_LARGEST = 3


def cut_out(
    frame: NDData,
    position: SkyCoord | str | tuple[Any, Any],
    size: u.Quantity | str | int | tuple[Any, Any],
) -> Any:
    """Return the part of a frame about a position, with its WCS.

    The position falls on the center of the cutout as nearly as whole pixels allow, that is, to
    half a pixel.  Where the cutout reaches over the edge of the frame its pixels are masked.

    Parameters
    ----------
    frame : NDData
        A `CCDData` or an `Observation`.
    position : SkyCoord, str or tuple
        A text is right ascension and declination, in degrees (``"150.1 2.2"``) or sexagesimal
        (``"10:00:24 +02:12:00"``, ``"10h00m24s 2d12m"``), as are two Quantities of angles.  Two
        bare numbers are a pixel, ``(x, y)`` counted from 0.
    size : Quantity, str, int or tuple
        Side of the cutout: an angle (``7 * u.arcsec`` or ``"7arcsec"``), or pixels if it has no
        unit.  Two are height and width, ``(ny, nx)``.

    Returns
    -------
    NDData
        Of the class of `frame`, with copies of its arrays.

    Raises
    ------
    InputError
        If the position is outside the frame (the message names its corners) or is no position,
        if the size is none, or if the frame has no WCS and one is needed.

    Warns
    -----
    RimlensWarning
        If the cutout reaches over the edge of the frame.

    Examples
    --------
    >>> import astropy.units as u
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> from rimlens.observation.preparation.cutout import cut_out
    >>> from rimlens.observation.wcs import tangent_wcs
    >>> frame = CCDData(np.ones((200, 300)), unit="adu", wcs=tangent_wcs((200, 300), 0.05))
    >>> cutout = cut_out(frame, "00:00:00 +00:00:01", "2arcsec")
    >>> cutout.shape, cutout.meta["PREPARATION"]
    ((40, 40), ['cut_out: x=149.5, y=119.5, height=40, width=40'])
    """
    from astropy.nddata import Cutout2D

    wcs = None if frame.wcs is None else celestial_wcs(frame.wcs)
    x, y = pixel_of(position, wcs)
    height, width = _sides(size, wcs)
    _check_position(frame, wcs, position, x, y)
    if height > _LARGEST * frame.shape[0] or width > _LARGEST * frame.shape[1]:
        raise InputError(
            f"size: {height} x {width} pixels were asked for of a frame of {frame.shape[0]} x "
            f"{frame.shape[1]}; is the unit of {size!r} right?"
        )

    def part(values, fill, part_wcs=None):
        return Cutout2D(
            values, (x, y), (height, width), wcs=part_wcs, mode="partial", fill_value=fill,
            copy=True,
        )  # fmt: skip

    data = part(np.asarray(frame.data, dtype=float), 0.0, wcs)
    mask = np.zeros(frame.shape, dtype=bool) if frame.mask is None else np.asarray(frame.mask)
    parts = {"data": data.data, "mask": part(mask, True).data, "wcs": data.wcs}
    if frame.uncertainty is not None:
        values = np.asarray(frame.uncertainty.array, dtype=float)
        cut = part(values, np.median(values)).data
        parts["uncertainty"] = type(frame.uncertainty)(cut, unit=frame.uncertainty.unit)
    if isinstance(frame, Observation):
        parts["psf"] = trim_psf(frame.psf, (height, width))
    if EXPOSURE_MAP in (frame.meta or {}):
        times = np.asarray(frame.meta[EXPOSURE_MAP], dtype=float)
        parts["meta"] = dict(frame.meta) | {EXPOSURE_MAP: part(times, 0.0).data}
    facts = {"x": x, "y": y, "height": height, "width": width}
    (y0, y1), (x0, x1) = data.bbox_original
    outside = height * width - (y1 - y0 + 1) * (x1 - x0 + 1)
    if outside:
        facts["outside"] = outside
        warnings.warn(
            f"the cutout of {height} x {width} pixels reaches over the edge of the frame; "
            f"{outside} pixels are masked",
            RimlensWarning,
            stacklevel=2,
        )
    return derived(frame, "cut_out", facts, **parts)


def pixel_of(position, wcs):
    """Return a position as ``(x, y)`` in pixels.

    Parameters
    ----------
    position : SkyCoord, str or tuple
        As for `cut_out`.
    wcs : astropy.wcs.WCS or None
        A celestial one.

    Returns
    -------
    tuple of float

    Raises
    ------
    InputError
        If it is no position, or is on the sky and there is no WCS.
    """
    if isinstance(position, str) or not isinstance(position, (SkyCoord, tuple, list, np.ndarray)):
        position = _coordinate(position)
    elif not isinstance(position, SkyCoord):
        if len(position) != 2:
            raise InputError(f"position: two numbers are wanted, found {position!r}")
        if not any(isinstance(value, u.Quantity) for value in position):
            return tuple(float(v) for v in finite_numbers(position, "position", ""))
        position = _from_angles(position)
    if not position.isscalar:
        raise InputError(f"position: one position is wanted, found {position.size}")
    if wcs is None:
        raise InputError(
            f"position: {position.to_string('decimal')} is on the sky, but the frame has no "
            "celestial WCS; give the pixel as (x, y)"
        )
    x, y = wcs.world_to_pixel(position)
    return float(x), float(y)


def _from_angles(position):
    try:
        return SkyCoord(*position)
    except (ValueError, TypeError, u.UnitsError) as error:
        raise InputError(f"position: two angles are wanted, found {position!r}") from error


def _coordinate(text):
    """Return the coordinate of a text."""
    wanted = (
        "position: a SkyCoord, a text with right ascension and declination such as '150.1 2.2' "
        f"or '10:00:24 +02:12:00', or a pixel (x, y) is wanted, found {text!r}"
    )
    if not isinstance(text, str):
        raise InputError(wanted)
    # Hours if anything but a decimal number stands there.
    words = text.replace(",", " ").split()
    decimal = len(words) == 2 and all(re.fullmatch(r"[+-]?\d*\.?\d+\.?", w) for w in words)
    try:
        return SkyCoord(" ".join(words), unit=(u.deg if decimal else u.hourangle, u.deg))
    except (ValueError, TypeError, u.UnitsError) as error:
        raise InputError(wanted) from error


def _sides(size, wcs):
    """Return height and width in pixels."""
    pair = size if isinstance(size, (tuple, list)) else (size, size)
    if len(pair) != 2:
        raise InputError(f"size: one number or two (height, width) are wanted, found {size!r}")
    sides = [_side(value, wcs) for value in pair]
    if min(sides) < 1:
        raise InputError(f"size: at least one pixel is wanted, found {size!r}")
    return sides


def _side(value, wcs):
    if isinstance(value, str):
        try:
            value = u.Quantity(value)
        except (ValueError, TypeError) as error:
            raise InputError(
                f"size: a text such as '7arcsec' or a number of pixels is wanted, found {value!r}"
            ) from error
    if not isinstance(value, u.Quantity) or value.unit in (u.pix, u.dimensionless_unscaled):
        pixels = finite_numbers(getattr(value, "value", value), "size", "")
    elif wcs is None:
        raise InputError(
            f"size: {value} is an angle, but the frame has no celestial WCS; give pixels"
        )
    else:
        pixels = finite_numbers(value, "size", u.arcsec) / pixel_scale_of(wcs)
    if pixels.shape:
        raise InputError(f"size: a number is wanted for each side, found {value!r}")
    return round(float(pixels))


def _check_position(frame, wcs, position, x, y):
    """Refuse a position outside the frame; far from it, the projection gives NaN."""
    ny, nx = frame.shape
    if -0.5 <= x <= nx - 0.5 and -0.5 <= y <= ny - 0.5:
        return
    shown = position.to_string("decimal") if isinstance(position, SkyCoord) else str(position)
    footprint = ""
    if wcs is not None:
        corners = wcs.calc_footprint(axes=(nx, ny))
        words = ", ".join(f"{ra:.5f} {dec:+.5f}" for ra, dec in corners)
        footprint = f" with the corners {words} (right ascension and declination, degrees)"
    raise InputError(
        f"position: {shown} lies at pixel ({x:.1f}, {y:.1f}), outside the frame of {nx} x {ny} "
        f"pixels{footprint}"
    )
