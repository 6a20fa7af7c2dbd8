"""One form for every celestial WCS: degrees, the primary key, two axes and finite numbers."""

import warnings

import numpy as np
from astropy.wcs import WCS, FITSFixedWarning, WcsError

from rimlens.errors import InputError


def celestial_wcs(wcs, name="wcs"):
    """Return a WCS in the form in which all of rimlens uses it.

    Its two axes are celestial, in degrees, and under the primary key, whatever axes, units
    (``preserve_units``) and key (``WCS(header, key="A")``) were there. On the sky nothing moves.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Axes that are not celestial are left out.
    name : str, optional
        The argument, for the messages.

    Returns
    -------
    astropy.wcs.WCS
        A new object.

    Raises
    ------
    InputError
        If it is no WCS or not a celestial one, if one of its numbers is NaN or infinite, or if
        wcslib refuses it.

    Examples
    --------
    >>> from astropy.wcs import WCS
    >>> wcs = WCS(naxis=2, key="A", preserve_units=True)
    >>> wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    >>> wcs.wcs.cunit = "arcsec", "arcsec"
    >>> wcs.wcs.cdelt = -0.36, 0.36
    >>> celestial_wcs(wcs).wcs.cdelt
    array([-0.0001,  0.0001])
    """
    if not isinstance(wcs, WCS):
        raise InputError(
            f"{name}: an astropy.wcs.WCS is wanted, found {type(wcs).__name__}; a generalised WCS "
            "has a method to_fits_sip, and a CCDData keeps its WCS when sliced"
        )
    for keyword, value in _numbers(wcs):
        if not np.isfinite(value):
            raise InputError(f"{name}: a finite number is wanted for {keyword}, found {value}")
    try:
        if not wcs.has_celestial:
            raise InputError(
                f"{name}: two celestial axes are wanted, found {list(wcs.wcs.ctype)}; give a "
                "celestial WCS, or wcs=None and pixel_scale"
            )
        new = wcs.deepcopy() if wcs.naxis == 2 else wcs.celestial
        new.wcs.alt = " "
        # Where the columns of a table had the WCS.
        new.wcs.colnum, new.wcs.colax = 0, [0, 0]
        new.wcs.set()
        return new if list(new.wcs.cunit) == ["deg", "deg"] else _in_degrees(new)
    except WcsError as error:
        # wcslib says what is wrong in its last line, after its own files and functions.
        reason = str(error).strip().splitlines()[-1]
        raise InputError(f"{name}: the WCS cannot be used: {reason}") from error


def _in_degrees(wcs):
    """Return a WCS that keeps other units, in degrees."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        new = WCS(wcs.to_header(relax=True))
    # Distortions are in pixels; a header holds them with fewer digits, or not at all.
    for part in ("sip", "cpdis1", "cpdis2", "det2im1", "det2im2"):
        setattr(new, part, getattr(wcs, part))
    return new


def _numbers(wcs):
    """Yield keyword and value of every number that takes pixels to the sky."""
    core = wcs.wcs
    key = core.alt.strip()
    vectors = ["crpix", "crval"]
    matrices = []
    if core.has_cd():
        matrices.append("cd")
    else:
        vectors.append("cdelt")
    if core.has_pc():
        matrices.append("pc")
    if core.has_crota():
        vectors.append("crota")
    for vector in vectors:
        for axis, value in enumerate(getattr(core, vector), 1):
            yield f"{vector.upper()}{axis}{key}", value
    for matrix in matrices:
        for (row, column), value in np.ndenumerate(getattr(core, matrix)):
            yield f"{matrix.upper()}{row + 1}_{column + 1}{key}", value
    for axis, number, value in core.get_pv():
        yield f"PV{axis}_{number}{key}", value
    for name in ("lonpole", "latpole", "equinox"):
        # NaN is how wcslib says that there is none.
        value = getattr(core, name)
        yield f"{name.upper()}{key}", 0.0 if np.isnan(value) else value
    if wcs.sip is not None:
        for name in ("a", "b", "ap", "bp"):
            coefficients = getattr(wcs.sip, name)
            for (p, q), value in np.ndenumerate(() if coefficients is None else coefficients):
                yield f"{name.upper()}_{p}_{q}", value
        for axis, value in enumerate(wcs.sip.crpix, 1):
            yield f"CRPIX{axis}", value
    for attribute, keyword in (
        ("cpdis1", "CPDIS1"), ("cpdis2", "CPDIS2"), ("det2im1", "D2IMDIS1"),
        ("det2im2", "D2IMDIS2"),
    ):  # fmt: skip
        table = getattr(wcs, attribute)
        if table is not None:
            for part in (table.data, table.crpix, table.crval, table.cdelt):
                yield from ((keyword, value) for value in np.ravel(part))
