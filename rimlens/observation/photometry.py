"""Unit, exposure time, gain and AB zeropoint of an image, as headers of telescopes state them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import astropy.units as u
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

# A total before the time of a single exposure.
_EXPOSURE = ("TEXPTIME", "XPOSURE", "EFFEXPTM", "EXPTIME", "EXPOSURE")
_AMPLIFIERS = ("ATODGNA", "ATODGNB", "ATODGNC", "ATODGND")
_GAIN = ("ATODGAIN", "GAIN", "EGAIN", "CCDGAIN")
_ZEROPOINT = ("MAGZERO", "MAGZPT")
_COUNTS = (u.adu, u.count, u.DN)


@dataclass(frozen=True)
class Photometry:
    """What a pixel's value stands for.

    Parameters
    ----------
    unit : Unit or None
        Of the data.
    exposure_time : float or None
        In seconds, of the whole image.
    gain : float or None
        Electrons that one count stands for; 1 where the data are electrons.
    zeropoint : float or None
        AB magnitude of a source that adds 1, in the unit of the data, to the sum of all pixels.

    Examples
    --------
    An ACS image in electrons a second:

    >>> import astropy.units as u
    >>> from rimlens.observation.photometry import Photometry
    >>> header = {"PHOTFLAM": 7.0834177e-20, "PHOTPLAM": 8044.8877, "EXPTIME": 2100.0}
    >>> photometry = Photometry.from_header(header, u.electron / u.s)
    >>> round(photometry.zeropoint, 3), photometry.electrons_per_unit
    (25.939, 2100.0)
    """

    unit: u.UnitBase | None = None
    exposure_time: float | None = None
    gain: float | None = None
    zeropoint: float | None = None

    @classmethod
    def from_header(cls, header: Mapping, unit: u.UnitBase | None) -> Photometry:
        r"""Read what a header says.

        The zeropoint follows from, in this order,

        - the unit, where it is a flux density, as nJy, or, with ``PIXAR_SR``, a surface
          brightness, as MJy/sr: :math:`-2.5 \log_{10}(f_\nu / 3631\,\mathrm{Jy})`;
        - ``PHOTFLAM`` and ``PHOTPLAM`` (ACS Data Handbook, section 5.1.1):
          :math:`-2.5 \log_{10} \mathrm{PHOTFLAM} - 5 \log_{10} \mathrm{PHOTPLAM} - 2.408`, for
          one electron or count a second;
        - ``PHOTMJSR`` and ``PIXAR_SR``, for one DN a second (JWST);
        - ``MAGZERO`` (Euclid), and ``FLUXMAG0``, the value of magnitude 0 (HSC).

        Parameters
        ----------
        header : mapping
            The keywords of the file and of the image.
        unit : Unit or None
            Of the data.

        Returns
        -------
        Photometry
            None for what the header does not say.
        """
        time = exposure_time(header)
        return cls(unit, time, _gain(header, unit), _zeropoint(header, unit, time))

    @property
    def electrons_per_unit(self) -> float | None:
        """Electrons that were counted for a value of 1; None if that is not known."""
        if self.unit is None or self.gain is None:
            return None
        if is_rate(self.unit):
            return None if self.exposure_time is None else self.gain * self.exposure_time
        return self.gain


def exposure_time(*headers):
    """Return the exposure time that headers state in seconds, or None.

    Parameters
    ----------
    *headers : mapping
        Of the file and of the image; a later one stands before an earlier one.

    Returns
    -------
    float or None
    """
    for keyword in _EXPOSURE:
        for header in reversed(headers):
            value = _positive(header, keyword)
            if value is not None:
                return value
    return None


def _positive(header, keyword):
    """Return a positive number or None."""
    value = header.get(keyword)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < np.inf:
        return float(value)
    return None


def is_rate(unit):
    """Return whether a unit, or None, is one of something a second."""
    return unit is not None and any(
        base == u.s and power == -1 for base, power in zip(unit.bases, unit.powers)
    )


def _counted(unit):
    """Return what the unit counts: electrons or counts, per second or not; None for another."""
    for count in (u.electron, *_COUNTS):
        if unit in (count, count / u.s):
            return count
    return None


def _gain(header, unit):
    counted = None if unit is None else _counted(unit)
    # The gain of a detector whose pipeline has applied it must not be applied again.
    if counted == u.electron:
        return 1.0
    if counted is None:
        return None
    amplifiers = [_positive(header, keyword) for keyword in _AMPLIFIERS]
    known = [value for value in amplifiers if value is not None]
    if known:
        return float(np.mean(known))
    return next((v for v in (_positive(header, keyword) for keyword in _GAIN) if v), None)


def _zeropoint(header, unit, time):
    if unit is not None:
        by_unit = _magnitude(unit, _positive(header, "PIXAR_SR"))
        if by_unit is not None:
            return by_unit
    zeropoint = _zeropoint_of_rate(header)
    if zeropoint is not None and unit is not None and _counted(unit) and not is_rate(unit):
        # So many counts were collected during the exposure.
        return None if time is None else zeropoint + 2.5 * np.log10(time)
    if zeropoint is not None:
        return zeropoint
    for keyword in _ZEROPOINT:
        value = _positive(header, keyword)
        if value is not None:
            return value
    flux = _positive(header, "FLUXMAG0")
    return None if flux is None else float(2.5 * np.log10(flux))


def _zeropoint_of_rate(header):
    """Return the AB magnitude of one electron or count a second, after PHOTFLAM or PHOTMJSR."""
    flam, pivot = _positive(header, "PHOTFLAM"), _positive(header, "PHOTPLAM")
    if flam and pivot:
        return float(-2.5 * np.log10(flam) - 5 * np.log10(pivot) - 2.408)
    brightness, area = _positive(header, "PHOTMJSR"), _positive(header, "PIXAR_SR")
    return _magnitude(brightness * u.MJy / u.sr, area) if brightness and area else None


def _magnitude(flux, area):
    """Return the AB magnitude of a flux density, or of a brightness of a pixel in steradian."""
    flux = 1.0 * flux if isinstance(flux, u.UnitBase) else flux
    try:
        if flux.unit.is_equivalent(u.Jy / u.sr):
            if area is None:
                return None
            flux = flux * area * u.sr
        return float(-2.5 * np.log10(flux.to_value(u.Jy) / 3631.0))
    except u.UnitConversionError:
        return None
